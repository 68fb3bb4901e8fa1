"""The loop that pretrains one network: seeded steps, cosine rate, averaged weights, checkpoints that resume."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from model.artefacts import new_file
from model.errors import UserError
from model.progress import track
from model.training.cache import weights_digest

CHECKPOINT_EVERY, NOTE_EVERY = 100, 10


@dataclass(frozen=True)
class Plan:
    """How long and how fast: `steps`, peak learning rate, warm-up steps, decay of the averaged weights, seed."""

    steps: int
    learning_rate: float
    warm_up: int = 100
    average: float = 0.998
    weight_decay: float = 0.01
    seed: int = 0


Loss = Callable[[int, np.random.Generator], dict[str, torch.Tensor]]


def pretrain(network: nn.Module, loss: Loss, plan: Plan, folder: Path) -> dict[str, torch.Tensor]:
    """Train `network` for `plan.steps` on `loss(step, rng)["loss"]`; returns the averaged weights.

    Every step draws from a generator seeded with the step's number, so a resumed run sees what an unbroken one would.
    The state is kept in `folder`, and the curve in curve.jsonl there. Raises UserError where a state is kept there that
    began with another plan or other weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = {"the digest of the first weights": weights_digest(network)[:12], **asdict(plan)}
    trained = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, plan.learning_rate, betas=(0.9, 0.99), weight_decay=plan.weight_decay)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    first = _resume(folder / "state.safetensors", began, network, optimiser, average)
    _cut(folder / "curve.jsonl", len(range(0, first, NOTE_EVERY)))
    for step in track(range(first, plan.steps), "pretraining", unit="step"):
        for group in optimiser.param_groups:
            group["lr"] = plan.learning_rate * _rate(step, plan)
        rng = np.random.default_rng([plan.seed, step])
        torch.manual_seed(plan.seed * 1_000_003 + step)
        parts = loss(step, rng)
        optimiser.zero_grad(set_to_none=True)
        parts["loss"].backward()
        norm = nn.utils.clip_grad_norm_(trained, 1.0, error_if_nonfinite=True)
        optimiser.step()
        _blend(average, network, min(plan.average, (step + 1) / (step + 10)))
        if step % NOTE_EVERY == 0:
            _note(folder / "curve.jsonl", step, parts, float(norm))
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == plan.steps:
            _save(folder / "state.safetensors", {"step": step + 1, "began": began}, network, optimiser, average)
    return average


def _rate(step: int, plan: Plan) -> float:
    """Share of the peak learning rate: linear warm-up, then half a cosine down to zero."""
    if step < plan.warm_up:
        return (step + 1) / plan.warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - plan.warm_up) / max(1, plan.steps - plan.warm_up)))


@torch.no_grad()
def _blend(average: dict[str, torch.Tensor], network: nn.Module, decay: float) -> None:
    for name, value in network.state_dict().items():
        average[name].lerp_(value, 1 - decay)


def _note(path: Path, step: int, parts: dict[str, torch.Tensor], norm: float) -> None:
    row = {"step": step, "time": round(time.time(), 1), "norm": round(norm, 4)} | {
        k: round(float(v.detach()), 5) for k, v in parts.items()
    }
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _cut(path: Path, rows: int) -> None:
    """Leave the first `rows` of the curve: those after them are of steps that are done again."""
    if path.exists():
        kept = path.read_text(encoding="utf-8").splitlines(keepends=True)[:rows]
        with new_file(path) as draft:
            draft.write_text("".join(kept), encoding="utf-8")


def _save(
    path: Path,
    notes: dict[str, Any],
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
) -> None:
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
    with new_file(path) as draft:
        save_file({name: value.contiguous() for name, value in tensors.items()}, draft, {"notes": json.dumps(notes)})


def _resume(
    path: Path,
    began: dict[str, Any],
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
) -> int:
    """Put the kept state back; returns the step to go on with, 0 when there is none."""
    if not path.exists():
        return 0
    with safe_open(path, "pt") as file:
        notes = json.loads(file.metadata().get("notes", '{"began": {}}'))
    for field, value in began.items():
        if (kept := notes["began"].get(field)) != value:
            raise UserError(
                f"pretraining: {field} is {value}, but what {path} holds began with {kept}; it can only go on as it "
                f"began: give {kept} again, or delete {path.parent} to begin anew."
            )
    tensors = load_file(path)
    network.load_state_dict({name[8:]: value for name, value in tensors.items() if name.startswith("network.")})
    average.update({name[8:]: value for name, value in tensors.items() if name.startswith("average.")})
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(notes["step"])
