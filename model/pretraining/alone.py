"""Let the backbone draw people by itself as it draws them with the adapter, with which it draws on as before.

`python -m model.pretraining.alone OUT BASE DATASET...` reads backbone.safetensors and adapter.safetensors in the folder
BASE, begins as they are and writes both files into OUT. The drawn stage shows the backbone by itself seldom, and nobody
is asked for there, so its faces become soft, or twisted; with the adapter it knows how to draw faces.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import typer
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.rnn import pad_sequence

from model.adapter.regions import cells_in_boxes
from model.dataset.dataset import Dataset
from model.latents import decode, rgb, unpack
from model.losses.drawn import drawn
from model.presets import Preset, nano
from model.pretraining.backbone import DRAWN_PHASE, Source, source_of, switched_off, write_weights
from model.pretraining.drawing import Seen
from model.pretraining.loop import Loss, Plan, pretrain
from model.training.assemble import new_adapter
from model.training.batches import Batch
from model.training.step import AdaptedBackbone

PLAN = Plan(steps=246, learning_rate=4e-4, warm_up=30, average=0.98, weight_decay=0.0, seed=5)
FACES = 4.0  # what a token in somebody's box counts for, beside 1
KEPT = 5.0  # weight of drawing as before with the adapter
FOLLOWS = 0.05  # share of the newest faces in what is usual
Points = list[tuple[Tensor, Tensor]]  # noised tokens and their noise levels


class Usual(nn.Module):
    """The mean unit embedding [d] of the faces that are drawn: whom a face resembles is seen in how it departs from it.

    The nearest by the embedding itself would be one person for all: what drawn faces have in common is most of it.
    """

    mean: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))

    def resembled(self, faces: Tensor, people: Tensor) -> Tensor:
        """The row of `people` [M, d] that each of the `faces` [F, d] departs towards; the mean follows the faces."""
        ours, theirs = F.normalize(faces, dim=-1), F.normalize(people, dim=-1)
        apart = ours - self.mean
        self.mean.lerp_(ours.mean(0), FOLLOWS)
        return (apart @ F.normalize(theirs - theirs.mean(0), dim=-1).T).argmax(1)


def main(out: Path, base: Path, datasets: list[Path]) -> None:
    """Train the nano preset on `datasets` and write its weights."""
    chosen = nano()
    sources = [source_of(Dataset.open(folder), chosen, out) for folder in datasets]
    model, before = _read(chosen, base), _read(chosen, base).requires_grad_(False)
    usual = Usual(sources[0].batches.data.embeddings.shape[1])
    both = nn.ModuleDict({"model": model, "usual": usual})
    both.load_state_dict(pretrain(both, alone(model, before, sources, usual, chosen.steps), PLAN, out / "alone"))
    write_weights(model, out)


def alone(model: AdaptedBackbone, before: AdaptedBackbone, sources: Sequence[Source], usual: Usual, steps: int) -> Loss:
    """The loss: how far the model's velocities are from those of the weights `before`, which have the adapter on.

    In one half of the pictures the model has it off, at the points of its own drawing in `steps` steps, and those
    before are given whom its faces resemble, where they lie. In the other half it has it on, at the points of theirs.
    """

    def loss(step: int, _: np.random.Generator) -> dict[str, Tensor]:
        source = sources[step % len(sources)]
        batch = source.batches.batch(step // len(sources), DRAWN_PHASE)
        count = len(batch.t)
        off, on = batch.only(torch.arange(count // 2)), batch.only(torch.arange(count // 2, count))
        nobody = switched_off(off, torch.ones(len(off.t), dtype=torch.bool))
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            points, clean = drawing(model, nobody, steps)
            people = of_the_resembled(off, clean, source, usual)
            found = {
                "alone": _gap(model, nobody, before, people, points),
                "kept": _gap(model, on, before, on, drawing(before, on, steps)[0]),
            }
        return {"loss": found["alone"] + KEPT * found["kept"]} | found

    return loss


@torch.no_grad()
def drawing(model: AdaptedBackbone, batch: Batch, steps: int) -> tuple[Points, Tensor]:
    """The points at which the model is asked while it draws the batch, and the clean tokens [B, L, C]."""
    points: Points = []

    def noted(x_t: Tensor, t: Tensor) -> Tensor:
        points.append((x_t, t))
        return model(x_t, replace(batch, t=t)).float()

    return points, drawn(noted, batch.noise, steps)


@torch.no_grad()
def of_the_resembled(batch: Batch, clean: Tensor, source: Source, usual: Usual) -> Batch:
    """The batch with those people of the dataset whom the faces in the pictures `clean` resemble, where these lie.

    A picture in which no face is found keeps its own people.
    """
    judges, data = source.judges, source.batches.data
    assert judges.detector is not None, "who is drawn is known by the faces that a detector finds"
    people = torch.from_numpy(data.embeddings[data.bank_rows])
    pictures = decode(judges.autoencoder, unpack(clean, *batch.size))
    embeddings, boxes = list(batch.embeddings), list(batch.boxes)
    for row, found in enumerate(judges.detector.detect(list(rgb(pictures)))):
        wanted = int((batch.of_picture == row).sum())
        if not len(found.boxes):
            continue
        landmarks = torch.from_numpy(found.landmarks[:wanted]).float()
        faces = Seen.at(pictures[row : row + 1], landmarks, torch.zeros(len(landmarks), dtype=torch.long)).faces
        nearest = usual.resembled(judges.recognise((faces + 1) / 2).float(), people)
        embeddings[row], boxes[row] = people[nearest], torch.from_numpy(found.boxes[:wanted]).float()
    return replace(
        batch, embeddings=pad_sequence(embeddings, batch_first=True), boxes=pad_sequence(boxes, batch_first=True)
    )


def _gap(model: AdaptedBackbone, given: Batch, before: AdaptedBackbone, shown: Batch, points: Points) -> Tensor:
    """The mean square between the velocities of both, each given its own batch, summed over the points."""
    faces = cells_in_boxes(shown.boxes, *shown.size).any(-1)
    weights = (1 + (FACES - 1) * faces.float())[..., None]
    gaps = []
    for x_t, t in points:
        with torch.no_grad():
            wanted = before(x_t, replace(shown, t=t)).float()
        gaps.append((model(x_t, replace(given, t=t)).float() - wanted).square())
    return torch.stack([(gap * weights).mean() / weights.mean() for gap in gaps]).sum()


def _read(chosen: Preset, folder: Path) -> AdaptedBackbone:
    model = AdaptedBackbone(FluxTransformer2DModel(**chosen.backbone), new_adapter(chosen, PLAN.seed))
    for part in ("backbone", "adapter"):
        weights = load_file(folder / f"{part}.safetensors")
        getattr(model, part).load_state_dict({name: value.float() for name, value in weights.items()})
    return model


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    typer.run(main)
