"""The evaluate step: draw held-out people with the model and its baselines, judge the faces, write the scores."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from components.evaluation.appearance import KEYS, Appearance, Shown
from components.evaluation.champion import Champion, lend
from components.evaluation.config import EvaluationConfig
from components.evaluation.costs import costs
from components.evaluation.drawing import OWN, Drawing, Pipe, draw, drawings, places, to_oneself
from components.evaluation.judging import Known, judge, sound
from components.evaluation.leakage import Leakage, face_picture, find_leaks, heldout_centres, refuse_leaks
from components.evaluation.looking import Eyes, Picture, all_pictures, paper_faces, samples, truths
from components.evaluation.outcome import SYSTEMS, Outcome, write_pictures, write_scores
from components.evaluation.references import dataset_references
from components.evaluation.released import Drawer, evaluate_release
from model.artefacts import digest_of, folder_digest, new_folder, work_folder, write_json
from model.dataset.buckets import Size
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.memory import keep_memory
from model.presets import frozen_digest
from model.sampler import Sampler
from model.words import counted
from validation.benchmark.cases import Case, Cases, build_cases, case_set
from validation.benchmark.judges import Panel, standing
from validation.benchmark.metrics import CHAMPION
from validation.benchmark.score import Truth

log = logging.getLogger(__name__)


def run(*, dataset: Path, model: Path, scores: Path, config: EvaluationConfig) -> None:
    """Write the scores artefact: tables, figures, pictures and the reviewer's page.

    Raises UserError where the dataset has no case, every judge was in the loss, or a sanity row comes out wrong.
    """
    keep_memory()
    pipe = Sampler.load(model, config.device)
    judges = standing(config.judges, pipe.preset.recogniser)
    panel = Panel.load(config.judges, config.device)
    frozen = frozen_digest(pipe.preset)
    if config.release:
        drawer = Drawer(pipe, pipe.preset.buckets, pipe.preset.recogniser, folder_digest(model), frozen)
        evaluate_release(
            Path(config.release).expanduser(), Dataset.open(dataset), drawer, scores, config, panel, judges
        )
        return
    champion = Champion.of(Path(config.champion).expanduser(), pipe) if config.champion else None
    given, buckets, edits = Dataset.open(dataset), pipe.preset.buckets, pipe.preset.edits
    evaluate(given, model, frozen, scores, config, pipe, buckets, panel, judges, champion, edits=edits)


def evaluate(
    dataset: Dataset,
    model: Path,
    frozen: str,
    scores: Path,
    config: EvaluationConfig,
    pipe: Pipe,
    buckets: tuple[Size, ...],
    panel: Eyes,
    judges: Mapping[str, bool],
    champion: Champion | None = None,
    *,
    edits: bool = False,
) -> None:
    """The step with its networks given: `pipe` draws, `panel` sees, `judges` says which of them was in the loss.

    `frozen` is the digest of what draws besides the model folder: pictures of another base are not taken up again. The
    `champion` draws the same cases with the same seeds, but those of people whom it has seen. `edits` says that `pipe`
    is shown the ground truth with its people's faces blurred.
    """
    digest = folder_digest(model)
    appearance = Appearance(config)
    cases, truth = _sound_cases(panel, dataset, buckets, edits, config)
    leakage = _leakage(dataset, cases, scores, config)
    log.info("%s of held-out people, %s", counted(len(cases.chosen), "case"), counted(len(config.seeds), "seed"))
    studio = Studio(dataset, cases.chosen, frozen, config, champion)
    with to_oneself({studio.scratch(one) for one in {digest, champion.digest if champion else digest}}):
        drawn = studio.draw(digest, pipe, OWN, cases.chosen)
        spent = costs(studio.scratch(digest), config.device)  # before the champion draws: its memory is not the model's
        meeting = champion.meet(digest, dataset, cases.chosen, config.leak_rate) if champion else None
        if champion and meeting and meeting.cases:
            log.info("%s of people whom the champion has not seen", counted(len(meeting.cases), "case"))
            drawn |= studio.draw(champion.digest, champion.load(), (CHAMPION,), meeting.cases)
        fitted = {case.case_id: case.placement.image(dataset.image(case.case_id)) for case in cases.chosen}
        pictures = all_pictures(dataset, drawn, cases.chosen, fitted)
        log.info("judging %s", counted(len(pictures), "picture"))
        compared = paper_faces(panel, dataset, cases.chosen, fitted)
        known = Known.of(cases.chosen, truth, compared, config.same_person_rate, "place")
        faces, rows = judge(known, samples(panel, pictures), config.seeds[0])
        rows = rows.merge(appearance.measure(_shown(pictures, fitted)), on=KEYS, how="left")
        systems = (*SYSTEMS, CHAMPION) if meeting and meeting.cases else SYSTEMS
        met = meeting.facts if meeting else None
        outcome = Outcome(faces, rows, cases, judges, known.same, known.by, appearance.absent, leakage, systems, met)
        with new_folder(scores) as draft:
            write_pictures(draft / "images", dataset, pictures, cases.chosen)
            write_json(draft / "costs.json", spent)
            write_scores(draft, outcome, outcome.summary(digest, dataset.digest, config.seeds, config.steps, frozen))


@dataclass(frozen=True)
class Studio:
    """Where models draw the `cases` of a dataset, each in a scratch of its own that a killed evaluation finds again."""

    dataset: Dataset
    cases: Sequence[Case]
    base: str
    config: EvaluationConfig
    champion: Champion | None

    def draw(self, model: str, pipe: Pipe, systems: Sequence[str], cases: Sequence[Case]) -> dict[Drawing, Picture]:
        """What `pipe`, with the model of this digest, draws of some of the cases as each of the `systems`."""
        wanted = drawings(cases, self.config.seeds, systems)
        references, steps = dataset_references(self.dataset, cases, pipe.tower()), self.config.steps
        scratch = self.scratch(model)
        if self.champion and self.champion.digest == model:
            facts: dict[str, Any] = {"model": {"digest": model, "base": self.base}}
            facts |= {"dataset": {"digest": self.dataset.digest}, "case_set": case_set(self.cases)}
            facts |= {"steps": steps, "version": version("withanyone")}
            lend(self.champion.folder, facts, wanted, places(wanted, references, scratch, steps))
        drawn = draw(pipe, wanted, references, scratch, steps=steps, batch=self.config.batch)
        return dict(zip(wanted, drawn, strict=True))

    def scratch(self, model: str) -> Path:
        """The folder of what the model with this digest has drawn."""
        return work_folder("evaluate", digest_of(model, self.base, version("withanyone")))


def _sound_cases(
    panel: Eyes, dataset: Dataset, buckets: tuple[Size, ...], edits: bool, config: EvaluationConfig
) -> tuple[Cases, dict[str, dict[str, Truth]]]:
    """The cases and what the judges see of their people; those that a judge cannot embed are left out and counted."""
    built = build_cases(dataset, buckets, config.cases, edits=edits)
    truth = truths(panel, dataset, built.chosen)
    chosen = sound(built.chosen, truth)
    if not chosen:
        raise UserError(
            f"none of the {len(built.chosen)} cases of {dataset.folder} can be judged: the judges of evaluate.judges "
            "give no finite embeddings of their faces; curate the photos again"
        )
    lost = len(built.chosen) - len(chosen)
    left_out = dict(built.left_out) | ({"a face whose embedding is not finite": lost} if lost else {})
    return Cases(chosen, left_out), truth


def _leakage(dataset: Dataset, cases: Cases, scores: Path, config: EvaluationConfig) -> Leakage:
    """What the search for trained people among those of the cases found; raises UserError where it found one."""
    people = {person.identity: person.reference for case in cases.chosen for person in case.people}
    found = find_leaks(dataset, heldout_centres(dataset, set(people)), config.leak_rate)
    hit = set(found.hits["heldout"])
    refuse_leaks(found, scores, dataset, {name: face_picture(dataset, people[name]) for name in hit})
    return found


def _shown(pictures: Sequence[tuple[Drawing, Picture]], fitted: Mapping[str, Picture]) -> list[Shown]:
    return [
        Shown(
            drawing.case.case_id,
            drawing.system,
            drawing.seed,
            picture,
            drawing.case.prompt,
            fitted[drawing.case.case_id],
        )
        for drawing, picture in pictures
    ]
