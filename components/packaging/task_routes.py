"""The asynchronous form of `generate` over HTTP: POST, GET and DELETE of /tasks."""

from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING

import bentoml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components.packaging.refusals import answer_refusals
from components.packaging.requests import GenerateRequest, parse

if TYPE_CHECKING:
    from components.packaging.desk import Desk  # torch and the model, which the server's first process does without

Endpoint = Callable[[Request, "Desk"], Awaitable[Response]]


def task_routes() -> list[Route]:
    """The routes, for the service that runs in this process."""
    return [
        Route("/tasks", _at_desk(_add), methods=["POST"]),
        Route("/tasks/{number}", _at_desk(_look), methods=["GET"]),
        Route("/tasks/{number}", _at_desk(_cancel), methods=["DELETE"]),
        Route("/tasks/{number}/pictures/{index:int}", _at_desk(_fetch), methods=["GET"]),
    ]


def _at_desk(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    @answer_refusals
    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        return await endpoint(request, bentoml.get_current_service().desk)

    return answer


async def _add(request: Request, desk: "Desk") -> Response:
    number = desk.tasks.add(desk.order(parse(await request.body(), GenerateRequest)))
    place = {"Location": f"/tasks/{number}"}
    return JSONResponse(desk.tasks.told(number), HTTPStatus.ACCEPTED, place)


async def _look(request: Request, desk: "Desk") -> Response:
    return JSONResponse(desk.tasks.told(request.path_params["number"]))


async def _cancel(request: Request, desk: "Desk") -> Response:
    return JSONResponse(desk.tasks.cancel(request.path_params["number"]))


async def _fetch(request: Request, desk: "Desk") -> Response:
    picture = desk.tasks.picture(request.path_params["number"], request.path_params["index"])
    return Response(picture, media_type="image/png", headers={"Cache-Control": "no-store"})
