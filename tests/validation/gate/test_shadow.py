"""A trial in the service's shadow: a rule of the gate where its report is given, of the models that are compared."""

from pathlib import Path
from typing import Any

import pytest

from components.gate.again import replay_decision
from components.gate.config import GateConfig
from components.gate.step import run
from components.packaging.shadow_report import shadow_report
from model.artefacts import read_json, write_json
from model.errors import UserError
from tests.components.packaging.test_shadow import ORDER, Broken, Faces, trial
from tests.validation.gate.evidence import Made, Wishes, make

NAMES = ("drew every live order", "live similarity not worse", "live copying not worse")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Made, Made]:
    """A challenger that is promoted, and its champion."""
    champion = make(tmp_path / "old", Wishes(weights="old"))
    return make(tmp_path / "new", Wishes({"sim_gt": 0.05}), champion.dataset), champion


def report(file: Path, pair: tuple[Made, Made], orders: int = 40, **differences: dict[str, float] | None) -> Path:
    """A report of a trial of the two models, which differ by as much as `differences` say."""
    sides = {"champion": None, "shadow": None}
    metrics = {
        name: {**sides, "difference": change and {**change, "n": orders}} for name, change in differences.items()
    }
    digests = [read_json(made.scores / "scores.json")["model"]["digest"] for made in pair]
    told = {"schema": 1, "shadow_model": digests[0], "champion_model": digests[1], "from": 0.0, "to": 60.0}
    write_json(file, told | {"orders": orders, "failed": 0, "people": {}, "metrics": metrics})
    return file


def decided(pair: tuple[Made, Made], shadow: Path | str, **settings: Any) -> tuple[dict[str, Any], dict[str, str]]:
    config = GateConfig.model_validate({"champion": str(pair[1].scores), "shadow": str(shadow)} | settings)
    folder = pair[0].scores.parent / "decision"
    run(**pair[0].paths(), decision=folder, config=config)
    decision = read_json(folder / "decision.json")
    return decision, {rule["name"]: rule["state"] for rule in decision["rules"]}


def around(mean: float, reach: float = 0.005) -> dict[str, float]:
    return {"mean": mean, "low": mean - reach, "high": mean + reach}


def test_without_a_report_there_is_no_such_rule(pair: tuple[Made, Made]) -> None:
    decision, states = decided(pair, "")
    assert not set(NAMES) & set(states)
    assert (decision["verdict"], decision["shadow"]) == ("promote", None)


@pytest.mark.parametrize(
    ("similarity", "copying", "verdict", "states"),
    [
        (around(0.0), around(0.0), "promote", ("passed", "passed")),
        (around(-0.02), around(0.0), "hold", ("unproven", "passed")),
        (around(-0.1), around(0.0), "reject", ("failed", "passed")),
        (around(0.0), around(0.2), "reject", ("passed", "failed")),
        (None, None, "hold", ("unproven", "unproven")),
    ],
)
def test_live_traffic_must_not_be_worse_than_a_margin(
    pair: tuple[Made, Made], tmp_path: Path, similarity: Any, copying: Any, verdict: str, states: tuple[str, str]
) -> None:
    file = report(tmp_path / "trial.json", pair, similarity=similarity, copy=copying)
    decision, found = decided(pair, file)
    assert (decision["verdict"], tuple(found[name] for name in NAMES[1:])) == (verdict, states)
    assert "shadow" in decision["inputs"]
    page = (pair[0].scores.parent / "decision" / "report.html").read_text()
    assert "40 orders from 1970-01-01 00:00 UTC to 1970-01-01 00:01 UTC, 0 failed" in page
    assert "live copying not worse" in page


def test_one_order_proves_nothing(pair: tuple[Made, Made], tmp_path: Path) -> None:
    file = report(tmp_path / "trial.json", pair, 1, similarity=around(0, 0), copy=around(0, 0))
    assert decided(pair, file)[1][NAMES[1]] == "unproven"


@pytest.mark.parametrize("who", ["shadow", "champion"])
def test_a_trial_of_other_models_is_refused_in_a_sentence(pair: tuple[Made, Made], tmp_path: Path, who: str) -> None:
    file = report(tmp_path / "trial.json", pair, similarity=around(0), copy=around(0))
    write_json(file, read_json(file) | {f"{who}_model": "e" * 64})
    decision, _ = decided(pair, file)
    assert decision["verdict"] == "reject"
    assert f"the {who} of the trial trial.json is the model eeeeeeeeeeee" in decision["reason"]


def test_a_trial_without_a_champion_is_refused(pair: tuple[Made, Made], tmp_path: Path) -> None:
    file = report(tmp_path / "trial.json", pair, similarity=around(0), copy=around(0))
    assert "the one that is compared is none" in decided(pair, file, champion="")[0]["reason"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}'])
def test_what_is_no_report_rejects(pair: tuple[Made, Made], tmp_path: Path, text: str) -> None:
    (tmp_path / "trial.json").write_text(text)
    assert decided(pair, tmp_path / "trial.json")[0]["verdict"] == "reject"


def test_the_services_own_report_is_read_and_replayed(pair: tuple[Made, Made], tmp_path: Path) -> None:
    shadow, made, _ = trial(tmp_path, Faces())
    digests = [read_json(one.scores / "scores.json")["model"]["digest"] for one in pair]
    shadow.lineage = shadow.lineage.model_copy(update={"model": digests[0]})
    shadow.champion = shadow.champion.model_copy(update={"model": digests[1]})
    for _ in range(5):
        shadow.compare(ORDER, made)
    shadow.pipeline = Broken()
    shadow.compare(ORDER, made)
    write_json(tmp_path / "trial.json", shadow_report(shadow.scores))
    decision, states = decided(pair, tmp_path / "trial.json")
    assert (states[NAMES[0]], states[NAMES[1]]) == ("unproven", "passed")
    assert "the shadow drew 5 of 6 orders" in str(decision["rules"])
    folder, scores = pair[0].scores.parent / "decision", str(pair[1].scores)
    given = dict(pair[0].paths())
    with pytest.raises(UserError, match=r"gate\.shadow"):
        replay_decision(folder, given, scores, "")
    assert replay_decision(folder, given, scores, "", str(tmp_path / "trial.json")).changes == []
