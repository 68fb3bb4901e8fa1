"""The door under pressure: bodies that come slowly or together are refused, and what they held is given back."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from components.packaging import limits
from components.packaging.door import Door

App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def accepts(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def status(door: Door, receive: Receive) -> tuple[int, dict[str, Any]]:
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"content-type", b"application/json")]}
    await door(scope, receive, send)
    return told[0]["status"], json.loads(told[1]["body"])


def parts(*sizes: int) -> Receive:
    left: Iterator[int] = iter(sizes)
    following = next(left)

    async def receive() -> Message:
        nonlocal following
        size, following = following, next(left, 0)
        return {"type": "http.request", "body": bytes(size), "more_body": following > 0}

    return receive


def test_a_body_that_comes_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)

    async def never() -> Message:
        await asyncio.sleep(5)
        raise AssertionError

    door = Door(accepts, {})
    code, problem = asyncio.run(status(door, never))
    assert (code, problem["what"], problem["remedy"]) == (408, "The body", "send it faster")
    assert door.held == 0


def test_bodies_that_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELD_BYTES", 1000)
    inside, let_go = asyncio.Event(), asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        inside.set()
        await let_go.wait()
        await accepts(scope, receive, send)

    async def both() -> None:
        door = Door(waits, {})
        first = asyncio.create_task(status(door, parts(400, 300)))
        await inside.wait()
        code, problem = await status(door, parts(200, 200))
        assert (code, problem["type"]) == (429, "urn:withanyone:bytes-full")
        assert door.held == 700
        let_go.set()
        assert (await first)[0] == 200
        assert door.held == 0
        assert (await status(door, parts(400, 300)))[0] == 200

    asyncio.run(both())
