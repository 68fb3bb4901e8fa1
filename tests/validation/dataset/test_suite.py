"""The dataset suite: sound data passes, and each planted fault is named by its own expectation."""

import re
import tarfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from model.artefacts import read_json, write_json
from model.dataset.records import read_table, write_table
from model.dataset.rights import OF_PERSON
from tests.validation.datasets import DIM, SIDE, edit, sound_dataset
from validation.dataset.limits import Limits
from validation.dataset.rules import checks, type_checks
from validation.dataset.suite import Outcome, as_json, validate

STRICT = Limits(require_licence=True, allowed_licences=("CC0-1.0",), require_consent=True, minimum_references=2)
Frame = Any  # a pandas frame, whose cells may hold vectors


def outcomes(folder: Path, limits: Limits = STRICT) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in validate(folder, read_json(folder / "manifest.json"), limits)}


def failed(folder: Path, limits: Limits = STRICT) -> set[str]:
    return {name for name, outcome in outcomes(folder, limits).items() if not outcome.success}


def put(column: str, row: int, value: Any) -> Callable[[Frame], Frame]:
    def change(frame: Frame) -> Frame:
        frame = frame.astype({column: object})
        frame.at[frame.index[row], column] = value
        return frame

    return change


def first_of(frame: Frame, **values: str) -> int:
    chosen = np.logical_and.reduce([frame[column] == value for column, value in values.items()])
    return int(np.flatnonzero(chosen)[0])


def as_face_of(name: str, other: str) -> Callable[[Frame], Frame]:
    """The faces of `name` get the embeddings of `other`: two names, one face."""

    def change(frame: Frame) -> Frame:
        donor = frame.at[first_of(frame, identity=other), "embedding"]
        frame["embedding"] = [
            donor + 0.001 * np.arange(DIM) if who == name else vector
            for who, vector in zip(frame["identity"], frame["embedding"], strict=True)
        ]
        return frame

    return change


def unnamed_in_training(name: str, near: float = 1.0) -> Callable[[Frame], Frame]:
    """A face in a training photo becomes that of held-out `name`, unrecognised, with a cosine of about `near`."""

    def change(frame: Frame) -> Frame:
        donor = np.stack(
            frame[(frame["identity"] == name) & (frame["role"] == "reference")]["embedding"].to_list()
        ).mean(0)
        donor, other = donor / np.linalg.norm(donor), np.eye(DIM)[0]
        other = other - (other @ donor) * donor
        row = frame.index[first_of(frame, identity="p00", role="target")]
        frame["embedding"] = frame["embedding"].astype(object)
        frame.at[row, "embedding"] = 5 * (near * donor + np.sqrt(1 - near**2) * other / np.linalg.norm(other))
        frame.at[row, "identity"], frame.at[row, "role"] = None, "unknown"
        return frame

    return change


def stranger_embedding(frame: Frame) -> Frame:
    """One person's faces point everywhere."""
    rng = np.random.default_rng(0)
    frame["embedding"] = [
        rng.normal(size=DIM) if who == "p00" else vector
        for who, vector in zip(frame["identity"], frame["embedding"], strict=True)
    ]
    return frame


def copied_reference(frame: Frame) -> Frame:
    """A photo of p00 is in the dataset twice, disguised by another fingerprint."""
    rows = np.flatnonzero(frame["identity"] == "p00")
    frame["embedding"] = frame["embedding"].astype(object)
    frame.at[rows[1], "embedding"] = frame.at[rows[0], "embedding"]
    return frame


def repeated_first_row(frame: Frame) -> Frame:
    return pd.concat([frame, frame.iloc[:1]], ignore_index=True)


def move(column: str, before: str, after: str) -> Callable[[Frame], Frame]:
    return lambda frame: frame.assign(**{column: frame[column].replace(before, after)})


FAULTS: list[tuple[str, str, Callable[[Frame], Frame]]] = [
    ("photo keys", "images", repeated_first_row),
    ("face keys", "faces", repeated_first_row),
    ("identity keys", "identities", repeated_first_row),
    ("faces have photos", "faces", put("image_id", 0, "f" * 16)),
    ("faces have people", "faces", put("identity", 0, "nobody")),
    ("table counts", "images", lambda frame: frame.iloc[:-1]),
    ("photo splits", "images", put("split", 0, "test")),
    ("roles", "faces", put("role", 0, "extra")),
    ("identity splits", "identities", put("split", 0, "test")),
    ("embeddings finite", "faces", put("embedding", 0, [np.inf] * DIM)),
    ("embeddings finite", "faces", put("embedding", 0, [1.0] * (DIM - 1))),
    ("embedding norms", "faces", put("embedding", 0, [0.0] * DIM)),
    ("minimum references", "faces", lambda frame: frame.assign(role="target")),
    ("centres finite", "identities", put("centre", 0, [np.nan] * DIM)),
    ("centres up to date", "identities", put("centre", 0, [1.0] + [0.0] * (DIM - 1))),
    ("centres up to date", "identities", put("centre", 0, [20.0] * DIM)),
    ("identity spread", "faces", stranger_embedding),
    ("identity separation", "faces", as_face_of("p00", "p01")),
    ("references are no copies", "faces", copied_reference),
    ("people paired", "identities", lambda frame: frame.assign(split="heldout")),
    ("people held out", "identities", lambda frame: frame.assign(split="train")),
    ("splits disjoint by name", "images", move("split", "heldout", "train")),
    ("splits disjoint by face", "faces", as_face_of("p00", "p07")),
    ("no held-out face in training photos", "faces", unnamed_in_training("p07")),
    ("rights of faces", "faces", put("consent", 0, "none")),
    ("rights of faces", "images", put("source", 0, "elsewhere")),
    ("rights of people", "identities", put("licences", 0, [])),
    ("rights of people", "faces", put("licence", 0, "all rights reserved")),
    ("licences named", "images", put("licence", 0, "")),
    ("licences allowed", "images", put("licence", 0, "all rights reserved")),
    ("consent named", "images", put("consent", 0, "")),
]

CELLS: list[tuple[str, str, str, Any]] = [  # what breaks these rules wherever it stands: all stand in one dataset
    ("reject reasons", "rejects", "reason", ""),
    ("photo widths", "images", "width", 0),
    ("photo heights", "images", "height", 0),
    ("photo kinds", "images", "kind", "crowd"),
    ("exposure", "images", "exposure", 1.5),
    ("photo sharpness", "images", "sharpness", -1.0),
    ("face sharpness", "faces", "sharpness", -1.0),
    ("detection scores", "faces", "score", 1.1),
    ("similarities", "faces", "similarity", -2.0),
    ("boxes inside", "faces", "box", [100.0, 100.0, SIDE + 20.0, 140.0]),
    ("boxes inside, face sizes", "faces", "box", [50.0, 50.0, 50.0, 90.0]),
    ("boxes inside", "faces", "box", [np.nan, 50.0, 90.0, 90.0]),
    ("face sizes", "faces", "box", [10.0, 10.0, 20.0, 60.0]),
    ("landmarks", "faces", "landmarks", [np.nan] * 10),
    ("fingerprints", "faces", "fingerprint", "none"),
]
KEYS = {"rejects": "path", "images": "image_id", "faces": "face_id"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound_dataset(tmp_path_factory.mktemp("sound") / "dataset")


def test_a_sound_dataset_passes_every_expectation(sound: Path) -> None:
    found = outcomes(sound)
    assert [name for name, outcome in found.items() if not outcome.success] == []
    assert list(found) == [check.name for check in [*type_checks(), *checks(STRICT, DIM, STRICT.maximum_leak)]]
    result = as_json(list(found.values()))
    assert result["success"] is True
    assert all(set(row) == {"name", "table", "success", "observed", "rule", "rows"} for row in result["expectations"])


@pytest.mark.parametrize(("name", "table", "change"), FAULTS, ids=[f"{name} in {table}" for name, table, _ in FAULTS])
def test_a_planted_fault_is_named(tmp_path: Path, name: str, table: str, change: Callable[[Frame], Frame]) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    edit(folder, table, change)
    assert name in failed(folder)


def test_what_is_no_number_lies_in_no_range(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    for table, columns in (("images", ("sharpness", "exposure")), ("faces", ("sharpness", "score"))):
        rows = read_table(folder, table).to_pylist()
        write_table(folder, table, [rows[0] | dict.fromkeys(columns, float("nan")), *rows[1:]])
    assert failed(folder) == {"photo sharpness", "exposure", "face sharpness", "detection scores"}


def test_of_each_rule_exactly_the_rows_that_broke_it_are_listed(tmp_path: Path) -> None:
    folder, planted = sound_dataset(tmp_path / "dataset"), defaultdict[str, set[str]](set)
    for table, key in KEYS.items():
        keys = pq.read_table(folder / f"{table}.parquet")[key].to_pylist()
        for row, (names, _, column, value) in enumerate(cell for cell in CELLS if cell[1] == table):
            edit(folder, table, put(column, row, value))
            for name in names.split(", "):
                planted[name].add(keys[row])
    planted["boxes inside"] |= {f"{photo}-0" for photo in planted["photo widths"] | planted["photo heights"]}
    found = {name: outcome for name, outcome in outcomes(folder).items() if not outcome.success}
    assert {name: set(outcome.rows) for name, outcome in found.items()} == planted
    assert all(outcome.observed.startswith(f"{len(planted[name])} of ") for name, outcome in found.items())


def test_all_people_who_look_like_a_held_out_one_are_listed_with_the_cosine_worst_first(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    for name in ("p00", "p02"):
        edit(folder, "faces", as_face_of(name, "p07"))
    rows = outcomes(folder)["splits disjoint by face"].rows
    assert {row.partition(":")[0] for row in rows} == {f"p07 (held out) and {n} (trained)" for n in ("p00", "p02")}
    cosines = [float(row.rpartition(" ")[2]) for row in rows]
    assert cosines == sorted(cosines, reverse=True)
    assert min(cosines) > STRICT.maximum_leak


def test_a_held_out_persons_unnamed_face_in_a_training_photo_is_listed_with_photo_and_cosine(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    edit(folder, "faces", unnamed_in_training("p07", near=0.8))
    (row,) = outcomes(folder)["no held-out face in training photos"].rows
    assert re.fullmatch(
        r"[0-9a-f]{16}-\d \(unnamed, in [0-9a-f]{16}.jpg\) and p07 \(held out\): cosine 0.(79|80)\d", row
    )


def test_a_face_named_after_somebody_else_counts_where_it_is_nearer_to_the_held_out_person(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    edit(folder, "faces", unnamed_in_training("p07"))
    edit(folder, "faces", lambda frame: frame.assign(identity=frame["identity"].fillna("p00")))
    (row,) = outcomes(folder)["no held-out face in training photos"].rows
    assert "(named p00, in " in row
    edit(folder, "images", lambda frame: frame.assign(split=frame["split"].replace("train", "mixed")))
    assert outcomes(folder)["no held-out face in training photos"].success


def test_a_faces_limit_is_the_datasets_threshold_unless_it_is_set(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    edit(folder, "faces", unnamed_in_training("p07", near=0.6))
    assert outcomes(folder)["no held-out face in training photos"].success
    manifest = read_json(folder / "manifest.json")
    write_json(folder / "manifest.json", manifest | {"calibration": {"threshold": 0.45}})
    assert not outcomes(folder)["no held-out face in training photos"].success
    assert outcomes(folder, Limits(maximum_face_leak=0.7))["no held-out face in training photos"].success


def test_every_rule_has_a_planted_fault() -> None:
    planted = {"column types", "shard digests", "shard samples", "references from other photos"}
    planted |= {name for name, _, _ in FAULTS}
    planted |= {name for names, _, _, _ in CELLS for name in names.split(", ")}
    assert {check.name for check in [*type_checks(), *checks(STRICT, DIM, STRICT.maximum_leak)]} == planted


def test_a_reference_in_its_targets_own_photo_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sound_dataset(tmp_path / "dataset")

    def careless(faces: Frame) -> dict[str, tuple[str, ...]]:
        return {name: (name,) for name in faces["face_id"]}

    monkeypatch.setattr("validation.dataset.tables.reference_choices", careless)
    assert {"references from other photos", "references are no copies"} <= failed(folder)


def test_an_altered_shard_is_named(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    shard = next(folder.glob("references/*.tar"))
    with tarfile.open(shard, "a:") as tar:
        tar.addfile(tarfile.TarInfo("more.jpg"))
    found = outcomes(folder)
    assert found["shard digests"].rows == found["shard samples"].rows == (f"references/{shard.name}",)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    next(folder.glob("images/*.tar")).unlink()
    assert {"shard digests", "shard samples"} <= failed(folder)


@pytest.mark.parametrize("damage", ["column dropped", "other type", "other column", "no table", "no parquet"])
def test_wrong_columns_end_the_suite_at_the_types(tmp_path: Path, damage: str) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    path = folder / "faces.parquet"
    table = pq.read_table(path)
    if damage == "column dropped":
        pq.write_table(table.drop_columns(["box"]), path)
    elif damage == "other type":
        pq.write_table(table.set_column(table.column_names.index("score"), "score", table["face_id"]), path)
    elif damage == "other column":
        pq.write_table(table.append_column("nickname", table["face_id"]), path)
    elif damage == "no table":
        path.unlink()
    else:
        path.write_bytes(b"not parquet")
    found = outcomes(folder)
    assert set(found) == {"column types"}
    rows = {"column dropped": "faces.box", "other type": "faces.score", "other column": "faces.nickname"}
    assert rows.get(damage, "faces.face_id") in found["column types"].rows


def test_a_face_that_the_rim_cuts_off_is_no_fault(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    edit(folder, "faces", put("box", 0, [100.0, 100.0, SIDE + 5.0, 140.0]))
    assert failed(folder) == set()
    assert failed(folder, Limits(maximum_overhang=0.0)) == {"boxes inside"}


def test_rights_are_asked_for_as_configured(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    for table in ("images", "faces"):
        edit(folder, table, lambda frame: frame.assign(licence="", consent=""))
    edit(folder, "identities", lambda frame: frame.assign(**{name: [[""]] * len(frame) for name in OF_PERSON}))
    assert failed(folder, Limits()) == set()
    assert failed(folder, Limits(require_consent=True)) == {"consent named"}


def test_stated_counts_are_checked(tmp_path: Path) -> None:
    folder = sound_dataset(tmp_path / "dataset")
    manifest = read_json(folder / "manifest.json")
    manifest["counts"]["heldout_identities"] += 1
    write_json(folder / "manifest.json", manifest)
    assert failed(folder) == {"table counts"}
