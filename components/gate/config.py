"""Settings of the step `gate`."""

import os
from pathlib import Path

from pydantic import Field, field_validator

from components.tombstones import FORGOTTEN
from model.errors import UserError
from validation.gate.thresholds import Thresholds

REMEDY = f"name the photo folder, or the file {FORGOTTEN} that `withanyone forget` writes into it"


def named(text: str) -> Path | None:
    """The file or folder that a setting names; None where it is empty."""
    return Path(os.path.expanduser(text)) if text else None  # noqa: PTH111  (a home of nobody is missing evidence)


class GateConfig(Thresholds):
    """The thresholds of the gate, the champion that a model must not be worse than, and who is to be forgotten."""

    champion: str = Field(
        "",
        description="Scores folder of the model in production, where the evaluation drew no champion beside the model "
        "(`evaluate.champion`); both empty: no champion, absolute rules only.",
    )
    forgotten: str = Field(
        "",
        description="The `forgotten.json` of the photo folder, or that folder, which need not have one yet: nobody in "
        "it may be in dataset or model; empty: none.",
    )
    shadow: str = Field(
        "",
        description="What `withanyone shadow report --out` wrote of the model's trial beside the champion; empty: no "
        "rule on live traffic.",
    )

    @field_validator("forgotten")
    @classmethod
    def _named_so(cls, value: str) -> str:
        if Path(value).suffix == ".json" and Path(value).name != FORGOTTEN:
            raise ValueError(REMEDY)
        return value

    def tombstones(self) -> Path | None:
        """The file of who is to be forgotten; None where none is named and where the folder that is has none.

        Raises UserError for a file of another name: it would be looked for under its own, and nobody found.
        """
        place = named(self.forgotten)
        if place and place.is_file() and place.name != FORGOTTEN:
            raise UserError(f"gate.forgotten '{place}' is a file of another name than {FORGOTTEN}: {REMEDY}")
        if place and place.is_dir():
            file = place / FORGOTTEN
            return file if file.exists() else None
        return place

    def limits(self) -> Thresholds:
        """The thresholds alone."""
        return Thresholds.model_validate(self.model_dump(include=set(Thresholds.model_fields)))
