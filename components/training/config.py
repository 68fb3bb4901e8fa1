"""Settings of the train step."""

from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from components.training.trainjob import Job
from model.settings import Settings
from model.training.phases import Phase, paper_phases, retrain_phases

SCHEDULES = {"paper": paper_phases, "retrain": retrain_phases}
USUAL = {"nano": ("retrain", 20)}  # by preset: the schedule, and the most steps between checkpoints
OF_OTHERS = ("paper", 500)  # whose adapters start untrained, and whose checkpoints are large


def _usual(others: ValidationInfo) -> tuple[str, int]:
    return USUAL.get(others.data.get("preset", ""), OF_OTHERS)


class TrainingConfig(Settings):
    """What is trained, from where, and for how long."""

    preset: str = Field("nano", description="size of the system, by name")
    start: str = Field(
        "preset",
        min_length=1,
        description="adapter to start from: 'preset' is the one that ships with the preset, 'scratch' is an untrained "
        "one, anything else is the path of a model folder",
    )
    branches: tuple[Literal["arc", "sig"], ...] = Field(
        (),
        strict=False,
        description="branches of the adapter to train: 'arc' (embeddings), 'sig' (face crops) or both; empty: all that "
        "the preset has. Branches trained apart become one model by `withanyone merge-branches`",
    )
    phases: tuple[Phase, ...] = Field(
        "preset",
        min_length=1,
        strict=False,
        validate_default=True,
        description="stretches of training, one after the other; or 'paper', the four that were published, or "
        "'retrain', nano's paired tuning; 'preset' is 'retrain' for nano and 'paper' for others",
    )
    effort: float = Field(1.0, gt=0, le=100, description="multiplies the steps of every phase; 0.1 is a trial")
    batch: int = Field(16, ge=1, le=4096, description="pictures in a batch")
    accumulate: int = Field(1, ge=1, le=1024, description="batches in an optimiser step")
    seed: int = Field(7, ge=0, lt=2**32, description="seed of the order, the noise and an untrained adapter")
    checkpoint_every: int = Field(
        0,
        ge=0,
        validate_default=True,
        description="most optimiser steps between checkpoints; one is written at each third point of the curve. 0: 20 "
        "for nano, 500 for others",
    )
    recompute: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the backbone's blocks that are computed a second time instead of kept in memory",
    )
    samples_every: int = Field(
        0, ge=0, description="optimiser steps between grids of sample pictures among the live metrics; 0: none"
    )

    @field_validator("phases", mode="before")
    @classmethod
    def _a_schedule_may_be_named(cls, phases: Any, others: ValidationInfo) -> Any:
        if phases == "preset":
            phases, _ = _usual(others)
        if not isinstance(phases, str):
            return phases
        if phases not in SCHEDULES:
            names = ", ".join(["preset", *SCHEDULES])
            raise ValueError(f"'{phases}' is no schedule; give a list of phases, or one of {names}")
        return SCHEDULES[phases]()

    @field_validator("checkpoint_every")
    @classmethod
    def _large_checkpoints_are_rare(cls, every: int, others: ValidationInfo) -> int:
        return every or _usual(others)[1]

    @model_validator(mode="after")
    def _each_phase_has_its_own_name(self) -> Self:
        """The curve and the check that losses do not run away tell phases apart by it."""
        names = [phase.name for phase in self.phases]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{names.count(name)} phases are called '{name}'; give each another name")
        return self

    @model_validator(mode="after")
    def _drawn_pictures_are_not_recomputed(self) -> Self:
        """Recomputed blocks look for the people of the backbone's last call, and pictures are drawn in several."""
        for phase in self.phases:
            if self.recompute and phase.drawn:
                raise ValueError(
                    f"train.recompute is {self.recompute:g} and the phase '{phase.name}' has drawn {phase.drawn}; "
                    "one of them must be 0"
                )
        return self

    def planned(self) -> Self:
        """The settings with their effort spent: phases of the steps that will be run."""
        phases = tuple(
            phase.model_copy(update={"steps": max(1, round(phase.steps * self.effort))}) for phase in self.phases
        )
        return self.model_copy(update={"phases": phases, "effort": 1.0})


class NodesConfig(TrainingConfig):
    """The same on several nodes."""

    job: Job = Field(description="what is asked of the cluster")
