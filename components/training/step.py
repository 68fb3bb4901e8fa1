"""The train step: a validated dataset in, an identity adapter with its history out."""

import logging
import shutil
from contextlib import AbstractContextManager, closing, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from components.training.card import model_card
from components.training.config import TrainingConfig
from components.training.samples import sampler
from components.training.start import Start, find_start
from model.adapter.checkpoint import save_adapter
from model.artefacts import cache_folder, digest_of, new_folder, read_json, work_folder, write_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.locks import only_user
from model.losses.contrastive import TEMPERATURE
from model.memory import keep_memory
from model.presets import Preset, frozen_digest, preset
from model.training.assemble import assemble
from model.training.live import METRICS
from model.training.preemption import asked_to_stop, stopped_at_once
from model.training.processes import accelerator
from model.training.trainer import Loop, Trainer
from model.training.watch import Watch
from model.weights import licences

REPORTS_PER_CHECKPOINT = 3
log = logging.getLogger(__name__)


def run(*, dataset: Path, validation: Path, model: Path, config: TrainingConfig) -> None:
    """Train on the folder `dataset`, which `validation` must call good, and write the folder `model`.

    Killed and started again with the same dataset and settings, it goes on from its last checkpoint; SIGTERM writes
    one, if there is a step to save, and raises Preempted. Raises BusyError while another process trains the same, and
    UserError for a dataset that is not validated, a start that does not fit, and losses that are not finite or run
    away.
    """
    _refuse_unvalidated(dataset, validation)
    keep_memory()
    config = config.planned()
    with stopped_at_once("making ready for a training"):
        opened, chosen = Dataset.open(dataset), preset(config.preset).with_branches(config.branches)
        start = find_start(config.start, chosen, config.seed)
        loop = _loop(config)
        process = accelerator(loop.accumulate, chosen.dtype)
        key = _key(opened, chosen, start, config, process)
    work, live = work_folder("train", key), cache_folder("live", "train", key)
    with _to_oneself(live, process), asked_to_stop() as stop:
        with stopped_at_once("encoding what is trained on"):
            trainer = assemble(opened, chosen, start.adapter_on, loop, config.batch, config.seed, work, process)
        with closing(Watch(live, sampler(opened, trainer, chosen), config.samples_every)) as watch:
            trainer.train(stop, watch)
        if process.is_main_process:
            _write(model, trainer, chosen, _history(opened, chosen, start, trainer, config))
            shutil.rmtree(work)


def _to_oneself(live: Path, process: Accelerator) -> AbstractContextManager[None]:
    """Keep another training of this job out of its folders; of processes that share one, the first does so for all."""
    if not process.is_main_process:
        return nullcontext()
    return only_user(live / "lock", "the training of this dataset with these settings")


def _write(model: Path, trainer: Trainer, chosen: Preset, history: dict[str, Any]) -> None:
    with new_folder(model) as draft:
        save_adapter(trainer.trained(), draft, chosen.name)
        write_json(draft / "training.json", history)
        write_json(draft / METRICS, history["curve"][-1])
        (draft / "card.md").write_text(model_card(history), encoding="utf-8")


def _refuse_unvalidated(dataset: Path, validation: Path) -> None:
    path = validation / "result.json"
    if not path.is_file():
        raise UserError(f"validation {validation}: has no result.json; validate the dataset {dataset} first.")
    if not read_json(path, "success")["success"]:
        raise UserError(f"the dataset {dataset} failed its validation; mend what {validation / 'report.html'} names.")


def _key(dataset: Dataset, chosen: Preset, start: Start, config: TrainingConfig, process: Accelerator) -> str:
    """Names the job by all that its result depends on, so that only the same job goes on from its checkpoints."""
    settings = config.model_dump_json(exclude={"start", "samples_every", "accumulate"})
    way = config.accumulate * process.num_processes, process.mixed_precision  # how many share a step's batches is free
    return digest_of(dataset.digest, frozen_digest(chosen), start.digest, settings, *way, version("withanyone"))


def _loop(config: TrainingConfig) -> Loop:
    report = max(1, config.checkpoint_every // REPORTS_PER_CHECKPOINT)
    return Loop(
        config.phases,
        accumulate=config.accumulate,
        recompute=config.recompute,
        checkpoint_every=report * (config.checkpoint_every // report),
        report_every=report,
    )


def _history(
    dataset: Dataset, chosen: Preset, start: Start, trainer: Trainer, config: TrainingConfig
) -> dict[str, Any]:
    """The content of training.json."""
    data = trainer.batches.data
    photos = [{"name": "photos", "licence": name, "use": "as licensed"} for name in dataset.manifest["licences"]]
    rows = {(row["name"], row["licence"]): row for row in [*start.licences, *licences(), *chosen.licences, *photos]}
    return {
        "schema": 1,
        "preset": config.preset,
        "start": start.name,
        "start_digest": start.digest or None,
        "dataset": {"digest": dataset.digest, "pictures": len(data.targets), "bank": len(data.bank_rows)},
        "code": version("withanyone"),
        "seed": config.seed,
        "batch": config.batch,
        "accumulate": config.accumulate,
        "processes": trainer.accelerator.num_processes,
        "phases": [phase.model_dump() for phase in config.phases],
        "losses": {
            "flow": "mean squared error of the velocity, weight 1",
            "identity": "1 - cosine to the ground-truth face, aligned by its landmarks, weighted by phase",
            "contrastive": f"InfoNCE, temperature {TEMPERATURE}, negatives of batch and bank, weighted by phase",
        },
        "licences": [rows[key] for key in sorted(rows)],
        "identities": sorted({*start.identities, *data.identities}),
        "curve": trainer.progress.curve,
    }
