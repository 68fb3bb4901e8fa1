"""Density clustering of unit embeddings by cosine: exact DBSCAN (Ester et al. 1996) over blocked products."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from model.similarity import Rows, neighbours


def density_clusters(unit: Rows[np.float32], link: float, fewest: int) -> NDArray[np.intp]:
    """The cluster of each row of `unit` [N, d], -1 for outliers; the largest is 0, ties by the earliest row.

    Rows are neighbours at a cosine of `link` or more (each is its own). Rows with at least `fewest` are cores;
    cores that are neighbours share a cluster; any other row joins the cluster of its most similar core neighbour.
    """
    if len(unit) == 0:
        return np.zeros(0, np.intp)
    near = neighbours(unit, link)
    core = np.diff(near.indptr) >= fewest
    rows = np.flatnonzero(core)
    labels = np.full(len(unit), -1, np.intp)
    _, labels[rows] = connected_components(near[rows][:, rows], directed=False)
    for row in np.flatnonzero(~core):
        cells = slice(near.indptr[row], near.indptr[row + 1])
        columns, values = near.indices[cells], near.data[cells]
        if core[columns].any():
            labels[row] = labels[columns[core[columns]][np.argmax(values[core[columns]])]]
    return _by_size(labels)


def _by_size(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    found, first, counts = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    order = found[np.lexsort((first, -counts))]
    rank = np.empty(len(found) + 1, np.intp)
    rank[order] = np.arange(len(found))
    rank[-1] = -1  # where the label -1 looks
    return rank[labels]
