"""A dataset's tables as frames for the suite: first their columns' types, then what is measured from them.

Everything here is measured anew from embeddings and shards, never taken from a column that curation computed.
"""

import tarfile
from collections.abc import Mapping
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
from model.errors import UserError
from model.similarity import tiles
from validation.dataset.leaks import leaked_faces, lookalikes
from validation.dataset.limits import Limits, face_leak

ABSENT = "absent"
FINGERPRINT = "[0-9a-f]{16}"


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


def measured(folder: Path, manifest: Mapping[str, Any], limits: Limits) -> Frames:
    """Read the tables of `folder` and measure what the suite looks at; raises UserError where data cannot be read."""
    tables = {name: _read(folder / f"{name}.parquet") for name in TABLES}
    dim = int(manifest["recogniser"]["dim"])
    images, faces, identities = tables["images"], tables["faces"], tables["identities"]
    faces = _measure_faces(faces, images, identities)
    people, centres = _measure_identities(identities, faces, dim)
    pairs = _pairs(faces, dim)
    known = faces[faces["identity"].notna() & (faces["image_split"] != "mixed")]
    frames = {
        "images": images,
        "faces": faces,
        "identities": people,
        "rejects": tables["rejects"],
        "known faces": known,
        "pairs": pairs,
        "people paired": identities[(identities["split"] == "train") & identities["identity"].isin(pairs["identity"])],
        "people held out": identities[identities["split"] == "heldout"],
        "lookalikes": lookalikes(identities, centres, limits.maximum_leak),
        "training faces": leaked_faces(
            faces, _rows(faces["embedding"], dim), identities, centres, face_leak(manifest, limits)
        ),
        "shards": _shards(folder, manifest),
        "counts": _counts(tables, manifest),
    }
    return Frames(frames, dim)


def _read(path: Path) -> pd.DataFrame:
    try:
        return pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"the dataset table {path} cannot be read ({error}): curate the photos again") from error


def _measure_faces(faces: pd.DataFrame, images: pd.DataFrame, identities: pd.DataFrame) -> pd.DataFrame:
    """Add the photo's size, split and path, the listed person and their split, embedding norm and shorter side."""
    known = images.drop_duplicates("image_id").set_index("image_id")[["width", "height", "split", "path"]]
    splits = identities.drop_duplicates("identity").set_index("identity")["split"]
    frame = faces.join(known.rename(columns={"split": "image_split", "path": "photo_path"}), on="image_id")
    frame["identity_listed"] = faces["identity"].where(faces["identity"].isin(splits.index))
    frame["identity_split"] = faces["identity"].map(splits)
    frame["norm"] = [float(np.linalg.norm(np.asarray(vector, np.float64))) for vector in faces["embedding"]]
    frame["side"] = [min(box[2] - box[0], box[3] - box[1]) for box in faces["box"]]
    return frame


def _measure_identities(
    identities: pd.DataFrame, faces: pd.DataFrame, dim: int
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Add per person what their faces say, and give the unit centres [I, d] found.

    Reference photos, mean cosine between them, the nearest other person and their cosine, and the cosine of the centre
    found with the stored one. The centre of a person without a sound face is NaN.
    """
    centres = np.full((len(identities), dim), np.nan)
    frame = identities.assign(references_found=0, spread_found=np.nan)
    groups = {str(name): part for name, part in faces.dropna(subset=["identity"]).groupby("identity")}
    for row, name in enumerate(identities["identity"]):
        part = groups.get(name)
        if part is None:
            continue
        bank = part[part["role"] == "reference"]
        frame.loc[frame.index[row], "references_found"] = bank["image_id"].nunique()
        vectors = _units(bank["embedding"] if len(bank) else part["embedding"], dim)
        frame.loc[frame.index[row], "spread_found"] = _mean_pairwise(vectors)
        if len(vectors):
            centre = vectors.mean(0)
            centres[row] = centre / max(float(np.linalg.norm(centre)), 1e-12)
    nearest, similarity = nearest_others(centres)
    names = identities["identity"].to_numpy()
    frame["nearest"] = [names[other] if other >= 0 else None for other in nearest]
    frame["nearest_similarity"] = similarity
    frame["centre_agreement"] = [
        float(centres[row] @ np.asarray(stored, np.float64)) if len(stored) == dim else np.nan
        for row, stored in enumerate(identities["centre"])
    ]
    return frame, centres


def _units(embeddings: "pd.Series[Any]", dim: int) -> NDArray[np.float64]:
    """The sound embeddings of a column as unit rows; those of another length or not finite are left to their rule."""
    sound = [
        np.asarray(vector, np.float64) for vector in embeddings if len(vector) == dim and np.isfinite(vector).all()
    ]
    vectors = np.array(sound).reshape(-1, dim)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float64)


def _rows(embeddings: "pd.Series[Any]", dim: int) -> NDArray[np.float64]:
    """[F, d] the unit embeddings of a column, NaN where one is unsound."""
    sound = _sound(embeddings, dim)
    rows = np.full((len(embeddings), dim), np.nan)
    rows[sound] = _units(embeddings[sound], dim)
    return rows


def _sound(embeddings: "pd.Series[Any]", dim: int) -> NDArray[np.bool_]:
    """[F] whether an embedding has the right length, is finite and not zero."""
    sound = [len(vector) == dim and bool(np.isfinite(vector).all()) and bool(np.any(vector)) for vector in embeddings]
    return np.array(sound, np.bool_)


def _mean_pairwise(vectors: NDArray[np.float64]) -> float:
    """Mean cosine between two different unit rows [N, d]; NaN below two.

    The mean cosine to the centre would flatter small groups: for n orthogonal vectors it is 1 / sqrt(n), not 0.
    """
    count = len(vectors)
    if count < 2:
        return float("nan")
    return float((np.square(vectors.sum(0)).sum() - count) / (count * (count - 1)))


def nearest_others(centres: NDArray[np.float64]) -> tuple[list[int], list[float]]:
    """For each centre the row of the most similar other one and the cosine; -1 and NaN where there is none."""
    numbers = np.arange(len(centres))
    best, value = np.full(len(centres), -1), np.full(len(centres), np.nan)
    for rows, columns, tile in tiles(centres, centres):
        tile[np.isnan(tile) | (numbers[rows, None] == numbers[columns])] = -np.inf
        top = tile.argmax(axis=1)
        cosine = tile[np.arange(len(top)), top]
        better = cosine > np.nan_to_num(value[rows], nan=-np.inf)
        best[rows][better] = columns.start + top[better]
        value[rows][better] = cosine[better]
    return best.tolist(), value.tolist()


def _pairs(faces: pd.DataFrame, dim: int) -> pd.DataFrame:
    """One row a face that has references: the greatest cosine to one of them, and whether one is of the same photo.

    Faces with an unsound embedding or fingerprint cannot be paired; other rules name them.
    """
    usable = faces[_sound(faces["embedding"], dim) & faces["fingerprint"].str.fullmatch(FINGERPRINT)]
    vectors = dict(zip(usable["face_id"], _units(usable["embedding"], dim), strict=True))
    photos = dict(zip(usable["face_id"], usable["image_id"], strict=True))
    people = dict(zip(usable["face_id"], usable["identity"], strict=True))
    rows = []
    for split in ("train", "heldout"):
        for target, references in reference_choices(usable[usable["image_split"] == split]).items():
            closest = max(float(vectors[target] @ vectors[reference]) for reference in references)
            same = any(photos[target] == photos[reference] for reference in references)
            rows.append({"target": target, "identity": people[target], "closest": closest, "same_photo": same})
    return pd.DataFrame(rows, columns=["target", "identity", "closest", "same_photo"])


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
