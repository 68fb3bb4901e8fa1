"""Where requests meet the model: each takes a place in the line, and some of what was made is scored afterwards."""

import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import numpy as np

from components.packaging.engine import Engine, Made, Order, stage
from components.packaging.line import Line, Ticket
from components.packaging.metrics import COPY, SIMILARITY, TOGETHER
from components.packaging.refusals import RefusalError
from components.packaging.requests import GenerateRequest
from components.packaging.scoring import score
from components.packaging.shadow import Shadow
from components.packaging.tasks import Tasks

R = TypeVar("R")

log = logging.getLogger(__name__)


class EverybodyLeftError(Exception):
    """Nobody waits any more for the pictures that are being made."""


class Desk:
    """An engine with its line, the tasks it was given, and perhaps a shadow. `sample` is the share that is scored."""

    def __init__(self, engine: Engine, line: Line, sample: float, shadow: Shadow | None = None) -> None:
        self.engine, self.line, self.sample, self.shadow = engine, line, sample, shadow
        self.tasks = Tasks(line)

    def order(self, request: GenerateRequest) -> Ticket[list[bytes]]:
        """A place in the line for pictures, PNG files; raises RefusalError where it is full."""
        return self.line.join_alike(self._make, request, self.engine.alike(request))

    def _make(self, tickets: Sequence[Ticket[list[bytes]]]) -> list[list[bytes] | Exception]:
        """The pictures of requests that are alike; one that is refused or stopped leaves the others be."""
        orders: dict[Ticket[list[bytes]], Order] = {}
        outcomes: dict[Ticket[list[bytes]], list[bytes] | Exception] = {}
        for ticket in tickets:
            try:
                orders[ticket] = self.engine.order(ticket.asked)
            except RefusalError as refusal:
                outcomes[ticket] = refusal

        def told(done: int, steps: int) -> None:
            for ticket in orders.keys() - outcomes.keys():
                try:
                    ticket.step(done, steps)
                except RefusalError as refusal:
                    outcomes[ticket] = refusal
            if orders.keys() <= outcomes.keys():
                raise EverybodyLeftError

        if orders:
            TOGETHER.observe(len(orders))
            with suppress(EverybodyLeftError):
                for ticket, made in zip(orders, self.engine.make(list(orders.values()), told), strict=True):
                    if ticket not in outcomes:
                        outcomes[ticket] = made.files
                        self._watch(ticket.asked, made)
        return [outcomes[ticket] for ticket in tickets]

    def ask(self, work: Callable[[], R]) -> Ticket[R]:
        """A place in the line for something else that needs the device."""
        return self.line.join(lambda _: work())

    def _watch(self, request: GenerateRequest, made: Made) -> None:
        """Score some of what was made when nobody waits, so that no answer is late for it."""
        if random.random() < self.sample:
            self.line.later(lambda: self._score(made))
        shadow = self.shadow
        if shadow is not None and random.random() < shadow.share:
            self.line.later(lambda: shadow.compare(request, made))

    def _score(self, made: Made) -> None:
        with stage("scoring"):
            for picture, request in zip(made.pictures, made.order.requests, strict=True):
                for one in score(self.engine.analyser, np.asarray(picture), request.boxes, made.order.references):
                    SIMILARITY.observe(one.similarity)
                    COPY.observe(one.copy)
