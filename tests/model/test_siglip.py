"""Face crops and patches: square around the face, cut at the picture, prepared as SigLIP's own processor does."""

import numpy as np
import torch
from PIL import Image
from transformers import SiglipImageProcessorPil

from model.parts import Parts
from model.presets import load_tower
from model.siglip import CROP, face_crop
from tests.model.checkpoints import tiny_flux
from tests.model.tiny import BOTH


def box(*corners: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(corners, np.float32)


def test_a_crop_is_a_square_around_the_middle_of_the_face() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[30:70, 80:120] = 255
    crop = face_crop(picture, box(90, 30, 110, 70))
    assert crop.size == (CROP, CROP)
    assert np.asarray(crop).min() == 255
    edge = np.asarray(face_crop(picture, box(0, 40, 10, 60)))
    assert edge.shape == (CROP, CROP, 3)
    assert not edge.any()


def test_patches_are_the_towers_last_hidden_state_of_what_its_processor_makes(parts: Parts) -> None:
    tower = load_tower(tiny_flux(parts))
    assert tower is not None
    draws = np.random.default_rng(0)
    crops = [Image.fromarray(draws.integers(0, 255, (CROP, CROP, 3), dtype=np.uint8)) for _ in range(2)]
    prepared = SiglipImageProcessorPil(size={"height": 16, "width": 16})(images=crops, return_tensors="pt")
    with torch.no_grad():
        expected = tower.model(**prepared).last_hidden_state
    patches = tower.patches(crops)
    assert patches.shape == (2, BOTH.patches, BOTH.features)
    torch.testing.assert_close(patches, expected)
