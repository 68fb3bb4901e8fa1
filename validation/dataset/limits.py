"""The limits that a dataset is held to, as settings."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from model.settings import Settings

Cosine = Annotated[float, Field(ge=-1.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]


class Limits(Settings):
    """Limits of the dataset suite. Cosines are of the training recogniser, in [-1, 1]."""

    minimum_references: Count = Field(1, description="photos of each person that may serve as a reference, in photos")
    minimum_identities: Count = Field(2, description="trained people with a photo to draw and another to refer to")
    minimum_heldout: Count = Field(1, description="people kept out of training for the benchmark")
    minimum_norm: float = Field(1e-3, gt=0, description="least length of a raw embedding, no unit")
    maximum_norm: float = Field(1e3, gt=0, description="greatest length of a raw embedding, no unit")
    minimum_spread: Cosine = Field(0.3, description="least mean cosine between two reference faces of a person")
    maximum_separation: Cosine = Field(0.75, description="greatest cosine between the centres of two people")
    maximum_leak: Cosine = Field(
        0.7, description="greatest cosine between a held-out person's centre and a trained person's"
    )
    maximum_face_leak: Cosine | None = Field(
        None,
        description="greatest cosine between a held-out person's centre and a face of a training photo that is unnamed "
        "or nearer to it than to its own person; none: the one from which the dataset's faces are named",
    )
    maximum_pair: Cosine = Field(
        0.99, description="greatest cosine between a target and its reference: above it is a copy"
    )
    minimum_face: float = Field(
        16.0, gt=0, description="least shorter side of a face that is trained on or referred to, in px"
    )
    maximum_overhang: float = Field(
        0.2, ge=0, le=1, description="greatest share of a box beyond the photo's rim, per axis"
    )
    require_licence: bool = Field(False, description="whether every photo must name its licence")
    allowed_licences: tuple[str, ...] = Field((), description="licences a photo may have; empty: any", strict=False)
    require_consent: bool = Field(False, description="whether every photo must say what consent it rests on")

    @model_validator(mode="after")
    def _norms_in_order(self) -> Self:
        if self.minimum_norm >= self.maximum_norm:
            raise ValueError(f"minimum_norm {self.minimum_norm:g} must be below maximum_norm {self.maximum_norm:g}")
        return self


def face_leak(manifest: Mapping[str, Any], limits: Limits) -> float:
    """The limit that single faces are held to, for the dataset of that manifest."""
    if limits.maximum_face_leak is not None:
        return limits.maximum_face_leak
    return float(manifest.get("calibration", {}).get("threshold", limits.maximum_leak))
