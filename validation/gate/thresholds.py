"""What the gate asks of a model, as settings."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Margin = Annotated[float, Field(ge=0.0, le=1.0)]


class Thresholds(BaseModel):
    """Thresholds of the promotion gate. Similarities are cosines of the judge that was not in the loss, in [-1, 1]."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    intended_use: Literal["research", "commercial"] = Field("research", description="What the model is to be used for.")
    minimum_cases: int = Field(8, ge=1, description="Fewest cases that a decision may rest on.")
    gain: Margin = Field(0.02, description="Least mean gain in SimGT over the adapter switched off.")
    copy_paste_ceiling: float = Field(0.35, ge=-1.0, le=1.0, description="Copy-paste that no model may reach.")
    coverage_floor: Margin = Field(0.75, description="Coverage that every model must exceed.")
    margin_sim_gt: Margin = Field(0.02, description="How much less SimGT than the champion's is no loss.")
    margin_coverage: Margin = Field(0.05, description="How much less coverage than the champion's is no loss.")
    margin_copy_paste: Margin = Field(0.05, description="How much more copy-paste than the champion's is no loss.")
    commercial_licences: tuple[str, ...] = Field(
        ("CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "Apache-2.0", "MIT", "public-domain"),
        strict=False,
        description="Licences of photos that admit commercial use.",
    )
    refused_licences: tuple[str, ...] = Field(
        (), strict=False, description="Licences of photos that admit no use, such as those that forbid training."
    )
