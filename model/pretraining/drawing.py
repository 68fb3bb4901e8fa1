"""What the drawn stage asks for: people who are known, pictures that look photographed, and others for other noise."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.faces.geometry import align_batch
from model.latents import decode, unpack
from model.pretraining.critic import Critic
from model.pretraining.typical import Typical
from model.training.batches import Batch
from model.training.phases import Phase
from model.training.step import AdaptedBackbone, Judges, drawn_pictures, identity_losses, losses

LIKENESS = 4.0  # weight of the LPIPS of a drawn face to the photographed one
MOUTH = 2.0  # the same of the mouths
TYPICAL = 2.0  # weight of what drawn faces and mouths have in common that photographed ones have not
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

    @property
    def mouths(self) -> Tensor:
        """[F, 3, 96, 128] the middle of the lower faces, twice as large."""
        lower = self.faces[:, :, 64:112, 24:88]
        return F.interpolate(lower, scale_factor=2, mode="bilinear", align_corners=False)

    def of(self, faces: Tensor) -> "Seen":
        """The same with the marked `faces` [F] alone."""
        return Seen(self.pictures, self.faces[faces])

    def beside(self, other: "Seen") -> "Seen":
        """These and the other's."""
        return Seen(torch.cat([self.pictures, other.pictures]), torch.cat([self.faces, other.faces]))


class Critics(nn.Module):
    """One critic of aligned faces, one of mouths, one of whole pictures, and the means of faces and mouths."""

    def __init__(self) -> None:
        super().__init__()
        self.faces, self.mouths, self.pictures = Critic(), Critic(), Critic()
        self.mean_face, self.mean_mouth = (Typical(self.faces.eyes, *size) for size in ((112, 112), (96, 128)))

    def judgement(self, drawn: Seen, photographed: Seen) -> Tensor:
        """The loss by which all three learn to tell what is drawn."""
        faces = self.faces.judgement(drawn.faces, photographed.faces)
        mouths = self.mouths.judgement(drawn.mouths, photographed.mouths)
        return faces + mouths + self.pictures.judgement(drawn.pictures, photographed.pictures)

    def complaint(self, drawn: Seen) -> Tensor:
        """How little what is drawn looks photographed to all three."""
        faces, mouths = self.faces.complaint(drawn.faces), self.mouths.complaint(drawn.mouths)
        return faces + mouths + self.pictures.complaint(drawn.pictures)

    def oddity(self, drawn: Seen, photographed: Seen) -> Tensor:
        """How far the mean drawn face and mouth are from the mean photographed ones."""
        faces = self.mean_face(self.faces.eyes, drawn.faces, photographed.faces)
        mouths = self.mean_mouth(self.faces.eyes, drawn.mouths, photographed.mouths)
        total: Tensor = faces + mouths
        return total

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
    half = batch.only(torch.arange((len(batch.t) + 1) // 2))
    again = replace(half, noise=torch.randn_like(half.noise))
    one, other = (Seen.at(*drawn_pictures(model, each, judges, phase.drawn), half.of_picture) for each in (half, again))
    drawn, photographed = one.beside(other), _photographed(half, judges)
    found["complaint"], found["sameness"] = critics.complaint(drawn), critics.sameness(one, other)
    found["judgement"] = critics.judgement(drawn, photographed)
    found["oddity"] = critics.oddity(drawn, photographed)
    asked = {"complaint": REALISM, "sameness": VARIETY, "judgement": 1.0, "oddity": TYPICAL}
    if half.decoded.any():
        found |= _people(half, (one, other), photographed, judges, phase, critics)
        asked |= {"identity": phase.identity, "contrastive": phase.contrastive, "likeness": LIKENESS, "mouths": MOUTH}
    return found | {"total": found["total"] + sum(weight * found[name] for name, weight in asked.items())}


def _people(
    batch: Batch, drawings: tuple[Seen, Seen], photographed: Seen, judges: Judges, phase: Phase, critics: Critics
) -> dict[str, Tensor]:
    """How little the people of the pictures that are decoded are known in both drawings, and look like the photo's."""
    known = batch.decoded[batch.of_picture]
    whom, eyes, truth = batch.only(batch.decoded.nonzero().flatten()), critics.faces.eyes, photographed.of(known)
    seen = [drawing.of(known) for drawing in drawings]
    parts = [identity_losses(judges.recognise((each.faces + 1) / 2), whom, judges, phase) for each in seen]
    found = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
    found["likeness"] = torch.cat([eyes(each.faces, truth.faces) for each in seen]).mean()
    found["mouths"] = torch.cat([eyes(each.mouths, truth.mouths) for each in seen]).mean()
    return found


@torch.no_grad()
def _photographed(batch: Batch, judges: Judges) -> Seen:
    """The batch's photos, seen through the autoencoder as the drawn pictures are."""
    pictures = decode(judges.autoencoder, unpack(batch.clean, *batch.size))
    return Seen.at(pictures, batch.landmarks, batch.of_picture)
