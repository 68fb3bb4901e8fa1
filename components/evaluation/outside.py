"""Score cases from outside, such as pictures that any system drew: `withanyone evaluate --images DIR`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from PIL import Image

from components.evaluation.appearance import KEYS, Appearance, Shown
from components.evaluation.config import EvaluationConfig
from components.evaluation.judging import Known, judge
from components.evaluation.leakage import QUALITY, Leakage, find_leaks, refuse_leaks
from components.evaluation.looking import FITTED_TRUTH, Eyes
from components.evaluation.outcome import Outcome, write_scores
from components.evaluation.scenes import SEED, SYSTEM, Refusal, RefusedError, Scene, read_folders
from components.evaluation.witness import Opened, Witnessed, open_scene, reference_pictures, witness
from model.adapter.checkpoint import read_description
from model.artefacts import folder_digest, new_folder
from model.cores import cores
from model.dataset.dataset import Dataset
from model.dataset.records import write_table
from model.errors import UserError
from model.presets import preset
from model.progress import track
from validation.benchmark.cases import Cases
from validation.benchmark.judges import Panel, standing
from validation.benchmark.metrics import unit

AT_ONCE = 16  # cases whose pictures are held decoded


@dataclass(frozen=True)
class Asked:
    """What is scored: digest of the model, or of its pictures; which pictures; how people are told."""

    model: str
    seeds: Sequence[int]
    systems: Sequence[str]
    by: Literal["place", "likeness"]
    steps: int | None = None


@dataclass
class Gathered:
    """What is kept of the cases once their pictures are gone."""

    witnessed: list[Witnessed] = field(default_factory=list)
    appearance: list[pd.DataFrame] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def run(*, images: Path, scores: Path, dataset: Path | None, model: Path | None, config: EvaluationConfig) -> None:
    """Score the pictures in the released layout below `images`.

    `dataset` is what their system was trained on, to look for leakage in; `model` its model folder, which says which
    judge was in the loss. Raises UserError where no case can be scored, somebody was trained on, or a sanity row comes
    out wrong.
    """
    scenes, refused = read_folders(images)
    panel = Panel.load(config.judges, config.device)
    in_loss = preset(str(read_description(model)["preset"])).recogniser if model else ""
    judges = standing(config.judges, in_loss)
    opened = Dataset.open(dataset) if dataset else None
    asked = Asked(folder_digest(images), (SEED,), (SYSTEM,), "likeness")
    score_scenes(scenes, refused, asked, scores, opened, config, panel, judges)


def score_scenes(
    scenes: Sequence[Scene],
    refused: Sequence[Refusal],
    asked: Asked,
    scores: Path,
    dataset: Dataset | None,
    config: EvaluationConfig,
    panel: Eyes,
    judges: Mapping[str, bool],
) -> None:
    """Write the scores of `scenes`; `refused` says which cases are none already, `dataset` is that of the training."""
    appearance = Appearance(config)
    with new_folder(scores) as draft:
        gathered = _gather(scenes, panel, appearance, draft / "images")
        gathered.refused = [*refused, *gathered.refused]
        if not gathered.witnessed:
            first = gathered.refused[0]
            raise UserError(
                f"none of the {len(gathered.refused)} cases can be scored (first: {first.path}: {first.detail}): "
                "mend their pictures"
            )
        leakage = _leakage(gathered.witnessed, dataset, scores, draft, config) if dataset else None
        known = Known.of(
            [one.case for one in gathered.witnessed],
            {one.case.case_id: one.truths for one in gathered.witnessed},
            {one.case.case_id: one.faces for one in gathered.witnessed},
            config.same_person_rate,
            asked.by,
        )
        faces, rows = judge(known, (sample for one in gathered.witnessed for sample in one.samples), asked.seeds[0])
        rows = rows.merge(pd.concat(gathered.appearance), on=KEYS, how="left")
        left_out = Counter(refusal.detail for refusal in gathered.refused if refusal.stage == "case")
        built = Cases(tuple(known.cases), dict(left_out))
        outcome = Outcome(faces, rows, built, judges, known.same, known.by, appearance.absent, leakage, asked.systems)
        write_table(draft, "rejects", [asdict(refusal) for refusal in gathered.refused])
        trained_on = dataset.digest if dataset else None
        write_scores(draft, outcome, outcome.summary(asked.model, trained_on, asked.seeds, asked.steps))


def _gather(scenes: Sequence[Scene], panel: Eyes, appearance: Appearance, images: Path) -> Gathered:
    """Open, look at and measure the cases some at a time, and write their pictures for the page."""
    gathered = Gathered()
    starts = range(0, len(scenes), AT_ONCE)
    for start in track(starts, "cases", total=len(starts), unit="batch"):
        opened = list(_opened(scenes[start : start + AT_ONCE], gathered.refused))
        scored = []
        for one, found in zip(opened, witness(panel, opened), strict=True):
            if isinstance(found, Refusal):
                gathered.refused.append(found)
                continue
            scored.append(one)
            gathered.witnessed.append(found)
            gathered.refused += one.refused
        shown = [picture for one in scored for picture in _shown(one)]
        gathered.appearance.append(appearance.measure(shown))
        with ThreadPoolExecutor(cores()) as pool:
            list(pool.map(lambda one: _write(images / one.scene.case_id, one, panel), scored))
    return gathered


def _opened(scenes: Sequence[Scene], refused: list[Refusal]) -> Iterator[Opened]:
    for scene in scenes:
        try:
            yield open_scene(scene)
        except RefusedError as error:
            refused.append(Refusal(scene.case_id, "case", error.reason, str(error)))


def _shown(one: Opened) -> list[Shown]:
    pictures = one.outputs | {(FITTED_TRUTH, SEED): one.truth}
    return [
        Shown(one.scene.case_id, system, seed, picture, one.scene.prompt, one.truth)
        for (system, seed), picture in pictures.items()
    ]


def _write(folder: Path, one: Opened, panel: Eyes) -> None:
    """The case's pictures under the names that the page knows."""
    folder.mkdir(parents=True)
    for (system, seed), picture in one.outputs.items():
        Image.fromarray(picture).save(folder / f"{system}-{seed}.png", compress_level=1)
    Image.fromarray(one.truth).save(folder / "truth.png", compress_level=1)
    for number, face in enumerate(reference_pictures(panel, one)):
        Image.fromarray(face).save(folder / f"reference-{number}.jpg", quality=QUALITY)


def _leakage(
    witnessed: Sequence[Witnessed], dataset: Dataset, scores: Path, draft: Path, config: EvaluationConfig
) -> Leakage:
    """What the search for trained people among those of the cases found; raises UserError where it found one.

    A person's centre is that of target and reference; the dataset's recogniser must be among the judges.
    """
    name = str(dataset.manifest["recogniser"]["name"])
    if name not in config.judges:
        raise UserError(
            f"evaluate.judges {', '.join(config.judges)} lacks {name}, whose embeddings the dataset {dataset.folder} "
            f"holds: add {name}, or leave --dataset out and leakage unknown"
        )
    centres, faces = {}, {}
    for one in witnessed:
        for number, person in enumerate(one.case.people):
            truth = one.truths[name]
            label = person.identity if person.identity not in centres else f"{person.identity} ({one.case.case_id})"
            centres[label] = unit(truth.targets[number]) + unit(truth.references[number])
            faces[label] = draft / "images" / one.case.case_id / f"reference-{number}.jpg"
    found = find_leaks(dataset, {label: np.asarray(row) for label, row in centres.items()}, config.leak_rate)
    hit = set(found.hits["heldout"])
    refuse_leaks(found, scores, dataset, {label: Image.open(faces[label]) for label in hit})
    return found
