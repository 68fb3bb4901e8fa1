"""Who of the held-out people might be trained on after all, told by embeddings: pairs of people, and single faces.

Names cannot tell: one person may be in the photos under two names, or unnamed in the background of a training photo.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCK = 4096  # faces that are compared with all held-out people at a time


def lookalikes(identities: pd.DataFrame, centres: Floats, bound: float) -> pd.DataFrame:
    """One row a held-out and a trained person: `pair` in words with both names, and the cosine of their centres.

    Every pair above `bound` is there, and every held-out person with the most similar trained one; worst first.
    `centres` [I, d] are unit rows in the order of `identities`, NaN where a person has no sound face.
    """
    names, split = identities["identity"].to_numpy(str), identities["split"].to_numpy(str)
    held, trained = (
        np.flatnonzero((split == side) & np.isfinite(centres).all(axis=1)) for side in ("heldout", "train")
    )
    similarity = centres[held] @ centres[trained].T
    rows = []
    for row, column in np.argwhere(_wanted(similarity, bound)):
        value = float(similarity[row, column])
        words = f"{names[held[row]]} (held out) and {names[trained[column]]} (trained): cosine {value:.3f}"
        rows.append({"pair": words, "similarity": value})
    return _worst_first(rows, "pair")


def leaked_faces(
    faces: pd.DataFrame, unit: Floats, identities: pd.DataFrame, centres: Floats, bound: float
) -> pd.DataFrame:
    """One row a face in a training photo and a held-out person: `face` in words, and the cosine to the person's centre.

    Only faces count that are unnamed, or nearer to the held-out person than to the one they are named after. Every
    pair above `bound` is there, and every such face with the most similar held-out person; worst first. `faces` has
    `image_split` and `photo_path`; `unit` [F, d] are unit rows in its order, NaN where unsound.
    """
    held = np.flatnonzero((identities["split"] == "heldout").to_numpy() & np.isfinite(centres).all(axis=1))
    inside = np.flatnonzero((faces["image_split"] == "train").to_numpy() & np.isfinite(unit).all(axis=1))
    names = identities["identity"].to_numpy(str)
    own = _own_similarity(faces["identity"], unit, names, centres)
    labels = [faces[column].to_numpy() for column in ("face_id", "photo_path", "identity")]
    rows = []
    for start in range(0, len(inside), BLOCK):
        block = inside[start : start + BLOCK]
        similarity = unit[block] @ centres[held].T
        similarity[similarity <= own[block][:, None]] = -np.inf
        for row, column in np.argwhere(_wanted(similarity, bound)):
            face_id, path, name = (label[block[row]] for label in labels)
            value, called = float(similarity[row, column]), f"named {name}" if isinstance(name, str) else "unnamed"
            words = f"{face_id} ({called}, in {path}) and {names[held[column]]} (held out): cosine {value:.3f}"
            rows.append({"face": words, "similarity": value})
    return _worst_first(rows, "face")


def _own_similarity(named: "pd.Series[str]", unit: Floats, names: NDArray[np.str_], centres: Floats) -> Floats:
    """[F] the cosine of each face to the centre of the person it is named after; -1 where it has none."""
    place = {name: number for number, name in enumerate(names)}
    number = np.array([place.get(name, -1) for name in named], np.intp)
    own = (
        np.where(number >= 0, np.einsum("nd,nd->n", unit, centres[number]), -1.0)
        if len(centres)
        else -np.ones(len(unit))
    )
    return np.nan_to_num(own, nan=-1.0)


def _wanted(similarity: Floats, bound: float) -> NDArray[np.bool_]:
    """The cells above `bound` and the finite greatest cell of each row."""
    wanted = similarity > bound
    if similarity.shape[1]:
        best = similarity.argmax(axis=1)
        wanted[np.arange(len(best)), best] = True
    return wanted & np.isfinite(similarity)


def _worst_first(rows: list[dict[str, object]], key: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[key, "similarity"]).astype({"similarity": float})
    return frame.sort_values("similarity", ascending=False, kind="stable", ignore_index=True)
