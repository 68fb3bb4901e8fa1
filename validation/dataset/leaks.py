"""Who of the held-out people might be trained on after all, told by embeddings: pairs of people, and single faces.

Names cannot tell: one person may be in the photos under two names, or unnamed in the background of a training photo.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.similarity import ROWS, Rows, look_at_tiles
from validation.dataset.vectors import Some, finite

ROUNDING = 1e-9  # by which one cosine, computed in two ways, may differ
Floats = NDArray[np.float64]


def lookalikes(identities: pd.DataFrame, centres: Rows[np.float64], bound: float) -> pd.DataFrame:
    """One row a held-out and a trained person: `pair` in words, the cosine of their centres, `heldout` and `trained`.

    Every pair above `bound` is there, and every held-out person with the most similar trained one; worst first.
    `centres` [I, d] are unit rows in the order of `identities`, NaN where a person has no sound face.
    """
    names, split = identities["identity"].to_numpy(str), identities["split"].to_numpy(str)
    held, trained = (np.flatnonzero((split == side) & finite(centres)) for side in ("heldout", "train"))
    rows = []
    for row, column, value in _wanted(Some(centres, held), Some(centres, trained), bound, np.full(len(held), -np.inf)):
        words = f"{names[held[row]]} (held out) and {names[trained[column]]} (trained): cosine {value:.3f}"
        people = {"heldout": names[held[row]], "trained": names[trained[column]]}
        rows.append({"pair": words, "similarity": value} | people)
    return _worst_first(rows, "pair", "heldout", "trained")


def leaked_faces(
    faces: pd.DataFrame, unit: Rows[np.float64], identities: pd.DataFrame, centres: Rows[np.float64], bound: float
) -> pd.DataFrame:
    """One row a face in a training photo and a held-out person: `face` in words, and the cosine to the person's centre.

    Only faces count that are unnamed, or nearer to the held-out person than to the one they are named after. Every
    pair above `bound` is there, and every such face with the most similar held-out person; worst first. `faces` has
    `image_split` and `photo_path`; `unit` [F, d] are unit rows in its order, NaN where unsound.
    """
    held = np.flatnonzero((identities["split"] == "heldout").to_numpy() & finite(centres))
    inside = np.flatnonzero((faces["image_split"] == "train").to_numpy() & finite(unit))
    names = identities["identity"].to_numpy(str)
    own = _own_similarity(faces["identity"], unit, names, centres)
    labels = [faces[column].array for column in ("face_id", "photo_path", "identity")]  # texts, not yet objects
    rows = []
    for row, column, value in _wanted(Some(unit, inside), Some(centres, held), bound, own[inside] + ROUNDING):
        face_id, path, name = (label[inside[row]] for label in labels)
        called = f"named {name}" if isinstance(name, str) else "unnamed"
        words = f"{face_id} ({called}, in {path}) and {names[held[column]]} (held out): cosine {value:.3f}"
        rows.append({"face": words, "similarity": value})
    return _worst_first(rows, "face")


def _own_similarity(
    named: "pd.Series[str]", unit: Rows[np.float64], names: NDArray[np.str_], centres: Rows[np.float64]
) -> Floats:
    """[F] the cosine of each face to the centre of the person it is named after; -1 where it has none."""
    place = {name: number for number, name in enumerate(names)}
    number = np.array([place.get(name, -1) for name in named], np.intp)
    own = np.full(len(unit), -1.0)
    known = np.flatnonzero(number >= 0)
    for start in range(0, len(known), ROWS):
        faces = known[start : start + ROWS]
        cosines = np.einsum("nd,nd->n", Some(unit, faces)[:], Some(centres, number[faces])[:])
        own[faces] = np.nan_to_num(cosines, nan=-1.0)
    return own


def _wanted(
    left: Rows[np.float64], right: Rows[np.float64], bound: float, floor: Floats
) -> Iterator[tuple[int, int, float]]:
    """The cosines above `bound` of rows of `left` [N, d] and `right` [M, d], and the greatest of each row of `left`.

    Only cosines above the row's `floor` [N] count. Row by row: places in `left` and `right`, and the cosine.
    """
    best, at = np.full(len(left), -np.inf), np.zeros(len(left), np.intp)
    cells = {}

    def look(rows: slice, columns: slice, tile: Floats) -> None:
        tile[tile <= floor[rows, None]] = -np.inf
        for row, column in np.argwhere(tile > bound):
            cells[rows.start + int(row), columns.start + int(column)] = float(tile[row, column])
        top = tile.argmax(axis=1)
        cosine = tile[np.arange(len(top)), top]
        better = cosine > best[rows]
        best[rows][better], at[rows][better] = cosine[better], columns.start + top[better]

    look_at_tiles(left, right, look)
    for row in np.flatnonzero(np.isfinite(best)):
        cells[int(row), int(at[row])] = float(best[row])
    for (row, column), value in sorted(cells.items()):
        yield row, column, value


def _worst_first(rows: list[dict[str, object]], key: str, *others: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[key, "similarity", *others]).astype({"similarity": float})
    return frame.sort_values("similarity", ascending=False, kind="stable", ignore_index=True)
