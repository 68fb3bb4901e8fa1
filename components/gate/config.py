"""Settings of the step `gate`."""

from pathlib import Path

from pydantic import Field, field_validator

from validation.gate.thresholds import Thresholds


class GateConfig(Thresholds):
    """The thresholds of the gate, the champion that a model must not be worse than, and who is to be forgotten."""

    champion: str = Field(
        "",
        description="Scores folder of the model in production, where the evaluation drew no champion beside the model "
        "(`evaluate.champion`); both empty: no champion, absolute rules only.",
    )
    forgotten: str = Field(
        "",
        description="The `forgotten.json` of the photo folder: nobody in it may be in dataset or model; empty: none.",
    )
    shadow: str = Field(
        "",
        description="What `withanyone shadow report --out` wrote of the model's trial beside the champion; empty: no "
        "rule on live traffic.",
    )

    @field_validator("forgotten")
    @classmethod
    def _named_so(cls, value: str) -> str:
        if value and Path(value).name != "forgotten.json":
            raise ValueError(
                "name the file forgotten.json itself, which `withanyone forget` writes into the photo folder"
            )
        return value

    def limits(self) -> Thresholds:
        """The thresholds alone."""
        return Thresholds.model_validate(self.model_dump(include=set(Thresholds.model_fields)))
