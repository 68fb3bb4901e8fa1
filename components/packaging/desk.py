"""Where requests meet the model: each takes a place in the line, and some of what was made is scored afterwards."""

import logging
import random
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from components.packaging.engine import Engine, Made, stage
from components.packaging.line import Line, Ticket
from components.packaging.metrics import COPY, SIMILARITY
from components.packaging.requests import GenerateRequest
from components.packaging.scoring import score
from components.packaging.shadow import Shadow
from components.packaging.tasks import Tasks

R = TypeVar("R")

log = logging.getLogger(__name__)


class Desk:
    """An engine with its line, the tasks it was given, and perhaps a shadow. `sample` is the share that is scored."""

    def __init__(self, engine: Engine, line: Line, sample: float, shadow: Shadow | None = None) -> None:
        self.engine, self.line, self.sample, self.shadow = engine, line, sample, shadow
        self.tasks = Tasks(line)

    def order(self, request: GenerateRequest) -> Ticket[list[bytes]]:
        """A place in the line for pictures, PNG files; raises RefusalError where it is full."""

        def work(ticket: Ticket[list[bytes]]) -> list[bytes]:
            made = self.engine.generate(request, ticket.step)
            self._watch(request, made)
            return made.files

        return self.line.join(work)

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
            for picture, order in zip(made.pictures, made.orders, strict=True):
                for one in score(self.engine.analyser, np.asarray(picture), order.boxes, made.references):
                    SIMILARITY.observe(one.similarity)
                    COPY.observe(one.copy)
