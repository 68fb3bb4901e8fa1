"""What the judges see: of the dataset's true and reference faces, and of the pictures that were drawn."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from components.evaluation.drawing import Drawing
from components.evaluation.pasting import paste_face
from model.dataset.dataset import Dataset
from model.faces.geometry import align
from validation.benchmark import paper
from validation.benchmark.cases import Case
from validation.benchmark.judges import Sighting
from validation.benchmark.matching import MISSING, assign, distance
from validation.benchmark.score import Sample, Truth

PASTED = "reference_pasted"
FITTED_TRUTH = "ground truth at this size"
Picture = NDArray[np.uint8]


class Eyes(Protocol):
    """The calls of `judges.Panel` that are used here."""

    def look(self, pictures: Sequence[Picture]) -> list[Sighting]:
        """The faces of each picture."""
        ...

    def embed(self, crops: Sequence[Picture]) -> dict[str, NDArray[np.float32]]:
        """Raw embeddings of aligned crops, by judge."""
        ...


def truths(panel: Eyes, dataset: Dataset, cases: Sequence[Case]) -> dict[str, dict[str, Truth]]:
    """`{case id: {judge: truth}}`; each true or reference face is aligned by its stored landmarks and embedded once."""
    names = sorted({face for case in cases for person in case.people for face in (person.target, person.reference)})
    embeddings = panel.embed([_crop(dataset, name) for name in names])
    rows = {name: row for row, name in enumerate(names)}
    found: dict[str, dict[str, Truth]] = {}
    for case in cases:
        targets = [rows[person.target] for person in case.people]
        references = [rows[person.reference] for person in case.people]
        found[case.case_id] = {judge: Truth(table[targets], table[references]) for judge, table in embeddings.items()}
    return found


def paper_faces(
    panel: Eyes, dataset: Dataset, cases: Sequence[Case], fitted: Mapping[str, Picture]
) -> dict[str, dict[str, paper.Faces]]:
    """`{case id: {judge: faces}}` as the released evaluator sees them.

    It looks at the ground truth at the size that is drawn (`fitted`, by case id), and at each padded reference photo.
    """
    photos = {
        person.reference: str(dataset.faces.at[person.reference, "image_id"]) for c in cases for person in c.people
    }
    squares = dict(
        zip(photos, panel.look([paper.padded(dataset.image(photo)) for photo in photos.values()]), strict=True)
    )
    truths = panel.look([fitted[case.case_id] for case in cases])
    return {
        case.case_id: first_faces(case, truth, [squares[person.reference] for person in case.people])
        for case, truth in zip(cases, truths, strict=True)
    }


def first_faces(case: Case, truth: Sighting, references: Sequence[Sighting]) -> dict[str, paper.Faces]:
    """What the paper protocol compares with, by judge; the true faces in the order of the people, others behind."""
    chosen = assign(distance(truth.boxes, case.boxes()))
    order = [int(face) for face in chosen if face != MISSING]
    order += [face for face in range(len(truth.boxes)) if face not in order]
    return {
        judge: paper.Faces(
            rows[order],
            np.concatenate([rows[:0], *(seen.embeddings[judge][:1] for seen in references)]),
            len(references),
        )
        for judge, rows in truth.embeddings.items()
    }


def _crop(dataset: Dataset, face_id: str) -> Picture:
    face = dataset.face_row(face_id)
    return align(dataset.image(str(face["image_id"])), np.asarray(face["landmarks"], np.float32).reshape(5, 2))


def pasted(dataset: Dataset, case: Case, picture: Picture) -> Picture:
    """`picture` with every person's reference face pasted over the wanted box, back to front by size."""
    for person in sorted(case.people, key=lambda person: person.area):
        face = dataset.face_row(person.reference)
        photo = dataset.image(str(face["image_id"]))
        picture = paste_face(picture, np.array(person.box, np.float32), photo, np.asarray(face["box"], np.float32))
    return picture


def all_pictures(
    dataset: Dataset, drawn: Mapping[Drawing, Picture], cases: Sequence[Case], fitted: Mapping[str, Picture]
) -> list[tuple[Drawing, Picture]]:
    """The drawn pictures, the pasted baseline over those with the adapter off, and the true photos at their size."""
    pictures = list(drawn.items())
    pictures += [
        (Drawing(drawing.case, PASTED, drawing.seed), pasted(dataset, drawing.case, picture))
        for drawing, picture in drawn.items()
        if drawing.system == "adapter_off"
    ]
    first = min(drawing.seed for drawing in drawn)
    pictures += [(Drawing(case, FITTED_TRUTH, first), fitted[case.case_id]) for case in cases]
    return pictures


def samples(panel: Eyes, pictures: Sequence[tuple[Drawing, Picture]]) -> list[Sample]:
    """What the judges see in each picture, searched once."""
    seen = panel.look([picture for _, picture in pictures])
    return [
        Sample(drawing.case.case_id, drawing.system, drawing.seed, sight.boxes, sight.scores, sight.embeddings)
        for (drawing, _), sight in zip(pictures, seen, strict=True)
    ]
