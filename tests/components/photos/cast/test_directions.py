"""Directions: the fit separates the attribute from the person, and the shipped ones do what they say."""

import numpy as np
import pytest

from components.photos.cast.directions import ATTRIBUTES, SHIPPED, directions, fit, measure
from components.photos.cast.generator import LATENT, FaceGenerator
from model.faces.analyser import FaceAnalyser
from model.faces.detector import Detector
from model.faces.recogniser import load_recogniser


def test_the_fit_finds_a_planted_direction() -> None:
    rng = np.random.default_rng(0)
    attribute, identity = rng.normal(size=(2000, 1)), rng.normal(size=(2000, 8))
    mixing, planted = rng.normal(size=(8, 32)), rng.normal(size=(1, 32))
    latents = identity @ mixing + attribute @ planted + 0.1 * rng.normal(size=(2000, 32))
    found = fit(latents, attribute + 0.0, identity)[0]
    expected = planted[0] * attribute.std()
    assert found @ expected / np.linalg.norm(found) / np.linalg.norm(expected) > 0.999


def test_the_shipped_directions_are_whole() -> None:
    assert SHIPPED.stat().st_size < 20_000
    found = directions()
    assert set(found) == set(ATTRIBUTES)
    assert all(row.shape == (LATENT,) and np.isfinite(row).all() for row in found.values())


@pytest.mark.parametrize("name", ["smile", "yaw"])
def test_a_direction_changes_its_attribute(name: str) -> None:
    generator, found = FaceGenerator(), directions()
    analyser = FaceAnalyser(Detector.load(), load_recogniser("facesdk"), max_side=320)
    people = generator.sample(np.random.default_rng(4), 3)
    values = []
    for amount in (-1.5, 1.5):
        pictures = list(generator.render(people + amount * found[name]))
        faces = [seen[0] for seen in analyser.analyse(pictures)]
        index = ATTRIBUTES.index(name)
        values.append([measure(face, picture)[index] for face, picture in zip(faces, pictures, strict=True)])
    assert (np.array(values[1]) > np.array(values[0])).all()
