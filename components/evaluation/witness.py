"""What the judges see of a case from outside: who is who in ground truth and references, and who is in its outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluation.leakage import crop
from components.evaluation.looking import FITTED_TRUTH, Eyes, Picture, first_faces
from components.evaluation.scenes import SEED, Refusal, RefusedError, Scene, decode
from model.dataset.buckets import Placement
from validation.benchmark import paper
from validation.benchmark.cases import Case, Person
from validation.benchmark.judges import Sighting
from validation.benchmark.matching import assign, distance
from validation.benchmark.metrics import unit
from validation.benchmark.score import Sample, Truth

Outputs = dict[tuple[str, int], Picture]


@dataclass(frozen=True)
class Opened:
    """A case whose pictures could be decoded; outputs that could not are absent, and in `refused`."""

    scene: Scene
    truth: Picture
    references: tuple[Picture, ...]
    outputs: Outputs
    refused: tuple[Refusal, ...]


@dataclass(frozen=True)
class Witnessed:
    """A case that can be scored: as the protocols take it, and its samples.

    `truths` is what our protocol compares with and `faces` what the paper's does, both by judge.
    """

    case: Case
    truths: Mapping[str, Truth]
    faces: Mapping[str, paper.Faces]
    samples: tuple[Sample, ...]


def open_scene(scene: Scene) -> Opened:
    """Decode a case; raises RefusedError where the ground truth or a reference cannot be."""
    try:
        truth = decode(scene.truth)
        references = tuple(decode(reference) for reference in scene.references)
    except RefusedError as error:
        raise RefusedError(error.reason, f"its ground truth or a reference: {error}") from error
    outputs: Outputs = {}
    refused = []
    for (system, seed), encoded in scene.outputs.items():
        try:
            if encoded is None:
                raise RefusedError("missing_file", "the system gave no picture (out.jpg)")
            outputs[system, seed] = decode(encoded)
        except RefusedError as error:
            refused.append(Refusal(scene.case_id, "picture", error.reason, f"{error}; it counts as one without a face"))
    return Opened(scene, truth, references, outputs, tuple(refused))


def witness(panel: Eyes, opened: Sequence[Opened]) -> list[Witnessed | Refusal]:
    """Look at all pictures of the cases together, each once; a case whose people cannot be told is refused."""
    pictures: list[Picture] = []
    for one in opened:
        pictures += [one.truth, *map(paper.padded, one.references), *one.outputs.values()]
    seen = iter(panel.look(pictures))
    found: list[Witnessed | Refusal] = []
    for one in opened:
        truth, references = next(seen), [next(seen) for _ in one.references]
        outputs = {key: next(seen) for key in one.outputs}
        try:
            found.append(_witnessed(one, truth, references, outputs))
        except RefusedError as error:
            found.append(Refusal(one.scene.case_id, "case", error.reason, str(error)))
    return found


def _witnessed(
    one: Opened, truth: Sighting, references: Sequence[Sighting], outputs: Mapping[tuple[str, int], Sighting]
) -> Witnessed:
    for number, seen in enumerate(references, 1):
        if not len(seen.boxes):
            raise RefusedError("no_face", f"its reference {number} shows no face")
    people = len(references)
    if len(truth.boxes) < people:
        raise RefusedError(
            "no_face", f"its ground truth shows {len(truth.boxes)} faces, its references {people} people"
        )
    targets = _pair(truth, references)
    truths = {
        judge: Truth(rows[targets], np.stack([seen.embeddings[judge][0] for seen in references]))
        for judge, rows in truth.embeddings.items()
    }
    if not all(np.isfinite(rows).all() for found in truths.values() for rows in (found.targets, found.references)):
        raise RefusedError("unsound_embedding", "a judge gives embeddings that are not finite of its ground truth")
    case = _case(one, truth.boxes[targets])
    samples = [
        _sample(case, system, seed, one.outputs.get((system, seed)), outputs.get((system, seed)), truths)
        for system, seed in one.scene.outputs
    ]
    samples.append(Sample(case.case_id, FITTED_TRUTH, SEED, truth.boxes, truth.scores, truth.embeddings))
    return Witnessed(case, truths, first_faces(case, truth, references), tuple(samples))


def _pair(truth: Sighting, references: Sequence[Sighting]) -> NDArray[np.int64]:
    """For each reference [P] its face in the ground truth, by likeness to all judges; people beyond them are left."""
    tables = [
        np.nan_to_num(unit(rows) @ unit(np.stack([seen.embeddings[judge][0] for seen in references])).T)
        for judge, rows in truth.embeddings.items()
    ]
    return assign(-np.mean(tables, axis=0))


def _case(one: Opened, found: NDArray[np.float32]) -> Case:
    """The case in px of the ground truth: boxes as the system was told them, else where the people stand."""
    height, width = one.truth.shape[:2]
    wanted = one.scene.boxes
    boxes = found if wanted is None else wanted[assign(distance(wanted, found))]
    people = [
        Person(name, f"{one.scene.case_id}/ori", f"{one.scene.case_id}/ref_{number + 1}", (x1, y1, x2, y2))
        for number, (name, (x1, y1, x2, y2)) in enumerate(zip(one.scene.names, boxes.tolist(), strict=True))
    ]
    placement = Placement((0.0, 0.0, float(width), float(height)), (width, height))
    return Case(one.scene.case_id, one.scene.prompt, placement, tuple(people), wanted is not None)


def _sample(
    case: Case, system: str, seed: int, picture: Picture | None, seen: Sighting | None, truths: Mapping[str, Truth]
) -> Sample:
    """What was seen, in px of the ground truth, whatever the picture's size; nothing where there is no picture."""
    if picture is None or seen is None:
        none = np.zeros((0, 4), np.float32)
        return Sample(case.case_id, system, seed, none, none[:, 0], {j: t.targets[:0] for j, t in truths.items()})
    width, height = case.placement.size
    scale = np.array([width / picture.shape[1], height / picture.shape[0]] * 2, np.float32)
    return Sample(case.case_id, system, seed, seen.boxes * scale, seen.scores, seen.embeddings)


def reference_pictures(panel: Eyes, opened: Opened) -> list[NDArray[np.uint8]]:
    """The face of each reference with its surroundings, for the page."""
    squares = [paper.padded(reference) for reference in opened.references]
    return [np.asarray(crop(square, seen.boxes[0])) for square, seen in zip(squares, panel.look(squares), strict=True)]
