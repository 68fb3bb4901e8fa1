"""The smaller DAGs: what they ask of the command, and when they leave it."""

from pathlib import Path
from typing import Any

import pytest

from dags import nightly
from tests.dags.conftest import Home, results, try_out

FORGET = {"photos": "/it's {{ here }}", "dataset": "data"}


@pytest.fixture(scope="module")
def ran(home: Home) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Results of runs of each, and what the command was asked."""
    approved = {"run": "one", "approved_by": "ada", "override": "it's a trial", "decision": "d" * 64}
    runs: list[tuple[str, dict[str, Any]]] = [
        ("forget", {**FORGET, "limit": 1}),
        ("forget", {**FORGET, "limit": 2}),
        ("rollback", {}),
        ("rollback", {"version": "v1"}),
        ("promote", approved),
        ("nightly", {}),
    ]
    found = results(try_out(home, *runs))
    return found, home.asked()


def test_more_forgotten_people_than_the_limit_ask_for_a_retraining(ran: Any) -> None:
    over, within = ran[0][:2]
    assert over["tasks"] == {"apply": "success", "look": "success", "over_limit": "success"}
    assert within["tasks"]["over_limit"] == "skipped"
    assert ran[1][0] == ["deletions", "apply", "--photos", FORGET["photos"], "--dataset", "data"]


def test_a_rollback_names_its_version_or_none(ran: Any) -> None:
    assert [asked for asked in ran[1] if asked[0] == "rollback"] == [
        ["rollback", "--json"],
        ["rollback", "--json", "--to", "v1"],
    ]


def test_a_promotion_passes_the_approval_and_then_deploys(ran: Any) -> None:
    words = ["promote", "one", "--json", "--approved-by", "ada", "--decision", "d" * 64, "--override", "it's a trial"]
    assert ran[0][4]["state"] == "success"
    assert ran[1][ran[1].index(words) + 1] == ["deploy", "--json"]


def test_without_a_champion_nothing_is_scored(ran: Any) -> None:
    assert ran[0][5]["tasks"] == {"there_is_a_champion": "success", "score": "skipped", "report": "skipped"}
    assert ran[1][-1][0] != "drift"


def test_a_champion_whose_folder_was_deleted_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "HOME", tmp_path)
    there_is_a_champion = nightly.there_is_a_champion.function
    assert not there_is_a_champion()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "champion").symlink_to("20260101-000000")
    assert there_is_a_champion()
