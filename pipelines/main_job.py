"""The main job: settings in, the graph run on this machine, a run folder and its record out."""

import hashlib
import logging
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.console import Console

from components.files import refuse_no_picture
from components.steps import CURATE, EVALUATE, GATE, PHOTOS, STEPS, Step
from components.tombstones import FORGOTTEN
from model.artefacts import read_json
from model.errors import Preempted, UserError
from pipelines.code import code_commit
from pipelines.console import LOG, StepReport
from pipelines.runs import Runs
from pipelines.settings import check_together, home_of_tombstones
from pipelines.sources import ROOT, code_version, step_version

log = logging.getLogger(__name__)
PACKAGES = ("withanyone", "kfp", "torch", "diffusers")


def run_main_job(
    runs: Runs, settings: Mapping[str, BaseModel], console: Console, verbose: bool = False, in_containers: bool = False
) -> dict[str, Any]:
    """Run the graph with `settings` and return the run's record; failures are in the record (`failure`), not raised.

    The champion of `runs`, when there is one and the settings name no other, is drawn beside the model, and what the
    gate compares with.
    """
    settings = _complete(runs, settings)
    for step in STEPS:
        step.check_paths(settings[step.name])
    check_together(settings)
    _check_folder(runs, settings)
    # Kubeflow takes seconds to import: what can be refused is refused before.
    from pipelines.containers import containers
    from pipelines.local import run_pipeline
    from pipelines.retrain import retrain_pipeline, steps_of
    from pipelines.runners import LOCAL

    steps = steps_of(settings)
    facts = {
        "commit": code_commit(),
        "photos": _photos(settings),
        "settings": {name: values.model_dump(mode="json") for name, values in settings.items()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }
    with runs.store.only_user():
        boxes = containers(steps, settings, runs.store) if in_containers else None
        runner = boxes.runner if boxes else LOCAL
        run, begun = runs.begin(facts), time.monotonic()
        console.print(f"run {run.name}: {run}", markup=False, highlight=False, soft_wrap=True)
        (run / LOG).write_text(f"{runner.notice()}\n", encoding="utf-8")
        try:
            outcome = run_pipeline(retrain_pipeline(settings, runner), steps, runs.store, run, console, verbose, boxes)
        except BaseException as error:
            words = "Ctrl-C" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
            failure = {"step": None, "sentence": f"The run was stopped: {words}", "expected": False, "busy": False}
            asked = isinstance(error, Preempted | KeyboardInterrupt)
            status = "interrupted" if asked else "failed"
            runs.finish(run, {}, {"status": status, "seconds": _since(begun), "failure": failure})
            raise
        failed = outcome.failure
        return runs.finish(
            run,
            outcome.artefacts,
            {
                "status": "failed" if failed else "done",
                "seconds": _since(begun),
                "failure": failed and asdict(failed),
                "steps": {name: _report(report) for name, report in outcome.steps.items()},
                "verdict": _verdict(outcome.artefacts),
            },
        )


def _check_folder(runs: Runs, settings: Mapping[str, BaseModel]) -> None:
    """Raise UserError where the photo folder has none, or what a run makes would be taken for photos by the next."""
    folder = settings[PHOTOS.name].model_dump()["folder"]
    if folder and runs.folder.resolve().is_relative_to(folder):
        raise UserError(f"the runs folder {runs.folder} lies in photos.folder '{folder}': name another with --runs")
    if folder:
        refuse_no_picture(Path(folder))


def _since(begun: float) -> float:
    """Seconds by the clock that nobody sets."""
    return round(time.monotonic() - begun, 1)


def _complete(runs: Runs, settings: Mapping[str, BaseModel]) -> dict[str, BaseModel]:
    """`settings` with champion and tombstones filled in, and with every outside folder and file as an absolute path."""
    complete = {}
    for step in STEPS:
        paths = {name: str(path) for name, path in step.paths(settings[step.name]).items()}
        complete[step.name] = settings[step.name].model_copy(update=paths)
    for step, name, path in [*_champion(runs, complete), (GATE, "forgotten", _tombstones(complete))]:
        if path and not getattr(complete[step.name], name):
            complete[step.name] = complete[step.name].model_copy(update={name: str(path.resolve())})
    return complete


def _champion(runs: Runs, settings: Mapping[str, BaseModel]) -> list[tuple[Step, str, Path | None]]:
    """The champion's run for the evaluation, so that both draw the same cases whatever the photos are by now.

    The cases of a release are always the same: there the gate takes the scores that the champion has on them. Whom the
    champion has not seen stays held out.
    """
    evaluate, gate = settings[EVALUATE.name].model_dump(), settings[GATE.name].model_dump()
    run = runs.champion()
    if run is None or evaluate["champion"] or gate["champion"]:
        return []
    drawn = (GATE, "champion", run / "scores") if evaluate["release"] else (EVALUATE, "champion", run)
    return [drawn, (CURATE, "previous", _previous(run, settings))]


def _previous(run: Path, settings: Mapping[str, BaseModel]) -> Path | None:
    """The dataset whose held-out people stay so: that of the champion's `run`.

    On the very photos of that run it is what that run had, if anything: its dataset would come out again, and is taken
    from the cache.
    """
    record = read_json(run / "run.json")
    then = record.get("settings", {}).get(CURATE.name, {})
    now = settings[CURATE.name].model_dump(mode="json")
    if record.get("photos") == _photos(settings) and then == now | {"previous": then["previous"]}:
        if not then["previous"]:
            return None
        if dataset := _readable(Path(then["previous"])):
            return dataset
    return _readable(run / "dataset")


def _readable(dataset: Path) -> Path | None:
    """The dataset, unless it is gone or of another release."""
    from model.dataset.dataset import Dataset

    try:
        return Dataset.open(dataset).folder
    except UserError as error:
        log.warning("nobody stays held out for the champion's sake: %s", error)
        return None


def _photos(settings: Mapping[str, BaseModel]) -> str:
    """What tells whether two runs curate the same photos with the same code."""
    given = settings[PHOTOS.name]
    facts = (step_version(PHOTOS, given), code_version(ROOT, CURATE.folder), given.model_dump_json())
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def _tombstones(settings: Mapping[str, BaseModel]) -> Path | None:
    """The list of forgotten people, if there is one."""
    place = home_of_tombstones(settings)
    file = Path(place).expanduser().resolve() / FORGOTTEN
    return file if place and file.is_file() else None


def _report(report: StepReport) -> dict[str, Any]:
    return {"status": report.status, "seconds": round(report.seconds, 1)}


def _verdict(artefacts: Mapping[str, Path]) -> str | None:
    """The verdict as the decision file has it."""
    decision = artefacts.get("decision")
    return read_json(decision / "decision.json")["verdict"] if decision else None
