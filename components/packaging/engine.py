"""What the service does, apart from the web: requests in, pictures and facts out."""

import os
from collections.abc import Sequence
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from components.packaging import limits
from components.packaging.bundle import LINEAGE, MODEL, SCORES, WEIGHTS
from components.packaging.lineage import Lineage
from components.packaging.pictures import read_base64
from components.packaging.refusals import RefusalError
from components.packaging.requests import FacesRequest, GenerateRequest
from components.packaging.terms import terms
from model.artefacts import read_json
from model.errors import UserError
from model.faces.analyser import Analyser, Face, load_analyser
from model.sampler import Request, Sampler


class Pipeline(Protocol):
    """What the engine asks of a pipeline."""

    def layout(self, n: int) -> tuple[NDArray[np.float32], int, int]:
        """Boxes [n,4] in pixels for n people, with the picture's width and height."""
        ...

    def __call__(self, requests: Sequence[Request], *, steps: int | None = None, id_weight: float = 1.0) -> list[Image]:
        """One picture for each request."""
        ...


class Engine:
    """A loaded model with the analyser that reads its references."""

    def __init__(self, pipeline: Pipeline, analyser: Analyser, lineage: Lineage, facts: dict[str, Any]) -> None:
        """`facts` are told as they are by `describe`: licence and scores."""
        self.pipeline, self.analyser, self.lineage, self.facts = pipeline, analyser, lineage, facts
        self.warm = False

    def warm_up(self) -> None:
        """Make one picture of nobody, so that the first user does not pay for lazy initialisation."""
        boxes, width, height = self.pipeline.layout(1)
        nobody = np.random.default_rng(0).normal(size=(1, self.analyser.dim)).astype(np.float32)
        self.pipeline([Request("a person", nobody, boxes, width, height, seed=0)], steps=1)
        self.analyser.analyse([np.zeros((height, width, 3), np.uint8)])
        self.warm = True

    def generate(self, request: GenerateRequest) -> bytes:
        """A PNG picture with its lineage in text chunks; raises RefusalError for a reference that cannot be used."""
        names = [f"references[{index}]" for index in range(len(request.references))]
        pictures = [read_base64(text, name) for text, name in zip(request.references, names, strict=True)]
        faces = [only_face(found, name) for found, name in zip(self.analyser.analyse(pictures), names, strict=True)]
        boxes, width, height = self._layout(len(faces))
        if request.boxes is not None:
            boxes = np.array(request.boxes, np.float32) * np.array([width, height, width, height], np.float32)
        embeddings = np.stack([face.embedding for face in faces])
        order = Request(request.prompt, embeddings, boxes, width, height, request.seed)
        picture = self.pipeline([order], steps=request.steps, id_weight=request.id_weight)[0]
        inputs = {"seed": request.seed, "id_weight": request.id_weight, "steps": request.steps or "default"}
        png = BytesIO()
        picture.save(png, format="PNG", pnginfo=self.lineage.text_chunks(**inputs))
        return png.getvalue()

    def faces(self, request: FacesRequest) -> dict[str, Any]:
        """What the service sees in a picture: its faces, and whether and why it would refuse it as a reference."""
        pixels = read_base64(request.picture, "picture")
        found = self.analyser.analyse([pixels])[0]
        height, width = pixels.shape[:2]
        refusal: str | None = None
        try:
            only_face(found, "picture")
        except RefusalError as refused:
            refusal = str(refused)
        rows = [
            {
                "box": [round(float(v), 1) for v in face.box],
                "score": round(face.score, 4),
                "side": round(_side(face), 1),
            }
            for face in found
        ]
        return {"width": width, "height": height, "faces": rows, "usable": refusal is None, "refusal": refusal}

    def _layout(self, people: int) -> tuple[NDArray[np.float32], int, int]:
        try:
            return self.pipeline.layout(people)
        except UserError as error:
            why = f"are {people}, more people than this model's pictures hold"
            raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "references", why, "send fewer") from error

    def describe(self) -> dict[str, Any]:
        """Version, lineage, licence, limits and benchmark scores."""
        sizes = {}
        for people in range(1, limits.REFERENCES + 1):
            try:
                boxes, width, height = self._layout(people)
            except RefusalError:  # more people than this model's pictures hold
                break
            fractions = (boxes / np.array([width, height, width, height])).round(4).tolist()
            sizes[str(people)] = {"width": width, "height": height, "boxes": fractions}
        return {"lineage": self.lineage.model_dump(), "limits": limits.told(), "layouts": sizes, **self.facts}


def load_engine(bundle: Path) -> Engine:
    """The engine of the files that a Bento carries; the weights come from there too, never from a registry."""
    os.environ["WITHANYONE_CACHE"] = str(bundle / WEIGHTS)
    pipeline = Sampler.load(bundle / MODEL)
    analyser = load_analyser(pipeline.preset.recogniser)
    facts = {"licence": terms(read_json(bundle / MODEL / "training.json")), "scores": read_json(bundle / SCORES)}
    return Engine(pipeline, analyser, Lineage.model_validate(read_json(bundle / LINEAGE)), facts)


def only_face(faces: Sequence[Face], name: str) -> Face:
    """The one usable face of a reference; raises RefusalError when there is none, or more than one."""
    usable = [face for face in faces if _side(face) >= limits.FACE_SIDE]
    if len(usable) == 1:
        return usable[0]
    if usable:
        why, remedy = f"shows {len(usable)} faces", "crop it to the person who is meant"
    elif faces:
        why, remedy = f"shows no face of {limits.FACE_SIDE} pixels or more", "send a larger or closer picture"
    else:
        why, remedy = "shows no face that could be found", "send a sharp, well lit picture of the face from the front"
    raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, name, why, remedy)


def _side(face: Face) -> float:
    """Shorter side of the face's box, pixels."""
    x0, y0, x1, y1 = face.box
    return float(min(x1 - x0, y1 - y0))
