"""CLIP from a folder: a tiny one that the test saves, its vectors against transformers' own, refusals by name."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from model.clip import Clip
from model.errors import UserError
from tests.model.tiny_clip import save_clip

PICTURES = [np.random.default_rng(n).integers(0, 256, (40 + n, 60, 3)).astype(np.uint8) for n in range(2)]
TEXTS = ["a b", "b a " * 60]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip"))


def test_the_cosines_are_those_of_the_whole_model(folder: Path) -> None:
    import torch
    from transformers import CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    clip = Clip(str(folder), "evaluate.clip")
    found = clip.texts(TEXTS) @ clip.pictures(PICTURES).T
    model = CLIPModel.from_pretrained(folder).eval()
    inputs = CLIPTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, truncation=True, max_length=77, return_tensors="pt"
    )
    pixels = CLIPImageProcessorPil.from_pretrained(folder)(images=PICTURES, return_tensors="pt")
    with torch.no_grad():
        whole = model(**inputs, **pixels).logits_per_text / model.logit_scale.exp()
    assert found == pytest.approx(whole.numpy(), abs=1e-5)


def test_vectors_have_length_one_and_do_not_depend_on_neighbours(folder: Path) -> None:
    clip = Clip(str(folder), "evaluate.clip")
    both, alone = clip.pictures(PICTURES), clip.pictures(PICTURES[:1])
    assert np.linalg.norm(both, axis=1) == pytest.approx(1)
    assert both[:1] == pytest.approx(alone, abs=1e-6)
    assert clip.texts(TEXTS)[:1] == pytest.approx(clip.texts(TEXTS[:1]), abs=1e-6)


def test_a_missing_file_and_a_broken_one_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"evaluate\.clip 'nowhere' lacks config\.json, .*tokenizer\.json"):
        Clip("nowhere", "evaluate.clip")
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "config.json").write_text("{")
    with pytest.raises(UserError, match="cannot be loaded"):
        Clip(str(other), "evaluate.clip").texts(TEXTS)


def test_weights_of_which_one_is_missing_are_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    other = shutil.copytree(folder, tmp_path / "other")
    weights = load_file(folder / "model.safetensors")
    del weights["text_projection.weight"]
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"text_projection\.weight is missing from its weights"):
        Clip(str(other), "evaluate.clip").texts(TEXTS)
