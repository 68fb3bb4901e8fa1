"""The blockwise log-sum-exp over a bank against a plain float64 one; its gradient; what it keeps."""

import pytest
import torch
from torch import Tensor

from model.losses import log_sum_exp as module
from model.losses.bank import IdentityBank
from model.losses.log_sum_exp import log_sum_exp


def case(rows: int) -> tuple[Tensor, Tensor, IdentityBank]:
    """Queries of five people, at cosines over 0.1, and a bank of seven in which person 2 is missing."""
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(rows, 16, generator=generator).double()
    codes = torch.tensor([0, 1, 3, 4, 5, 6, 7])[torch.randint(7, (rows,), generator=generator)]
    queries = 10 * torch.nn.functional.normalize(torch.randn(5, 16, generator=generator).double(), dim=-1)
    return queries, torch.arange(5), IdentityBank.of(raw, codes)


def plain(queries: Tensor, identities: Tensor, bank: IdentityBank) -> Tensor:
    """All logits at once, in float64, differentiated by torch."""
    logits = queries.double() @ bank.embeddings.double().T
    rows = [row[bank.identities != own].exp().sum().log() for row, own in zip(logits, identities, strict=True)]
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("kind", "tolerance", "share"),
    [(torch.float64, 1e-12, 1e-12), (torch.float32, 5e-6, 5e-6), (torch.bfloat16, 1e-2, 1e-2)],
)
def test_sum_and_gradient_are_those_of_all_logits_at_once(kind: torch.dtype, tolerance: float, share: float) -> None:
    queries, identities, bank = case(2 * module.BLOCK + 77)
    results = []
    for way, precision in ((log_sum_exp, kind), (plain, torch.float64)):
        asked = queries.to(torch.promote_types(precision, torch.float32)).requires_grad_()
        found = way(asked, identities, IdentityBank(bank.embeddings.to(precision), bank.identities))
        assert found.dtype == asked.dtype
        (gradient,) = torch.autograd.grad(found.sum(), asked)
        results.append((found.detach().double(), gradient.double()))
    (ours, gradient), (reference, expected) = results
    torch.testing.assert_close(ours, reference, rtol=0, atol=tolerance)
    assert ((gradient - expected).norm(dim=-1) < share * expected.norm(dim=-1)).all()


def test_in_32_bits_a_logit_may_be_eighty_below_the_highest_there_can_be() -> None:
    queries, _, _ = case(1)
    long = 4 * queries[:1].float()
    opposite = IdentityBank.of(-long, torch.tensor([9]))
    found = log_sum_exp(long.requires_grad_(), torch.tensor([0]), opposite)
    torch.testing.assert_close(found, torch.tensor([-40.0]))
    (gradient,) = torch.autograd.grad(found.sum(), long)
    torch.testing.assert_close(gradient, opposite.embeddings)


def test_the_gradient_across_blocks_agrees_with_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)
    queries, identities, bank = case(10)
    assert torch.autograd.gradcheck(lambda q: log_sum_exp(q, identities, bank), queries.requires_grad_())


def test_without_other_people_the_sum_is_nothing_and_does_not_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 2)
    queries, identities, bank = case(6)
    alone = IdentityBank(bank.embeddings, torch.tensor([0, 0, 0, 1, 0, 0]))
    found = log_sum_exp(queries.requires_grad_(), identities, alone)
    torch.testing.assert_close(found[0], queries[0] @ bank.embeddings[3])  # blocks of own faces lie before and after
    nobody = log_sum_exp(queries, torch.zeros(5), IdentityBank(bank.embeddings, torch.zeros(6)))
    assert (nobody.exp() == 0).all()
    (gradient,) = torch.autograd.grad(nobody.sum(), queries)
    assert (gradient == 0).all()


def test_what_is_kept_for_the_gradient_does_not_grow_with_the_bank() -> None:
    kept: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    queries, identities, bank = case(3 * module.BLOCK)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        log_sum_exp(queries.requires_grad_(), identities, bank)
    assert kept == [queries.numel()]
