"""The command line: quick help, sentences instead of tracebacks, exit codes."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.steps import STEPS, Step
from model.artefacts import write_json
from pipelines.cli import app
from pipelines.runs import Runs
from pipelines.sources import ROOT

HEAVY = ("torch", "kfp", "pandas", "numpy", "pyarrow", "great_expectations", "bentoml", "diffusers", "airflow", "dvc")
COMMANDS = [
    "run",
    "cast",
    "curate",
    "validate",
    "train",
    "evaluate",
    "gate",
    "package",
    "serve",
    "verify",
    "shadow",
    "promote",
    "deploy",
    "rollback",
    "versions",
    "lineage",
    "drift",
    "deletions",
    "compile",
    "runs",
    "data",
    "weights",
    "import-multiid",
    "export-multiid",
    "merge-branches",
]


def withanyone(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_loads_nothing_heavy_and_names_commands_and_exit_codes(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pipelines import cli\nsys.argv = ['withanyone', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
    for command in COMMANDS:
        assert f" {command} " in done.stdout
    assert "Exit codes: 0 done" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.output
    assert CliRunner().invoke(app, [command, "-h"]).output == done.output


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"withanyone {version('withanyone')}\n"


@pytest.mark.parametrize("step", STEPS[1:], ids=lambda step: step.name)
def test_a_steps_command_asks_for_the_steps_inputs(step: Step) -> None:
    text = CliRunner().invoke(app, [step.name, "--help"], env={"COLUMNS": "120", "NO_COLOR": "1"}).output
    for name in step.inputs:
        assert f"--{name} " in text
    missing = CliRunner().invoke(app, [step.name, "--out", "nowhere"])
    assert missing.exit_code == 2
    assert step.inputs[0] in missing.output


def test_an_unknown_setting_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    done = withanyone("run", "--set", "photos.peeple=3", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "There is no setting photos.peeple; did you mean people?\n"
    assert not (tmp_path / "runs").exists()


def test_a_missing_photo_folder_is_exit_2(tmp_path: Path) -> None:
    done = withanyone("run", "--photos", str(tmp_path / "nowhere"), cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere" in done.stderr


def test_an_input_that_cannot_be_used_is_one_sentence_and_exit_3(tmp_path: Path) -> None:
    done = withanyone("serve", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr == "runs holds no run yet: make one with `withanyone run`.\n"


def test_what_another_process_has_in_hand_is_exit_75(tmp_path: Path) -> None:
    with Runs(tmp_path / "runs").store.only_user():
        done = withanyone("run", cwd=tmp_path)
    assert done.returncode == 75
    assert "Another process is changing the runs in" in done.stderr


def test_runs_are_listed_and_crowned(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    write_json(tmp_path / "scores" / "scores.json", {})
    run = runs.begin({})
    runs.finish(run, {"scores": tmp_path / "scores"}, {"status": "done", "verdict": "promote"})
    crowned = withanyone("runs", "champion", "latest", cwd=tmp_path)
    assert crowned.stdout == f"champion: {run.name}\n"
    listed = json.loads(withanyone("runs", "--json", cwd=tmp_path).stdout)
    assert [(record["id"], record["verdict"], record["champion"]) for record in listed] == [(run.name, "promote", True)]
    table = withanyone("runs", cwd=tmp_path).stdout
    assert run.name in table
    assert "latest champion" in table


def test_serving_a_run_without_a_bento_says_why(tmp_path: Path) -> None:
    run = Runs(tmp_path / "runs").begin({})
    done = withanyone("serve", run.name, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        3,
        f"The run {run.name} has packaged no model: serve another, or run again.\n",
    )


def test_evaluating_needs_a_dataset_and_a_model_or_pictures(tmp_path: Path) -> None:
    done = withanyone("evaluate", "--out", str(tmp_path / "scores"), cwd=tmp_path)
    assert done.returncode == 2
    assert "--images is not given" in " ".join(done.stderr.replace("│", " ").split())
    (tmp_path / "pictures").mkdir()
    done = withanyone("evaluate", "--images", "pictures", "--out", "scores", cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[-1][:36]) == (3, "--images pictures has no case to sco")


def test_branches_trained_apart_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import save_file

    from model.adapter.checkpoint import load_adapter
    from tests.model.adapter.test_merge import preset_of_the_tiny_sizes
    from tests.model.published import published_tensors
    from tests.model.tiny import BOTH

    monkeypatch.setattr("model.presets.preset", lambda _name: preset_of_the_tiny_sizes())
    published = tmp_path / "published.safetensors"
    save_file(published_tensors(BOTH), published)
    arguments = ["merge-branches", str(tmp_path / "model"), "--arc", str(published), "--sig", str(published)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert load_adapter(tmp_path / "model").sizes == BOTH
    assert "no branch is given" in str(CliRunner().invoke(app, ["merge-branches", str(tmp_path / "none")]).exception)
