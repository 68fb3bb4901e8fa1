"""One step's mathematics: a batch through backbone and adapter to the losses, with no work for weights of zero."""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import (
    FluxSingleTransformerBlock,
    FluxTransformer2DModel,
    FluxTransformerBlock,
)
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.adapter.attention import PerceiverAttentionCA
from model.adapter.inject import People, autocast_apart, conditions, injected
from model.adapter.network import IdentityAdapter
from model.adapter.regions import cells_in_boxes
from model.adapter.tokens import IdentityTokens, PatchTokens
from model.denoiser import velocity
from model.faces.detector import Detector
from model.latents import decode, unpack
from model.losses.bank import IdentityBank
from model.losses.contrastive import id_contrastive_loss
from model.losses.decode import Recognise, face_embeddings, predicted_faces
from model.losses.drawn import drawn, found_landmarks
from model.losses.flow import flow_loss, noised, predicted_clean
from model.losses.identity import identity_loss
from model.training.batches import Batch
from model.training.meter import computed_again
from model.training.phases import Phase

UNITS = (  # what processes that share the weights put together at a time; the backbone itself for its embeddings
    FluxTransformer2DModel,
    FluxTransformerBlock,
    FluxSingleTransformerBlock,
    PerceiverAttentionCA,
    IdentityTokens,
    PatchTokens,
)
Predict = Callable[[Tensor, Batch], Tensor]
TRAINING_GUIDANCE = 1.0  # what guidance-distilled backbones are told in training (method paper, released code)


class AdaptedBackbone(nn.Module):
    """The frozen backbone with its trainable adapter, as one module that a distributed wrapper can hold."""

    def __init__(self, backbone: FluxTransformer2DModel, adapter: IdentityAdapter) -> None:
        super().__init__()
        self.backbone, self.adapter = backbone, adapter
        self.hooks = ExitStack()
        self._no_split_modules = sorted({type(part).__name__ for part in self.modules() if isinstance(part, UNITS)})
        self.guidance = TRAINING_GUIDANCE if backbone.config["guidance_embeds"] else None

    def forward(self, x_t: Tensor, batch: Batch) -> Tensor:
        """The velocity [B, L, 4C] of noised tokens, given the batch's people and text."""
        people = People(batch.embeddings, batch.boxes, batch.patches)
        self.hooks.close()
        added, alone = autocast_apart(conditions(self.adapter, people, batch.size), self.backbone.dtype, x_t.device)
        with ExitStack() as hooks:
            hooks.enter_context(injected(self.backbone, added))
            with alone:
                predicted = velocity(self.backbone, x_t, batch.t, batch.text, batch.size, self.guidance, batch.shown)
            if self.backbone.gradient_checkpointing:  # blocks run again in the backward pass, with the adapter
                self.hooks = hooks.pop_all()
        return predicted


def recompute(backbone: FluxTransformer2DModel, share: float) -> None:
    """Recompute a share of the blocks in the backward pass instead of keeping what they computed, spread evenly."""
    blocks = [*backbone.transformer_blocks, *backbone.single_transformer_blocks]
    chosen = {id(block) for k, block in enumerate(blocks) if int((k + 1) * share) > int(k * share)}

    def run(block: nn.Module, *inputs: object) -> object:
        if id(block) in chosen:
            twice = (nullcontext(), computed_again())
            return checkpoint(block, *inputs, use_reentrant=False, context_fn=lambda: twice)
        return block(*inputs)

    if share:
        backbone.enable_gradient_checkpointing(gradient_checkpointing_func=run)


@dataclass(frozen=True)
class Judges:
    """The frozen networks that identity losses look through, and the bank of negatives.

    The `detector` finds the faces of pictures that phases have drawn; others need none.
    """

    autoencoder: AutoencoderKL
    recognise: Recognise
    bank: IdentityBank
    detector: Detector | None = None


def losses(model: Predict, batch: Batch, judges: Judges, phase: Phase) -> dict[str, Tensor]:
    """The scalar losses of a batch: `total`, `flow`, and, where faces were decoded, `identity` and `contrastive`.

    `model` is an `AdaptedBackbone`, wrapped or not, or calls one. The identity terms are means over the decoded faces;
    in `total` they count by the share of faces decoded: a picture above the gate weighs zero, and the others no more
    for that. A picture that the phase does not decode costs neither the decoder nor the recogniser.
    """
    x_t = noised(batch.clean, batch.noise, batch.t)
    decoded = (
        batch.decoded.nonzero().flatten()
    )  # before a device has the forward pass to do, which it is done with soon
    shown = batch.only(decoded)
    predicted = model(x_t, batch).float()
    flow = flow_loss(predicted, batch.clean, batch.noise, _token_weights(batch, phase)).mean()
    found = {"flow": flow}
    total = flow
    if phase.judged and len(decoded):
        if phase.drawn:
            pictures, landmarks = drawn_pictures(model, shown, judges, phase.drawn)
            generated = face_embeddings(judges.recognise, pictures, landmarks, shown.of_picture)
        else:
            clean = predicted_clean(x_t, predicted, batch.t)[decoded]
            faces = shown.landmarks, shown.of_picture, batch.size
            generated = predicted_faces(judges.autoencoder, judges.recognise, clean, *faces)
        found |= identity_losses(generated, shown, judges, phase)
        share = batch.decoded[batch.of_picture].float().mean() / phase.decoded
        weights = {"identity": phase.identity, "contrastive": phase.contrastive}
        total = total + share * sum(weight * found[name] for name, weight in weights.items() if weight)
    return found | {"total": total}


def _token_weights(batch: Batch, phase: Phase) -> Tensor | None:
    """What each token [B, L] counts for in the flow loss; None when all count the same."""
    if phase.face_weight == 1:
        return None
    faces = cells_in_boxes(batch.boxes, *batch.size).any(-1)
    return 1 + (phase.face_weight - 1) * faces.float()


def drawn_pictures(model: Predict, batch: Batch, judges: Judges, steps: int) -> tuple[Tensor, Tensor]:
    """Pictures [B, 3, H, W] in [-1, 1] drawn from the batch's noise, and landmarks [F, 5, 2] of the faces in them."""
    assert judges.detector is not None, "a phase that draws needs a detector"
    clean = drawn(lambda x_t, t: model(x_t, replace(batch, t=t)).float(), batch.noise, steps)
    pictures = decode(judges.autoencoder, unpack(clean, *batch.size))
    return pictures, found_landmarks(judges.detector, pictures, batch.landmarks, batch.of_picture)


def identity_losses(generated: Tensor, batch: Batch, judges: Judges, phase: Phase) -> dict[str, Tensor]:
    """The identity terms that have a weight, of the `generated` embeddings [F, d] of a batch's faces."""
    truths, found = batch.truths, {}
    if phase.identity:
        found["identity"] = identity_loss(generated, truths).mean()
    if phase.contrastive:
        bank = judges.bank if batch.negatives is None else judges.bank.rows(batch.negatives)
        found["contrastive"] = id_contrastive_loss(generated, truths, batch.identities, bank).mean()
    return found
