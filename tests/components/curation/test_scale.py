"""Many people and photos: nothing here may take a time that grows faster than they do."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.curation.album import Album, Photo
from components.curation.bank import build_bank
from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.labels import Labels
from components.curation.retrieve import retrieve
from components.curation.rows import Shelf
from components.curation.split import hold_out
from tests.components.curation.faces import found_of

PEOPLE = 3000
CONFIG = CurationConfig()


def unit_rows(count: int, size: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(7).standard_normal((count, size)).astype("f4")
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_holding_out_of_one_large_circle_ends() -> None:
    centres = unit_rows(PEOPLE, 64)
    identity = np.concatenate([np.arange(PEOPLE), np.random.default_rng(7).integers(0, PEOPLE, 6 * PEOPLE)])
    photo = np.concatenate([np.arange(PEOPLE), PEOPLE + np.arange(6 * PEOPLE) // 2]).tolist()
    found = found_of(photo, centres[identity])
    labels = Labels(found, [f"{n:04d}" for n in range(PEOPLE)], centres, identity, np.zeros(len(identity), np.bool_))
    held = hold_out(labels, 0.9, CurationConfig(heldout_fraction=0.3))
    assert held.sum() == 0.3 * PEOPLE


@dataclass
class Counting:
    """Gives photos and counts how often it is asked."""

    photos: list[Photo]
    asked: list[int] = field(default_factory=list)

    def some(self, rows: NDArray[np.intp]) -> list[Photo]:
        self.asked.append(len(rows))
        return [self.photos[row] for row in rows]


def named_photos(people: int) -> tuple[Found, Counting]:
    """Of each of `people` three photos alone, and one with the next; made in an album that counts."""
    centres = unit_rows(people, 64)
    owner = np.repeat(np.arange(people), 3)
    pairs = np.stack([np.arange(people), np.roll(np.arange(people), 1)], axis=1)
    found = found_of([*range(3 * people), *np.repeat(3 * people + np.arange(people), 2)], centres[np.r_[owner, *pairs]])
    photos = [
        replace(photo, item=replace(photo.item, person=f"{owner[place]:04d}", named_by="csv"))
        if place < len(owner)
        else photo
        for place, photo in enumerate(found.photos)
    ]
    source = Counting(photos)
    prints = np.random.default_rng(8).integers(0, 2**63, len(found.photo), dtype=np.uint64)
    return replace(found, photos=Album(source, np.arange(len(photos))), fingerprint=prints), source


def test_what_each_person_asks_of_all_faces_is_worked_out_once() -> None:
    found, _ = named_photos(4)
    assert found.length is found.length
    assert found.counts is found.counts


def test_photos_are_made_many_at_a_time(tmp_path: Path) -> None:
    found, source = named_photos(400)
    good = np.ones(len(found.photo), np.bool_)
    bank, _ = build_bank(found, good, CONFIG, tmp_path)
    identity = retrieve(found, bank, good, 0.5, CONFIG)
    assert (identity >= 0).all()
    labels = Labels(found, bank.names, bank.centres, identity, bank.member >= 0)
    shelf = Shelf(labels, ["train"] * len(found.photos), lambda *_: "")
    assert len(list(shelf.entries(shelf.order))) == len(found.photos)
    assert len(source.asked) < 60 < len(found.photos) / 20  # refused ones are made apart
