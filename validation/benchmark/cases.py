"""The benchmark's cases: photos of held-out people as ground truth, with another photo of each person as reference."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.dataset.buckets import Placement, Size, place
from model.dataset.dataset import Dataset
from model.dataset.pairs import Choices, dataset_pairs
from model.editing import least_person
from model.errors import UserError

SPLIT = "heldout"


@dataclass(frozen=True)
class Person:
    """One person of a case: face ids of target and reference, and the box x1 y1 x2 y2 in px of the picture."""

    identity: str
    target: str
    reference: str
    box: tuple[float, float, float, float]

    @property
    def area(self) -> float:
        """Of the box, in square px."""
        x1, y1, x2, y2 = self.box
        return (x2 - x1) * (y2 - y1)


@dataclass(frozen=True)
class Case:
    """One picture to draw: `case_id` is the ground-truth photo's id, `placement` cuts it to the size that is drawn.

    `layout` says whether the system is told the people's boxes; without it nobody can be held to them. `edits`: it is
    shown the ground truth with its people's faces blurred, and is to put theirs in.
    """

    case_id: str
    prompt: str
    placement: Placement
    people: tuple[Person, ...]
    layout: bool = True
    edits: bool = field(default=False, repr=False)

    def boxes(self) -> NDArray[np.float32]:
        """The people's boxes [P, 4] in px of the picture."""
        return np.array([person.box for person in self.people], np.float32).reshape(-1, 4)


def case_set(cases: Sequence[Case]) -> str:
    """Digest of all that the cases say: two systems with the same one were asked for the same pictures."""
    # Apart from what each case says, so that scores from before there were editors keep their digest.
    edited = "edited" if any(case.edits for case in cases) else ""
    return hashlib.sha256((repr(tuple(cases)) + edited).encode()).hexdigest()


@dataclass(frozen=True)
class Cases:
    """The chosen cases, sorted by people and id, and how many held-out photos could not be a case, by reason."""

    chosen: tuple[Case, ...]
    left_out: Mapping[str, int]


def build_cases(dataset: Dataset, buckets: Sequence[Size], most: int, *, edits: bool = False) -> Cases:
    """At most `most` cases for each number of people, from the held-out photos whose faces are all known.

    For a system that `edits`, all faces are large enough to be blurred: one that is not would tell who it is. The same
    dataset gives the same cases. Raises UserError when no photo can be one.
    """
    choices = dataset_pairs(dataset, SPLIT)
    photos = dataset.images[dataset.images["split"] == SPLIT]
    left_out: Counter[str] = Counter()
    by_people: dict[int, list[Case]] = defaultdict(list)
    for image_id in photos["image_id"]:
        case = _case(dataset, str(image_id), buckets, choices, edits)
        if isinstance(case, str):
            left_out[case] += 1
        else:
            by_people[len(case.people)].append(case)
    chosen = [case for count in sorted(by_people) for case in _spread(by_people[count], most)]
    if not chosen:
        raise UserError(
            f"the dataset {dataset.folder} has no case to evaluate: none of its {len(photos)} held-out photos shows "
            "known people alone, each with another photo; give more photos or raise curate.heldout_fraction"
        )
    surplus = sum(map(len, by_people.values())) - len(chosen)
    return Cases(tuple(chosen), dict(left_out) | ({"beyond the limit of cases": surplus} if surplus else {}))


def _case(dataset: Dataset, image_id: str, buckets: Sequence[Size], choices: Choices, edits: bool) -> Case | str:
    """The case of a photo, or the reason why it is none."""
    photo, faces = dataset.image_row(image_id), dataset.faces_of(image_id)
    if faces.empty or bool(faces["identity"].isna().any()):
        return "a face nobody knows, or none"
    if not faces["identity"].is_unique:
        return "one person twice"
    if not all(face in choices for face in faces["face_id"]):
        return "a person without another photo"
    boxes = np.stack(faces["box"].to_list()).astype(np.float32)
    placement = place(int(photo["width"]), int(photo["height"]), boxes, buckets)
    if placement is None:
        return "faces that no picture size holds"
    fitted = placement.boxes(boxes)
    least = least_person(placement.size, edits=edits)
    if (fitted[:, 2:] - fitted[:, :2]).min() < least:
        return f"a face below {least:g} px"
    # People stand from left to right, as a reader of the page names them.
    people = [
        Person(str(face["identity"]), str(face["face_id"]), _pick(choices, str(face["face_id"])), (x1, y1, x2, y2))
        for (_, face), (x1, y1, x2, y2) in zip(faces.iterrows(), fitted.tolist(), strict=True)
    ]
    placed = tuple(sorted(people, key=lambda person: person.box))
    return Case(image_id, str(photo["caption"]), placement, placed, edits=edits)


def _pick(choices: Choices, target: str) -> str:
    """One of a target's references: chosen by the target's name, so that a person's cases do not share one photo."""
    allowed = choices[target]
    return allowed[int(_shuffle(target), 16) % len(allowed)]


def _shuffle(name: str) -> str:
    """A fixed pseudo-random order of names."""
    return hashlib.sha256(name.encode()).hexdigest()


def _spread(cases: Sequence[Case], most: int) -> list[Case]:
    """At most `most` of the cases, those first whose people were taken least so far; sorted by id."""
    waiting = sorted(cases, key=lambda case: _shuffle(case.case_id))
    taken: Counter[str] = Counter()
    chosen: list[Case] = []
    while waiting and len(chosen) < most:
        best = min(waiting, key=lambda case: sum(taken[person.identity] for person in case.people))
        waiting.remove(best)
        chosen.append(best)
        taken.update(person.identity for person in best.people)
    return sorted(chosen, key=lambda case: case.case_id)
