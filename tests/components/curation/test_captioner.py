"""Captions by a vision-language model: a tiny one is saved, loaded and asked; answers are tidied."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.curation.album import Album
from components.curation.captioner import INSTRUCTIONS, OPENING, WORDS, CaptionExaminer, instruction, tidy
from components.curation.captions import Captions, captions
from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.vision_language import BATCH, VisionLanguageModel
from model.errors import UserError
from tests.components.curation.faces import found_of
from tests.components.curation.vision_language_folder import save_tiny_model

PHOTOS = [np.random.default_rng(n).integers(0, 256, (40 + n, 60, 3)).astype(np.uint8) for n in range(BATCH + 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


def test_a_saved_model_answers_the_same_each_time(folder: Path) -> None:
    asked = instruction("0a1b", 2)
    first = CaptionExaminer(VisionLanguageModel(str(folder)), asked).examine(PHOTOS)
    again = CaptionExaminer(VisionLanguageModel(str(folder)), asked).examine(PHOTOS)
    assert first == again
    assert len(first) == len(PHOTOS)
    for marks in first:
        assert marks["caption"].startswith(OPENING)
        assert len(marks["caption"].split()) <= WORDS


def test_a_model_without_a_conversation_form_answers_too(tmp_path: Path) -> None:
    model = VisionLanguageModel(str(save_tiny_model(tmp_path, template=None)))
    assert len(model.answer(PHOTOS[:2], "two people")) == 2


def test_versions_tell_models_and_instructions_apart(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "generation_config.json").write_text("{}")
    versions = {
        CaptionExaminer(VisionLanguageModel(str(where)), asked).version
        for where in (folder, other)
        for asked in (instruction("a", 1), instruction("a", 2))
    }
    assert len(versions) == 4


def test_folders_that_hold_no_model_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"curate\.captioner 'blip' is neither 'attributes' nor a folder with a config"):
        VisionLanguageModel("blip")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="cannot be loaded"):
        VisionLanguageModel(str(tmp_path)).answer(PHOTOS, "what")


def test_instructions_differ_between_photos_and_say_how_many_people_there_are() -> None:
    asked = {instruction(f"{number:016x}", 3) for number in range(200)}
    assert len(asked) == len(INSTRUCTIONS)
    assert all(text.startswith("The photo shows three people. ") for text in asked)
    assert instruction("00ff", 2) == instruction("00ff", 2)
    assert "7 people" in instruction("00ff", 7)


@given(st.text("This mage\n shows.!?", max_size=900) | st.text(max_size=300))
def test_whatever_a_model_says_becomes_a_caption_or_nothing(answer: str) -> None:
    made = tidy(answer)
    if made is None:
        assert (
            not any(letter.isalpha() for letter in answer)
            or answer.split() == OPENING.split()
            or "this" in answer.lower()
        )
    else:
        assert made.startswith(OPENING + " ")
        assert len(made.split()) <= WORDS
        assert made == " ".join(made.split())
        assert tidy(made) == made


@pytest.mark.parametrize(
    ("answer", "caption"),
    [
        ("this image shows\n a man.", "This image shows a man."),
        ("Two people wave.", "This image shows two people wave."),
        ("This image shows", None),
        (" ... ", None),
        ("A man. " + "He waves and " * 40, "This image shows a man."),
        ("a " * 99, f"This image shows {'a ' * (WORDS - 3)}".strip()),
    ],
)
def test_answers_are_tidied(answer: str, caption: str | None) -> None:
    assert tidy(answer) == caption


class Shy(VisionLanguageModel):
    """Fails on every batch that holds a dark photo, as a model does that a photo is too much for."""

    def __init__(self) -> None:
        pass

    def answer(self, photos: Any, instruction: str) -> list[str]:
        if any(photo.max() == 0 for photo in photos):
            raise RuntimeError("out of memory")
        return ["a man."] * len(photos)


def test_a_photo_that_fails_does_not_touch_the_others() -> None:
    photos = [PHOTOS[0], np.zeros_like(PHOTOS[0]), PHOTOS[1]]
    made = CaptionExaminer(Shy(), "what").examine(photos)
    assert [marks["caption"] for marks in made] == ["This image shows a man.", None, "This image shows a man."]


def three_photos() -> Found:
    """Photos of one, two and one people; the last has its owner's caption."""
    found = found_of([0, 1, 1, 2], np.eye(4))
    last = found.photos[2]
    photos = [*found.photos[:2], replace(last, item=replace(last.item, caption="mine"))]
    return replace(found, photos=Album.over(photos))


def all_of(made: Captions) -> list[str]:
    return [made(photo, people) for photo, people in zip(three_photos().photos, (1, 2, 1), strict=True)]


def test_without_a_model_nothing_is_looked_at() -> None:
    def look(found: Found, examiner: CaptionExaminer) -> list[dict[str, Any]]:
        raise AssertionError

    made = captions(three_photos(), CurationConfig(), look)
    assert all_of(made) == ["one person, bright light", "two people, bright light", "mine"]


def test_owners_win_and_failures_fall_back_with_a_count(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    def look(found: Found, examiner: CaptionExaminer) -> list[dict[str, Any]]:
        seen.extend(photo.image_id for photo in found.photos)
        return [{"caption": None if photo.image_id == "1" else "This image shows x."} for photo in found.photos]

    made = captions(three_photos(), CurationConfig(captioner=str(folder)), look)
    assert all_of(made) == ["This image shows x.", "two people, bright light", "mine"]
    assert sorted(seen) == ["0", "1"]
    assert "no words for 1 of 3 photos" in caplog.text
