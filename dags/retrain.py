"""The weekly retraining: starts `withanyone run` and reads the decision that the run wrote.

The environment says where: WITHANYONE_HOME, the folder with params.yaml and runs/ (default: the repository of this
file), and WITHANYONE_COMMAND, the command line's program (default: the one beside this Python, else on the PATH).
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

HOME = Path(os.environ.get("WITHANYONE_HOME", Path(__file__).resolve().parents[1]))
BESIDE = Path(sys.executable).with_name("withanyone")
COMMAND = os.environ.get("WITHANYONE_COMMAND", str(BESIDE) if BESIDE.exists() else "withanyone")
MENDED_BY_PEOPLE = {2: "settings", 3: "input", 4: "validation"}  # exit codes after which trying again is of no use
log = logging.getLogger(__name__)


@dag(
    schedule="@weekly",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=5)},
    params={
        "photos": Param("", type="string", description="Folder of photos; empty: the virtual cast."),
        "settings": Param(
            [],
            type="array",
            items={"type": "string", "pattern": r"^\w+\.[\w.]+=.*$"},
            description="Changes of settings, section.key=value.",
        ),
    },
    tags=["withanyone"],
    doc_md=__doc__,
)
def retrain() -> None:
    """Photos in, a judged and packaged model out."""
    read_decision(start_run())  # type: ignore[arg-type]  # a reference to the result until the run


@task(execution_timeout=timedelta(hours=12))
def start_run() -> str:
    """Run the main job to its end and return the run's folder; a second try redoes only the step that failed."""
    params = get_current_context()["params"]
    command = [COMMAND, "run", "--json"]
    if params["photos"]:
        command += ["--photos", params["photos"]]
    for change in params["settings"]:
        command += ["--set", change]
    code, result, last_line = run_and_log(command, HOME)
    if code == 0:
        return str(json.loads(result)["folder"])
    if code in MENDED_BY_PEOPLE:
        raise AirflowFailException(f"withanyone refused its {MENDED_BY_PEOPLE[code]}: {last_line}")
    raise AirflowException(f"withanyone ended with {code}: {last_line}")


@task
def read_decision(run: str) -> dict[str, Any]:
    """The verdict and its reason as the run's decision file has them."""
    decision = json.loads((Path(run) / "decision" / "decision.json").read_text(encoding="utf-8"))
    log.info("verdict of %s: %s (%s)", run, decision["verdict"], decision["reason"])
    return {"run": run, "verdict": decision["verdict"], "reason": decision["reason"]}


def run_and_log(command: list[str], folder: Path) -> tuple[int, str, str]:
    """Run `command` in `folder`, its progress in the task's log; returns exit code, stdout and stderr's last line."""
    last_line = ""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as result,
        subprocess.Popen(
            command, cwd=folder, stdout=result, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as process,
    ):
        try:
            for line in process.stderr or ():
                last_line = line.rstrip() or last_line
                log.info("%s", line.rstrip())
        except BaseException:  # the task's time is over, or somebody stopped it: its run must not work on
            process.terminate()
            raise
        code = process.wait()
        result.seek(0)
        return code, result.read(), last_line


retrain()
