"""One system's scores by one judge, as arrays: a row for each person of each case, the mean over the seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.errors import UserError
from validation.benchmark.metrics import METRICS
from validation.gate.statistics import Design, Floats

KEYS = ["case_id", "person"]
ALIKE = 1e-6  # how far the mean over a picture's faces may be from what the table of pictures says
ALWAYS = ("sim_gt", "sim_ref", "copy_paste", "coverage")
OPEN = ("blending", "box_adherence", "duplicates", "strangers")  # by definition without a value for some pictures


@dataclass(frozen=True)
class Sheet:
    """Values of F wanted faces in the order of their cases, whose they are, and each case's words for slicing.

    `who` names each row: case, person's number, identity and reference. Two sheets can be compared row by row where
    these and the seeds are equal. A value is NaN only where the metric has none by definition.
    """

    who: tuple[tuple[str, ...], ...]
    design: Design
    values: dict[str, Floats]
    slices: dict[str, tuple[str, ...]]

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """The sheet of the rows that the mask [F] keeps, without metrics that have no value in them."""
        kept = {metric: values[chosen] for metric, values in self.values.items()}
        return type(self)(
            tuple(compress(self.who, chosen)),
            self.design.where(chosen),
            {metric: values for metric, values in kept.items() if not np.isnan(values).all()},
            {column: tuple(compress(words, chosen)) for column, words in self.slices.items()},
        )


def read_sheet(
    faces: pd.DataFrame, cases: pd.DataFrame, seeds: Sequence[int], slices: Sequence[str], name: str
) -> Sheet | None:
    """The sheet of the rows of one system and one judge; None where there are none.

    `name` is the system's, for the sentence of the UserError that says what is missing, twice, or no number.
    """
    if faces.empty and cases.empty:
        return None
    _whole(faces, cases, seeds, name)
    by_case = cases.groupby("case_id", sort=True)
    by_face = faces.groupby(KEYS, sort=True)
    first = by_face[["identity", "reference"]].first().reset_index()
    names = first["case_id"].to_numpy()
    values = {}
    for metric in METRICS:
        if metric in faces.columns:
            column = faces.assign(**{metric: _sound(faces, metric, name)})
            values[metric] = column.groupby(KEYS, sort=True)[metric].mean().to_numpy(float)
        elif metric in cases.columns:
            column = cases.assign(**{metric: _sound(cases, metric, name)})
            values[metric] = column.groupby("case_id", sort=True)[metric].mean().reindex(names).to_numpy(float)
        elif metric in ALWAYS:
            raise UserError(f"the scores of {name} have no {metric}: evaluate again")
        if metric in values and np.isnan(values[metric]).all():
            del values[metric]
    words = {column: by_case[column].first().astype(str).reindex(names) for column in slices if column in cases.columns}
    return Sheet(
        tuple(map(tuple, first.astype(str).to_numpy())),
        Design(pd.factorize(first["identity"], sort=True)[0], pd.factorize(names, sort=True)[0]),
        values,
        {column: tuple(found.to_list()) for column, found in words.items()},
    )


def _sound(table: pd.DataFrame, metric: str, name: str) -> "pd.Series[Any]":
    """A metric's values; copy-paste has none where target and reference are too alike for it to say anything."""
    found = table[metric].astype(float)
    lacking = found.isna() & (metric in OPEN)
    if not (np.isfinite(found) | lacking).all():
        raise UserError(f"the scores of {name} have a {metric} that is no number: evaluate again")
    if metric == "copy_paste" and "ill_conditioned" in table.columns:
        return found.mask(table["ill_conditioned"].astype(bool))
    return found


def _whole(faces: pd.DataFrame, cases: pd.DataFrame, seeds: Sequence[int], name: str) -> None:
    """Refuse tables in which a case lacks a seed or a face, or has one twice, or that contradict each other."""
    wanted = set(seeds)
    for table, keys in ((faces, KEYS), (cases, ["case_id"])):
        if table.duplicated([*keys, "seed"]).any():
            raise UserError(f"the scores hold a picture of {name} twice: evaluate again")
        drawn = table.groupby(keys)["seed"].agg(set)
        if not drawn.map(lambda seen: seen == wanted).all():
            raise UserError(
                f"the scores of {name} lack a picture for one of the seeds {sorted(wanted)}: evaluate again"
            )
    pictures = cases.set_index(["case_id", "seed"])[["people", "sim_gt"]]
    found = faces.groupby(["case_id", "seed"])["sim_gt"].agg(["size", "mean"]).reindex(pictures.index)
    agree = (found["size"] == pictures["people"]) & ((found["mean"] - pictures["sim_gt"]).abs() <= ALIKE)
    if len(found) != faces.groupby(["case_id", "seed"]).ngroups or not agree.all():
        raise UserError(f"faces.parquet and cases.parquet tell different things of {name}: evaluate again")
