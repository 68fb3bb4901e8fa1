"""Lineage: from any end of the chain to all of it."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from model.artefacts import write_json
from model.errors import UserError
from pipelines.bentos import LINEAGE
from pipelines.lineage import lineage, show_lineage
from pipelines.promotion import Approval, promote
from pipelines.registry import Registry
from pipelines.runs import Runs
from tests.pipelines.decided import decided_run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of one dataset."""
    home = tmp_path_factory.mktemp("home")
    runs, registry = Runs(home / "runs"), Registry(home / "registry")
    decided_run(home, seed=1)
    model = promote(runs, "latest", registry, Approval("ada"))["model"]
    decided_run(home, seed=2, champion=model)
    promote(runs, "latest", registry, Approval("bo"))
    return home


def versions(home: Path, thing: str) -> list[str]:
    return [chain["version"] for chain in lineage(thing, Registry(home / "registry"))["versions"]]


def test_a_version_a_run_a_decision_and_a_model_lead_to_their_version(home: Path) -> None:
    record = Registry(home / "registry").find("v1")
    for thing in ("v1", "v1.0.0", "withanyone@v1.0.0", record["run"], record["decision"], record["model"][:16]):
        assert versions(home, thing) == ["v1.0.0"]
    for part in ("decision", "decision/decision.json", "model", "scores"):
        assert versions(home, str(home / "runs" / record["run"] / part)) == ["v1.0.0"]


def test_the_folder_of_a_run_leads_to_its_version(home: Path) -> None:
    assert versions(home, str(home / "runs" / "champion")) == ["v2.0.0"]
    found = lineage(str(home / "runs" / Registry(home / "registry").find("v1")["run"]), Registry(home / "registry"))
    assert (found["kind"], [chain["version"] for chain in found["versions"]]) == ("run", ["v1.0.0"])


def test_a_dataset_leads_to_all_that_was_made_of_it(home: Path) -> None:
    record = Registry(home / "registry").find("v1")
    assert versions(home, str(home / "runs" / record["run"] / "dataset")) == ["v2.0.0", "v1.0.0"]
    found = lineage(record["dataset"][:12], Registry(home / "registry"))
    assert found["kind"] == "dataset"
    assert [chain["production"] for chain in found["versions"]] == [True, False]


def test_a_bento_leads_to_the_version_it_was_made_of(home: Path, tmp_path: Path) -> None:
    record = Registry(home / "registry").find("v2")
    write_json(tmp_path / LINEAGE, {"model": record["model"], "decision": record["decision"]})
    assert versions(home, str(tmp_path)) == ["v2.0.0"]
    assert versions(home, f"withanyone:{record['model'][:16]}") == ["v2.0.0"]


def test_the_chain_is_told_from_photos_to_production(home: Path) -> None:
    shown = io.StringIO()
    show_lineage(lineage("v2", Registry(home / "registry")), Console(file=shown, width=40))
    lines = shown.getvalue().splitlines()
    firsts = ("photos", "dataset", "code", "run", "model", "scores", "decision", "approved", "put")
    order = [next(n for n, line in enumerate(lines) if line.startswith(f"  {first}")) for first in firsts]
    assert order == sorted(order)
    assert "commit c0ffee" in shown.getvalue()
    assert "approved  by bo" in shown.getvalue()


def test_an_unknown_thing_is_refused_with_what_there_is(home: Path) -> None:
    with pytest.raises(UserError, match=r"v1\.0\.0, v2\.0\.0"):
        lineage("deadbeef", Registry(home / "registry"))
