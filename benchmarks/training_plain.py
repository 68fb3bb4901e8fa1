"""The training step the plain way, as the published code does it, for comparison."""

import torch
from torch import Tensor

from benchmarks.training_parts import CAPTION, PHASE, Parts
from model.adapter.inject import condition, injected
from model.adapter.regions import Regions
from model.denoiser import TextFeatures, velocity
from model.latents import CELL, decode, encode, pack, unpack
from model.losses.bank import IdentityBank
from model.losses.contrastive import TEMPERATURE
from model.losses.decode import face_embeddings
from model.losses.flow import flow_loss, noised, predicted_clean
from model.losses.identity import identity_loss
from model.training.batches import Batch
from model.training.step import recompute

Found = dict[str, Tensor]


def plain_step(parts: Parts, batch: Batch, pixels: Tensor) -> Found:
    """The losses of the step, with the adapter's gradients: all is computed, in the order in which it is needed."""
    recompute(parts.model.backbone, 1)
    with torch.no_grad():
        text = TextFeatures(*(part.to(batch.clean) for part in parts.encode_text([CAPTION] * len(pixels))))
        clean = pack(encode(parts.judges.autoencoder, pixels))
    x_t = noised(clean, batch.noise, batch.t)
    with parts.autocast():
        people = condition(parts.model.adapter, batch.embeddings, _looped_regions(batch, parts))
    with injected(parts.model.backbone, [people]):
        with parts.autocast():
            predicted = velocity(parts.model.backbone, x_t, batch.t, text, batch.size, parts.model.guidance).float()
        found = {"flow": flow_loss(predicted, clean, batch.noise).mean()}
        latents = unpack(predicted_clean(x_t, predicted, batch.t).to(clean.dtype), *batch.size)
        pictures = decode(parts.judges.autoencoder, latents)
        faces = face_embeddings(parts.judges.recognise, pictures, batch.landmarks, batch.of_picture)
        weights = batch.decoded[batch.of_picture].float()
        found["identity"] = _weighted(identity_loss(faces, batch.truths), weights)
        found["contrastive"] = _weighted(_gathered_contrast(faces, batch, parts.judges.bank), weights)
        share = weights.mean()
        found["total"] = found["flow"] + share * (
            PHASE.identity * found["identity"] + PHASE.contrastive * found["contrastive"]
        )
        found["total"].backward()
    parts.model.backbone.disable_gradient_checkpointing()
    return found


def _looped_regions(batch: Batch, parts: Parts) -> Regions:
    """The dense masks, cell by cell."""
    (width, height), tokens = batch.size, parts.model.adapter.sizes.tokens
    columns, rows = width // CELL, height // CELL
    people = batch.boxes.shape[1]
    mask = torch.zeros(len(batch.boxes), 1, rows * columns, people * tokens, dtype=torch.bool)
    for picture, boxes in enumerate(batch.boxes.tolist()):
        for person, (x1, y1, x2, y2) in enumerate(boxes):
            for row in range(rows):
                for column in range(columns):
                    if x1 < (column + 1) * CELL and x2 > column * CELL and y1 < (row + 1) * CELL and y2 > row * CELL:
                        mask[picture, 0, row * columns + column, person * tokens : (person + 1) * tokens] = True
    inside = mask[:, 0].any(-1, keepdim=True)
    every = torch.arange(rows * columns).expand(len(mask), -1)
    return Regions(*(part.to(batch.boxes.device) for part in (every, inside, mask | ~inside[:, None])))


def _gathered_contrast(faces: Tensor, batch: Batch, bank: IdentityBank) -> Tensor:
    """The contrast of each face with negatives that are gathered for it on the CPU: those decoded and the bank."""
    seen = batch.decoded[batch.of_picture]
    codes, embeddings = bank.identities.cpu(), bank.embeddings.cpu()
    found = []
    for face in range(len(faces)):
        own = int(batch.identities[face])
        others = seen & (batch.identities != own)
        rows = torch.tensor([row for row, code in enumerate(codes.tolist()) if code != own])
        negatives = torch.cat([torch.nn.functional.normalize(batch.truths[others], dim=-1), embeddings[rows].to(faces)])
        anchor = torch.nn.functional.normalize(faces[face], dim=-1)
        positive = torch.nn.functional.normalize(batch.truths[face], dim=-1)
        logits = torch.cat([(anchor @ positive)[None], negatives @ anchor]) / TEMPERATURE
        found.append(logits.logsumexp(0) - logits[0])
    return torch.stack(found)


def _weighted(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1)  # a batch may have no face to decode
