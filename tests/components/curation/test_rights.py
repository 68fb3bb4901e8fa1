"""Source, licence and consent: what the list says of a photo is said of its faces and of the people in it."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from components.curation.config import CurationConfig
from components.listing import LISTING
from model.dataset.dataset import Dataset
from model.dataset.records import read_table
from model.dataset.rights import OF_PERSON, RIGHTS
from tests.model.dataset.schema_1 import older

COLUMNS = ("path", "person", *RIGHTS)


def listed(rows: Sequence[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *rows])
    return text.getvalue().encode()


def album(painted: Callable[..., bytes]) -> dict[str, bytes]:
    """Two people of three photos each under licences of their own, one photo of both, and a stranger not listed."""
    photos = {f"{name}{n}.png": painted(k, seed=n) for k, name in ((1, "Ada"), (2, "Bo")) for n in range(3)}
    rows = [(path, path[:-5], f"album of {path[:-5]}", f"CC-{path[-5]}", "signed") for path in photos]
    photos |= {"both.png": painted(1, 2, seed=9), "stranger.png": painted(99)}
    rows.append(("both.png", "", "press", "bought", ""))
    return photos | {LISTING: listed(rows)}


def test_every_face_and_person_says_what_the_photos_say(
    curate: Callable[..., Path], painted: Callable[..., bytes]
) -> None:
    folder = curate(album(painted), config=CurationConfig(heldout_fraction=0.5))
    photos = {row["image_id"]: row for row in read_table(folder, "images").to_pylist()}
    faces = read_table(folder, "faces").to_pylist()
    assert all(face[name] == photos[face["image_id"]][name] for face in faces for name in RIGHTS)
    both = [face for face in faces if photos[face["image_id"]]["path"] == "both.png"]
    assert [(face["source"], face["licence"], face["consent"]) for face in both] == [("press", "bought", "")] * 2
    people = {
        row["identity"]: {name: row[name] for name in OF_PERSON} for row in read_table(folder, "identities").to_pylist()
    }
    assert people["Ada"] == {"licences": ["CC-0", "CC-1", "CC-2", "bought"], "consents": ["", "signed"]}
    assert people["Bo"] == people["Ada"]
    (stranger,) = (face for face in faces if photos[face["image_id"]]["path"] == "stranger.png")
    assert {stranger[name] for name in RIGHTS} == {""}


def test_a_version_of_schema_1_is_followed_by_one_of_today(
    curate: Callable[..., Path], painted: Callable[..., bytes], tmp_path: Path
) -> None:
    photos, config = album(painted), CurationConfig(heldout_fraction=0.5)
    before = Dataset.open(curate(photos, "before", config=config))
    shards, held = before.manifest["shards"], dict(before.identities["split"])
    older(before.folder)
    after = curate(photos, "after", config=config.model_copy(update={"previous": str(before.folder)}))
    assert Dataset.open(after).manifest["shards"] == shards
    assert dict(Dataset.open(after).identities["split"]) == held
    assert Dataset.open(after).manifest["schema"] == 2
