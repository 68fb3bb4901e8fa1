"""The validate step: its artefact, its page, and a failed suite that is written down before the run is stopped."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from components.validation.config import ValidationConfig
from components.validation.step import run
from model.artefacts import read_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from tests.validation.datasets import Frame, edit, sound_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return sound_dataset(tmp_path / "dataset")


def test_a_sound_dataset(tmp_path: Path, dataset: Path) -> None:
    run(dataset=dataset, validation=tmp_path / "validation", config=ValidationConfig())
    result = read_json(tmp_path / "validation" / "result.json")
    assert (result["schema"], result["success"]) == (1, True)
    assert result["dataset"]["digest"] == Dataset.open(dataset).digest
    page = (tmp_path / "validation" / "report.html").read_text()
    assert "Passed" in page
    assert "<script" not in page
    assert "http" not in page


def test_the_step_alone_has_something_to_say(
    tmp_path: Path, dataset: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    run(dataset=dataset, validation=tmp_path / "validation", config=ValidationConfig())
    assert {record.name.partition(".")[0] for record in caplog.records} == {"components"}
    assert capfd.readouterr() == ("", "")


def test_a_failed_suite_writes_its_output_and_stops_the_run(tmp_path: Path, dataset: Path) -> None:
    evil = "<b onclick=x>p01</b>"
    edit(dataset, "faces", lambda frame: frame.assign(identity=frame["identity"].replace("p01", evil)))
    edit(dataset, "identities", lambda frame: frame.assign(identity=frame["identity"].replace("p01", evil)))
    config = ValidationConfig(minimum_references=50)
    with pytest.raises(UserError) as raised:
        run(dataset=dataset, validation=tmp_path / "validation", config=config)
    assert "minimum references" in str(raised.value)
    assert str(tmp_path / "validation" / "report.html") in str(raised.value)
    result = read_json(tmp_path / "validation" / "result.json")
    assert result["success"] is False
    failed = next(row for row in result["expectations"] if not row["success"])
    assert (failed["name"], failed["table"], len(failed["rows"])) == ("minimum references", "identities", 8)
    page = (tmp_path / "validation" / "report.html").read_text()
    assert evil not in page
    assert "&lt;b onclick=x&gt;p01" in page


def test_a_leak_is_told_with_both_people_and_the_cosine_in_result_and_page(tmp_path: Path, dataset: Path) -> None:
    faces = Dataset.open(dataset).faces
    donor = {name: group["embedding"].iloc[0] for name, group in faces.groupby("identity")}
    config = ValidationConfig(maximum_leak=0.5)

    def double(frame: Frame) -> Frame:
        rows = frame["identity"] == "p06"
        frame["embedding"] = [
            donor["p01"] if leaks else own for leaks, own in zip(rows, frame["embedding"], strict=True)
        ]
        return frame

    edit(dataset, "faces", double)
    with pytest.raises(UserError, match="splits disjoint by face"):
        run(dataset=dataset, validation=tmp_path / "validation", config=config)
    rows = {row["name"]: row["rows"] for row in read_json(tmp_path / "validation" / "result.json")["expectations"]}
    listed = [*rows["splits disjoint by face"], *rows["no held-out face in training photos"]]
    assert any(row.startswith("p06 (held out) and p01 (trained): cosine 0.9") for row in listed)
    page = (tmp_path / "validation" / "report.html").read_text()
    assert all(row in page for row in listed)


def test_photos_that_broke_an_expectation_are_told_by_their_paths(tmp_path: Path, dataset: Path) -> None:
    images = Dataset.open(dataset).images
    photo, other = images.index[:2]
    edit(dataset, "faces", lambda frame: frame.assign(score=frame["score"].mask(frame["image_id"] == photo, 1.5)))
    edit(dataset, "images", lambda frame: frame.assign(exposure=frame["exposure"].mask(frame["image_id"] == other, 2)))
    with pytest.raises(UserError, match="exposure, detection scores"):
        run(dataset=dataset, validation=tmp_path / "validation", config=ValidationConfig())
    told = read_json(tmp_path / "validation" / "result.json")["photos"]
    assert told == {f"{photo}-0": images["path"][photo], other: images["path"][other]}
    page = (tmp_path / "validation" / "report.html").read_text()
    assert f"<code>{other}</code> {images['path'][other]}" in page
    assert f"<code>{photo}-0</code> {images['path'][photo]}" in page


def test_a_missing_table_is_a_failed_expectation(tmp_path: Path, dataset: Path) -> None:
    (dataset / "rejects.parquet").unlink()
    with pytest.raises(UserError, match="column types"):
        run(dataset=dataset, validation=tmp_path / "validation", config=ValidationConfig())
    assert "rejects.reason" in read_json(tmp_path / "validation" / "result.json")["expectations"][0]["rows"]


def test_settings_are_strict() -> None:
    assert ValidationConfig() == ValidationConfig.model_validate_json("{}")
    with pytest.raises(ValidationError, match="minimum_refs"):
        ValidationConfig.model_validate({"minimum_refs": 3})
    with pytest.raises(ValidationError, match="minimum_norm 5 must be below maximum_norm 1"):
        ValidationConfig(minimum_norm=5, maximum_norm=1)
    assert ValidationConfig.model_validate_json('{"allowed_licences": ["CC0-1.0"]}').allowed_licences == ("CC0-1.0",)
