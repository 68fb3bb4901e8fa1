"""The service's page, schema and metrics, of the service's own: the framework's page calls an advertiser."""

from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from components.packaging.openapi import described
from components.packaging.task_routes import task_routes

FILES = {"/": "index.html", "/page.css": "page.css", "/schema": "schema.html", "/schema.js": "schema.js"} | {
    f"/{name}.js": f"{name}.js" for name in ("page", "boxes", "service", "references")
}
# Swagger's styles and icons are inline; scripts are not, and nothing comes from elsewhere or goes there. Pictures that
# were made or chosen are shown from the page's own memory.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'; "
    "form-action 'none'; base-uri 'none'"
)


def page(service: Any) -> Starlette:
    """The page, the schema, the metrics and the tasks as an application for the root of the service."""

    async def schema(_: Request) -> JSONResponse:
        return JSONResponse(described(service.openapi_spec.asdict()))

    files = [Route(path, _file) for path in FILES]
    return Starlette(routes=[*files, Route("/docs.json", schema), Route("/metrics", _metrics), *task_routes()])


async def _metrics(_: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)  # of this process: it is the only one that works


async def _file(request: Request) -> FileResponse:
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return FileResponse(Path(__file__).with_name(FILES[request.scope["path"]]), headers=headers)
