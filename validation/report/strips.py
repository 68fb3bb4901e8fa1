"""One case side by side: references, ground truth and each system's picture with the figures of every face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from validation.report.page import picture_uri

Row = Mapping[Any, Any]
UNREADABLE = (OSError, ValueError)


@dataclass(frozen=True)
class Shown:
    """A system on the page: its name there, the scores folder of its pictures, its name in them, its face rows."""

    name: str
    folder: Path
    system: str
    faces: pd.DataFrame


def strip(case_id: str, seed: int, systems: Sequence[Shown]) -> dict[str, Any]:
    """What the page shows of one case and seed: data URIs, None where a picture is gone, and figures by face."""
    first = systems[0]
    place = first.folder / "images" / case_id
    people = _rows(first, case_id, seed)
    return {
        "case_id": case_id,
        "seed": seed,
        "people": [
            {"name": row["identity"], "uri": uri(place / f"reference-{index}.jpg")} for index, row in enumerate(people)
        ],
        "truth": uri(place / "truth.png"),
        "pictures": [
            {
                "name": shown.name,
                "uri": uri(shown.folder / "images" / case_id / f"{shown.system}-{seed}.png"),
                "faces": _rows(shown, case_id, seed),
            }
            for shown in systems
        ],
    }


def _rows(shown: Shown, case_id: str, seed: int) -> list[Row]:
    """The faces of the system's picture, from the first person to the last."""
    faces = shown.faces
    chosen = faces[(faces["case_id"] == case_id) & (faces["seed"] == seed) & (faces["system"] == shown.system)]
    return list(chosen.sort_values("person").to_dict("records"))


def uri(path: Path) -> str | None:
    """A picture as a data URI; None where it cannot be read: a page without it still tells the rest."""
    try:
        return picture_uri(path)
    except UNREADABLE:
        return None
