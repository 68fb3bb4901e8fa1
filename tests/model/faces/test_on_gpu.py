"""Faces found and embedded on a pretended GPU, many pictures at once: those that a CPU finds, one at a time."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from model.faces.analyser import Face, load_analyser
from tests.faces import portraits
from tests.pretended_gpu import GPU, Pretended, apart


def pictures() -> list[NDArray[np.uint8]]:
    """Pictures of two sizes, one of them without a face."""
    return [*portraits()[:2], cv2.resize(portraits()[0], (320, 200)), np.full((256, 256, 3), 90, np.uint8)]


def found_on_gpu() -> tuple[list[list[Face]], int]:
    """Their faces, and how often the device was waited for."""
    with Pretended() as gpu:
        analyser = load_analyser("facesdk", device=str(GPU))
        before = gpu.waits
        return analyser.analyse(pictures()), gpu.waits - before


def test_a_gpu_finds_the_faces_that_a_cpu_finds() -> None:
    here, (there, waits) = load_analyser("facesdk").analyse(pictures()), apart(found_on_gpu)
    assert [len(faces) for faces in there] == [len(faces) for faces in here] == [1] * 3 + [0]
    for ours, its in ((ours[0], its[0]) for ours, its in zip(here, there, strict=True) if ours):
        assert its.box == pytest.approx(ours.box, abs=0.05)
        assert its.landmarks == pytest.approx(ours.landmarks, abs=0.05)
        assert its.embedding == pytest.approx(ours.embedding, abs=0.02)
    assert waits == 2 * (1 + 3) + (1 + 1)  # pictures there and what is found back, for each size, and crops likewise
