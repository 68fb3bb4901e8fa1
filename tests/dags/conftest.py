"""A migrated Airflow home beside a project folder whose command says what it was asked; only its `submit` is real."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.sources import ROOT
from tests.once import once

DAGS = ROOT / "dags"
PROGRAM = """#!{python}
import json, os, pathlib, sys
home = pathlib.Path.cwd()
with open(home / "asked.jsonl", "a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
print("curate  done in 3.0 s", file=sys.stderr)
if sys.argv[1] == "submit":
    from pipelines.cli import main
    from tests.pipelines.bucket import mount
    mount(pathlib.Path((home / "buckets").read_text()))
    sys.exit(main())
if "train.seed=13" in sys.argv:
    print("The folder is empty: give one with photos.", file=sys.stderr)
    sys.exit(3)
if sys.argv[1] == "versions":
    print(json.dumps({{"champion": "v2.0.0", "affected": {{"v1.0.0": ["a", "b", "c"], "v2.0.0": ["a", "b"]}}}}))
if sys.argv[1] == "drift":
    row = {{"before": {{"mean": 0.5}}, "after": {{"mean": 0.25}}}}
    print(json.dumps({{"metrics": {{"sim_gt": row}}, "drifted": ["sim_gt"], "report": "drift.json"}}))
if sys.argv[1] == "run":
    decision = home / "runs" / "one" / "decision"
    decision.mkdir(parents=True, exist_ok=True)
    rule = {{"name": "better", "state": "failed", "figure": 0.1234, "threshold": None}}
    verdict = "reject" if "train.seed=5" in sys.argv else "hold"
    found = {{"verdict": verdict, "reason": "it's a \\"tie\\"", "rules": [rule]}}
    (decision / "decision.json").write_text(json.dumps(found))
    print(json.dumps({{"folder": str(decision.parent)}}))
"""


class Home:
    """Airflow's database there is migrated, or a copy of one that is."""

    def __init__(self, folder: Path, program: str = PROGRAM, migrated: Path | None = None) -> None:
        self.folder = folder
        command = folder / "withanyone"
        command.write_text(program.format(python=sys.executable, root=ROOT))
        command.chmod(0o755)
        if migrated:
            (folder / "home").mkdir()
            shutil.copy(migrated, folder / "home")
        else:
            self.python("-m", "airflow", "db", "migrate")

    def python(self, *arguments: str) -> str:
        settings = {
            "AIRFLOW_HOME": str(self.folder / "home"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(DAGS / "plugins"),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "WITHANYONE_HOME": str(self.folder),
            "WITHANYONE_COMMAND": str(self.folder / "withanyone"),
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            check=False,
            env=os.environ | settings,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=1200,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def asked(self) -> list[list[str]]:
        """The words of each call of the command."""
        return [json.loads(line) for line in (self.folder / "asked.jsonl").read_text().splitlines()]


def results(output: str) -> list[dict[str, Any]]:
    """What a program of a test printed in lines that begin with RESULT."""
    return [json.loads(line.removeprefix("RESULT ")) for line in output.splitlines() if line.startswith("RESULT ")]


TEST = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
for name, conf in json.loads(sys.argv[1]):
    bag = DagBag({dags!r})  # anew, as a DAG that is tried keeps what it was told
    run = bag.dags[name].test(run_conf=conf, mark_success_pattern="^(approve|hand_over|promote)$")
    state = str(getattr(run.state, "value", run.state))
    tried = {{ti.task_id: str(getattr(ti.state, "value", ti.state)) for ti in run.get_task_instances()}}
    print("RESULT " + json.dumps({{"state": state, "tasks": tried}}))
"""


def try_out(home: Home, *runs: tuple[str, dict[str, Any]]) -> str:
    """What runs of DAGs print, a line RESULT each; what the command was asked starts anew."""
    (home.folder / "asked.jsonl").unlink(missing_ok=True)
    return home.python("-c", TEST.format(dags=str(DAGS)), json.dumps(runs))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    migrated = once(tmp_path_factory, "migrated", Home)
    return Home(tmp_path_factory.mktemp("airflow"), migrated=migrated / "home" / "airflow.db")
