"""Identity and contrastive losses against plain float64 forms; gradients; who counts as a negative."""

import math

import pytest
import torch
from torch import Tensor

from model.losses.bank import IdentityBank
from model.losses.contrastive import id_contrastive_loss
from model.losses.identity import identity_loss


def cosine(a: Tensor, b: Tensor) -> float:
    dot = sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))
    return dot / math.sqrt(sum(x * x for x in a.tolist()) * sum(y * y for y in b.tolist()))


def plain_contrast(g: Tensor, p: Tensor, ids: list[int], bank: Tensor, bank_ids: list[int], tau: float) -> list[float]:
    losses = []
    for i, own in enumerate(ids):
        positive = math.exp(cosine(g[i], p[i]) / tau)
        negatives = [cosine(g[i], p[j]) for j, other in enumerate(ids) if other != own]
        negatives += [cosine(g[i], bank[j]) for j, other in enumerate(bank_ids) if other != own]
        losses.append(-math.log(positive / (positive + sum(math.exp(n / tau) for n in negatives))))
    return losses


def case() -> tuple[Tensor, Tensor, Tensor, IdentityBank, Tensor]:
    torch.manual_seed(0)
    g, p, raw = (torch.randn(n, 6).double() * 3 for n in (5, 5, 7))
    return g, p, torch.tensor([0, 1, 0, -2, -3]), IdentityBank.of(raw, torch.tensor([0, 0, 1, 2, 2, 3, 4])), raw


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_contrast_equals_the_formula_with_the_positive_in_the_denominator(tau: float) -> None:
    g, p, ids, bank, raw = case()
    expected = plain_contrast(g, p, ids.tolist(), raw, bank.identities.tolist(), tau)
    torch.testing.assert_close(id_contrastive_loss(g, p, ids, bank, tau), torch.tensor(expected).double())


def test_without_negatives_the_contrast_is_zero() -> None:
    g, p, *_ = case()
    assert id_contrastive_loss(g[:2], p[:2], torch.tensor([4, 4])).tolist() == [0, 0]


def test_faces_of_the_own_identity_never_push() -> None:
    g, p, ids, bank, raw = case()
    moved = raw.clone()
    moved[bank.identities == 0] = g[0]  # as near as can be to the anchors of identity 0
    before = id_contrastive_loss(g, p, ids, bank)
    after = id_contrastive_loss(g, p, ids, IdentityBank.of(moved, bank.identities))
    own = ids == 0
    torch.testing.assert_close(after[own], before[own])
    assert (after[~own] != before[~own]).all()


def test_unknown_faces_are_negatives_of_each_other() -> None:
    g, p, ids, *_ = case()
    together = id_contrastive_loss(g, p, ids)
    same = id_contrastive_loss(g, p, torch.where(ids < 0, -9, ids))
    assert (together[3:] > same[3:]).all()
    torch.testing.assert_close(together[:3], same[:3])


def test_identity_loss_is_one_minus_cosine() -> None:
    g, p, *_ = case()
    torch.testing.assert_close(
        identity_loss(g, p), torch.tensor([1 - cosine(a, b) for a, b in zip(g, p, strict=True)]).double()
    )


def test_gradients() -> None:
    g, p, ids, bank, _ = case()
    g.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: identity_loss(x, p), g)
    assert torch.autograd.gradcheck(lambda x: id_contrastive_loss(x, p, ids, bank, 0.5), g)


def test_a_bank_refuses_a_zero_embedding_and_unequal_lengths() -> None:
    with pytest.raises(ValueError, match="is zero"):
        IdentityBank.of(torch.zeros(1, 3), torch.tensor([0]))
    with pytest.raises(ValueError, match="2 embeddings but 1"):
        IdentityBank.of(torch.ones(2, 3), torch.tensor([0]))


@pytest.mark.parametrize(("hardware", "kind"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_bank_moves_to_bfloat16_where_the_processor_multiplies_it(
    hardware: bool, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": hardware})
    bank = IdentityBank.of(torch.randn(3, 4), torch.arange(3)).to(torch.device("cpu"))
    assert bank.embeddings.dtype == kind
    assert bank.identities.dtype == torch.int64
