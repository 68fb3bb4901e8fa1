"""The picture that a service makes of nobody before it says that it is ready, and what its face has to look like."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from model.errors import UserError
from model.sampler import Request

if TYPE_CHECKING:
    from components.packaging.engine import Pipeline
    from components.packaging.references import Look
    from model.faces.analyser import Analyser, Face

PROMPT = "a person smiling"
SEEDS = 8
LEAST = 0.5  # of the similarity that was measured when the model was packaged
PEOPLE = 3  # of whom the mean is nobody's face
GREY = 128  # of the photo that a model which edits is shown: it tells nothing
SAME = 0.5  # cosine from which two references may show one person

log = logging.getLogger(__name__)
Floats = NDArray[np.float32]


class SelfTest(BaseModel):
    """An identity [d] that is nobody's, a seed, and the cosine of the face that was drawn with the identity.

    Both are empty for a model that draws no face which is found: then only a picture has to be made. A model that
    `edits` is shown a grey photo.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: tuple[float, ...] = ()
    seed: int = 0
    similarity: float | None = None
    edits: bool = False

    @classmethod
    def measure(
        cls,
        pipeline: "Pipeline",
        analyser: "Analyser",
        references: Sequence[Floats],
        look: "Look | None" = None,
        *,
        edits: bool = False,
    ) -> Self:
        """The self-test of a model: of some seeds the one whose face is most like the identity.

        The identity comes from the raw embeddings [d] of the `references`, as `nobody` says; `look` is as for `order`.
        """
        identity = nobody(references, analyser.dim)
        best = cls(identity=tuple(identity.tolist()), edits=edits)
        for seed in range(SEEDS):
            picture = best.model_copy(update={"seed": seed}).draw(pipeline, analyser.dim, look)
            faces = analyser.analyse([picture])[0]
            found = _cosine(faces[0].embedding, identity) if faces else 0.0
            if found > (best.similarity or 0.0):
                best = best.model_copy(update={"seed": seed, "similarity": round(found, 4)})
        return best

    def order(self, pipeline: "Pipeline", dim: int, look: "Look | None" = None) -> Request:
        """What the pipeline is asked for, as the service asks.

        `look` is there for models with a SigLIP branch: the branch then sees what is drawn into the face's box without
        it, by the embedding, or by the base where it is the only branch; that is nobody's face either.
        """
        identity = np.array(self.identity, np.float32) if self.identity else np.ones(dim, np.float32)
        boxes, width, height = pipeline.layout(1)
        shown = np.full((height, width, 3), GREY, np.uint8) if self.edits else None
        order = Request(PROMPT, identity[None], boxes, width, height, self.seed, shown=shown)
        if look is None:
            return order
        blank = replace(order, patches=look(np.zeros((height, width, 3), np.uint8), boxes[0])[None])
        seen = np.asarray(pipeline([blank], siglip_weight=0.0)[0])
        return replace(order, patches=look(seen, boxes[0])[None])

    def draw(self, pipeline: "Pipeline", dim: int, look: "Look | None" = None) -> NDArray[np.uint8]:
        """The picture [H, W, 3] of `order`."""
        return np.asarray(pipeline([self.order(pipeline, dim, look)])[0])

    def check(self, faces: Sequence["Face"]) -> None:
        """Raise UserError where the picture's faces, best first, do not begin with the one that was measured."""
        if self.similarity is None:
            return
        found = _cosine(faces[0].embedding, np.array(self.identity, np.float32)) if faces else 0.0
        if found < LEAST * self.similarity:
            raise UserError(
                f"the self-test's face has similarity {found:.3f}, not the {self.similarity:.3f} measured when the "
                "model was packaged: the libraries or the processor compute something else; package it again here"
            )
        log.info("the self-test's face was recognised, similarity %.3f", found)


def nobody(embeddings: Sequence[Floats], dim: int) -> Floats:
    """An identity [dim] that is no person's: the mean of at least three people, else a random one of usual length."""
    people: list[Floats] = []
    for one in embeddings:
        if all(_cosine(one, other) < SAME for other in people):
            people.append(one)
    length = float(np.mean([np.linalg.norm(one) for one in people])) if people else float(np.sqrt(dim))
    mixed = np.mean(people, axis=0) if len(people) >= PEOPLE else np.random.default_rng(0).normal(size=dim)
    return (mixed / np.linalg.norm(mixed) * length).astype(np.float32)


def _cosine(a: Floats, b: Floats) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
