"""Settings of the package step."""

from typing import Literal

from pydantic import Field

from model.settings import Settings


class PackagingConfig(Settings):
    """What to package, and how patient the proof is."""

    anyway: bool = Field(False, description="package also when the verdict is not `promote`, for a trial")
    ready_seconds: float = Field(
        180,
        gt=0,
        le=3600,
        description="seconds the packaged service may take to load and make its first picture",
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="where the service is proven")
