"""The main job with real steps on a small cast: killed and resumed, cached, mirrored by DVC."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ablation
from components.steps import STEPS
from model.artefacts import read_json
from model.dataset.dataset import Dataset
from pipelines.sources import ROOT
from tests.acceptance.tiny_run import TINY

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(3600)]

CHANGES = [
    word
    for section, values in TINY.items()
    for key, value in values.items()
    for word in ("--set", f"{section}.{key}={json.dumps(value)}")
]
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(ROOT),
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "DVC_NO_ANALYTICS": "1",
}


def start(home: Path) -> "subprocess.Popen[str]":
    """`withanyone run --json` in `home`, as the leader of its own process group."""
    command = [sys.executable, "-m", "pipelines.cli", "run", "--json", *CHANGES]
    return subprocess.Popen(
        command,
        cwd=home,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: "subprocess.Popen[str]") -> dict[str, Any]:
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    return dict(json.loads(out))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def resumed(home: Path) -> dict[str, Any]:
    """The summary of a run that follows one which was killed while it trained."""
    process = start(home)
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if line.startswith("train "):
            break
    else:
        pytest.fail(f"the run never trained:\n{seen}")
    time.sleep(5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return finish(start(home))


def statuses(summary: dict[str, Any]) -> dict[str, str]:
    return {name: step["status"] for name, step in summary["steps"].items()}


def test_a_killed_run_is_resumed_at_the_step_that_was_killed(resumed: dict[str, Any]) -> None:
    again = ("train", "evaluate", "gate", "package")
    assert statuses(resumed) == {step.name: "done" if step.name in again else "cached" for step in STEPS}


def test_a_run_ends_with_every_artefact_and_its_verdict(resumed: dict[str, Any]) -> None:
    run = Path(resumed["folder"])
    for step in STEPS:
        assert (run / step.output).is_dir()
    decision = json.loads((run / "decision" / "decision.json").read_text())
    assert resumed["verdict"] == decision["verdict"]
    assert resumed["decision"]["rules"] == decision["rules"]
    assert resumed["counts"]["pairs"] > 0
    assert (run / "bento" / "bento.yaml").is_file()
    assert resumed["serve"] == f"withanyone serve {run.name}"


def test_a_second_run_takes_everything_from_the_cache_within_thirty_seconds(
    home: Path, resumed: dict[str, Any]
) -> None:
    begin = time.monotonic()
    summary = finish(start(home))
    assert time.monotonic() - begin < 30
    assert set(statuses(summary).values()) == {"cached"}
    assert summary["decision"] == resumed["decision"]


def test_a_champion_is_what_the_next_decision_compares_with(home: Path, resumed: dict[str, Any]) -> None:
    crown = [sys.executable, "-m", "pipelines.cli", "runs", "champion", resumed["id"]]
    subprocess.run(crown, cwd=home, env=ENVIRONMENT, check=True)
    summary = finish(start(home))
    again = ("evaluate", "gate", "package")  # nothing is drawn again in it: tests/acceptance/test_new_photos.py
    assert statuses(summary) == {step.name: "done" if step.name in again else "cached" for step in STEPS}
    decision = json.loads((Path(summary["folder"]) / "decision" / "decision.json").read_text())
    assert decision["champion"]
    (home / "runs" / "champion").unlink()


def test_the_ablation_goes_through_all_its_arms(resumed: dict[str, Any], tmp_path: Path) -> None:
    dataset = Dataset.open(Path(resumed["folder"]) / "dataset")
    plan = ablation.Plan(start="preset", steps=1, rate=1e-4, minutes=9, batch=2, cases=1, draws=1)
    arms = [read_json(folder / "arm.json")["arm"] for folder in ablation.run(dataset, plan, [1], tmp_path)]
    assert arms == list(ablation.ARMS)
    assert all(f"| {arm} |" in (tmp_path / "ablation.md").read_text() for arm in arms)


def test_after_pruning_the_next_run_still_takes_everything_from_the_cache(home: Path, resumed: dict[str, Any]) -> None:
    last = finish(start(home))
    prune = [sys.executable, "-m", "pipelines.cli", "runs", "prune", "--keep", "1"]
    done = subprocess.run(prune, cwd=home, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    assert resumed["id"] in done.stdout
    assert [run.parent.name for run in (home / "runs").glob("2*/run.json")] == [last["id"]]
    assert set(statuses(finish(start(home))).values()) == {"cached"}


def test_dvc_repro_makes_the_same_in_a_clone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(clone)], check=True)
    (clone / "params.yaml").write_text(json.dumps({step.name: dict(TINY.get(step.name, {})) for step in STEPS}))
    environment = ENVIRONMENT | {"PYTHONPATH": str(clone)}
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "repro"], cwd=clone, env=environment, check=True)
    for step in STEPS:
        assert (clone / "data" / step.output).is_dir()
    verdict = json.loads((clone / "data" / "decision" / "decision.json").read_text())["verdict"]
    assert verdict in ("promote", "hold", "reject")
    again = subprocess.run([*dvc, "repro"], cwd=clone, env=environment, check=True, capture_output=True, text=True)
    assert "up to date" in again.stdout
    shutil.rmtree(clone)
