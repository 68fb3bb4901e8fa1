"""The weekly DAG: it loads fast, starts the command and hands on the decision that the run wrote."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"
LOAD = """
import json, time
import airflow.sdk
start = time.monotonic()
from airflow.dag_processing.dagbag import DagBag
bag = DagBag({dags!r})
dag = bag.dags["retrain"]
print(json.dumps({{
    "errors": bag.import_errors, "seconds": max(stat.duration.total_seconds() for stat in bag.dagbag_stats),
    "tasks": dag.task_ids, "upstream": sorted(dag.get_task("read_decision").upstream_task_ids),
    "catchup": dag.catchup, "runs": dag.max_active_runs}}))
"""
TEST = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
dag = DagBag({dags!r}).dags["retrain"]
for conf in json.loads(sys.argv[1]):
    run = dag.test(run_conf=conf)
    state = str(getattr(run.state, "value", run.state))
    tried = {{ti.task_id: str(getattr(ti.state, "value", ti.state)) for ti in run.get_task_instances()}}
    print("RESULT " + json.dumps({{"state": state, "tasks": tried}}))
"""
PROGRAM = """#!{python}
import json, pathlib, sys
home = pathlib.Path.cwd()
(home / "arguments.json").write_text(json.dumps(sys.argv[1:]))
print("curate  done in 3.0 s", file=sys.stderr)
if "train.seed=13" in sys.argv:
    print("The folder is empty: give one with photos.", file=sys.stderr)
    sys.exit(3)
decision = home / "runs" / "one" / "decision"
decision.mkdir(parents=True, exist_ok=True)
(decision / "decision.json").write_text(json.dumps({{"verdict": "hold", "reason": "it's a \\"tie\\""}}))
print(json.dumps({{"folder": str(decision.parent)}}))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated Airflow home that lies beside a project folder with a command in it."""
    folder = tmp_path_factory.mktemp("airflow")
    program = folder / "withanyone"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    python(folder, "-m", "airflow", "db", "migrate")
    return folder


def python(home: Path, *arguments: str) -> str:
    settings = {
        "AIRFLOW_HOME": str(home / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "WITHANYONE_HOME": str(home),
        "WITHANYONE_COMMAND": str(home / "withanyone"),
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        env=os.environ | settings,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


MENDABLE = {"settings": ["train.seed=13"]}
PLAIN = {"photos": '/it\'s "here" $HOME', "settings": ["train.seed=7", "curate.pack='a b'"]}


@pytest.fixture(scope="module")
def tested(home: Path) -> str:
    """What two runs of the DAG print: one that people must mend, then one that goes through."""
    return python(home, "-c", TEST.format(dags=str(DAGS)), json.dumps([MENDABLE, PLAIN]))


def results(output: str) -> list[dict[str, object]]:
    return [json.loads(line.removeprefix("RESULT ")) for line in output.splitlines() if line.startswith("RESULT ")]


def test_the_dag_loads_within_a_second(home: Path) -> None:
    loaded = json.loads(python(home, "-c", LOAD.format(dags=str(DAGS))).splitlines()[-1])
    assert loaded["errors"] == {}
    assert loaded["seconds"] < 1
    assert loaded["tasks"] == ["start_run", "read_decision"]
    assert loaded["upstream"] == ["start_run"]
    assert (loaded["catchup"], loaded["runs"]) == (False, 1)


def test_a_run_passes_its_parameters_unchanged_and_ends_with_the_decision(home: Path, tested: str) -> None:
    assert results(tested)[1] == {"state": "success", "tasks": {"start_run": "success", "read_decision": "success"}}
    changes = [word for change in PLAIN["settings"] for word in ("--set", change)]
    arguments = json.loads((home / "arguments.json").read_text())
    assert arguments == ["run", "--json", "--photos", PLAIN["photos"], *changes]
    assert "curate  done in 3.0 s" in tested
    assert 'hold (it\'s a "tie")' in tested


def test_what_people_must_mend_fails_at_once_with_its_sentence(tested: str) -> None:
    failed = {"start_run": "failed", "read_decision": "upstream_failed"}
    assert results(tested)[0] == {"state": "failed", "tasks": failed}
    assert "The folder is empty: give one with photos." in tested
