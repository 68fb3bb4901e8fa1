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


def test_a_narrow_terminal_shows_the_whole_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Runs(tmp_path).begin({})
    monkeypatch.setenv("COLUMNS", "40")
    assert f" {made.name} " in CliRunner().invoke(app, ["runs", "--runs", str(tmp_path)]).stdout


@pytest.mark.parametrize("words", ["--runs there {}", "{} --runs there", "--runs nowhere {} --runs there"])
def test_the_folder_of_runs_may_be_named_before_the_command_or_after(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = Runs(tmp_path / "there")
    made = [runs.begin({}) for _ in range(3)]
    write_json(made[0] / "scores" / "scores.json", {})

    def said(command: str) -> str:
        done = CliRunner().invoke(app, ["runs", *words.format(command).split()])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert said(f"champion {made[0].name}") == f"champion: {made[0].name}\n"
    assert said("prune --keep 1") == f"deleted 1 run: {made[1].name}\n"
    assert [record["id"] for record in runs.records()] == [made[0].name, made[2].name]
    assert not (tmp_path / "nowhere").exists()


def test_where_nothing_ever_ran_nothing_is_made_and_nothing_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for folder in ("runs", "photos"):
        done = CliRunner().invoke(app, ["runs", "prune", "--keep", "1", "--runs", folder])
        assert (done.exit_code, done.stdout) == (0, "deleted 0 runs\n")
    assert list(tmp_path.rglob("*")) == [tmp_path / "photos"]


def test_json_is_of_the_list_alone(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["runs", "--runs", str(tmp_path), "--json", "prune", "--keep", "1"])
    assert done.exit_code == 2
    assert "prune prints no JSON: leave it out" in done.output
