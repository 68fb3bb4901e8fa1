"""What the main job fills in before it runs: the champion, and the tombstones of the photo folder."""

import datetime as dt
import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.steps import EVALUATE
from model.artefacts import read_json, write_json
from model.errors import Preempted, UserError
from pipelines.main_job import _complete, _photos, run_main_job
from pipelines.runs import Runs
from pipelines.settings import load_settings
from pipelines.sources import step_version
from tests.pipelines.decided import decided_run


def completed(folder: Path, step: str, changes: list[str]) -> dict[str, Any]:
    return _complete(Runs(folder / "runs"), load_settings(None, changes))[step].model_dump()


def forgotten(folder: Path, changes: list[str]) -> str:
    return str(completed(folder, "gate", changes)["forgotten"])


def test_the_gate_reads_the_tombstones_of_the_photo_folder(tmp_path: Path) -> None:
    photos, own = tmp_path / "photos", tmp_path / "forgotten.json"
    photos.mkdir()
    changes = [f'photos.folder="{photos}"']
    assert forgotten(tmp_path, changes) == ""
    (photos / "forgotten.json").write_text("{}")
    assert forgotten(tmp_path, changes) == str(photos / "forgotten.json")
    assert forgotten(tmp_path, [*changes, f'gate.forgotten="{own}"']) == str(own)
    changes = [f'photos.urls="{photos}/list.csv"']
    assert forgotten(tmp_path, changes) == str(photos / "forgotten.json")
    (photos / "forgotten.json").unlink()
    assert forgotten(tmp_path, changes) == ""


@pytest.mark.parametrize(
    ("stopped", "status", "words"),
    [
        (Preempted("it made room."), "interrupted", "it made room."),
        (KeyboardInterrupt(), "interrupted", "Ctrl-C"),
        (RuntimeError("odd"), "failed", "odd"),
        (MemoryError(), "failed", "MemoryError"),
    ],
)
def test_a_run_that_was_asked_to_stop_was_interrupted_and_has_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: BaseException, status: str, words: str
) -> None:
    def stop(*_: Any) -> None:
        raise stopped

    monkeypatch.setattr("pipelines.local.run_pipeline", stop)
    runs = Runs(tmp_path / "runs")
    with pytest.raises(type(stopped)):
        run_main_job(runs, load_settings(None, []), Console(file=io.StringIO()))
    record = runs.records()[0]
    assert record["status"] == status
    assert record["failure"]["sentence"] == f"The run was stopped: {words}"


def test_a_clock_that_is_set_back_meanwhile_gives_no_run_negative_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Earlier(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Earlier":
            return cls(2000, 1, 1, tzinfo=tz)

    def work(*_: Any) -> None:
        monkeypatch.setattr("pipelines.runs.datetime", Earlier)
        raise RuntimeError("odd")

    monkeypatch.setattr("pipelines.local.run_pipeline", work)
    runs = Runs(tmp_path / "runs")
    with pytest.raises(RuntimeError, match="odd"):
        run_main_job(runs, load_settings(None, []), Console(file=io.StringIO()))
    record = runs.records()[0]
    assert record["finished"] < record["started"]
    assert record["seconds"] >= 0


def champions(folder: Path, *changes: str) -> tuple[str, str]:
    """Who is drawn beside the model, and whose stored scores the gate takes."""
    return tuple(completed(folder, step, list(changes))["champion"] for step in ("evaluate", "gate"))


def test_the_champion_is_drawn_beside_the_model_unless_the_settings_name_another(tmp_path: Path) -> None:
    assert champions(tmp_path) == ("", "")
    run = decided_run(tmp_path)
    Runs(tmp_path / "runs").crown(run.name)
    assert champions(tmp_path) == (str(run.resolve()), "")
    assert champions(tmp_path, "evaluate.champion=/in/other") == ("/in/other", "")
    assert champions(tmp_path, "gate.champion=/in/scores") == ("", "/in/scores")
    assert champions(tmp_path, "evaluate.release=/in/bench.parquet") == ("", str(run.resolve() / "scores"))


def test_whom_the_champion_has_not_seen_stays_held_out(tmp_path: Path) -> None:
    assert completed(tmp_path, "curate", [])["previous"] == ""
    run = decided_run(tmp_path)
    Runs(tmp_path / "runs").crown(run.name)
    assert completed(tmp_path, "curate", [])["previous"] == str(run.resolve() / "dataset")
    assert completed(tmp_path, "curate", ["curate.previous=/in/other"])["previous"] == "/in/other"
    assert completed(tmp_path, "curate", ["evaluate.champion=/in/other"])["previous"] == ""
    (run / "dataset" / "manifest.json").write_text('{"schema": 0}')
    assert completed(tmp_path, "curate", [])["previous"] == ""


def test_on_the_champions_own_photos_its_dataset_is_made_again_in_the_same_way(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    changes = [f'photos.folder="{photos}"']
    run, before = decided_run(tmp_path), decided_run(tmp_path / "before") / "dataset"
    Runs(tmp_path / "runs").crown(run.name)
    settings = _complete(Runs(tmp_path / "none"), load_settings(None, changes))
    record = read_json(run / "run.json") | {"photos": _photos(settings)}
    for previous in ("", str(before)):
        curate = settings["curate"].model_dump(mode="json") | {"previous": previous}
        write_json(run / "run.json", {**record, "settings": {"curate": curate}})
        assert completed(tmp_path, "curate", changes)["previous"] == previous
        other = completed(tmp_path, "curate", [*changes, "curate.heldout_fraction=0.3"])
        assert other["previous"] == str(run.resolve() / "dataset")
    shutil.rmtree(before)
    assert completed(tmp_path, "curate", changes)["previous"] == str(run.resolve() / "dataset")
    write_json(run / "run.json", {**record, "settings": {"curate": settings["curate"].model_dump(mode="json")}})
    (photos / "new.jpg").write_bytes(b"")
    assert completed(tmp_path, "curate", changes)["previous"] == str(run.resolve() / "dataset")


def test_another_champion_or_a_change_of_it_has_the_evaluation_done_anew(tmp_path: Path) -> None:
    first, second = decided_run(tmp_path), decided_run(tmp_path, seed=2)
    versions = []
    for change in (lambda: None, lambda: (first / "model" / "training.json").write_text("{}"), lambda: None):
        change()
        settings = load_settings(None, [f"evaluate.champion={first}"])
        versions.append(step_version(EVALUATE, settings["evaluate"]))
    assert versions[0] != versions[1] == versions[2]
    assert step_version(EVALUATE, load_settings(None, [f"evaluate.champion={second}"])["evaluate"]) not in versions


def test_a_folder_without_photos_is_refused_before_a_run_begins(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "readme.txt").write_text("photos follow")
    settings = load_settings(None, [f'photos.folder="{tmp_path}/photos"'])
    with pytest.raises(UserError, match="holds no picture that can be read"):
        run_main_job(Runs(tmp_path / "runs"), settings, Console(file=io.StringIO()))
    assert not (tmp_path / "runs").exists()
