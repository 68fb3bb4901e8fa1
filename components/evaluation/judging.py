"""From what the judges see to the tables: both protocols and the sanity rows, for cases of any source."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd

from validation.benchmark import sanity
from validation.benchmark.cases import Case
from validation.benchmark.impostors import Threshold, between, threshold
from validation.benchmark.paper import Faces
from validation.benchmark.protocols import add_trimming, score_both
from validation.benchmark.score import Rules, Sample, Truth


@dataclass(frozen=True)
class Known:
    """What is known of the cases before a picture is judged: by case id and judge what both protocols compare with.

    `same` is the cosine, by judge, from which two faces are taken for one person.
    """

    cases: Sequence[Case]
    truths: Mapping[str, Mapping[str, Truth]]
    faces: Mapping[str, Mapping[str, Faces]]
    same: Mapping[str, Threshold]
    by: Literal["place", "likeness"]

    @classmethod
    def of(
        cls,
        cases: Sequence[Case],
        truths: Mapping[str, Mapping[str, Truth]],
        faces: Mapping[str, Mapping[str, Faces]],
        rate: float,
        by: Literal["place", "likeness"],
    ) -> Self:
        """`rate` is the share of pairs of different people that may be taken for one person."""
        people = [person.identity for case in cases for person in case.people] * 2
        same = {}
        for judge in next(iter(truths.values())):
            found = [truths[case.case_id][judge] for case in cases]
            rows = np.concatenate([truth.targets for truth in found] + [truth.references for truth in found])
            same[judge] = threshold(between(people, rows), rate)
        return cls(cases, truths, faces, same, by)

    @property
    def rules(self) -> Rules:
        """What the strict protocol goes by."""
        return Rules({judge: found.cosine for judge, found in self.same.items()}, self.by)


def judge(known: Known, samples: Iterable[Sample], seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a wanted face and one a picture, by judge, of the samples and of the sanity pictures of each case.

    Raises UserError where a sanity row misses its known value.
    """
    by_id = {case.case_id: case for case in known.cases}
    rules = known.rules
    scored = [
        score_both(by_id[sample.case_id], sample, known.truths[sample.case_id], known.faces[sample.case_id], rules)
        for sample in samples
    ]
    for case in known.cases:
        truths = known.truths[case.case_id]
        same_faces = sanity.faces(truths)
        scored += [score_both(case, sample, truths, same_faces, rules) for sample in sanity.samples(case, truths, seed)]
    faces = pd.DataFrame([row for rows, _ in scored for row in rows])
    cases = pd.DataFrame([row for _, rows in scored for row in rows])
    cases["blending"] = cases["blending"].astype(float)
    cases = add_trimming(cases)
    sanity.check(cases)
    return faces, cases


def sound(cases: Sequence[Case], truths: Mapping[str, Mapping[str, Truth]]) -> tuple[Case, ...]:
    """The cases whose targets and references every judge embeds as finite numbers other than zero."""
    return tuple(
        case
        for case in cases
        if all(
            np.isfinite(rows).all() and np.any(rows, axis=1).all()
            for truth in truths[case.case_id].values()
            for rows in (truth.targets, truth.references)
        )
    )
