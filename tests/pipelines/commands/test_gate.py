"""`withanyone gate`: decides, replays and overrides, with the exit codes that its help tells."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.artefacts import read_json
from pipelines.cli import app
from tests.validation.gate.evidence import Wishes, make

RUN = CliRunner()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The decision of a run, made by the command."""
    made = make(tmp_path / "run")
    folders = [part for name, path in made.paths().items() for part in (f"--{name}", str(path))]
    done = RUN.invoke(app, ["gate", *folders, "--out", str(tmp_path / "run" / "decision"), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["verdict"]) == (0, "promote")
    return tmp_path / "run" / "decision"


def test_a_replay_tells_whether_the_bytes_are_the_same(out: Path) -> None:
    done = RUN.invoke(app, ["gate", "--replay", str(out)])
    assert (done.exit_code, done.stdout) == (0, "the same bytes again: promote\n")
    (out.parent / "model" / "adapter.safetensors").write_text("another")
    done = RUN.invoke(app, ["gate", "--replay", str(out), "--json"])
    assert done.exit_code == 5
    assert "input model" in json.loads(done.stdout)["changes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "gate.gain=0.5"], "'gate.gain=0.5' would change nothing: a replay takes the limits of the decision"),
        (["--out", "new"], "a replay writes nothing: leave out --out"),
        (["--override", "hold", "--by", "Ada"], "a replay writes nothing: leave out --override, --by"),
    ],
)
def test_a_replay_refuses_what_it_would_not_heed(words: list[str], said: str, out: Path) -> None:
    done = RUN.invoke(app, ["gate", "--replay", str(out), *words], env={"COLUMNS": "250"})
    assert done.exit_code == 2
    assert said in done.output
    assert RUN.invoke(app, ["gate", "--replay", str(out), "--set", "gate.shadow=''"]).exit_code == 0


def test_an_override_leaves_what_else_is_said_of_the_decision(out: Path) -> None:
    (out / "sources.json").write_text('{"model": "s3://place"}')
    words = ["gate", "--override", "hold", "--by", "Ada", "--reason", "not yet", "--out", str(out)]
    assert RUN.invoke(app, words).exit_code == 0
    assert read_json(out / "decision.json")["verdict"] == "hold"
    assert read_json(out / "sources.json") == {"model": "s3://place"}


def test_a_name_and_a_reason_are_of_an_override(out: Path) -> None:
    before = (out / "decision.json").read_bytes()
    folders = [part for name in ("dataset", "validation", "model", "scores") for part in (f"--{name}", str(out.parent))]
    done = RUN.invoke(
        app, ["gate", *folders, "--by", "Ada", "--reason", "so", "--out", str(out)], env={"COLUMNS": "250"}
    )
    assert done.exit_code == 2
    assert "--by and --reason are of an override" in done.output
    assert (out / "decision.json").read_bytes() == before


def test_an_override_needs_only_the_decision(out: Path) -> None:
    words = ["gate", "--override", "hold", "--by", "Ada", "--reason", "not before Monday"]
    done = RUN.invoke(app, [*words, "--out", str(out)])
    assert (done.exit_code, done.stdout) == (0, "hold (the rules said promote)\n")
    assert read_json(out / "decision.json")["overrides"][0]["by"] == "Ada"
    nowhere = RUN.invoke(app, words)
    assert nowhere.exit_code == 2
    nobody = RUN.invoke(app, [*words[:3], "--out", str(out)], env={"COLUMNS": "200"})
    assert (nobody.exit_code, "give --by, --reason too" in nobody.output) == (2, True)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    made = make(tmp_path, Wishes())
    done = RUN.invoke(app, ["gate", "--dataset", str(made.dataset)], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "give --validation, --model, --scores, --out too" in done.output
