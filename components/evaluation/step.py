"""The evaluate step: draw held-out people with the model and its baselines, judge the faces, write the scores."""

import logging
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from components.evaluation.config import EvaluationConfig
from components.evaluation.drawing import Pipe, draw, drawings
from components.evaluation.looking import Eyes, all_pictures, samples, truths
from components.evaluation.outcome import Outcome, write_pictures, write_tables
from model.artefacts import folder_digest, new_folder, work_folder, write_json
from model.dataset.buckets import Size
from model.dataset.dataset import Dataset
from model.presets import ASSETS
from model.sampler import Sampler
from model.training.cache import digest_of
from validation.benchmark import sanity
from validation.benchmark.cases import build_cases
from validation.benchmark.judges import Panel, standing
from validation.benchmark.score import score
from validation.report.scores_page import scores_page

log = logging.getLogger(__name__)


def run(*, dataset: Path, model: Path, scores: Path, config: EvaluationConfig) -> None:
    """Write the scores artefact: tables, figures, pictures and the reviewer's page.

    Raises UserError where the dataset has no case, every judge was in the loss, or a sanity row comes out wrong.
    """
    pipe = Sampler.load(model, config.device)
    judges = standing(config.judges, pipe.preset.recogniser)
    panel = Panel.load(config.judges, config.device)
    frozen = folder_digest(ASSETS / pipe.preset.name)
    evaluate(Dataset.open(dataset), model, frozen, scores, config, pipe, pipe.preset.buckets, panel, judges)


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
) -> None:
    """The step with its networks given: `pipe` draws, `panel` sees, `judges` says which of them was in the loss.

    `frozen` is the digest of what draws besides the model folder: pictures of another base are not taken up again.
    """
    digest = folder_digest(model)
    cases = build_cases(dataset, buckets, config.cases)
    log.info("%d cases of held-out people, %d seeds", len(cases.chosen), len(config.seeds))
    scratch = work_folder("evaluate", digest_of(digest, frozen, version("withanyone")))
    wanted = drawings(cases.chosen, config.seeds)
    drawn = draw(pipe, dataset, wanted, scratch, steps=config.steps, batch=config.batch)
    pictures = all_pictures(dataset, dict(zip(wanted, drawn, strict=True)), cases.chosen)
    log.info("judging %d pictures", len(pictures))
    truth = truths(panel, dataset, cases.chosen)
    by_id = {case.case_id: case for case in cases.chosen}
    seen = samples(panel, pictures)
    seen += [row for case in cases.chosen for row in sanity.samples(case, truth[case.case_id], config.seeds[0])]
    scored = [score(by_id[sample.case_id], sample, truth[sample.case_id]) for sample in seen]
    outcome = Outcome.of(scored, cases, judges)
    sanity.check(outcome.cases)
    with new_folder(scores) as draft:
        write_pictures(draft / "images", dataset, pictures, cases.chosen)
        write_tables(draft, outcome)
        write_json(draft / "scores.json", outcome.summary(digest, dataset.digest, config.seeds, config.steps))
        (draft / "report.html").write_text(scores_page(draft), encoding="utf-8")
    shutil.rmtree(scratch)
