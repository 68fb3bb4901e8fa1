"""The aesthetic predictor on a tiny SigLIP that the test saves: real files, the head as published, refusals by name."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from model.aesthetic import HEAD, AestheticPredictor
from model.errors import UserError

PHOTOS = [np.random.default_rng(n).integers(0, 256, (40 + n, 60, 3)).astype(np.uint8) for n in range(3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SigLIP vision model of 8 channels, its processor and a head of three layers."""
    from transformers import SiglipVisionConfig, SiglipVisionModel
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    torch.manual_seed(0)
    target = tmp_path_factory.mktemp("siglip")
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    SiglipVisionModel(SiglipVisionConfig(**shape, image_size=16, patch_size=8)).save_pretrained(target)
    SiglipImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(target)
    sizes = {0: (6, 8), 2: (4, 6), 10: (1, 4)}
    head = {f"scoring_head.{n}.weight": torch.randn(*size) for n, size in sizes.items()}
    save_file(head | {f"scoring_head.{n}.bias": torch.randn(size[0]) for n, size in sizes.items()}, target / HEAD)
    return target


def test_scores_are_the_head_on_the_unit_vector_of_each_photo(folder: Path) -> None:
    from transformers import SiglipVisionModel
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    scores = AestheticPredictor(str(folder), "curate.aesthetic").scores(PHOTOS)
    tower = SiglipVisionModel.from_pretrained(folder).eval()
    processor = SiglipImageProcessorPil.from_pretrained(folder)
    head = {name: value.double() for name, value in load_file(folder / HEAD).items()}
    for photo, score in zip(PHOTOS, scores, strict=True):
        with torch.no_grad():
            vector = tower(**processor(images=[photo], return_tensors="pt")).pooler_output[0].double()
        vector = vector / vector.norm()
        for number in (0, 2, 10):
            vector = head[f"scoring_head.{number}.weight"] @ vector + head[f"scoring_head.{number}.bias"]
        assert score == pytest.approx(float(vector[0]), abs=1e-5)
    assert len(set(scores)) == len(PHOTOS)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UserError, match=r"curate\.aesthetic 'nowhere' lacks config\.json, .*head\.safetensors"):
        AestheticPredictor("nowhere", "curate.aesthetic")


def test_a_head_of_another_model_and_a_broken_one_are_refused(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    save_file({"scoring_head.0.weight": torch.zeros(1, 9), "scoring_head.0.bias": torch.zeros(1)}, other / HEAD)
    with pytest.raises(UserError, match="head from 9 values to 1, which must be from 8 to 1"):
        AestheticPredictor(str(other), "curate.aesthetic").scores(PHOTOS)
    (other / "config.json").write_text("{")
    with pytest.raises(UserError, match="cannot be loaded"):
        AestheticPredictor(str(other), "curate.aesthetic").scores(PHOTOS)


def test_weights_of_which_one_is_missing_are_refused(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    weights = load_file(folder / "model.safetensors")
    lost = max(weights)
    del weights[lost]
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=f"{lost} is missing from its weights"):
        AestheticPredictor(str(other), "curate.aesthetic").scores(PHOTOS)
