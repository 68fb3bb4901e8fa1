"""The Bento's service: `generate`, `faces`, `layout`, `model` and tasks over HTTP."""

import asyncio
import base64
import os
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import bentoml
from bentoml._internal.utils.analytics import usage_stats
from bentoml.validators import ContentType
from starlette.responses import JSONResponse

from components.packaging.door import GONE, Door
from components.packaging.guard import Guard
from components.packaging.image import image
from components.packaging.line import Line, Ticket
from components.packaging.logs import Named, write_json_lines
from components.packaging.orphans import end_with_its_code, end_with_parent, or_end_the_server
from components.packaging.page import FILES, page
from components.packaging.refusals import answer_refusals
from components.packaging.requests import FacesRequest, GenerateRequest, LayoutRequest
from components.packaging.settings import ServiceSettings

R = TypeVar("R")
FORMS = {"/generate": GenerateRequest, "/tasks": GenerateRequest, "/faces": FacesRequest, "/layout": LayoutRequest}
# What anybody may read: the probes, and the page, which asks for a token itself.
FREE = ("/livez", "/readyz", "/healthz", "/docs.json", *FILES)

# Nothing is reported to anybody, however the service is started: plain `bentoml serve` has looked at this variable
# before it loads the service, and remembers what it saw.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
usage_stats.do_not_track.cache_clear()

end_with_its_code()

# A Bento keeps its sources and the bundle of the model side by side.
BUNDLE = Path(__file__).resolve().parents[2] / "bundle"


@bentoml.service(
    name="withanyone",
    workers=1,  # one line before one device
    traffic={"timeout": 300},  # longer than any request lives; how many may wait is the line's to say
    logging={"access": {"enabled": False}},  # our own has request ids
    metrics={"enabled": False},  # they would have a series for each path that was ever asked for, numbers of tasks too
    image=image(),
    http={"host": "127.0.0.1", "port": 3000},  # BENTOML_HOST or --host opens it to others
    envs=[
        {"name": "HF_HUB_OFFLINE", "value": "1"},
        {"name": "BENTOML_DO_NOT_TRACK", "value": "True"},
        # The C library keeps what a picture took in memory for the next one: else 2,200 pages come and go with each.
        {"name": "MALLOC_MMAP_THRESHOLD_", "value": str(32 << 20)},
        {"name": "MALLOC_TRIM_THRESHOLD_", "value": str(256 << 20)},
        # Part of the image that `bentoml containerize` makes, where the loopback is nobody's; elsewhere the server has
        # bound its address before these are set.
        {"name": "BENTOML_HOST", "value": "0.0.0.0"},  # noqa: S104
    ],
)
class WithAnyone:
    """Pictures of one to four people in a scene, each recognisable from a single reference picture.

    References live in memory, for some minutes, and are written nowhere. Same seed and inputs, same picture.
    """

    def __init__(self) -> None:
        write_json_lines()
        end_with_parent()
        from components.packaging import limits, loading  # torch and the model: only where it serves
        from components.packaging.desk import Desk
        from components.packaging.shadow import load_shadow

        line = Line(limits.WAITING, limits.SECONDS, limits.TOGETHER)

        def load() -> Desk:
            settings = ServiceSettings.read()
            engine = loading.load_engine(BUNDLE, settings)
            desk = Desk(engine, line, settings.sample, load_shadow(settings, BUNDLE, engine))
            engine.warm_up()
            return desk

        with or_end_the_server():
            self.desk = line.first(load)

    @bentoml.api
    @answer_refusals
    async def generate(self, request: GenerateRequest, /) -> Annotated[bytes, ContentType("image/png")]:
        """A PNG picture of the people of the references in the scene of the prompt, with signed content credentials.

        Where several pictures are asked for, a JSON object whose `pictures` are PNG files in base64.
        """
        files = await _answer(self.desk.order(request))
        return files[0] if request.pictures == 1 else cast(bytes, _several(files))

    @bentoml.api
    @answer_refusals
    async def faces(self, request: FacesRequest, /) -> dict[str, Any]:
        """What the service sees in a reference: boxes in pixels, scores, and why it would be refused."""
        return await _answer(self.desk.ask(lambda: self.desk.engine.faces(request)))

    @bentoml.api
    @answer_refusals
    async def layout(self, request: LayoutRequest, /) -> dict[str, Any]:
        """Where the service places so many faces when no boxes are sent: fractions of the picture."""
        return self.desk.engine.layout(request)

    @bentoml.api
    async def model(self) -> dict[str, Any]:
        """Version, lineage, licence, limits, sizes, layouts and benchmark scores."""
        return self.desk.engine.describe()

    def __is_ready__(self) -> bool:
        return self.desk.engine.warm

    @bentoml.on_shutdown
    def drain(self) -> None:
        """Finish what is in line."""
        self.desk.line.close()


async def _answer(ticket: Ticket[R]) -> R:
    """What comes of the ticket, which gives up its place, and its work, where nobody waits for it any more."""
    made, left = asyncio.wrap_future(ticket.future), asyncio.create_task(GONE.get().wait())
    either: tuple[asyncio.Future[Any], ...] = (made, left)
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        left.cancel()
    if not made.done():
        ticket.cancel()
    return await made


def _several(files: list[bytes]) -> JSONResponse:
    return JSONResponse({"pictures": [base64.b64encode(file).decode() for file in files]})


# A class decorator gives another type than its class, which the type checker does not follow.
_service = cast("bentoml.Service[Any]", WithAnyone)
_service.add_asgi_middleware(Named, paths=(*FORMS, *FREE, "/model"))
_service.add_asgi_middleware(Guard, free=FREE)
_service.add_asgi_middleware(Door, forms=FORMS)
_service.mount_asgi_app(page(_service), path="/", name="page")
