"""Watches a training from beside: live metrics, speed, and a grid of sample pictures on a schedule."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from model.artefacts import new_file
from model.training.live import Live
from model.training.meter import Meter
from model.training.phases import Phase

if TYPE_CHECKING:
    from model.training.trainer import Trainer

log = logging.getLogger(__name__)


class Watch:
    """What the loop calls: `before` each step and at each `point` of the curve. It changes nothing of the training."""

    def __init__(self, folder: Path, sample: Callable[[], list[Image.Image]], samples_every: int) -> None:
        self.folder, self.sample, self.samples_every = folder, sample, samples_every
        self.live: Live | None = None
        self.meter: Meter | None = None
        self.phase: str | None = None
        self.last = 0

    def before(self, step: int, phase: Phase, trainer: Trainer) -> None:
        """Open the files before the first step of this process, and count operations before the first of a phase."""
        if self.meter is None:
            self.meter, self.last = Meter(trainer.accelerator.device), step
            if trainer.accelerator.is_main_process:
                self.live = Live(self.folder, step)
                log.info("live metrics are in %s", self.folder)
        if phase.name != self.phase:
            self.phase = phase.name
            self.meter.count(lambda: _gradient(trainer, step, phase))
            trainer.prepared.zero_grad()

    def close(self) -> None:
        """Write out what waits."""
        if self.live:
            self.live.events.close()

    def point(self, done: int, phase: Phase, means: dict[str, float], trainer: Trainer) -> None:
        """Write a point of the curve with the speed of the steps since the last one, and samples where they are due."""
        if self.meter is None:
            raise RuntimeError("a point of the curve before the first step")
        processes = trainer.accelerator.num_processes
        batches = (done - self.last) * trainer.loop.accumulate * processes
        speed, since = self.meter.lap(batches, batches * trainer.batches.size, processes), self.last
        self.last = done
        if self.live:
            self.live.add(done, phase.name, means | speed)
            pace, share = speed["pictures_per_second"], 100 * speed["flops_utilisation"]
            log.info("%.1f pictures a second, %.1f %% of the device's peak", pace, share)
        due = self.samples_every and done // self.samples_every > since // self.samples_every
        if due and (self.live or trainer.sharded):  # processes that share the weights all draw, or none can
            pictures = self.sample()
            if self.live:
                with new_file(self.live.sample_file(done), durable=False) as draft:
                    grid(pictures).save(draft, "PNG")


def grid(pictures: list[Image.Image]) -> Image.Image:
    """Pictures side by side on black, upper edges level."""
    sheet = Image.new("RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)))
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width
    return sheet


def _gradient(trainer: Trainer, step: int, phase: Phase) -> None:
    """The gradient of a step's first batch, added to nothing and not exchanged, where weights are not in shards."""
    number = step * trainer.loop.accumulate * trainer.accelerator.num_processes
    if trainer.sharded:
        trainer.gradient(number, phase)
        return
    total = trainer.loss(number, phase, trainer.whole)["total"]
    torch.autograd.grad(total, list(trainer.adapter.parameters()), allow_unused=True)
    trainer.whole.hooks.close()
