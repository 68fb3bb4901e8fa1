"""Checkpoints of a running training: whole or absent, without pickles, and enough to go on bit for bit.

Batches, noise and learning rates are functions of the seed and the step number, so weights, optimiser moments, the step
number, the measures that no point of the curve holds yet and the trend of the loss are the complete state.
"""

import logging
import shutil
from dataclasses import asdict, dataclass, field
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
WEIGHTS = "weights.safetensors"
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


def save_checkpoint(
    folder: Path, module: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress, *, write: bool = True
) -> None:
    """Write `folder/step-NNNNNNN` and drop all but the newest two.

    The files hold whole tensors. Where processes share them, all must call this, and one should `write`.
    """
    weights = whole(module.state_dict(), keep=write)
    if zero.in_pieces(module):
        moments = zero.moments(module, optimiser, keep=write)
    else:
        moments = whole(_moments(module, optimiser), keep=write)
    if not write:
        return
    with new_folder(folder / f"step-{progress.step:07d}") as draft:
        save_file(weights, draft / WEIGHTS)
        save_file(moments, draft / "optimiser.safetensors")
        write_json(draft / "progress.json", {"schema": 1, **asdict(progress)})
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
    set_moments(module, optimiser, _read(newest / "optimiser.safetensors"))
    progress = _read_progress(newest / "progress.json")
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


def _moments(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's tensors as `<moment>/<parameter>`."""
    state = optimiser.state_dict()["state"]
    names = [name for name, _ in module.named_parameters()]
    return {f"{moment}/{names[index]}": tensor for index, row in state.items() for moment, tensor in row.items()}


def _set_moments(module: nn.Module, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = {name: (index, parameter) for index, (name, parameter) in enumerate(module.named_parameters())}
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        moment, name = key.split("/", 1)
        index, parameter = parameters[name]
        state.setdefault(index, {})[moment] = like(tensor, parameter) if tensor.shape == parameter.shape else tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
