"""A champion that was drawn beside the model: compared on the same cases, those of people whom it has seen left out."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from model.artefacts import read_json, write_json
from tests.validation.gate.evidence import Made, Wishes, make
from validation.benchmark.metrics import CHAMPION
from validation.gate.decision import decide
from validation.gate.evidence import Inputs
from validation.gate.thresholds import Thresholds

OLD = "c" * 64


def beside(made: Made, worse: float = 0.05, without: Iterable[str] = (), **said: Any) -> None:
    """Write a champion into the scores, less like the person by `worse`; it has seen `without`."""
    for name in ("faces", "cases"):
        table = pq.read_table(made.scores / f"{name}.parquet").to_pandas()
        theirs = table[table["system"] == "model"].assign(system=CHAMPION)
        theirs = theirs[~theirs["case_id"].isin(cases_of(made, without))]
        theirs["sim_gt"] -= worse
        pd.concat([table, theirs]).to_parquet(made.scores / f"{name}.parquet", index=False)
    met = {"digest": OLD, "seen": dict.fromkeys(without, "by name"), "searched": "by name and by face", "absent": ""}
    scores = read_json(made.scores / "scores.json")
    write_json(made.scores / "scores.json", scores | {"champion": met | said})


def cases_of(made: Made, people: Iterable[str]) -> set[str]:
    faces = pq.read_table(made.scores / "faces.parquet").to_pandas()
    return set(faces.loc[faces["identity"].isin(list(people)), "case_id"])


def decided(made: Made, champion: Path | None = None, **limits: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The decision, and its rules by name."""
    decision = decide(Inputs(**made.paths(), champion=champion), Thresholds.model_validate(limits))
    return decision, {rule["name"]: rule for rule in decision["rules"]}


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path / "new")


def test_it_is_the_champion_and_nothing_is_left_out(made: Made) -> None:
    beside(made)
    decision, rules = decided(made)
    assert (decision["verdict"], decision["champion"]) == ("promote", OLD)
    assert rules["SimGT not worse"]["figure"] == pytest.approx(0.05)
    assert decision["left_out"] == {"cases": [], "people": {}, "searched": "by name and by face"}
    assert set(decision["figures"]["all"]) >= {"model", CHAMPION}
    assert "compared" not in decision["figures"]
    assert set(decision["inputs"]) == {"dataset", "validation", "model", "scores"}


def test_cases_of_people_whom_it_has_seen_are_left_out_on_both_sides(made: Made) -> None:
    seen = ["q00", "q03"]
    faces = pq.read_table(made.scores / "faces.parquet").to_pandas()
    ruined = faces["identity"].isin(seen) & (faces["system"] == "model")
    for name in ("faces", "cases"):
        table = pq.read_table(made.scores / f"{name}.parquet").to_pandas()
        table.loc[ruined.to_numpy(), "sim_gt"] -= 0.3  # of the model: what is left out cannot speak against it
        table.to_parquet(made.scores / f"{name}.parquet", index=False)
    beside(made, without=seen)
    decision, rules = decided(made)
    assert decision["verdict"] == "promote"
    assert decision["left_out"]["cases"] == sorted(cases_of(made, seen))
    assert "6 cases are left out" in rules["comparable with the champion"]["why"]
    assert "q00 (by name), q03 (by name)" in rules["comparable with the champion"]["why"]
    assert rules["SimGT not worse"]["figure"] == pytest.approx(0.05)
    assert "24 cases of 8 people" in rules["SimGT not worse"]["why"]
    assert decision["figures"]["compared"]["model"]["sim_gt"]["cases"] == 24
    assert set(decision["figures"]["all"]) == {"model", "adapter_off", "reference_pasted"}
    assert decision["figures"]["all"]["model"]["sim_gt"]["cases"] == 30


def test_a_case_that_it_lacks_for_no_reason_holds(made: Made) -> None:
    beside(made, without=["q00"], seen={})
    decision, rules = decided(made)
    assert (decision["verdict"], rules["comparable with the champion"]["state"]) == ("hold", "unproven")
    assert "another set of cases" in rules["comparable with the champion"]["why"]
    assert "better than the champion" not in rules


def test_too_few_cases_that_it_has_not_seen_hold(made: Made) -> None:
    beside(made, without=[f"q{number:02d}" for number in range(8)])
    decision, rules = decided(made)
    assert decision["verdict"] == "hold"
    assert "6 cases are left, at least 8 are asked for" in rules["comparable with the champion"]["why"]
    assert decided(made, minimum_cases=6)[0]["verdict"] != "reject"


def test_a_champion_that_was_not_drawn_holds_with_the_reason(made: Made) -> None:
    scores = read_json(made.scores / "scores.json")
    met = {"digest": OLD, "seen": {}, "searched": "by name", "absent": "it is of the preset flux-dev"}
    write_json(made.scores / "scores.json", scores | {"champion": met})
    decision, rules = decided(made)
    assert (decision["verdict"], decision["champion"]) == ("hold", OLD)
    assert rules["comparable with the champion"]["why"] == "the champion was not drawn: it is of the preset flux-dev"


def test_the_champion_itself_is_not_promoted_again(made: Made) -> None:
    scores = read_json(made.scores / "scores.json")
    met = {"digest": scores["model"]["digest"], "seen": {}, "searched": "by name", "absent": "it is this very model"}
    write_json(made.scores / "scores.json", scores | {"champion": met})
    assert "the model is the champion itself" in decided(made)[0]["reason"]


def test_a_slice_whose_cases_it_has_all_seen_is_not_proven(made: Made) -> None:
    for name in ("faces", "cases"):
        table = pq.read_table(made.scores / f"{name}.parquet").to_pandas()
        table["light"] = table["case_id"].isin(cases_of(made, ["q00"])).map({True: "dark", False: "bright"})
        table.to_parquet(made.scores / f"{name}.parquet", index=False)
    beside(made, without=["q00"])
    decision, rules = decided(made, slices=["light"])
    assert decision["verdict"] == "hold"
    assert rules["SimGT not worse, light=dark"]["state"] == "unproven"
    assert rules["SimGT not worse, light=bright"]["state"] == "passed"


def test_two_champions_are_refused(made: Made, tmp_path: Path) -> None:
    other = make(tmp_path / "old", Wishes(weights="old"), made.dataset)
    beside(made)
    decision, _ = decided(made, other.scores)
    assert decision["verdict"] == "reject"
    assert "leave gate.champion out" in decision["reason"]
    scores = read_json(made.scores / "scores.json")
    scores["champion"]["digest"] = read_json(other.scores / "scores.json")["model"]["digest"]
    write_json(made.scores / "scores.json", scores)
    assert decided(made, other.scores)[0]["verdict"] == "promote"
