"""Requests at the desk: those that are alike share a call of the pipeline, and each has its own end."""

import threading
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import OutOfMemoryError

from components.packaging.desk import Desk
from components.packaging.engine import Engine
from components.packaging.line import Line, Ticket
from components.packaging.refusals import RefusalError
from components.packaging.requests import GenerateRequest
from model.sampler import OnStep, Request
from tests.components.packaging.files import base64_of, encoded
from tests.components.packaging.small import Painter, small_engine, with_faces

FACE, NOBODY = (base64_of(encoded(with_faces(*sides))) for sides in ((40,), ()))
Company = Callable[[list[Image.Image]], list[Image.Image]]


class Counting(Painter):
    """Counts what its calls are asked for; two take as long as one, and `company` is what becomes of those made so."""

    def __init__(self, company: Company | None = None) -> None:
        super().__init__()
        self.company, self.pause = company, 0.005
        self.calls: list[int] = []
        self.steps = 0

    def __call__(self, requests: Sequence[Request], *, on_step: OnStep | None = None, **ways: Any) -> list[Image.Image]:
        self.calls.append(len(requests))
        self.steps = 0

        def told(done: int, steps: int) -> None:
            self.steps = done
            if on_step is not None:
                on_step(done, steps)

        pictures = super().__call__(requests, on_step=told, **ways)
        return self.company(pictures) if self.company and len(requests) > 1 else pictures


class Held:
    """A desk whose line stands still until it is let go."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.line, self._open = engine, Line(16, 60, 3), threading.Event()
        self.desk = Desk(engine, self.line, sample=0.0)
        self.line.join(lambda _: self._open.wait(5))
        assert isinstance(engine.pipeline, Counting)
        self.painter = engine.pipeline
        self.painter.calls.clear()

    def order(self, **changes: Any) -> Ticket[list[bytes]]:
        asked = {"prompt": "a person", "references": [FACE], "seed": 3, **changes}
        return self.desk.order(GenerateRequest.model_validate(asked, strict=False))

    def go(self) -> list[int]:
        """Answer all; how many pictures were made in each call."""
        self._open.set()
        self.line.close()
        return self.painter.calls


def warm(company: Company | None = None) -> Engine:
    engine = small_engine()
    engine.pipeline = Counting(company)
    engine.warm_up()
    return engine


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held(warm())
    yield made
    made.go()


def test_requests_that_are_alike_are_made_in_one_call_and_are_what_they_are_alone(held: Held) -> None:
    tickets = [held.order(seed=seed, prompt=f"number {seed}") for seed in range(4)]
    assert held.go() == [3, 1]
    for seed, ticket in enumerate(tickets):
        order = held.engine.order(GenerateRequest(prompt=f"number {seed}", references=[FACE], seed=seed))
        alone = held.engine.make([order])[0]
        assert Image.open(BytesIO(ticket.future.result()[0])).tobytes() == alone.pictures[0].tobytes()


@pytest.mark.parametrize(
    "changes",
    [{"steps": 2}, {"id_weight": 0.5}, {"boxes": [(0.1, 0.1, 0.4, 0.4)]}, {"size": (256, 128)}, {"pictures": 2}],
    ids=lambda changes: next(iter(changes)),
)
def test_other_requests_are_made_on_their_own(held: Held, changes: dict[str, Any]) -> None:
    tickets = [held.order(), held.order(**changes)]
    assert held.go() == [1, changes.get("pictures", 1)]
    assert [len(ticket.future.result()) for ticket in tickets] == [1, changes.get("pictures", 1)]


def leaves(ticket: Ticket[list[bytes]]) -> Ticket[list[bytes]]:
    """The ticket, cancelled when it hears of its first step."""
    step = ticket.step

    def told(done: int, steps: int) -> None:
        if done:
            ticket.cancel()
        step(done, steps)

    ticket.step = told  # type: ignore[method-assign]
    return ticket


def test_one_that_is_refused_or_stopped_leaves_the_others_be(held: Held) -> None:
    good, nobody, stopped = held.order(), held.order(references=[NOBODY]), leaves(held.order())
    assert held.go() == [2]
    assert len(good.future.result()) == 1
    for ticket, words in ((nobody, "shows no face"), (stopped, "was cancelled")):
        with pytest.raises(RefusalError, match=words):
            ticket.future.result()


def test_the_work_ends_where_everybody_left(held: Held) -> None:
    tickets = [leaves(held.order()) for _ in range(2)]
    held.go()
    assert held.painter.steps == 1
    for ticket in tickets:
        with pytest.raises(RefusalError, match="was cancelled"):
            ticket.future.result()


def out_of_memory(_: list[Image.Image]) -> list[Image.Image]:
    raise OutOfMemoryError


def others(pictures: list[Image.Image]) -> list[Image.Image]:
    return [Image.fromarray(np.asarray(picture) ^ 1) for picture in pictures]


@pytest.mark.parametrize("company", [others, out_of_memory])
def test_nothing_is_shared_where_pictures_come_out_otherwise_or_do_not_fit(company: Company) -> None:
    held = Held(warm(company))
    assert not held.engine.together
    for _ in range(2):
        held.order()
    assert held.go() == [1, 1]
