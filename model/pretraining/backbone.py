"""Pretrain the nano preset's backbone, and a first adapter with it, on curated datasets of the virtual cast.

`python -m model.pretraining.backbone OUT DATASET...` uses the shipped autoencoder and writes OUT/backbone.safetensors
and OUT/adapter.safetensors in half precision. Both learn together, first by flow matching alone, then with the identity
losses as well, at last with these losses and critics on pictures that are drawn as the sampler draws them. In a share
of the pictures the adapter is off, so that the backbone draws without it, too. The datasets take turns.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import typer
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.artefacts import digest_of, file_digest, new_file
from model.dataset.dataset import Dataset
from model.faces.detector import Detector
from model.presets import Preset, nano, shipped
from model.pretraining.drawing import Critics, drawn_losses
from model.pretraining.loop import Loss, Plan, pretrain
from model.training.assemble import new_adapter, prepare, training_data
from model.training.batches import Batch, Batches
from model.training.phases import Phase
from model.training.step import AdaptedBackbone, Judges, losses

FLOW = Plan(steps=5000, learning_rate=1e-3, warm_up=300, average=0.999, weight_decay=0.01, seed=3)
IDENTITY = Plan(steps=1900, learning_rate=4e-4, warm_up=50, average=0.99, weight_decay=0.01, seed=4)
DRAWN = Plan(steps=1978, learning_rate=3e-4, warm_up=30, average=0.99, weight_decay=0.01, seed=11)
# What a stage shows and asks; the plan above says how long and how fast.
FLOW_PHASE = Phase(name="flow", steps=1, learning_rate=1, identity=0, contrastive=0, paired=0.3, face_weight=4)
IDENTITY_PHASE = FLOW_PHASE.model_copy(
    update={"name": "identity", "identity": 0.8, "contrastive": 0.1, "gate_from": 0.7, "paired": 0.6}
)
DRAWN_PHASE = IDENTITY_PHASE.model_copy(update={"name": "drawn", "identity": 1, "drawn": nano().steps})
BATCH = 16
WITHOUT = 0.15  # share of the pictures that are learned with the adapter off


@dataclass(frozen=True)
class Source:
    """The batches of one dataset, and what judges the faces in them."""

    batches: Batches
    judges: Judges


def main(out: Path, datasets: list[Path]) -> None:
    """Train the nano preset on `datasets` and write the weights of each stage."""
    torch.manual_seed(FLOW.seed)
    chosen = nano()
    sources = [source_of(Dataset.open(folder), chosen, out) for folder in datasets]
    model = AdaptedBackbone(FluxTransformer2DModel(**chosen.backbone), new_adapter(chosen, FLOW.seed))
    train(model, sources, out)


def train(model: AdaptedBackbone, sources: Sequence[Source], out: Path) -> None:
    """All stages; `out` gets their checkpoints and, after each, the weights."""
    for phase, plan in ((FLOW_PHASE, FLOW), (IDENTITY_PHASE, IDENTITY)):
        model.load_state_dict(pretrain(model, _loss(model, sources, phase), plan, out / phase.name))
        write_weights(model, out)
    torch.manual_seed(DRAWN.seed)  # the stages before left another state behind where they were finished already
    both = nn.ModuleDict({"model": model, "critics": (critics := Critics())})
    both.load_state_dict(pretrain(both, _loss(model, sources, DRAWN_PHASE, critics), DRAWN, out / DRAWN_PHASE.name))
    write_weights(model, out)


def source_of(dataset: Dataset, chosen: Preset, out: Path) -> Source:
    """The dataset's batches and what judges them; features of its photos are kept in `out`."""
    work = out / f"features-{digest_of(dataset.digest, file_digest(shipped(chosen, 'autoencoder')))}"
    data = training_data(dataset, chosen)
    batches, judges = prepare(dataset, data, chosen, BATCH, FLOW.seed, work, torch.device("cpu"))
    return Source(batches, replace(judges, detector=Detector.load()))


def _loss(model: AdaptedBackbone, sources: Sequence[Source], phase: Phase, critics: Critics | None = None) -> Loss:
    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        source = sources[step % len(sources)]
        batch = source.batches.batch(step // len(sources), phase)
        switched = switched_off(batch, torch.from_numpy(rng.random(len(batch.t)) < WITHOUT))
        # The fused attention's backward pass is several times slower than the plain one in bfloat16 on a CPU.
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            if critics is None:
                found = losses(model, switched, source.judges, phase)
            else:
                found = drawn_losses(model, switched, source.judges, phase, critics)
        return {"loss": found.pop("total")} | found

    return loss


def switched_off(batch: Batch, pictures: torch.Tensor) -> Batch:
    """The batch without people for the adapter in the `pictures` [B], whose faces are then nobody's to resemble.

    Boxes that are empty are seen by no token.
    """
    return replace(batch, boxes=batch.boxes * ~pictures[:, None, None], decoded=batch.decoded & ~pictures)


def write_weights(model: AdaptedBackbone, out: Path) -> None:
    """Write `out`/backbone.safetensors and adapter.safetensors in half precision."""
    for part, network in (("backbone", model.backbone), ("adapter", model.adapter)):
        with new_file(out / f"{part}.safetensors") as draft:
            save_file({name: value.half().contiguous() for name, value in network.state_dict().items()}, draft)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    typer.run(main)
