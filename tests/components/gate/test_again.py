"""Coming back to a decision: the same bytes or what changed by name, and overrides that stay."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.gate.again import override_decision, replay_decision
from components.gate.config import GateConfig
from components.gate.step import run
from model.artefacts import read_json, write_json
from model.errors import UserError
from tests.validation.gate.evidence import Wishes, make


@pytest.fixture
def decision(tmp_path: Path) -> Path:
    """The decision of a run that lies beside the champion's, as runs do."""
    champion = make(tmp_path / "runs" / "first", Wishes(weights="old"))
    challenger = make(tmp_path / "runs" / "second", Wishes({"sim_gt": 0.05}), champion.dataset)
    shutil.copytree(champion.dataset, tmp_path / "runs" / "second" / "dataset")
    folder = tmp_path / "runs" / "second" / "decision"
    run(**challenger.paths(), decision=folder, config=GateConfig(champion=str(champion.scores)))
    return folder


def replayed(folder: Path) -> list[str]:
    return replay_decision(folder, {}, "", "").changes


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    write_json(path, change(read_json(path)))


def test_a_replay_gives_the_same_bytes_also_elsewhere(decision: Path, tmp_path: Path) -> None:
    assert read_json(decision / "decision.json")["verdict"] == "promote"
    assert replayed(decision) == []
    shutil.copytree(tmp_path / "runs", tmp_path / "moved")
    shutil.rmtree(tmp_path / "runs")
    assert replayed(tmp_path / "moved" / "second" / "decision") == []


def test_a_replay_names_what_changed(decision: Path, tmp_path: Path) -> None:
    stated = decision / "decision.json"
    rewrite(stated, lambda value: value | {"code": value["code"] | {"digest": "0" * 64}})
    assert replayed(decision) == ["code digest"]
    rewrite(stated, lambda value: value | {"verdict": "hold"})
    assert replayed(decision) == ["code digest", "verdict"]
    (decision.parent / "model" / "adapter.safetensors").write_text("others")
    changes = replayed(decision)
    assert {"input model", "rule 'of one origin'", "by_rules"} <= set(changes)
    (decision.parent / "validation" / "result.json").unlink()
    assert {"input validation", "by_rules"} <= set(replayed(decision))


def test_a_replay_without_its_champion_or_its_inputs_says_what_to_name(decision: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--dataset"):
        replay_decision(decision, {"dataset": tmp_path / "nowhere"}, "", "")
    shutil.rmtree(tmp_path / "runs" / "first" / "scores")
    with pytest.raises(UserError, match=r"gate\.champion"):
        replayed(decision)


def test_a_replay_asks_for_the_list_of_people_to_be_forgotten(decision: Path, tmp_path: Path) -> None:
    rewrite(decision / "decision.json", lambda value: value | {"inputs": value["inputs"] | {"forgotten": "0" * 64}})
    with pytest.raises(UserError, match=r"gate\.forgotten"):
        replayed(decision)
    (tmp_path / "forgotten.json").write_text('{"people": []}')
    found = replay_decision(decision, {}, "", str(tmp_path / "forgotten.json"))
    assert found.changes[0] == "input forgotten"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1}', '{"schema": 2}', '{"schema": 2, "inputs": {}}'])
def test_what_is_no_decision_is_refused(decision: Path, content: str) -> None:
    (decision / "decision.json").write_text(content)
    with pytest.raises(UserError, match="decision"):
        replayed(decision)
    with pytest.raises(UserError, match="decision"):
        override_decision(decision, "hold", "Ada", "why")


def test_a_decision_with_an_odd_limit_is_refused_with_its_name(decision: Path) -> None:
    odd = {"intended_use": "fun"}
    rewrite(decision / "decision.json", lambda value: value | {"thresholds": value["thresholds"] | odd})
    with pytest.raises(UserError, match=r"cannot be replayed \(intended_use: Input should be .*decide again"):
        replayed(decision)


def test_an_override_is_recorded_for_ever_and_replayed(decision: Path) -> None:
    override_decision(decision, "reject", "Ada", "the eyes are wrong")
    override_decision(decision, "promote", "Bo", "they are not")
    found = read_json(decision / "decision.json")
    assert found["verdict"] == "promote"
    assert found["by_rules"]["verdict"] == "promote"
    assert [(o["by"], o["instead_of"], o["verdict"]) for o in found["overrides"]] == [
        ("Ada", "promote", "reject"),
        ("Bo", "reject", "promote"),
    ]
    assert "overridden by Bo: they are not" in found["reason"]
    assert "Ada" in (decision / "report.html").read_text()
    assert replayed(decision) == []
    rewrite(decision / "decision.json", lambda value: value | {"overrides": value["overrides"][1:]})
    with pytest.raises(UserError, match="already"):
        replayed(decision)


@pytest.mark.parametrize(
    ("verdict", "by", "reason", "words"),
    [
        ("hold", "", "why", "--by is empty"),
        ("hold", "  ", "why", "--by is empty"),
        ("hold", "Ada", "", "--reason is empty"),
        ("maybe", "Ada", "why", "promote, hold, reject"),
        ("promote", "Ada", "why", "already"),
    ],
)
def test_an_override_needs_a_verdict_a_name_and_a_reason(
    decision: Path, verdict: str, by: str, reason: str, words: str
) -> None:
    before = (decision / "decision.json").read_bytes()
    with pytest.raises(UserError, match=words):
        override_decision(decision, verdict, by, reason)
    assert (decision / "decision.json").read_bytes() == before
    assert json.loads(before)["overrides"] == []
