"""Draw the cases of a MultiID-Bench release with the model and its baselines, and score them as cases from outside."""

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.evaluation.config import EvaluationConfig
from components.evaluation.drawing import Drawing, Pipe, draw, drawings, to_oneself
from components.evaluation.looking import PASTED, Eyes, Picture
from components.evaluation.outcome import SYSTEMS
from components.evaluation.outside import Asked, score_scenes
from components.evaluation.pasting import paste_face
from components.evaluation.references import References
from components.evaluation.release import read_release
from components.evaluation.scenes import Refusal, RefusedError, Scene, decode
from components.evaluation.witness import open_scene, witness
from model.artefacts import digest_of, work_folder
from model.dataset.buckets import Size, place
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.progress import track
from model.words import counted
from validation.benchmark import paper
from validation.benchmark.cases import Case

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawer:
    """What draws, at which sizes, from whose embeddings; the digests of the model and of what it rests on."""

    pipe: Pipe
    buckets: tuple[Size, ...]
    recogniser: str
    model: str
    frozen: str


@dataclass(frozen=True)
class Planned:
    """A case at the size that is drawn: its ground truth, and the embeddings [P, d] that it is drawn from."""

    scene: Scene
    case: Case
    truth: Picture
    embeddings: NDArray[np.float32]


def evaluate_release(
    file: Path,
    dataset: Dataset,
    drawer: Drawer,
    scores: Path,
    config: EvaluationConfig,
    panel: Eyes,
    judges: Mapping[str, bool],
) -> None:
    """Draw and score the cases of `file`; `dataset` is the training's, to look for leakage in.

    Raises UserError where no case can be drawn, or the recogniser of the training is none of the judges.
    """
    if drawer.recogniser not in judges:
        raise UserError(
            f"evaluate.judges {', '.join(judges)} lacks {drawer.recogniser}, from whose embeddings the model draws: "
            "add it, or leave evaluate.release out where it is none of the judges to choose from"
        )
    scenes, refused = read_release(file)
    planned = [_plan(scene, panel, drawer) for scene in track(scenes, "cases of the release", unit="case")]
    refused += [plan for plan in planned if isinstance(plan, Refusal)]
    plans = [plan for plan in planned if isinstance(plan, Planned)]
    log.info("%s of the release, %s", counted(len(plans), "case"), counted(len(config.seeds), "seed"))
    scratch = work_folder("evaluate", digest_of(drawer.model, drawer.frozen, version("withanyone")))
    wanted = drawings([plan.case for plan in plans], config.seeds)
    known = {plan.case.case_id: References(plan.embeddings) for plan in plans}
    asked = Asked(drawer.model, config.seeds, SYSTEMS, "place", config.steps)
    with to_oneself({scratch}):
        pictures = draw(drawer.pipe, wanted, known, scratch, steps=config.steps, batch=config.batch)
        drawn = dict(zip(wanted, pictures, strict=True))
        finished = [_finished(plan, drawn, config.seeds, panel) for plan in plans]
        score_scenes(finished, refused, asked, scores, dataset, config, panel, judges)


def _plan(scene: Scene, panel: Eyes, drawer: Drawer) -> Planned | Refusal:
    """The case at a size that the model draws, or why it cannot be drawn."""
    try:
        opened = open_scene(scene)
        (seen,) = witness(panel, [opened])
        if isinstance(seen, Refusal):
            return seen
        if not seen.case.layout:
            raise RefusedError("boxes", "it has no bboxes, and the model must be told where people stand")
        height, width = opened.truth.shape[:2]
        placement = place(width, height, seen.case.boxes(), drawer.buckets)
        if placement is None:
            raise RefusedError("size", "its boxes fit into none of the sizes that the model draws")
    except RefusedError as error:
        return Refusal(scene.case_id, "case", error.reason, str(error))
    boxes = placement.boxes(seen.case.boxes())
    people = tuple(
        replace(person, box=(x1, y1, x2, y2))
        for person, (x1, y1, x2, y2) in zip(seen.case.people, boxes.tolist(), strict=True)
    )
    case = replace(seen.case, placement=placement, people=people)
    references = seen.truths[drawer.recogniser].references
    return Planned(replace(scene, boxes=boxes), case, placement.image(opened.truth), references)


def _finished(plan: Planned, drawn: Mapping[Drawing, Picture], seeds: Sequence[int], panel: Eyes) -> Scene:
    """The case with what was drawn for it, the pasted baseline included, everything at the size that was drawn."""
    pictures = {
        (system, seed): drawn[Drawing(plan.case, system, seed)] for system in ("model", "adapter_off") for seed in seeds
    }
    for seed in seeds:
        pictures[PASTED, seed] = _pasted(plan, pictures["adapter_off", seed], panel)
    outputs = {key: _png(picture) for key, picture in pictures.items()}
    return replace(plan.scene, truth=_png(plan.truth), outputs=outputs)


def _pasted(plan: Planned, picture: Picture, panel: Eyes) -> Picture:
    """`picture` with the face of each reference pasted over its person's box, back to front by size."""
    photos = [paper.padded(decode(reference)) for reference in plan.scene.references]
    faces = list(zip(plan.case.people, photos, panel.look(photos), strict=True))
    for person, photo, seen in sorted(faces, key=lambda item: item[0].area):
        picture = paste_face(picture, np.array(person.box, np.float32), photo, seen.boxes[0])
    return picture


def _png(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
