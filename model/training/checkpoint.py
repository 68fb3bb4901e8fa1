"""Checkpoints of a running training: whole or absent, without pickles, and enough to go on bit for bit.

Batches, noise and learning rates are functions of the seed and the step number, so weights, optimiser moments, the step
number, the measures that no point of the curve holds yet and the trend of the loss are the complete state.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from model.adapter.checkpoint import read_tensors
from model.artefacts import UnreadableError, new_folder, read_json, write_json
from model.errors import UserError
from model.training import zero
from model.training.shards import like, whole
from model.training.trend import Trend

KEPT = 2
WEIGHTS, MOMENTS, PROGRESS = "weights.safetensors", "optimiser.safetensors", "progress.json"
log = logging.getLogger(__name__)


@dataclass
class Window:
    """Sums of the measures since the last point of the curve."""

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, measures: dict[str, float]) -> None:
        """Take in what one batch or step measured."""
        for name, value in measures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def merge(self, other: "Window") -> None:
        """Take in what another process measured."""
        for name in other.sums:
            self.sums[name] = self.sums.get(name, 0.0) + other.sums[name]
            self.counts[name] = self.counts.get(name, 0) + other.counts[name]

    def means(self) -> dict[str, float]:
        """The mean of each measure, over the times it was taken."""
        return {name: self.sums[name] / self.counts[name] for name in sorted(self.sums)}


@dataclass(frozen=True)
class Progress:
    """How far a training is: steps done, its loss curve (plain JSON rows), the measures since its end and its trend."""

    step: int
    curve: list[dict[str, Any]]
    window: Window = field(default_factory=Window)
    trend: Trend = field(default_factory=Trend)


def tensors_of(module: nn.Module, optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, str, Tensor]]:
    """What a checkpoint holds: of each whole tensor the file, the name and, on its device, the values.

    Where processes share tensors, all must go through these.
    """
    for name, tensor in module.state_dict().items():
        yield WEIGHTS, name, whole(tensor)
    moments = zero.moments if zero.in_pieces(module) else _moments
    for name, tensor in moments(module, optimiser):
        yield MOMENTS, name, whole(tensor)


def write_checkpoint(folder: Path, files: Mapping[str, dict[str, Tensor]], progress: dict[str, Any]) -> None:
    """Write `folder/step-NNNNNNN` of the tensors of each file, and drop all but the newest two."""
    with new_folder(folder / f"step-{progress['step']:07d}") as draft:
        for file, tensors in files.items():
            save_file(tensors, draft / file)
        write_json(draft / PROGRESS, {"schema": 1, **progress})
    for old in checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old)


def load_checkpoint(folder: Path, module: nn.Module, optimiser: torch.optim.Optimizer) -> Progress | None:
    """Put the newest checkpoint of `folder` into module and optimiser; None where there is none yet."""
    there = checkpoints(folder)
    if not there:
        return None
    newest = there[-1]
    present = module.state_dict()
    module.load_state_dict({name: like(tensor, present[name]) for name, tensor in newest_weights(folder).items()})
    set_moments = zero.set_state if zero.in_pieces(module) else _set_moments
    set_moments(module, optimiser, _read(newest / MOMENTS))
    progress = _read_progress(newest / PROGRESS)
    log.info("going on from step %d", progress.step)
    return progress


def newest_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of the newest checkpoint of `folder`."""
    return _read(checkpoints(folder)[-1] / WEIGHTS)


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of `folder`, oldest first."""
    return sorted(folder.glob("step-*"))


def newest_step(folder: Path) -> int:
    """The step after which the newest checkpoint of `folder` was written; 0 where there is none yet."""
    return max((int(place.name.removeprefix("step-")) for place in checkpoints(folder)), default=0)


def _read(file: Path) -> dict[str, Tensor]:
    return read_tensors(file, "checkpoint", _remedy(file))


def _read_progress(file: Path) -> Progress:
    try:
        saved = read_json(file, "step", "curve", "window", "trend")
    except UnreadableError as error:
        raise UserError(f"checkpoint {file}: it is damaged or gone; {_remedy(file)}.") from error
    return Progress(saved["step"], saved["curve"], Window(**saved["window"]), Trend(**saved["trend"]))


def _remedy(file: Path) -> str:
    return f"delete {file.parent}, and start again to go on from the checkpoint before it"


def _moments(module: nn.Module, optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """The optimiser's tensors as `<moment>/<parameter>`."""
    names = [name for name, _ in module.named_parameters()]
    for index, row in optimiser.state_dict()["state"].items():
        for moment, tensor in row.items():
            yield f"{moment}/{names[index]}", tensor


def _set_moments(module: nn.Module, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = {name: (index, parameter) for index, (name, parameter) in enumerate(module.named_parameters())}
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        moment, name = key.split("/", 1)
        index, parameter = parameters[name]
        state.setdefault(index, {})[moment] = like(tensor, parameter) if tensor.shape == parameter.shape else tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
