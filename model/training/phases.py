"""The phases of a training as data: what is shown, what is asked and how fast, free of heavy imports."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from model.settings import Settings


class Phase(Settings):
    """One stretch of training with constant settings; phases follow each other on the same weights."""

    name: str = Field(min_length=1, description="Name in the logs and in training.json.")
    steps: int = Field(ge=1, description="Optimiser steps.")
    learning_rate: float = Field(gt=0, le=1, description="AdamW's learning rate after the warm-up.")
    final_rate: float = Field(
        1.0, ge=0, le=1, description="Share of the learning rate left at the end; falls linearly."
    )
    warmup: int = Field(20, ge=0, description="Steps over which the learning rate rises from 0.")
    fixed_prompt: float = Field(0.1, ge=0, le=1, description="Share of pictures shown with no caption but their count.")
    face_weight: float = Field(
        1.0, ge=1, le=100, description="Weight in the flow loss of the tokens in people's boxes, where others have 1."
    )
    mix: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {},
        description="Data mix: folders of the photo folder with their weights, by which photos are drawn from them, "
        "however many they hold. The innermost counts, '.' is all others. Empty: all photos, evenly.",
    )
    paired: float = Field(0.5, ge=0, le=1, description="Share of pictures whose people come from other photos of them.")
    identity: float = Field(0.1, ge=0, description="Weight of the identity loss; 0 saves decoding.")
    contrastive: float = Field(0.1, ge=0, description="Weight of the identity contrastive loss.")
    negatives: int = Field(
        0, ge=0, description="Embeddings drawn from the bank as negatives of a batch, identity first; 0 is all of them."
    )
    gate: float = Field(1.0, ge=0, le=1, description="Noise level up to which identity losses act; 1 is all levels.")
    gate_from: float = Field(
        0.0, ge=0, le=1, description="Noise level from which identity losses act; 0 is all levels."
    )
    decoded: float = Field(1.0, gt=0, le=1, description="Share of the pictures within the gates that are decoded.")
    drawn: int = Field(
        0,
        ge=0,
        le=100,
        description="Steps from noise in which the pictures are drawn that the identity losses look at, whatever the "
        "gates; 0: they look at the clean picture that is predicted from a noised photo.",
    )

    @model_validator(mode="after")
    def _gates_leave_something_between_them(self) -> Self:
        if self.gate_from > 0 and self.gate_from >= self.gate:
            raise ValueError(
                f"the phase '{self.name}' has gate_from {self.gate_from:g} and gate {self.gate:g}, between which no "
                "noise level lies; give a gate_from below the gate"
            )
        return self

    @property
    def judged(self) -> bool:
        """Whether any picture has to be decoded and recognised."""
        return (self.identity > 0 or self.contrastive > 0) and (self.gate > 0 or self.drawn > 0)

    def rate(self, step: int) -> float:
        """The learning rate of the phase's step 0, 1, ..."""
        rise = min(1.0, (step + 1) / (self.warmup + 1))
        fall = 1 - (1 - self.final_rate) * step / max(1, self.steps - 1)
        return self.learning_rate * rise * fall


def paper_phases() -> tuple[Phase, ...]:
    """The four published phases: fixed prompt, captions, paired tuning, quality; 100,000 steps of batch 32."""
    reconstruct = Phase(name="fixed prompt", steps=20_000, learning_rate=1e-4, warmup=100, fixed_prompt=1, paired=0)
    return (
        reconstruct,
        reconstruct.model_copy(update={"name": "captions", "steps": 40_000, "fixed_prompt": 0.1}),
        Phase(name="paired", steps=30_000, learning_rate=1e-4, warmup=100, fixed_prompt=0.1, paired=0.5),
        Phase(name="quality", steps=10_000, learning_rate=1e-5, warmup=100, fixed_prompt=0.1, paired=0.5),
    )


def retrain_phases() -> tuple[Phase, ...]:
    """Paired tuning of the nano preset's adapter, which can already reconstruct, in minutes on two cores."""
    paired = Phase(
        name="paired",
        steps=90,
        learning_rate=1e-4,
        final_rate=0.1,
        warmup=10,
        face_weight=4,
        paired=0.6,
        identity=1.0,
        decoded=0.5,
        drawn=4,
    )
    return (paired,)


def phase_at(phases: tuple[Phase, ...], step: int) -> tuple[Phase, int]:
    """The phase that the training's step belongs to, and the step's number within it."""
    for phase in phases:
        if step < phase.steps:
            return phase, step
        step -= phase.steps
    raise IndexError(f"the phases end {step + 1} steps earlier")


def total_steps(phases: tuple[Phase, ...]) -> int:
    """Optimiser steps of all phases."""
    return sum(phase.steps for phase in phases)
