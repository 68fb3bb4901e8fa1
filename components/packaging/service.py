"""The Bento's service: `generate`, `faces` and `model` over HTTP."""

import os
from pathlib import Path
from typing import Annotated, Any, cast

import bentoml
from bentoml._internal.utils.analytics import usage_stats
from bentoml.validators import ContentType

from components.packaging.door import Door
from components.packaging.page import page
from components.packaging.refusals import answer_refusals
from components.packaging.requests import FacesRequest, GenerateRequest

# Nothing is reported to anybody, however the service is started: plain `bentoml serve` has looked at this variable
# before it loads the service, and remembers what it saw.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
usage_stats.do_not_track.cache_clear()

# A Bento keeps its sources and the bundle of the model side by side.
BUNDLE = Path(__file__).resolve().parents[2] / "bundle"


@bentoml.service(
    name="withanyone",
    workers=1,
    threads=1,  # the model does one picture at a time; requests wait in the line of this thread
    traffic={"timeout": 300, "max_concurrency": 16},
    http={"host": "127.0.0.1", "port": 3000},  # BENTOML_HOST or --host opens it to others
    envs=[
        {"name": "HF_HUB_OFFLINE", "value": "1"},
        {"name": "BENTOML_DO_NOT_TRACK", "value": "True"},
        # Part of the image that `bentoml containerize` makes, where the loopback is nobody's; elsewhere the server has
        # bound its address before these are set.
        {"name": "BENTOML_HOST", "value": "0.0.0.0"},  # noqa: S104
    ],
)
class WithAnyone:
    """Pictures of one to four people in a scene, each recognisable from a single reference picture.

    References live in memory for the time of a request and are written nowhere. Same seed and inputs, same picture.
    """

    def __init__(self) -> None:
        from components.packaging.engine import load_engine  # torch and the model: only where it serves

        self.engine = load_engine(BUNDLE)
        self.engine.warm_up()

    @bentoml.api
    @answer_refusals
    def generate(self, request: GenerateRequest, /) -> Annotated[bytes, ContentType("image/png")]:
        """A PNG picture of the people of the references in the scene of the prompt, with its lineage in text chunks."""
        return self.engine.generate(request)

    @bentoml.api
    @answer_refusals
    def faces(self, request: FacesRequest, /) -> dict[str, Any]:
        """What the service sees in a reference: boxes in pixels, scores, and why it would be refused."""
        return self.engine.faces(request)

    @bentoml.api
    async def model(self) -> dict[str, Any]:
        """Version, lineage, licence, limits, layouts and benchmark scores."""
        return self.engine.describe()

    def __is_ready__(self) -> bool:
        return self.engine.warm


# A class decorator gives another type than its class, which the type checker does not follow.
_service = cast("bentoml.Service[Any]", WithAnyone)
_service.add_asgi_middleware(Door, forms={"/generate": GenerateRequest, "/faces": FacesRequest})
_service.mount_asgi_app(page(), path="/", name="page")
