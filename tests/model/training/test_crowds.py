"""Pictures of one person and of five in one batch: each has the losses that it has alone."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.denoiser import TextFeatures
from model.faces.geometry import TEMPLATE
from model.losses.bank import IdentityBank
from model.training.batches import Batch
from model.training.phases import Phase
from model.training.step import AdaptedBackbone, Judges, losses
from tests.model.tiny import SIZES, TinyRecogniser, tiny_adapter, tiny_autoencoder, tiny_backbone

SIZE = 160, 64
PHASE = Phase(name="both", steps=1, learning_rate=1, identity=1, contrastive=0, face_weight=3)


def crowds(*people: int) -> Batch:
    """A batch of pictures of so many people each, side by side, whose boxes overlap."""
    draws = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws)

    count, most = len(people), max(people)
    boxes = torch.tensor([[8.0 + 28 * n, 8.0, 8.0 + 28 * n + 36, 48.0] for n in range(most)])
    there = torch.tensor([[n < own for n in range(most)] for own in people])[..., None]
    of_picture = torch.tensor([row for row, own in enumerate(people) for _ in range(own)])
    nth = torch.tensor([n for own in people for n in range(own)])
    return Batch(
        size=SIZE,
        clean=normal(count, 40, 16),
        noise=normal(count, 40, 16),
        t=torch.linspace(0.1, 0.9, count),
        text=TextFeatures(normal(count, 4, 6), normal(count, 5)),
        embeddings=normal(count, most, SIZES.embedding) * there,
        boxes=boxes * there,
        landmarks=torch.from_numpy(TEMPLATE * (28 / 112)).float() + boxes[nth, None, :2],
        of_picture=of_picture,
        identities=torch.arange(len(nth)),
        truths=normal(len(nth), SIZES.embedding),
        decoded=torch.ones(count, dtype=torch.bool),
    )


def networks() -> tuple[AdaptedBackbone, Judges]:
    bank = IdentityBank.of(torch.randn(9, SIZES.embedding), torch.arange(9))
    return AdaptedBackbone(tiny_backbone(), tiny_adapter()), Judges(tiny_autoencoder(), TinyRecogniser(), bank)


def test_people_of_a_full_and_of_an_empty_picture_do_not_disturb_each_other() -> None:
    people = (1, 5, 3, 2)
    model, judges = networks()
    whole = crowds(*people)
    together = losses(model, whole, judges, PHASE)
    alone = [losses(model, whole.only(torch.tensor([row])), judges, PHASE) for row in range(4)]
    flows, unlike = (torch.stack([one[name] for one in alone]) for name in ("flow", "identity"))
    torch.testing.assert_close(together["flow"], flows.mean())
    # Of few faces windows are decoded, which are the whole picture's up to a tolerance (losses/decode.py).
    mean = (unlike * torch.tensor(people)).sum() / sum(people)
    torch.testing.assert_close(together["identity"], mean, rtol=1e-3, atol=0)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_where_all_is_background_the_adapter_adds_nothing_and_learns_nothing(precision: torch.dtype) -> None:
    model, judges = networks()
    batch = crowds(2, 5)
    batch = replace(batch, boxes=torch.zeros_like(batch.boxes))
    alone = AdaptedBackbone(tiny_backbone(), tiny_adapter(trained=False))
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        assert torch.equal(model(batch.clean, batch), alone(batch.clean, batch))
        losses(model, batch, judges, PHASE)["total"].backward()
    gradients = [parameter.grad for parameter in model.adapter.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)
