"""What the service does, apart from the web: requests in, pictures and facts out. For one thread."""

import logging
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from torch import OutOfMemoryError

from components.packaging import limits
from components.packaging.consent import Consent
from components.packaging.credentials import Credentials
from components.packaging.editing import Scene
from components.packaging.lineage import Lineage
from components.packaging.metrics import PICTURES, STAGE
from components.packaging.pictures import read_base64
from components.packaging.references import Look, Reference, References, only_face, side
from components.packaging.refusals import RefusalError, unfit
from components.packaging.requests import FacesRequest, GenerateRequest, LayoutRequest, Size
from components.packaging.selftest import SelfTest
from model.errors import UserError
from model.faces.analyser import Analyser
from model.layout import layout
from model.sampler import OnStep, Request

WEIGHTS = {"arc": "id_weight", "sig": "siglip_weight"}  # what weighs a branch
TRIAL = 2  # steps in which the pipeline shows at the start what pictures made together are like

log = logging.getLogger(__name__)


class Pipeline(Protocol):
    """What the engine asks of a pipeline."""

    def layout(self, n: int) -> tuple[NDArray[np.float32], int, int]:
        """Boxes [n,4] in pixels for n people, with the picture's width and height."""
        ...

    def __call__(
        self,
        requests: Sequence[Request],
        *,
        steps: int | None = None,
        id_weight: float = 1.0,
        siglip_weight: float = 1.0,
        on_step: OnStep | None = None,
    ) -> list[Image]:
        """One picture for each request; `on_step` is told each step and how many there are."""
        ...


@dataclass(frozen=True)
class Order:
    """What the pipeline is asked for by one request: a picture each of `requests`, with the people of `references`."""

    requests: list[Request]
    references: list[Reference]
    weights: dict[str, float]
    steps: int | None


@dataclass(frozen=True)
class Made:
    """Pictures that were made: their files, and what they were made of."""

    files: list[bytes]  # PNG
    pictures: list[Image]
    order: Order


class Engine:
    """A loaded model with the analyser that reads its references."""

    def __init__(
        self,
        pipeline: Pipeline,
        analyser: Analyser,
        lineage: Lineage,
        facts: dict[str, Any],
        sizes: Sequence[Size],
        credentials: Credentials,
        self_test: SelfTest,
        consent: Consent | None = None,
        look: Look | None = None,
        branches: Sequence[str] = ("arc",),
        *,
        edits: bool = False,
    ) -> None:
        """`facts` are told as they are by `describe`: licence and scores. `sizes` are those of the pictures.

        `branches` are the adapter's: 'arc', which reads the embedding, and 'sig', which sees the `look` as well. One
        that `edits` makes its pictures of a photo that comes with each request.
        """
        self.pipeline, self.analyser, self.lineage, self.facts, self.sizes = pipeline, analyser, lineage, facts, sizes
        self.credentials, self.self_test, self.branches = credentials, self_test, list(branches)
        self.edits = edits
        self.references = References(analyser, consent or Consent(), look)
        self.together = self.warm = False

    def warm_up(self) -> None:
        """Make the self-test's picture and know its face again, which also spares the first user lazy initialisation.

        Raises UserError where the face is not known again: what is loaded is not what was packaged.
        """
        order = self.self_test.order(self.pipeline, self.analyser.dim, self.references.look)
        self.self_test.check(self.analyser.analyse([np.asarray(self.pipeline([order])[0])])[0])
        self.together = self._gains(order)
        self.warm = True

    def _gains(self, order: Request) -> bool:
        """Whether pictures made in one call are, bit for bit, those made alone, and take less time."""
        orders = [replace(order, seed=seed) for seed in range(limits.TOGETHER)]
        start = time.perf_counter()
        alone = [self.pipeline([one], steps=TRIAL)[0] for one in orders]
        between = time.perf_counter()
        try:
            same = self.pipeline(orders, steps=TRIAL) == alone
        except OutOfMemoryError:
            return False
        seconds = between - start, time.perf_counter() - between
        log.info("%d pictures took %.3f s alone and %.3f s together; same: %s", len(orders), *seconds, same)
        return same and seconds[1] < seconds[0]

    def alike(self, request: GenerateRequest) -> Hashable:
        """What requests have in common whose pictures may be made in one call; None where this one is made alone."""
        if not self.together or request.pictures > 1 or request.image is not None:
            return None
        boxes = None if request.boxes is None else tuple(request.boxes)
        return len(request.references), boxes, request.size, request.steps, request.id_weight, request.siglip_weight

    def order(self, request: GenerateRequest) -> Order:
        """What the pipeline is asked for; raises RefusalError for a reference that cannot or must not be used."""
        weights = self._weights(request)
        if self.edits and request.image is None:
            raise unfit("image", "is missing, and this model edits a photo", "send the photo")
        if request.image is not None and not self.edits:
            raise unfit("image", "is of no use to this model, which makes new pictures", "leave it out")
        with stage("references"):
            references = self.references.read(request.references)
            requests = self._requests(request, references)
        return Order(requests, references, weights, request.steps)

    def make(self, orders: Sequence[Order], on_step: OnStep | None = None) -> list[Made]:
        """The pictures of orders that are alike, in one call of the pipeline; what `on_step` raises ends it."""
        wanted = [one for order in orders for one in order.requests]
        with stage("pictures"):
            pictures = iter(self.pipeline(wanted, steps=orders[0].steps, on_step=on_step, **orders[0].weights))
        with stage("credentials"):
            return [self._signed(order, [next(pictures) for _ in order.requests]) for order in orders]

    def _signed(self, order: Order, pictures: list[Image]) -> Made:
        told = {**order.weights, "steps": order.steps or "default"}
        files = [
            self.credentials.sign(picture, self.lineage, {"seed": request.seed, **told}, edited=self.edits)
            for picture, request in zip(pictures, order.requests, strict=True)
        ]
        PICTURES.inc(len(files))
        return Made(files, pictures, order)

    def _weights(self, request: GenerateRequest) -> dict[str, float]:
        """How strongly each branch of the model acts."""
        weights = {}
        for branch, name in WEIGHTS.items():
            given = getattr(request, name)
            if branch in self.branches:
                weights[name] = 1.0 if given is None else given
            elif given is not None and name in request.model_fields_set:
                raise unfit(name, "is of a branch that this model does not have", "leave it out")
        return weights

    def _requests(self, request: GenerateRequest, references: Sequence[Reference]) -> list[Request]:
        boxes, width, height = self._layout(len(references), request.size)
        if request.boxes is not None:
            boxes = np.array(request.boxes, np.float32) * np.array([width, height, width, height], np.float32)
        shown = None
        if request.image is not None:
            scene = Scene.read(request.image, (width, height), self.analyser, self.references.consent)
            boxes = boxes if request.boxes else scene.places(len(references))
            shown = scene.shown(boxes)
        embeddings = np.stack([reference.embedding for reference in references])
        seeds = [(request.seed + number) % (limits.SEED + 1) for number in range(request.pictures)]
        seen = [reference.patches for reference in references if reference.patches is not None]
        patches = np.stack(seen) if seen else None
        return [Request(request.prompt, embeddings, boxes, width, height, seed, patches, shown) for seed in seeds]

    def faces(self, request: FacesRequest) -> dict[str, Any]:
        """What the service sees in a picture: its faces, and whether and why it would refuse it as a reference."""
        pixels = read_base64(request.picture, "picture")
        found = self.analyser.analyse([pixels])[0]
        height, width = pixels.shape[:2]
        refusal: str | None = None
        try:
            self.references.consent.check(only_face(found, "picture").embedding, "picture")
        except RefusalError as refused:
            refusal = str(refused)
        rows = [
            {"box": [round(float(v), 1) for v in face.box], "score": round(face.score, 4), "side": round(side(face), 1)}
            for face in found
        ]
        return {"width": width, "height": height, "faces": rows, "usable": refusal is None, "refusal": refusal}

    def layout(self, request: LayoutRequest) -> dict[str, Any]:
        """Where the faces go when nobody says: the picture's size in pixels, boxes as fractions of it."""
        boxes, width, height = self._layout(request.people, request.size)
        fractions = (boxes / np.array([width, height, width, height])).round(4).tolist()
        return {"width": width, "height": height, "boxes": fractions}

    def _layout(self, people: int, size: Size | None) -> tuple[NDArray[np.float32], int, int]:
        if size is not None and size not in self.sizes:
            known = ", ".join(f"{width} x {height}" for width, height in self.sizes)
            raise unfit("size", f"is {size[0]} x {size[1]}", f"choose one of {known}")
        try:
            return self.pipeline.layout(people) if size is None else (layout(people, size), *size)
        except UserError as error:
            held = "this model's pictures hold" if size is None else f"{size[0]} x {size[1]} pixels hold"
            raise unfit("references", f"are {people}, more people than {held}", "send fewer") from error

    def describe(self) -> dict[str, Any]:
        """Version, lineage, licence, limits and benchmark scores."""
        layouts = {}
        for people in range(1, limits.REFERENCES + 1):
            try:
                layouts[str(people)] = self.layout(LayoutRequest(people=people, size=None))
            except RefusalError:  # more people than this model's pictures hold
                break
        about = {"lineage": self.lineage.model_dump(), "limits": limits.told(), "signed_by": self.credentials.subject}
        return {
            **about,
            "branches": self.branches,
            "edits": self.edits,
            "sizes": [list(size) for size in self.sizes],
            "layouts": layouts,
            **self.facts,
        }


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure a stage of a request."""
    start = time.perf_counter()
    yield
    STAGE.labels(name).observe(time.perf_counter() - start)
