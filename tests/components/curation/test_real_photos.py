"""Curation with the real networks on a few real photographs; skipped where they do not lie beside the repository."""

import shutil
from pathlib import Path

import pytest

from components.curation import step
from components.curation.config import CurationConfig
from components.photos.config import PhotosConfig
from components.photos.step import run as bring
from model.dataset.dataset import Dataset

ALBUM = Path(__file__).parents[4] / "shared" / "photos" / "astronauts"
CREW = ("yuri_gidzenko", "william_shepherd", "sergei_krikalev")
pytestmark = pytest.mark.skipif(not ALBUM.is_dir(), reason=f"needs the photos in {ALBUM}")


def test_a_crew_is_found_from_one_portrait_each(tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    shutil.copy(ALBUM / "missions" / "Expedition 1 Crew.jpg", album)
    shutil.copy(ALBUM / "missions" / "STS-96 Launch.jpg", album)
    rows = ["path,person"]
    for portrait in sorted((ALBUM / "portraits").glob("*.jpg")):
        name = portrait.name.partition("&")[0]
        if name in (*CREW, "peggy_whitson"):
            shutil.copy(portrait, album)
            rows.append(f"{portrait.name},{name}")
    (album / "photos.csv").write_text("\n".join(rows))
    bring(photos=tmp_path / "photos", config=PhotosConfig(folder=str(album)))
    step.run(photos=tmp_path / "photos", dataset=tmp_path / "dataset", config=CurationConfig())
    dataset = Dataset.open(tmp_path / "dataset")
    assert list(dataset.identities.index) == sorted(CREW)
    assert dict(zip(dataset.rejects["path"], dataset.rejects["reason"])) == {
        "STS-96 Launch.jpg": "no_face",
        "peggy_whitson&usa.jpg": "one_photo",
    }
