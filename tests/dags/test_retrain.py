"""The DAGs: they load fast, pass their parameters unchanged, and nobody is asked about a rejected model."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.steps import STEPS
from pipelines.runs import Runs
from tests.dags.conftest import DAGS, Home, results, try_out
from tests.pipelines.bucket import STORE
from tests.pipelines.decided import decided_run, put_in_store
from tests.pipelines.kubeflow import kubeflow

LOAD = """
import json, time
from pathlib import Path
import airflow.sdk
import pendulum
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables import trigger
from airflow.timetables.base import TimeRestriction
trigger.utcnow = lambda: pendulum.datetime(2026, 11, 29, 15)  # a Sunday
clock = [time.process_time()]
for file in ("retrain", "promote", "rollback", "forget", "nightly"):
    DagBag(Path({dags!r}, file + ".py"))
    clock.append(time.process_time())
bag = DagBag({dags!r})
timetable = DagSerialization.from_dict(DagSerialization.to_dict(bag.dags["retrain"])).timetable
ever = TimeRestriction(earliest=None, latest=None, catchup=False)
first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=ever)
print("RESULT " + json.dumps({{
    "first": str(first.run_after.date()),
    "errors": bag.import_errors, "seconds": max(after - before for before, after in zip(clock, clock[1:])),
    "tasks": {{name: sorted(dag.task_ids) for name, dag in bag.dags.items()}},
    "edges": sorted((up, task.task_id) for task in bag.dags["retrain"].tasks for up in task.upstream_task_ids),
    "assets": sorted(asset.name for asset in bag.dags["retrain"].timetable.asset_condition.objects),
    "runs": sorted({{dag.max_active_runs for dag in bag.dags.values()}}),
    "catchup": sorted({{dag.catchup for dag in bag.dags.values()}})}}))
"""
MENDABLE = {"settings": ["train.seed=13"]}
REJECTED = {"settings": ["train.seed=5"]}
PLAIN = {"photos": '/it\'s "here" {{ run_id }} $HOME', "settings": ["train.seed=7", "curate.pack='a b'"]}


@pytest.fixture(scope="module")
def tried(home: Home, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], list[str], str]:
    """Five runs of one process, as Airflow takes long to begin, what they started on a cluster, and what is printed.

    The first people must mend, the second the gate rejects, the third goes through. The others are on a cluster, of
    which the last names a folder of this machine.
    """
    made, store = (
        decided_run(tmp_path_factory.mktemp("there"), verdict="hold"),
        tmp_path_factory.mktemp("buckets") / "store",
    )
    (home.folder / "cluster.yaml").write_text(f"artefacts: {STORE}\n")
    (home.folder / "buckets").write_text(str(store.parent))
    with kubeflow() as kfp:
        kfp.started = lambda run: put_in_store(made, store, run)
        kfp.course = [{**{step.name: "SUCCEEDED" for step in STEPS}, "": "SUCCEEDED"}]
        there = {"host": kfp.host}, {"host": kfp.host, "photos": "/it's here"}
        printed = try_out(home, *(("retrain", conf) for conf in (MENDABLE, REJECTED, PLAIN, *there)))
        return results(printed), [run["display_name"] for run in kfp.runs.values()], printed


@pytest.fixture(scope="module")
def loaded(home: Home) -> dict[str, Any]:
    """What the DAG files hold."""
    (found,) = results(home.python("-c", LOAD.format(dags=str(DAGS))))
    return found


def test_the_dags_load_within_a_second_each(loaded: dict[str, Any]) -> None:
    assert loaded["errors"] == {}
    assert loaded["seconds"] < 1  # of the processor: what else the machine does is not the files' fault
    assert loaded["tasks"] == {
        "retrain": ["approve", "hand_over", "promote", "read_decision", "run"],
        "promote": ["deploy", "register"],
        "rollback": ["rollback"],
        "forget": ["apply", "look", "over_limit"],
        "nightly": ["report", "score", "there_is_a_champion"],
    }
    assert ["approve", "hand_over"] in loaded["edges"]
    assert ["hand_over", "promote"] in loaded["edges"]
    assert loaded["assets"] == ["deletions", "photos"]
    assert (loaded["runs"], loaded["catchup"]) == ([1], [False])


def test_a_new_schedule_waits_for_its_day(loaded: dict[str, Any]) -> None:
    assert loaded["first"] == "2026-12-06"


def test_what_people_must_mend_fails_at_once_with_its_sentence(tried: Any) -> None:
    first = tried[0][0]
    assert (first["state"], first["tasks"]["run"]) == ("failed", "failed")
    assert "The folder is empty: give one with photos." in tried[2]


def test_nobody_is_asked_about_a_rejected_model(tried: Any) -> None:
    tasks = tried[0][1]["tasks"]
    assert (tasks["run"], tasks["read_decision"]) == ("success", "skipped")
    assert {tasks[name] for name in ("approve", "hand_over", "promote")} == {"skipped"}


def test_a_run_passes_its_parameters_unchanged(home: Home, tried: Any) -> None:
    assert tried[0][2]["tasks"]["read_decision"] == "success"
    changes = [word for change in PLAIN["settings"] for word in ("--set", change)]
    here = [asked for asked in home.asked() if asked[0] == "run"]
    assert here[-1] == ["run", "--json", "--photos", PLAIN["photos"], *changes]


def test_a_run_on_a_cluster_comes_home_and_is_asked_about(home: Home, tried: Any) -> None:
    tasks = tried[0][3]["tasks"]
    assert (tasks["run"], tasks["read_decision"], tasks["hand_over"]) == ("success", "success", "success")
    (name,) = tried[1]
    assert name.startswith("retrain manual__")
    run = Runs(home.folder / "runs").find()
    assert json.loads((run / "decision" / "decision.json").read_text())["verdict"] == "hold"
    assert Path(run / "dataset" / "manifest.json").is_file()


def test_photos_of_this_machine_are_refused_on_a_cluster_at_once(tried: Any) -> None:
    assert tried[0][4]["tasks"]["run"] == "failed"
    assert "refused its settings: The setting photos.folder = '/it's here' is a path of this machine" in tried[2]
