"""One retraining on a cluster, as `withanyone submit` does it: from settings to the decision that the run has made."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel
from rich.console import Console

from components.steps import LOOK, STEPS, VALIDATE
from pipelines.cluster import Cluster
from pipelines.compiled import write_ir
from pipelines.fetched import read_decision
from pipelines.kubeflow import Server
from pipelines.settings import SettingsError

SHOWN = (
    *(step.name for step in STEPS),
    LOOK.name,
    "curate-shares",
    "train-nodes",
)  # the rest are Kubeflow's own drivers and loops


@contextmanager
def packaged(settings: Mapping[str, BaseModel], cluster: Cluster) -> Iterator[tuple[Path, str]]:
    """A file of the graph that these settings make, while the block runs, and the name of this version."""
    with TemporaryDirectory(prefix="withanyone-") as folder:
        package = Path(folder) / "retrain.yaml"
        yield package, write_ir(package, settings, cluster)


def check_schedule(cron: str) -> None:
    """Raise SettingsError unless `cron` has the five fields of a cron expression, in a form the server reads too."""
    from croniter import croniter

    fields = cron.split()
    if len(fields) != 5 or not croniter.is_valid(cron) or "7" in fields[4] or "#" in cron or "L" in cron.upper():
        raise SettingsError(
            f"--schedule '{cron}' is no cron expression of five fields "
            "(minute, hour, day, month, weekday from 0 = Sunday to 6), such as '0 3 * * 1'."
        )


def follow(server: Server, run: str, console: Console, every: float = 5.0) -> dict[str, Any]:
    """Show the steps' states as they change until the run has ended; returns its record, with the decision if any.

    `failure` names the step and the words of the server; `exit_code` is what the command ends with.
    """
    steps: dict[str, str] = {}
    width = max(map(len, SHOWN))

    def tell(task: str, state: str) -> None:
        if task in SHOWN:
            steps[task] = state
            console.print(f"{task:<{width}}  {state}", markup=False, highlight=False)

    ended = server.follow(run, tell, every)
    record: dict[str, Any] = {
        "run": run,
        "state": ended.state.lower(),
        "steps": steps,
        "link": f"{server.host}/#/runs/details/{run}",
        **_times(ended.created_at, ended.finished_at),
    }
    if ended.state != "SUCCEEDED":
        failed = next((name for name, state in steps.items() if state == "failed"), None)
        said = ended.error.message if ended.error else ""
        return {**record, "failure": {"step": failed, "words": said}, "exit_code": 4 if failed == VALIDATE.name else 1}
    decision = read_decision(server.cluster, run)
    verdict = decision["verdict"]
    return {**record, "verdict": verdict, "decision": decision, "exit_code": 0 if verdict == "promote" else 5}


def _times(started: datetime, finished: datetime | None) -> dict[str, Any]:
    """When a run was made and ended (where the server says so), as the record of a local run has it."""
    begin, end = started.astimezone(UTC), (finished or datetime.now(UTC)).astimezone(UTC)
    return {
        "started": begin.isoformat(timespec="seconds"),
        "finished": end.isoformat(timespec="seconds"),
        "seconds": round((end - begin).total_seconds(), 1),
    }
