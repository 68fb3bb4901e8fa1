"""Requests to forget: kept, carried out once, told to the registry; what cannot be done stays and is told."""

from contextlib import nullcontext
from datetime import date
from pathlib import Path

import pytest

from components.curation import forget as room
from components.curation.forget import Forgetting
from components.tombstones import Tombstone, Tombstones, name_digest
from model.artefacts import read_json
from model.errors import UserError
from pipelines.deletions import AFFECTED, Deletions
from pipelines.promotion import Approval, promote
from pipelines.registry import Registry, git
from pipelines.runs import Runs
from tests.pipelines.decided import decided_run

TODAY = date(2026, 11, 24)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One version trained on Ada and Bo, and a photo folder; curation itself is tested in its own room."""

    def leave_out(person: str, photos: Path, dataset: Path) -> Forgetting:
        if person == "Nobody":
            raise UserError("person 'Nobody' is not in the dataset")
        known = Tombstones.read(photos).people
        Tombstones(people=(*known, Tombstone(name_sha256=name_digest(person), photos=(), since=TODAY))).write(photos)
        if person == "Last":
            raise UserError("the person is left out from now on, but no next version can be made")
        if person == "Odd":
            raise OSError("odd")
        return Forgetting(3, [], frozenset(), None, None)

    monkeypatch.setattr(room, "forget", leave_out)
    decided_run(tmp_path)
    promote(Runs(tmp_path / "runs"), "latest", Registry(tmp_path / "registry"), Approval("ada"))
    (tmp_path / "photos").mkdir()
    return tmp_path


def carried_out(home: Path, photos: str = "photos") -> list[dict[str, object]]:
    places = (home / photos, home / "data", Registry(home / "registry"), home / "deployment")
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
    assert Tombstones.read(home / "deployment") == Tombstones.read(home / "photos")
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


@pytest.mark.parametrize(("person", "error"), [("Last", None), ("Odd", OSError)])
def test_the_service_denies_who_has_a_tombstone_also_where_the_dataset_fails(
    home: Path, person: str, error: type[Exception] | None
) -> None:
    requests = Deletions(home / "deletions")
    requests.add(person)
    with pytest.raises(error) if error else nullcontext():
        carried_out(home)
    assert [one.name_sha256 for one in Tombstones.read(home / "deployment").people] == [name_digest(person)]
    assert requests.pending() == [person]


def test_a_second_photo_folder_takes_nobody_off_the_deny_list(home: Path) -> None:
    requests = Deletions(home / "deletions")
    (home / "more").mkdir()
    for person, folder in (("Ada", "photos"), ("Bo", "more"), ("Cem", "photos")):
        requests.add(person)
        carried_out(home, folder)
    denied = {stone.name_sha256 for stone in Tombstones.read(home / "deployment").people}
    assert denied == {name_digest(person) for person in ("Ada", "Bo", "Cem")}
