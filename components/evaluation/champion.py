"""The champion in an evaluation of another model: whom it has seen, what it draws, and what need not be drawn again."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from components.evaluation.drawing import Drawing, Pipe
from components.evaluation.leakage import find_leaks, heldout_centres
from model.adapter.checkpoint import read_description
from model.artefacts import folder_digest, link_file, read_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.sampler import Sampler
from validation.benchmark.cases import Case
from validation.benchmark.metrics import CHAMPION


@dataclass(frozen=True)
class Meeting:
    """The cases that a champion draws beside a model, and what the scores say of it.

    The `facts` are its `digest`, who was `seen` in its training, how they were `searched`, and why it is `absent`.
    """

    cases: Sequence[Case]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Champion:
    """The champion of a run folder, and the digest of its model; `load` gives what draws with it.

    `alien` says why it cannot draw what the model in question draws, where it cannot.
    """

    folder: Path
    digest: str
    alien: str
    load: Callable[[], Pipe]

    @classmethod
    def of(cls, folder: Path, sampler: Sampler) -> Self:
        """The champion of the run `folder`; it shares the frozen networks of `sampler`. Raises UserError for no run."""
        model = folder / "model"
        if not (model / "training.json").is_file():
            raise UserError(
                f"evaluate.champion '{folder}' has no model/training.json: name the folder of the champion's run"
            )
        theirs, ours = str(read_description(model)["preset"]), sampler.preset.name
        alien = "" if theirs == ours else f"it is of the preset {theirs}, this model of {ours}"
        return cls(folder, folder_digest(model), alien, lambda: sampler.with_model(model))

    def meet(self, model: str, dataset: Dataset, cases: Sequence[Case], rate: float) -> Meeting:
        """What it draws of the `cases` of `dataset` beside the model of the digest `model`: those of unseen people."""
        people = {person.identity for case in cases for person in case.people}
        seen = seen_people(self.folder, dataset, people, rate)
        unseen = [case for case in cases if not any(person.identity in seen.people for person in case.people)]
        absent = "it is this very model" if self.digest == model else self.alien
        if not absent and not unseen:
            absent = "it was trained on somebody in every case"
        facts = {"digest": self.digest, "seen": dict(seen.people), "searched": seen.searched, "absent": absent}
        return Meeting([] if absent else unseen, facts)


@dataclass(frozen=True)
class Seen:
    """The people of a benchmark whom a champion was trained on, each with how that is known, and how it was sought."""

    people: Mapping[str, str]
    searched: str


def seen_people(run: Path, dataset: Dataset, people: Set[str], rate: float) -> Seen:
    """Who of the held-out `people` of `dataset` the champion of the folder `run` was trained on.

    By name, from its training's record, and by face, from the dataset that it was trained on: a pair is one person
    above the cosine that a share `rate` of the pairs of different people exceeds.
    """
    names = {str(person) for person in read_json(run / "model" / "training.json", "identities")["identities"]}
    found = dict.fromkeys(sorted(people & names), "by name")
    try:
        trained = Dataset.open(run / "dataset")
    except UserError:  # none there, or of an older schema
        return Seen(found, "by name alone: the dataset of its training cannot be read")
    if trained.manifest["recogniser"]["digest"] != dataset.manifest["recogniser"]["digest"]:
        return Seen(found, "by name alone: the dataset of its training has the embeddings of another recogniser")
    for row in find_leaks(trained, heldout_centres(dataset, set(people)), rate).hits.to_dict("records"):
        how = f"by face, a cosine of {row['similarity']:.3f} with {row['trained']}"
        found.setdefault(str(row["heldout"]), how)
    return Seen(dict(sorted(found.items())), "by name and by face")


def lend(run: Path, facts: Mapping[str, Any], wanted: Sequence[Drawing], files: Sequence[Path]) -> None:
    """Show what the champion drew in its own evaluation as the `files` of the pictures that are `wanted` of it now.

    `facts` is what its scores must say of model, benchmark and code, so that drawing would give the same again.
    """
    stored = run / "scores"
    if not (stored / "scores.json").is_file():
        return
    said = read_json(stored / "scores.json")
    if any(said.get(name) != value for name, value in facts.items()):
        return
    for drawing, file in zip(wanted, files, strict=True):
        system = "model" if drawing.system == CHAMPION else drawing.system
        picture = stored / "images" / drawing.case.case_id / f"{system}-{drawing.seed}.png"
        if picture.is_file() and not file.exists():
            link_file(picture, file)
