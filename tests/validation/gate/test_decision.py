"""The gate's decisions: what promotes, what holds, what rejects, and that a replay gives the same bytes."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from model.artefacts import read_json, write_json
from tests.validation.gate.evidence import Made, Wishes, make
from validation.gate.decision import decide
from validation.gate.thresholds import Thresholds


def decided(made: Made, champion: Made | None = None, **limits: Any) -> dict[str, Any]:
    thresholds = Thresholds.model_validate(limits)
    return decide(**made.paths(), champion=champion.scores if champion else None, limits=thresholds)


def states(decision: dict[str, Any]) -> dict[str, str]:
    return {rule["name"]: rule["state"] for rule in decision["rules"]}


def rewrite(path: Path, change: Callable[[Any], None]) -> None:
    value = read_json(path)
    change(value)
    write_json(path, value)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path / "challenger")


def test_a_sound_model_without_a_champion_is_promoted(made: Made) -> None:
    decision = decided(made)
    assert decision["verdict"] == "promote"
    assert set(states(decision).values()) == {"passed"}
    assert decision["champion"] is None
    assert "no champion" in decision["reason"]
    assert set(decision["inputs"]) == {"dataset", "validation", "model", "scores"}
    assert decision["inputs"]["model"] == read_json(made.scores / "scores.json")["model"]["digest"]


def test_every_rule_on_scores_states_figure_interval_threshold_and_why(made: Made) -> None:
    for rule in decided(made)["rules"][-4:]:
        assert rule["interval"][0] <= rule["figure"] <= rule["interval"][1]
        assert rule["threshold"] is not None
        assert "95 % interval" in rule["why"]


def test_a_replay_elsewhere_gives_the_same_bytes(tmp_path: Path, made: Made) -> None:
    champion = make(tmp_path / "champion", Wishes(weights="old"), made.dataset)
    first = json.dumps(decided(made, champion))
    moved = tmp_path / "elsewhere"
    for folder in made.paths().values():
        shutil.copytree(folder, moved / folder.name)
    shutil.copytree(champion.scores, moved / "champion")
    copies = Made(**{name: moved / path.name for name, path in made.paths().items()})
    assert json.dumps(decided(copies, replace(champion, scores=moved / "champion"))) == first


@pytest.mark.parametrize(
    ("shifts", "rule"),
    [
        ({"sim_gt": -0.41}, "better than no adapter"),
        ({"copy_paste": 0.5}, "no copying"),
        ({"copy_paste": 0.9}, "copies less than a pasted reference"),
        ({"coverage": -0.4}, "draws everybody"),
    ],
)
def test_a_model_below_a_floor_is_rejected(tmp_path: Path, shifts: dict[str, float], rule: str) -> None:
    decision = decided(make(tmp_path / "made", Wishes(shifts)))
    assert decision["verdict"] == "reject"
    assert states(decision)[rule] == "failed"
    assert rule in decision["reason"]


def test_too_little_evidence_holds(tmp_path: Path) -> None:
    few = decided(make(tmp_path / "few", Wishes(cases=4)))
    assert (few["verdict"], states(few)["enough cases"]) == ("hold", "unproven")
    noisy = decided(make(tmp_path / "noisy", Wishes({"sim_gt": -0.3}, noise=0.4)))
    assert (noisy["verdict"], states(noisy)["better than no adapter"]) == ("hold", "unproven")


def test_a_gain_that_is_sure_but_too_small_is_rejected(tmp_path: Path) -> None:
    decision = decided(make(tmp_path / "made", Wishes({"sim_gt": -0.36}, noise=0.01)), gain=0.1)
    assert states(decision)["better than no adapter"] == "failed"


def test_the_champion_itself_is_held(tmp_path: Path, made: Made) -> None:
    decision = decided(made, made)
    assert decision["verdict"] == "hold"
    assert "champion itself" in decision["reason"]
    assert decision["champion"] == decision["inputs"]["model"]


@pytest.mark.parametrize(
    ("shifts", "verdict", "rule", "state"),
    [
        ({"sim_gt": 0.05}, "promote", "better than the champion", "passed"),
        ({"copy_paste": -0.04}, "promote", "better than the champion", "passed"),
        ({"sim_gt": -0.1}, "reject", "likeness not worse", "failed"),
        ({"sim_gt": 0.05, "copy_paste": 0.2}, "reject", "copying not worse", "failed"),
        ({"coverage": -0.1}, "reject", "coverage not worse", "failed"),
        ({"copy_paste": 0.01}, "reject", "better than the champion", "failed"),
    ],
)
def test_against_a_champion(
    tmp_path: Path, made: Made, shifts: dict[str, float], verdict: str, rule: str, state: str
) -> None:
    challenger = make(tmp_path / "new", Wishes(shifts, weights="new"), made.dataset)
    decision = decided(challenger, made)
    assert (decision["verdict"], states(decision)[rule]) == (verdict, state)
    assert decision["champion"] == read_json(made.scores / "scores.json")["model"]["digest"]


def test_a_champion_scored_otherwise_holds(tmp_path: Path, made: Made) -> None:
    champion = make(tmp_path / "champion", Wishes(weights="old"), made.dataset)
    rewrite(champion.scores / "scores.json", lambda scores: scores.update(seeds=[7]))
    decision = decided(made, champion)
    assert (decision["verdict"], states(decision)["comparable with the champion"]) == ("hold", "unproven")
    assert "seeds" in decision["rules"][-1]["why"]


def test_research_weights_refuse_commercial_use(made: Made) -> None:
    decision = decided(made, intended_use="commercial")
    rule = next(rule for rule in decision["rules"] if rule["name"] == "licences admit commercial use")
    assert (decision["verdict"], rule["state"]) == ("reject", "failed")
    assert "facesdk" in rule["why"]
    assert "CC0-1.0" not in rule["why"]


def test_photos_licences_are_read(made: Made) -> None:
    rewrite(made.model / "training.json", lambda training: training["licences"][1].update(licence="NoAI"))
    assert states(decided(made))["licences admit research use"] == "passed"
    assert states(decided(made, refused_licences=["NoAI"]))["licences admit research use"] == "failed"
    commercial = decided(made, intended_use="commercial")
    assert "photos under NoAI" in json.dumps(commercial)


def test_a_failed_suite_rejects(made: Made) -> None:
    rewrite(made.validation / "result.json", lambda result: result["expectations"][0].update(success=False))
    assert states(decided(made))["dataset proved good"] == "failed"


def test_people_that_were_trained_on_reject(made: Made) -> None:
    rewrite(made.model / "training.json", lambda training: training["identities"].append("p06"))
    rule = next(rule for rule in decided(made)["rules"] if rule["name"] == "benchmark people unseen")
    assert (rule["state"], rule["passed"]) == ("failed", False)
    assert "p06" in rule["why"]


@pytest.mark.parametrize("artefact", ["model", "dataset", "validation", "training"])
def test_artefacts_of_another_origin_reject(made: Made, artefact: str) -> None:
    def other(value: Any) -> None:
        value["model" if artefact == "model" else "dataset"]["digest"] = "0" * 64

    files = {"validation": made.validation / "result.json", "training": made.model / "training.json"}
    rewrite(files.get(artefact, made.scores / "scores.json"), other)
    decision = decided(made)
    assert (decision["verdict"], states(decision)["of one origin"]) == ("reject", "failed")


@pytest.mark.parametrize(
    "path",
    [
        "scores/scores.json",
        "scores/cases.parquet",
        "scores/faces.parquet",
        "model/training.json",
        "validation/result.json",
        "dataset/manifest.json",
    ],
)
@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_missing_or_broken_evidence_rejects_with_the_reason(made: Made, path: str, damage: str) -> None:
    folder, name = path.split("/")
    file = made.paths()[folder] / name
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"{]")
    decision = decided(made)
    assert decision["verdict"] == "reject"
    assert states(decision) == {"evidence readable": "failed"}
    assert str(made.scores.parent) not in json.dumps(decision)


def test_a_score_that_is_no_number_rejects(made: Made) -> None:
    table = pq.read_table(made.scores / "cases.parquet")
    broken = table.set_column(
        table.column_names.index("sim_gt"),
        "sim_gt",
        pc.if_else(pc.equal(table["case_id"], "c003"), float("nan"), table["sim_gt"]),
    )
    pq.write_table(broken, made.scores / "cases.parquet")
    decision = decided(made)
    assert decision["verdict"] == "reject"
    assert "no number" in decision["reason"]


def test_scores_without_a_system_that_a_rule_needs_reject(made: Made) -> None:
    table = pq.read_table(made.scores / "cases.parquet")
    pq.write_table(table.filter(pc.not_equal(table["system"], "adapter_off")), made.scores / "cases.parquet")
    decision = decided(made)
    assert (decision["verdict"], states(decision)["better than no adapter"]) == ("reject", "failed")


def test_a_judge_from_the_loss_decides_nothing(made: Made) -> None:
    rewrite(made.scores / "scores.json", lambda scores: scores["judges"]["xface"].update(in_loss=True))
    decision = decided(made)
    assert decision["verdict"] == "reject"
    assert "in the training loss" in decision["reason"]
