"""What the drawn stage asks for: people who are known, pictures that look photographed, and others for other noise."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.faces.geometry import align_batch
from model.latents import decode, unpack
from model.pretraining.critic import Critic
from model.training.batches import Batch
from model.training.phases import Phase
from model.training.step import AdaptedBackbone, Judges, drawn_pictures, identity_losses, losses

LIKENESS = 4.0  # weight of the LPIPS of a drawn face to the photographed one
REALISM = 0.3  # weight of what each critic says of drawn pictures
VARIETY = 1.0  # weight of what pictures of the same lack in difference
APART = 0.3  # how far apart two pictures of the same are to look: square root of LPIPS


@dataclass(frozen=True)
class Seen:
    """Pictures [B, 3, H, W] and aligned faces [F, 3, 112, 112] in them, both in [-1, 1]."""

    pictures: Tensor
    faces: Tensor

    @classmethod
    def at(cls, pictures: Tensor, landmarks: Tensor, of_picture: Tensor) -> "Seen":
        """The pictures with the faces at `landmarks` [F, 5, 2]; what lies beyond a picture is black."""
        crops = align_batch((pictures[of_picture].float() + 1) / 2, landmarks)
        return cls(pictures, 2 * crops - 1)

    def beside(self, other: "Seen") -> "Seen":
        """These and the other's."""
        return Seen(torch.cat([self.pictures, other.pictures]), torch.cat([self.faces, other.faces]))


class Critics(nn.Module):
    """One critic of aligned faces, one of whole pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.faces, self.pictures = Critic(), Critic()

    def judgement(self, drawn: Seen, photographed: Seen) -> Tensor:
        """The loss by which both learn to tell what is drawn."""
        faces = self.faces.judgement(drawn.faces, photographed.faces)
        return faces + self.pictures.judgement(drawn.pictures, photographed.pictures)

    def complaint(self, drawn: Seen) -> Tensor:
        """How little what is drawn looks photographed to both."""
        return self.faces.complaint(drawn.faces) + self.pictures.complaint(drawn.pictures)

    def sameness(self, one: Seen, other: Seen) -> Tensor:
        """How much nearer than APART two drawings of the same look, their faces and the whole pictures."""
        eyes = self.faces.eyes
        apart = eyes(one.faces, other.faces), eyes(one.pictures, other.pictures)
        # The distance is a square: without the root it has no gradient where two drawings are alike, where it matters.
        return torch.stack([F.relu(APART - each.float().clamp_min(1e-6).sqrt()).mean() for each in apart]).sum()


def drawn_losses(
    model: AdaptedBackbone, batch: Batch, judges: Judges, phase: Phase, critics: Critics
) -> dict[str, Tensor]:
    """The losses of a batch, `total` and its parts: the flow loss of all, the others of one half that is drawn twice.

    Where the batch says that pictures are decoded, people are to be known, and faces to look like the photo's, since
    what makes a face known can be as twisted as it likes. The critics see all.
    """
    found = losses(model, batch, judges, phase.model_copy(update={"identity": 0, "contrastive": 0}))
    half = batch.only(torch.arange(len(batch.t)) < (len(batch.t) + 1) // 2)
    again = replace(half, noise=torch.randn_like(half.noise))
    one, other = (Seen.at(*drawn_pictures(model, each, judges, phase.drawn), half.of_picture) for each in (half, again))
    drawn, photographed = one.beside(other), _photographed(half, judges)
    found["complaint"], found["sameness"] = critics.complaint(drawn), critics.sameness(one, other)
    found["judgement"] = critics.judgement(drawn, photographed)
    total = found["total"] + REALISM * found["complaint"] + VARIETY * found["sameness"] + found["judgement"]
    known = half.decoded[half.of_picture]
    if known.any():
        whom = half.only(half.decoded)
        faces = [seen.faces[known] for seen in (one, other)]
        parts = [identity_losses(judges.recognise((each + 1) / 2), whom, judges, phase) for each in faces]
        found |= {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
        truth = photographed.faces[known]
        found["likeness"] = torch.cat([critics.faces.eyes(each, truth) for each in faces]).mean()
        weights = {"identity": phase.identity, "contrastive": phase.contrastive, "likeness": LIKENESS}
        total = total + sum(weight * found[name] for name, weight in weights.items())
    return found | {"total": total}


@torch.no_grad()
def _photographed(batch: Batch, judges: Judges) -> Seen:
    """The batch's photos, seen through the autoencoder as the drawn pictures are."""
    pictures = decode(judges.autoencoder, unpack(batch.clean, *batch.size))
    return Seen.at(pictures, batch.landmarks, batch.of_picture)
