"""What the gate asks of a model, as settings."""

from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import Field, field_validator

from model.settings import Settings
from validation.benchmark.metrics import METRICS

Margin = Annotated[float, Field(ge=0.0, le=1.0)]
AnyMargin = Annotated[float, Field(ge=0.0, strict=True)]
Licences = tuple[str, ...]
COMMERCIAL = ("CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "Apache-2.0", "MIT", "public-domain")
QUALITY = {"blending": 0.05, "duplicates": 0.05, "strangers": 0.05, "clip_t": 0.02, "aesthetic": 0.3}


class Thresholds(Settings):
    """Thresholds of the promotion gate. Similarities are cosines of the judge that was not in the loss, in [-1, 1]."""

    intended_use: Literal["research", "commercial"] = Field("research", description="What the model is to be used for.")
    minimum_cases: int = Field(8, ge=1, description="Fewest cases that a decision may rest on.")
    gain: Margin = Field(0.02, description="Least mean gain in SimGT over the adapter switched off.")
    copy_paste_ceiling: float = Field(0.35, ge=-1.0, le=1.0, description="Copy-paste that no model may reach.")
    coverage_floor: Margin = Field(0.75, description="Coverage that every model must exceed.")
    floors: dict[str, float] = Field(
        {}, description="Bounds of further metrics: at least it, or at most where lower is better."
    )
    margin_sim_gt: Margin = Field(0.02, description="How much less SimGT than the champion's is no loss.")
    margin_coverage: Margin = Field(0.05, description="How much less coverage than the champion's is no loss.")
    margin_copy_paste: Margin = Field(0.05, description="How much more copy-paste than the champion's is no loss.")
    margins: dict[str, AnyMargin] = Field(
        QUALITY, description="How much worse than the champion's is no loss, for further metrics, where measured."
    )
    slices: tuple[str, ...] = Field(
        ("people",), strict=False, description="Columns of cases.parquet; each of their values is a slice."
    )
    margin_slice: Margin = Field(0.08, description="How much less SimGT than the champion's is no loss in one slice.")
    margin_shadow: Margin = Field(
        0.02, description="How much less similarity to the references than the champion's on live traffic is no loss."
    )
    margin_shadow_copy: Margin = Field(
        0.05, description="How much more copying of the references than the champion's on live traffic is no loss."
    )
    seconds: float | None = Field(None, gt=0.0, description="Most seconds that a picture may take; none: no limit.")
    memory: float | None = Field(None, gt=0.0, description="Most GiB that drawing may take; none: no limit.")
    commercial_licences: Licences = Field(
        COMMERCIAL, strict=False, description="Licences of photos that admit commercial use."
    )
    refused_licences: Licences = Field(
        (), strict=False, description="Licences of photos that admit no use, such as those that forbid training."
    )

    @field_validator("floors", "margins")
    @classmethod
    def _known(cls, value: dict[str, float]) -> dict[str, float]:
        """Refuse names of no metric, or of one that is better neither high nor low."""
        good = [name for name, metric in METRICS.items() if metric.better != "neither"]
        for name in value:
            if name not in good:
                near = get_close_matches(name, good, 1, 0.0)[0]
                raise ValueError(f"'{name}' is no metric with a better side; the nearest is '{near}'")
        return value
