"""The service's page: the schema, drawn by files of the service alone. The framework's own calls an advertiser."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

FILES = {"/": "index.html", "/start.js": "start.js"}
# Swagger's styles and icons are inline; scripts are not, and nothing comes from elsewhere or goes there.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def page() -> Starlette:
    """The page as an application for the root of the service."""
    return Starlette(routes=[Route(path, _file) for path in FILES])


async def _file(request: Request) -> FileResponse:
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
    return FileResponse(Path(__file__).with_name(FILES[request.scope["path"]]), headers=headers)
