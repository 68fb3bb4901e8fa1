"""Photos looked at in shares: the same dataset whatever the number of shares, and however far one of them got."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.curation import faces_pass, look, step
from components.curation.config import CurationConfig, ShareConfig
from components.curation.look import share_of
from components.files import write_files
from model.artefacts import folder_digest, write_json
from model.errors import UserError

Paint = Callable[..., bytes]
CONFIG = CurationConfig(kinds=False, text="keep")


@pytest.fixture
def photos(painted: Paint, reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four people with three photos each, two scenes, a broken file; parts of two."""
    monkeypatch.setattr(faces_pass, "PART", {"cpu": 2})
    monkeypatch.setattr(look, "PART", {"cpu": 2})
    album = {f"{name}/{n}.png": painted(k, seed=n) for k, name in enumerate("ABCD", 1) for n in range(3)}
    album |= {"x.png": painted(1, 2, seed=9), "y.png": painted(3, 4, seed=9), "broken.png": b"nothing"}
    for path, data in album.items():
        (tmp_path / "album" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "album" / path).write_bytes(data)
    digest = write_files(tmp_path / "album", tmp_path / "photos")
    about = {"schema": 1, "folder": str(tmp_path / "album"), "source": "folder", "digest": digest}
    write_json(tmp_path / "photos" / "photos.json", about)
    return tmp_path / "photos"


def looked(photos: Path, shards: int, share: int, out: Path) -> Path:
    config = ShareConfig(**CONFIG.model_dump() | {"shards": shards, "share": share})
    look.run(photos=photos, looks=out, config=config)
    return out


@pytest.mark.parametrize("shards", [1, 2, 3, 20])
def test_the_dataset_does_not_depend_on_the_number_of_shares(
    photos: Path, reader: Any, tmp_path: Path, shards: int
) -> None:
    step.run(photos=photos, dataset=tmp_path / "whole", config=CONFIG)
    shutil.rmtree(tmp_path / "cache")
    reader.seen = 0
    shares = []
    for share in range(shards):  # each on a machine of its own
        shares.append(looked(photos, shards, share, tmp_path / f"looks {share}"))
        shutil.rmtree(tmp_path / "cache")
    assert reader.seen == 14
    step.run(photos=photos, dataset=tmp_path / "joined", config=CONFIG, looks=shares)
    assert reader.seen == 14
    assert folder_digest(tmp_path / "joined") == folder_digest(tmp_path / "whole")


def test_what_a_share_lacks_is_looked_at_by_curation(photos: Path, reader: Any, tmp_path: Path) -> None:
    shares = [looked(photos, 2, 1, tmp_path / "looks")]
    shutil.rmtree(tmp_path / "cache")
    shutil.rmtree(tmp_path / "looks" / "jpgs")
    step.run(photos=photos, dataset=tmp_path / "joined", config=CONFIG, looks=shares)
    assert reader.seen == 14
    shutil.rmtree(tmp_path / "cache")
    step.run(photos=photos, dataset=tmp_path / "whole", config=CONFIG)
    assert folder_digest(tmp_path / "joined") == folder_digest(tmp_path / "whole")


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
@pytest.mark.parametrize("shards", [1, 2, 3, 50])
def test_shares_are_whole_parts_and_hold_every_photo_once(count: int, shards: int) -> None:
    photos = pa.table({"path": [f"{n}" for n in range(count)]})
    shares = [share_of(photos, ShareConfig(shards=shards, share=share)) for share in range(shards)]
    assert pa.concat_tables(shares) == photos
    ends = [sum(map(len, shares[: number + 1])) for number in range(shards)]
    assert all(end % faces_pass.PART["cpu"] == 0 or end == count for end in ends)


def test_a_folder_of_something_else_is_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match=r"other does not hold what was seen in photos .* look at them again"):
        step.run(photos=photos, dataset=tmp_path / "dataset", config=CONFIG, looks=[tmp_path / "other"])


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"folder": 3}'])
def test_a_folder_that_the_step_photos_did_not_write_is_refused(tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / "album").mkdir()
    if content is not None:
        (tmp_path / "album" / "photos.json").write_bytes(content)
    with pytest.raises(UserError, match="is not what the step photos writes"):
        look.run(photos=tmp_path / "album", looks=tmp_path / "looks", config=ShareConfig())
    with pytest.raises(UserError, match="is not what the step photos writes"):
        step.run(photos=tmp_path / "album", dataset=tmp_path / "dataset", config=CONFIG)
