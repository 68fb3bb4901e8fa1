"""Requests to forget: kept, carried out once, told to the registry; what cannot be done stays and is told."""

from pathlib import Path

import pytest

from components.curation import forget as room
from components.curation.forget import Forgetting
from components.tombstones import Tombstones, name_digest
from model.artefacts import read_json
from model.errors import UserError
from pipelines.deletions import AFFECTED, Deletions
from pipelines.promotion import Approval, promote
from pipelines.registry import Registry, git
from pipelines.runs import Runs
from tests.pipelines.decided import decided_run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One version trained on Ada and Bo, and a photo folder; curation itself is tested in its own room."""

    def leave_out(person: str, photos: Path, dataset: Path) -> Forgetting:
        if person == "Nobody":
            raise UserError("person 'Nobody' is not in the dataset")
        Tombstones().write(photos)
        return Forgetting(3, [], None, None)

    monkeypatch.setattr(room, "forget", leave_out)
    decided_run(tmp_path)
    promote(Runs(tmp_path / "runs"), "latest", Registry(tmp_path / "registry"), Approval("ada"))
    (tmp_path / "photos").mkdir()
    return tmp_path


def carried_out(home: Path) -> list[dict[str, object]]:
    places = (home / "photos", home / "data", Registry(home / "registry"), home / "deployment")
    return Deletions(home / "deletions").apply(*places)


def test_a_request_goes_through_dataset_versions_and_deny_list(home: Path) -> None:
    requests = Deletions(home / "deletions")
    requests.add("Ada")
    requests.add("Ada")
    assert requests.pending() == ["Ada"]
    digest = name_digest("Ada")
    expected = {"person": digest, "done": True, "photos": 3, "versions": ["v1.0.0"], "champion": True}
    assert carried_out(home) == [expected]
    assert read_json(home / "registry" / AFFECTED) == {"v1.0.0": [digest]}
    assert git(home / "registry", "status", "--porcelain") == ""
    assert Tombstones.read(home / "deployment").people == ()
    assert requests.pending() == []
    assert carried_out(home) == []
    left = [file.read_text() for file in (home / "deletions").rglob("*.json")]
    assert not any("Ada" in text for text in left)


def test_one_that_cannot_be_done_stays_and_the_others_are_done(home: Path) -> None:
    requests = Deletions(home / "deletions")
    for person in ("Nobody", "Bo"):
        requests.add(person)
    assert sorted(bool(row["done"]) for row in carried_out(home)) == [False, True]
    assert requests.pending() == ["Nobody"]
