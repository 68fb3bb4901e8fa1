"""The training loop: batches in, an adapter out, with checkpoints that a killed run goes on from."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import nn

from model.adapter.network import IdentityAdapter
from model.errors import Preempted, UserError
from model.progress import track
from model.training.ahead import Ahead
from model.training.batches import Batch, Batches
from model.training.checkpoint import Progress, Window, load_checkpoint, newest_step, newest_weights
from model.training.phases import Phase, phase_at, total_steps
from model.training.processes import wait_for_all
from model.training.saver import Saver
from model.training.shards import refuse_uneven, sharded, whole
from model.training.step import AdaptedBackbone, Judges, losses, recompute
from model.training.watch import Watch
from model.training.zero import by_zero, set_up

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loop:
    """How the loop runs: its phases, pictures from `accumulate` batches a step, and how often it saves and reports.

    `recompute` is the share of the backbone's blocks whose activations are computed again in the backward pass.
    """

    phases: tuple[Phase, ...]
    accumulate: int = 1
    clip: float = 1.0
    weight_decay: float = 0.01
    recompute: float = 0.0
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
        process: Accelerator,
    ) -> None:
        self.accelerator, self.sharded = process, sharded(process)
        if self.sharded:
            refuse_uneven(loop.phases)
        self.judges, self.batches, self.loop, self.work = judges, batches, loop, work / "checkpoints"
        self.ahead = Ahead(batches, self.accelerator.num_processes)
        self.adapter = adapter.requires_grad_(True).train()
        adapter.keys_first = not self.sharded  # else each attention is put together twice
        in_place = process.device.type != "cpu"  # torch's other way on a GPU holds a copy of all second moments
        self.optimiser = torch.optim.AdamW(adapter.parameters(), weight_decay=loop.weight_decay, fused=in_place)
        recompute(backbone, loop.recompute)
        self.whole = AdaptedBackbone(backbone.requires_grad_(False).eval(), adapter)
        self.autocast = self.accelerator.autocast
        if by_zero(self.accelerator):
            self.autocast = set_up(self.accelerator, batches.size, loop.accumulate, loop.clip)
        self.model, self.prepared = self.accelerator.prepare(self.whole, self.optimiser)
        self._refuse_apart()
        self.progress = load_checkpoint(self.work, adapter, self.optimiser) or Progress(0, [])
        self.saver = Saver(self.work, writes=process.is_main_process)

    def train(self, stop: Callable[[], bool] = lambda: False, watch: Watch | None = None) -> list[dict[str, Any]]:
        """Run the remaining steps and return the loss curve: one row each `report_every` steps.

        `stop` is asked after each step; where it says so in any process, a checkpoint is written and Preempted raised.
        Raises UserError at the first step whose losses or gradients are not finite, or with which the flow loss has run
        away (trend.py); the last checkpoint before is kept.
        """
        last = total_steps(self.loop.phases)
        steps: Iterable[int] = range(self.progress.step, last)
        if self.accelerator.is_main_process:  # those of other machines do the same steps
            steps = track(range(self.progress.step, last), "training", unit="steps")
        with self.saver:
            for step in steps:
                phase, within = phase_at(self.loop.phases, step)
                if watch:
                    watch.before(step, phase, self)
                self.progress.window.add(self._step(step, phase, within))
                self._record(step + 1, phase, last, watch)
                if step + 1 < last and any(self._of_all(stop())):
                    raise self._preempted(step + 1, last)
            self._all_written()
        return self.progress.curve

    def loss(self, number: int, phase: Phase, model: nn.Module | None = None) -> dict[str, torch.Tensor]:
        """The losses of batch `number`, by the wrapped model or by another one."""
        batch = self.ahead.batch(number, phase).to(self.accelerator.device)
        return losses(partial(self._predicted, model or self.model), batch, self.judges, phase)

    def gradient(self, number: int, phase: Phase) -> dict[str, torch.Tensor]:
        """The losses of batch `number`, whose gradient is added to the adapter's."""
        found = self.loss(number, phase)
        self.accelerator.backward(found["total"])
        self.whole.hooks.close()  # of the batch's people: whoever uses the backbone next has others
        return found

    def trained(self) -> IdentityAdapter:
        """The adapter of the newest checkpoint, whole and on the CPU."""
        with torch.device("meta"):
            adapter = IdentityAdapter(self.adapter.sizes)
        adapter.load_state_dict(newest_weights(self.work), assign=True)
        return adapter

    def _predicted(self, model: nn.Module, x_t: torch.Tensor, batch: Batch) -> torch.Tensor:
        with self.autocast():  # accelerate does so itself for models that are not sharded
            found: torch.Tensor = model(x_t, batch)
        return found

    def _step(self, step: int, phase: Phase, within: int) -> dict[str, float]:
        """One optimiser step; the mean losses of all processes and the gradient's norm before clipping."""
        for group in self.prepared.param_groups:
            group["lr"] = phase.rate(within)
        window, measures = Window(), dict[str, float]()
        for number in self._numbers(step):
            with self.accelerator.accumulate(self.model):
                found = self.gradient(number, phase)
                values = torch.stack(
                    [value.detach() for value in found.values()]
                ).tolist()  # a device is waited for once
                window.add(dict(zip(found, values, strict=True)))
                if self.accelerator.sync_gradients:
                    norm = torch.as_tensor(self.accelerator.clip_grad_norm_(self.adapter.parameters(), self.loop.clip))
                    measures = self._means(window) | {"gradient": float(whole(norm))}
                    self._refuse_nonsense(step, phase, measures)
                self.prepared.step()
                self.prepared.zero_grad()
        return measures

    def _means(self, window: Window) -> dict[str, float]:
        """The mean measures over the batches of all processes."""
        merged = Window()
        for part in self._of_all(window):
            merged.merge(part)
        return merged.means()

    def _of_all(self, value: Any) -> list[Any]:
        """A value of each process, in the order of their ranks."""
        return gather_object([value]) if self.accelerator.num_processes > 1 else [value]

    def _numbers(self, step: int) -> Iterator[int]:
        """The batches of a step that are this process's: the same set however many processes share them."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        for part in range(self.loop.accumulate):
            yield (step * self.loop.accumulate + part) * world + rank

    def _refuse_apart(self) -> None:
        """The first process alone writes checkpoints: machines that share no folder would go on from other steps."""
        step = torch.tensor([newest_step(self.work)], device=self.accelerator.device)
        begin = sorted(set(self.accelerator.gather(step).tolist()))
        if len(begin) > 1:
            raise UserError(
                f"training: its processes would go on from different steps ({', '.join(map(str, begin))}), as the "
                f"folder {self.work} is not the same on all machines: let WITHANYONE_CACHE name one that they share."
            )

    def _refuse_nonsense(self, step: int, phase: Phase, measures: dict[str, float]) -> None:
        odd = sorted(name for name, value in measures.items() if not torch.isfinite(torch.tensor(value)))
        if odd:
            raise self._refusal(f"{', '.join(odd)} is not finite at step {step + 1}")
        pictures = self.batches.size * self.loop.accumulate * self.accelerator.num_processes
        trend = self.progress.trend
        if best := trend.left_behind(phase.name, measures["flow"], pictures):
            raise self._refusal(f"the flow loss runs away, {trend.mean:.3g} at step {step + 1} after {best:.3g}")

    def _preempted(self, done: int, last: int) -> Preempted:
        if self.saver.step != done:
            self._save()
        self._all_written()
        return Preempted(f"training stopped after step {done} of {last}, as asked; start it again to go on.")

    def _refusal(self, what: str) -> UserError:
        self._all_written()
        kept = f"; the checkpoint before it is kept in {self.work}" if newest_step(self.work) else ""
        return UserError(f"training: {what}{kept}; lower learning_rate of the phase, or start from another adapter.")

    def _record(self, done: int, phase: Phase, last: int, watch: Watch | None) -> None:
        """A point of the curve and a checkpoint, where they are due."""
        window = self.progress.window
        if done % self.loop.report_every == 0 or done == last:
            means = {name: round(value, 6) for name, value in window.means().items()}
            point = {"step": done, "phase": phase.name, **means}
            self.progress.curve.append(point)
            if self.accelerator.is_main_process:
                log.info("step %d of %d: %s", done, last, ", ".join(f"{k} {v:.4f}" for k, v in means.items()))
            if watch:
                watch.point(done, phase, means, self)
            window = Window()
        self.progress = replace(self.progress, step=done, window=window)
        self.saver.check()
        if done % self.loop.checkpoint_every == 0 or done == last:
            self._save()

    def _save(self) -> None:
        self._all_written()
        self.saver.save(self.adapter, self.optimiser, self.progress)

    def _all_written(self) -> None:
        """Go on, in all processes, when the newest checkpoint is whole: one that ends takes the others with it."""
        self.saver.wait()
        wait_for_all(self.accelerator)
