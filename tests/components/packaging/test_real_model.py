"""The Bento with the real networks: built, served and proven with the face of a person who does not exist."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.packaging import step
from components.packaging.config import PackagingConfig
from model.artefacts import read_json
from model.presets import ASSETS, preset
from tests.components.packaging.artefacts import incoming
from tests.components.packaging.files import encoded

PARTS = ("autoencoder", "backbone")
MISSING = [part for part in PARTS if not (ASSETS / "nano" / f"{part}.safetensors").exists()]


def virtual_faces(count: int) -> list[bytes]:
    """JPEG portraits of people who do not exist."""
    from components.photos.cast.generator import FaceGenerator

    generator = FaceGenerator()
    portraits = generator.render(generator.sample(np.random.default_rng(0), count))
    return [encoded(Image.fromarray(portrait), "JPEG") for portrait in portraits]


@pytest.mark.skipif(bool(MISSING), reason=f"the preset nano ships no {' and no '.join(MISSING)} yet")
def test_the_real_model_is_packaged_and_answers(tmp_path: Path) -> None:
    from model.training.assemble import new_adapter

    folders = incoming(tmp_path, "hold", new_adapter(preset("nano"), 0), virtual_faces(4))
    step.run(**folders, bento=tmp_path / "bento", config=PackagingConfig(anyway=True, ready_seconds=240))
    proof = read_json(tmp_path / "bento" / "proof.json")
    assert all(proof["checks"].values())
    weights = {file.name for file in (tmp_path / "bento" / "src" / "bundle" / "cache").rglob("*.safetensors")}
    assert weights == {"retinaface.safetensors", "facesdk.safetensors", "minilm.safetensors"}
