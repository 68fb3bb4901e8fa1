"""What the main job fills in before it runs: the champion, and the tombstones of the photo folder."""

from pathlib import Path

from pipelines.main_job import _complete
from pipelines.runs import Runs
from pipelines.settings import load_settings


def forgotten(folder: Path, changes: list[str]) -> str:
    settings = _complete(Runs(folder / "runs"), load_settings(None, changes))
    return str(settings["gate"].model_dump()["forgotten"])


def test_the_gate_reads_the_tombstones_of_the_photo_folder(tmp_path: Path) -> None:
    photos, own = tmp_path / "photos", tmp_path / "forgotten.json"
    photos.mkdir()
    changes = [f'photos.folder="{photos}"']
    assert forgotten(tmp_path, changes) == ""
    (photos / "forgotten.json").write_text("{}")
    assert forgotten(tmp_path, changes) == str(photos / "forgotten.json")
    assert forgotten(tmp_path, [*changes, f'gate.forgotten="{own}"']) == str(own)
