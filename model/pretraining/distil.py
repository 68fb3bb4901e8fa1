"""Make one base of two: with the adapter it draws as the one does, and without it as the other does.

`python -m model.pretraining.distil OUT PEOPLE ALONE DATASET...` reads a backbone.safetensors and an adapter.safetensors
in each of the folders PEOPLE and ALONE, begins as PEOPLE and writes both files into OUT. What a stage has asked of
people may have cost the backbone what it draws by itself; this brings it back without asking anybody's judgement again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import typer
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.adapter.regions import cells_in_boxes
from model.dataset.dataset import Dataset
from model.losses.drawn import drawn
from model.presets import Preset, nano
from model.pretraining.backbone import DRAWN_PHASE, Source, source_of, switched_off, write_weights
from model.pretraining.loop import Loss, Plan, pretrain
from model.training.assemble import new_adapter
from model.training.batches import Batch
from model.training.step import AdaptedBackbone

PLAN = Plan(steps=259, learning_rate=4e-4, warm_up=20, average=0.98, weight_decay=0.0, seed=5)
FACES = 4.0  # what a token in somebody's box counts for, beside 1
Point = tuple[Tensor, Tensor, Tensor]  # noised tokens, their noise levels, and the velocity there


def main(out: Path, people: Path, alone: Path, datasets: list[Path]) -> None:
    """Train the nano preset on `datasets` and write its weights."""
    chosen = nano()
    sources = [source_of(Dataset.open(folder), chosen, out) for folder in datasets]
    model, with_people, by_itself = (_read(chosen, folder) for folder in (people, people, alone))
    average = pretrain(model, distilled(model, with_people, by_itself, sources, chosen.steps), PLAN, out / "distilled")
    model.load_state_dict(average)
    write_weights(model, out)


def distilled(
    model: AdaptedBackbone, people: AdaptedBackbone, alone: AdaptedBackbone, sources: Sequence[Source], steps: int
) -> Loss:
    """The loss: how far the model's velocities are from those of the two, at the points where these draw pictures.

    The adapter is on in every second picture. The pictures are drawn from noise in `steps` steps.
    """

    def loss(step: int, _: np.random.Generator) -> dict[str, Tensor]:
        batch = sources[step % len(sources)].batches.batch(step // len(sources), DRAWN_PHASE)
        faces = cells_in_boxes(batch.boxes, *batch.size).any(-1)
        on, off = torch.arange(1, len(batch.t), 2), torch.arange(0, len(batch.t), 2)
        nobody = switched_off(batch, torch.ones(len(batch.t), dtype=torch.bool))
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            found = {
                "people": _gap(model, people, batch.only(on), faces[on], steps),
                "alone": _gap(model, alone, nobody.only(off), faces[off], steps),
            }
        return {"loss": found["people"] + found["alone"]} | found

    return loss


def _gap(model: AdaptedBackbone, teacher: AdaptedBackbone, batch: Batch, faces: Tensor, steps: int) -> Tensor:
    """The mean square between the velocities of both at the points of the teacher's drawing, summed over its steps."""
    weights = (1 + (FACES - 1) * faces.float())[..., None]
    with torch.no_grad():
        points = _points(lambda x_t, t: teacher(x_t, replace(batch, t=t)).float(), batch.noise, steps)
    gaps = [(model(x_t, replace(batch, t=t)).float() - wanted).square() for x_t, t, wanted in points]
    return torch.stack([(gap * weights).mean() / weights.mean() for gap in gaps]).sum()


def _points(predict: Callable[[Tensor, Tensor], Tensor], noise: Tensor, steps: int) -> list[Point]:
    found: list[Point] = []

    def noted(x_t: Tensor, t: Tensor) -> Tensor:
        found.append((x_t, t, predict(x_t, t)))
        return found[-1][2]

    drawn(noted, noise, steps)
    return found


def _read(chosen: Preset, folder: Path) -> AdaptedBackbone:
    model = AdaptedBackbone(FluxTransformer2DModel(**chosen.backbone), new_adapter(chosen, PLAN.seed))
    for part in ("backbone", "adapter"):
        weights = load_file(folder / f"{part}.safetensors")
        getattr(model, part).load_state_dict({name: value.float() for name, value in weights.items()})
    return model


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    typer.run(main)
