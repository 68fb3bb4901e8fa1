"""What `withanyone run` ends with when a step has failed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.artefacts import write_json
from pipelines.cli import app
from pipelines.commands.main_job import _exit_code
from pipelines.console import Failure
from pipelines.runs import Runs


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Failure("train", "wrong", expected=False), 1),
        (Failure("train", "mend it", expected=True), 3),
        (Failure("validate", "see the report", expected=True), 4),
        (Failure("train", "wait", expected=True, busy=True), 75),
    ],
)
def test_the_exit_code_tells_who_can_help(tmp_path: Path, failure: Failure, code: int) -> None:
    write_json(tmp_path / "validation" / "result.json", {"success": False})
    assert _exit_code(vars(failure), tmp_path) == code


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 1}', ""])
def test_a_damaged_record_hides_no_other_run(tmp_path: Path, text: str) -> None:
    runs = Runs(tmp_path)
    damaged, whole = runs.begin({}), runs.begin({})
    runs.finish(whole, {}, {"status": "done", "verdict": "promote"})
    (damaged / "run.json").write_text(text)
    told = CliRunner().invoke(app, ["runs", "--runs", str(tmp_path)])
    assert told.exit_code == 0
    rows = [line.split()[:2] for line in told.stdout.splitlines()]
    assert rows[1:] == [[damaged.name, "damaged"], [whole.name, "done"]]
    assert f"{damaged / 'run.json'}" in told.stderr
    assert told.stderr.endswith(f"or delete the run's folder {damaged}\n")
    listed = json.loads(CliRunner().invoke(app, ["runs", "--runs", str(tmp_path), "--json"]).stdout)
    assert {record["id"]: record["status"] for record in listed} == {damaged.name: "damaged", whole.name: "done"}
