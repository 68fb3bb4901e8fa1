"""The training loop: batches in, an adapter out, with checkpoints that a killed run goes on from."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

from model.adapter.network import IdentityAdapter
from model.errors import Preempted, UserError
from model.progress import track
from model.training.batches import Batches
from model.training.checkpoint import Progress, Window, load_checkpoint, save_checkpoint
from model.training.phases import Phase, phase_at, total_steps
from model.training.step import AdaptedBackbone, Judges, losses

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loop:
    """How the loop runs: its phases, pictures from `accumulate` batches a step, and how often it saves and reports."""

    phases: tuple[Phase, ...]
    accumulate: int = 1
    clip: float = 1.0
    weight_decay: float = 0.01
    checkpoint_every: int = 100
    report_every: int = 20


class Trainer:
    """Trains an adapter on the batches of any dataset; `work` holds the checkpoints of this one job."""

    def __init__(
        self,
        backbone: FluxTransformer2DModel,
        adapter: IdentityAdapter,
        judges: Judges,
        batches: Batches,
        loop: Loop,
        work: Path,
        accelerator: Accelerator | None = None,
    ) -> None:
        self.accelerator = accelerator or Accelerator(gradient_accumulation_steps=loop.accumulate)
        self.judges, self.batches, self.loop, self.work = judges, batches, loop, work / "checkpoints"
        self.adapter = adapter.requires_grad_(True).train()
        self.optimiser = torch.optim.AdamW(adapter.parameters(), weight_decay=loop.weight_decay)
        self.progress = load_checkpoint(self.work, adapter, self.optimiser) or Progress(0, [])
        whole = AdaptedBackbone(backbone.requires_grad_(False).eval(), adapter)
        self.model, self.prepared = self.accelerator.prepare(whole, self.optimiser)

    def train(self, stop: Callable[[], bool] = lambda: False) -> list[dict[str, Any]]:
        """Run the remaining steps and return the loss curve: one row each `report_every` steps.

        `stop` is asked after each step; where it says so, a checkpoint is written and Preempted raised. Raises
        UserError at the first step whose losses or gradients are not finite; the last checkpoint is kept.
        """
        last = total_steps(self.loop.phases)
        started, first = time.monotonic(), self.progress.step
        for step in track(range(first, last), "training", unit="steps"):
            phase, within = phase_at(self.loop.phases, step)
            self.progress.window.add(self._step(step, phase, within))
            self._record(step + 1, phase, last)
            if step + 1 < last and stop():
                self._save()
                raise Preempted(f"stopped after step {step + 1} of {last}; the checkpoint is in {self.work}")
        if last > first:
            pictures = (last - first) * self.loop.accumulate * self.batches.size * self.accelerator.num_processes
            log.info("trained at %.1f pictures a second", pictures / (time.monotonic() - started))
        return self.progress.curve

    def _step(self, step: int, phase: Phase, within: int) -> dict[str, float]:
        """One optimiser step; its mean losses and the gradient's norm before clipping."""
        for group in self.prepared.param_groups:
            group["lr"] = phase.rate(within)
        window = Window()
        norm = torch.zeros(())
        for number in self._numbers(step):
            batch = self.batches.batch(number, phase).to(self.accelerator.device)
            with self.accelerator.accumulate(self.model):
                found = losses(self.model, batch, self.judges, phase)
                self.accelerator.backward(found["total"])
                window.add({name: float(value.detach()) for name, value in found.items()})
                if self.accelerator.sync_gradients:
                    norm = self.accelerator.clip_grad_norm_(self.adapter.parameters(), self.loop.clip)
                    self._refuse_nonsense(step, window.means() | {"gradient": float(norm)})
                self.prepared.step()
                self.prepared.zero_grad()
        return window.means() | {"gradient": float(norm)}

    def _numbers(self, step: int) -> Iterator[int]:
        """The batches of a step that are this process's: the same set however many processes share them."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        for part in range(self.loop.accumulate):
            yield (step * self.loop.accumulate + part) * world + rank

    def _refuse_nonsense(self, step: int, measures: dict[str, float]) -> None:
        odd = sorted(name for name, value in measures.items() if not torch.isfinite(torch.tensor(value)))
        if odd:
            raise UserError(
                f"training: {', '.join(odd)} is not finite at step {step + 1}; the checkpoint before it is kept in "
                f"{self.work}; lower learning_rate of the phase, or start from another adapter."
            )

    def _record(self, done: int, phase: Phase, last: int) -> None:
        """A point of the curve and a checkpoint, where they are due."""
        window = self.progress.window
        if done % self.loop.report_every == 0 or done == last:
            means = {name: round(value, 6) for name, value in window.means().items()}
            self.progress.curve.append({"step": done, "phase": phase.name, **means})
            log.info("step %d of %d: %s", done, last, ", ".join(f"{k} {v:.4f}" for k, v in means.items()))
            window = Window()
        self.progress = replace(self.progress, step=done, window=window)
        if done % self.loop.checkpoint_every == 0 or done == last:
            self._save()

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            save_checkpoint(self.work, self.adapter, self.optimiser, self.progress)
