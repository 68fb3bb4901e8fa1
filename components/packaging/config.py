"""Settings of the package step."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PackagingConfig(BaseModel):
    """What to package, and how patient the proof is."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    anyway: bool = Field(False, description="package also when the verdict is not `promote`, for a trial")
    ready_seconds: float = Field(
        180,
        gt=0,
        le=3600,
        description="seconds the packaged service may take to load and make its first picture",
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="where the service is proven")
