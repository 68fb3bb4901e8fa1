"""One retraining on a cluster, as `withanyone submit` does it: from settings to the decision that the run has made."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel
from rich.console import Console

from components.steps import GATE, LOOK, STEPS, VALIDATE
from model.errors import UserError
from pipelines.cluster import FILE, Cluster
from pipelines.compiled import PIPELINE, write_ir
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
    }
    if ended.state != "SUCCEEDED":
        failed = next((name for name, state in steps.items() if state == "failed"), None)
        said = ended.error.message if ended.error else ""
        return {**record, "failure": {"step": failed, "words": said}, "exit_code": 4 if failed == VALIDATE.name else 1}
    decision = read_decision(server.cluster, run)
    verdict = decision["verdict"]
    return {**record, "verdict": verdict, "decision": decision, "exit_code": 0 if verdict == "promote" else 5}


def read_decision(cluster: Cluster, run: str) -> dict[str, Any]:
    """The decision file of a run, from the root of all artefacts; never from what an orchestrator remembers.

    Raises UserError where there is none, and when the store cannot be read.
    """
    import json

    import fsspec

    where = f"{artefacts_of(cluster)}/{PIPELINE}/{run}/{GATE.name}"
    options = {"endpoint_url": cluster.endpoint} if cluster.endpoint and where.startswith("s3:") else {}
    try:
        store, folder = fsspec.core.url_to_fs(where, **options)
        found = [path for path in store.find(folder) if path.endswith(f"/{GATE.output}/decision.json")]
        texts = [store.cat_file(path) for path in found]
    except Exception as error:  # each store has errors of its own
        raise UserError(f"The artefacts {where} cannot be read ({error}): check {FILE} and the credentials.") from error
    if len(texts) != 1:
        raise UserError(
            f"The run {run} has {len(texts)} decisions below {where}, not one: see whether the root is right."
        )
    return dict(json.loads(texts[0]))


def artefacts_of(cluster: Cluster) -> str:
    """The root of all artefacts; raises SettingsError where the cluster's settings leave it to the server."""
    if not cluster.artefacts:
        raise SettingsError(
            f"{FILE} has no artefacts, so the decision could not be found: name the root, such as s3://bucket/withanyone."
        )
    return cluster.artefacts.rstrip("/")
