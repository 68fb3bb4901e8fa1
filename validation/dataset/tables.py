"""A dataset's tables as frames for the suite: first their columns' types, then what is measured from them.

Everything here is measured anew from embeddings and shards, never taken from a column that curation computed.
"""

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from model.artefacts import file_digest
from model.dataset.pairs import reference_choices
from model.dataset.records import TABLES
from model.dataset.rights import OF_PERSON, RIGHTS
from model.errors import UserError
from model.matrix_file import MatrixFile
from model.memory import give_back_memory
from model.similarity import Rows, look_at_tiles
from validation.dataset.leaks import leaked_faces, lookalikes
from validation.dataset.limits import Limits, face_leak
from validation.dataset.rights import faces_agree, people_agree
from validation.dataset.vectors import UnitRows, Vectors, finite_vectors, read_boxes, read_vectors

ABSENT = "absent"
FINGERPRINT = "[0-9a-f]{16}"
BOX = ("left", "top", "right", "bottom")
NONE = np.zeros(0, np.intp)
NO_NUMBER = -np.inf  # for NaN, which the library would pass over as if it had been left out: in no range that is asked
COLUMNS = {  # what is read of each table beside vectors and boxes
    "images": ["image_id", "path", "width", "height", "kind", "split", "sharpness", "exposure", *RIGHTS],
    "faces": ["face_id", "image_id", "identity", "role", "score", "similarity", "sharpness", "fingerprint", *RIGHTS],
    "identities": ["identity", "split", *OF_PERSON],
    "rejects": ["path", "reason"],
}


def column_types(folder: Path) -> pd.DataFrame:
    """One row a column: `column` (table.column), its `expected` and its `found` type.

    A table that cannot be read has every column absent; a column that the schema does not know is expected absent.
    """
    rows = []
    for name, schema in TABLES.items():
        found = _types(folder / f"{name}.parquet")
        expected = {field.name: field.type for field in schema}
        for column in dict.fromkeys([*expected, *found]):
            want, have = expected.get(column), found.get(column)
            # Equal types may print differently: parquet renames the items of lists.
            shown = str(want or ABSENT) if want == have else str(have or ABSENT)
            rows.append({"column": f"{name}.{column}", "expected": str(want or ABSENT), "found": shown})
    return pd.DataFrame(rows)


def _types(path: Path) -> dict[str, pa.DataType]:
    try:
        return {field.name: field.type for field in pq.read_schema(path)}
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return {}


@dataclass(frozen=True)
class Frames:
    """The frames that the suite runs over, by name, and the length of an embedding."""

    frames: Mapping[str, pd.DataFrame]
    dim: int


def measured(folder: Path, manifest: Mapping[str, Any], limits: Limits, scratch: Path) -> Frames:
    """Read the tables of `folder` and measure what the suite looks at; raises UserError where data cannot be read.

    Vectors wait in files of the folder `scratch`: they alone would fill the memory.
    """
    dim = int(manifest["recogniser"]["dim"])
    tables = {name: _read(folder / f"{name}.parquet", columns) for name, columns in COLUMNS.items()}
    embeddings = _read_vectors(folder / "faces.parquet", "embedding", dim, scratch)
    stored = _read_vectors(folder / "identities.parquet", "centre", dim, scratch)
    images, faces, identities = tables["images"], tables["faces"], tables["identities"]
    identities = identities.assign(rights_agree=people_agree(identities, faces)).drop(columns=list(OF_PERSON))
    faces = faces.assign(rights_agree=faces_agree(faces, images)).drop(columns=list(RIGHTS))
    faces = _measure_faces(folder / "faces.parquet", faces, images, identities)
    faces["embedding_finite"], faces["norm"] = embeddings.finite, embeddings.norm
    give_back_memory()  # what was read but for the columns
    people, centres = _measure_identities(identities, faces, embeddings, stored, MatrixFile(scratch, dim))
    alike = lookalikes(identities, centres, limits.maximum_leak)
    leaked = leaked_faces(faces, embeddings.unit, identities, centres, face_leak(manifest, limits))
    images, faces = images.drop(columns="path"), faces.drop(columns="photo_path")  # only leaks were called by them
    give_back_memory()
    pairs = _pairs(faces, embeddings)
    known = faces["identity"].notna() & (faces["image_split"] != "mixed")
    frames = {
        "images": images.fillna(dict.fromkeys(("sharpness", "exposure"), NO_NUMBER)),
        "faces": faces.drop(columns="image_id").fillna(dict.fromkeys(("score", "sharpness"), NO_NUMBER)),
        "identities": people,
        "rejects": tables["rejects"],
        "known faces": faces.loc[known, ["face_id", "side", "image_split", "identity_split"]],
        "pairs": pairs,
        "people paired": identities[(identities["split"] == "train") & identities["identity"].isin(pairs["identity"])],
        "people held out": identities[identities["split"] == "heldout"],
        "lookalikes": alike,
        "training faces": leaked,
        "shards": _shards(folder, manifest),
        "counts": _counts(tables, manifest),
    }
    give_back_memory()  # the checks need room that is free by now
    return Frames(frames, dim)


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    with _reading(path):
        # Of a column in chunks, whoever takes a few rows copies the whole.
        return pq.read_table(path, columns=columns).combine_chunks().to_pandas()


def _read_vectors(path: Path, column: str, dim: int, scratch: Path) -> Vectors:
    with _reading(path):
        return read_vectors(path, column, dim, scratch)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"the dataset table {path} cannot be read ({error}): curate the photos again") from error


def _measure_faces(path: Path, faces: pd.DataFrame, images: pd.DataFrame, identities: pd.DataFrame) -> pd.DataFrame:
    """Add the photo's size, split and path, the listed person and their split, the box, its shorter side, landmarks."""
    known = images.drop_duplicates("image_id").set_index("image_id")[["width", "height", "split", "path"]]
    splits = identities.drop_duplicates("identity").set_index("identity")["split"]
    frame = faces.join(known.rename(columns={"split": "image_split", "path": "photo_path"}), on="image_id")
    frame["identity_listed"] = faces["identity"].where(faces["identity"].isin(splits.index))
    frame["identity_split"] = faces["identity"].map(splits)
    with _reading(path):
        box = read_boxes(path, "box")
        frame["landmarks_finite"] = finite_vectors(path, "landmarks", 10)
    frame[list(BOX)] = box
    frame["side"] = np.minimum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
    return frame


def _measure_identities(
    identities: pd.DataFrame, faces: pd.DataFrame, embeddings: Vectors, stored: Vectors, found: MatrixFile
) -> tuple[pd.DataFrame, UnitRows]:
    """Add per person what their faces say, and give the unit centres [I, d], which go into the file `found`.

    Reference photos, mean cosine between them, the cosine to the nearest other person, and that of the centre found
    with the stored one. The centre of a person without a sound face is NaN.
    """
    references, spread = np.zeros(len(identities), np.intp), np.full(len(identities), np.nan)
    agreement = np.full(len(identities), np.nan)
    rows_of, bank = _rows_of(faces["identity"]), (faces["role"] == "reference").to_numpy()
    photos, _ = pd.factorize(faces["image_id"])
    for row, name in enumerate(identities["identity"]):
        rows = rows_of.get(name, NONE)
        referred = rows[bank[rows]]
        references[row] = len(set(photos[referred]))
        rows = referred if len(referred) else rows
        vectors = embeddings.unit[rows[embeddings.sound[rows]]]
        spread[row] = _mean_pairwise(vectors)
        centre = vectors.mean(0, keepdims=True) if len(vectors) else np.zeros((1, vectors.shape[1]))
        found.append(centre.astype(np.float32))
        if stored.finite[row]:
            agreement[row] = float((centre @ stored.matrix[np.array([row])].T)[0, 0])
            agreement[row] /= max(float(np.linalg.norm(centre)), 1e-12) if len(vectors) else np.nan
            agreement[row] /= max(stored.norm[row], 1.0)  # one that is too long would agree wherever it points
    centres = UnitRows(found, np.arange(len(identities)))
    columns = {"references_found": references, "spread_found": spread, "centre_agreement": agreement}
    columns |= {"centre_finite": stored.finite, "nearest_similarity": nearest_others(centres)}
    return identities.assign(**columns), centres


def _rows_of(names: "pd.Series[str]") -> dict[str, NDArray[np.intp]]:
    """The rows of each name, names sorted; rows without one are left out."""
    codes, distinct = pd.factorize(names, sort=True)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(distinct) + 1))
    return {str(name): order[starts[n] : starts[n + 1]] for n, name in enumerate(distinct)}


def _mean_pairwise(vectors: NDArray[np.float64]) -> float:
    """Mean cosine between two different unit rows [N, d]; NaN below two.

    The mean cosine to the centre would flatter small groups: for n orthogonal vectors it is 1 / sqrt(n), not 0.
    """
    count = len(vectors)
    if count < 2:
        return float("nan")
    return float((np.square(vectors.sum(0)).sum() - count) / (count * (count - 1)))


def nearest_others(centres: Rows[np.float64]) -> NDArray[np.float64]:
    """[I] the cosine of each centre to the most similar other one; NaN where there is none."""
    numbers, best = np.arange(len(centres)), np.full(len(centres), -np.inf)

    def look(rows: slice, columns: slice, tile: NDArray[np.float64]) -> None:
        tile[np.isnan(tile) | (numbers[rows, None] == numbers[columns])] = -np.inf
        np.maximum(best[rows], tile.max(axis=1), out=best[rows])

    look_at_tiles(centres, centres, look)
    return np.where(np.isfinite(best), best, np.nan)


def _pairs(faces: pd.DataFrame, embeddings: Vectors) -> pd.DataFrame:
    """One row a face that has references: the greatest cosine to one of them, and whether one is of the same photo.

    Faces with an unsound embedding or fingerprint cannot be paired; other rules name them.
    """
    columns = faces[["face_id", "image_id", "identity", "role", "score", "sharpness", "fingerprint"]]
    fit = embeddings.sound & faces["fingerprint"].str.fullmatch(FINGERPRINT).to_numpy(bool)
    boxes = faces[list(BOX)].to_numpy()
    targets, closest, same_photo = [NONE], [np.zeros(0)], [np.zeros(0, np.bool_)]  # of each person: few objects
    for split in ("train", "heldout"):
        usable = fit & (faces["image_split"] == split).to_numpy()
        for rows in _rows_of(faces["identity"].where(usable)).values():
            group = columns.iloc[rows].assign(box=list(boxes[rows]), embedding=list(embeddings.matrix[rows]))
            place = {face: number for number, face in enumerate(group["face_id"])}
            unit, photos = embeddings.unit[rows], group["image_id"].to_numpy()
            chosen = [
                (place[target], [place[reference] for reference in references])
                for target, references in reference_choices(group).items()
            ]
            targets.append(rows[np.array([own for own, _ in chosen], np.intp)])
            closest.append(np.array([(unit[others] @ unit[own]).max() for own, others in chosen]))
            same_photo.append(np.array([(photos[others] == photos[own]).any() for own, others in chosen], np.bool_))
    pairs = faces.loc[np.concatenate(targets), ["face_id", "identity"]].reset_index(drop=True)
    pairs = pairs.rename(columns={"face_id": "target"})
    return pairs.assign(closest=np.concatenate(closest), same_photo=np.concatenate(same_photo))


def _shards(folder: Path, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """One row a shard of the manifest: its stated and found digest and number of samples."""
    rows = []
    for shard in manifest["shards"]:
        path = folder / shard["name"]
        there = path.is_file()
        rows.append(
            {"name": shard["name"], "sha256": shard["sha256"], "sha256_found": file_digest(path) if there else ABSENT}
            | {"samples": int(shard["samples"]), "samples_found": _samples(path) if there else 0}
        )
    return pd.DataFrame(rows, columns=["name", "sha256", "sha256_found", "samples", "samples_found"])


def _samples(path: Path) -> int:
    try:
        with tarfile.open(path, "r:") as tar:
            return sum(name.endswith(".jpg") for name in tar.getnames())
    except tarfile.TarError:
        return 0


def _counts(tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """The manifest's counts beside those of the tables."""
    stated = manifest["counts"]
    heldout = int((tables["identities"]["split"] == "heldout").sum())
    found = {"images": len(tables["images"]), "faces": len(tables["faces"])}
    found |= {"identities": len(tables["identities"]), "heldout_identities": heldout}
    return pd.DataFrame([{"what": what, "stated": int(stated[what]), "found": count} for what, count in found.items()])
