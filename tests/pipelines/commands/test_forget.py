"""`withanyone forget`: tells whether the new version was searched by face, and deletes files only when asked to."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.curation import forget as room
from components.curation.forget import Forgetting
from pipelines.cli import app


@pytest.mark.parametrize(
    ("nearest", "told"),
    [
        (0.21, "searched by face: the nearest face left has 0.210, 0.450 would be the person"),
        (None, "not searched by face"),
    ],
)
@pytest.mark.parametrize("delete", [False, True])
def test_it_says_whether_it_searched_by_face(
    nearest: float | None, told: str, delete: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ada.jpg"
    file.touch()
    done = Forgetting(1, [file], nearest, 0.45 if nearest else None)
    monkeypatch.setattr(room, "forget", lambda *_: done)
    words = ["forget", "Ada", "--photos", str(tmp_path), "--dataset", str(tmp_path)]
    said = CliRunner().invoke(app, [*words, *(["--delete-photos"] if delete else [])])
    assert said.exit_code == 0
    assert told in said.stdout
    assert file.exists() is not delete
