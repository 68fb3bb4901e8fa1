"""Reads the next batch in a thread while the last one is learned from.

Batch k is a function of seed, number and phase, so what is read too early or in vain changes nothing of a training. At
the sizes of FLUX.1-dev a batch of 4 takes 10 to 28 ms to read, and 34 to 79 where its files are not in memory.
"""

from concurrent.futures import Future, ThreadPoolExecutor

from model.training.batches import Batch, Batches
from model.training.phases import Phase


class Ahead:
    """`batches` for somebody who takes every `stride`-th."""

    def __init__(self, batches: Batches, stride: int) -> None:
        self.batches, self.stride = batches, stride
        self._thread = ThreadPoolExecutor(1, "next batch")
        self._next: tuple[int, Phase, Future[Batch]] | None = None

    def batch(self, number: int, phase: Phase) -> Batch:
        """Batch `number`; an error of reading it is raised here, whoever read it."""
        known, self._next = self._next, None
        if known and known[:2] == (number, phase):
            found = known[2].result()
        else:
            found = self.batches.batch(number, phase)
        following = number + self.stride
        self._next = following, phase, self._thread.submit(self.batches.batch, following, phase)
        return found
