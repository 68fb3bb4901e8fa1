"""Cached features of a photo: found by the photo's id, so that they can be forgotten."""

from pathlib import Path

from model.training.feature_files import feature_file, forget_features


def test_all_features_of_forgotten_photos_are_deleted_and_no_others(tmp_path: Path) -> None:
    kept = [feature_file(tmp_path, image, "1") for image in ("ab12", "ab1234", "cd00")]
    gone = [feature_file(tmp_path, "ab123", digest) for digest in ("1", "2")]
    for file in [*kept, *gone]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert forget_features({"ab123", "nowhere"}, tmp_path) == 2
    assert [file for file in (*kept, *gone) if file.exists()] == kept
