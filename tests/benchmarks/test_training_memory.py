"""Tensors are counted while they live: views and what is changed in its place add nothing."""

import torch

from benchmarks.training_memory import peak_of

KILO = 1024


def test_counts_what_is_alive_at_once() -> None:
    def one_after_the_other() -> None:
        for _ in range(3):
            torch.zeros(KILO).add_(1).view(2, -1)

    def together() -> None:
        kept = [torch.zeros(KILO) for _ in range(3)]
        assert kept

    assert peak_of(one_after_the_other) == 4 * KILO
    assert peak_of(together) == 12 * KILO


def test_counts_what_a_backward_pass_needs() -> None:
    weight = torch.ones(KILO, requires_grad=True)
    weight.grad = torch.zeros(KILO)

    def step() -> None:
        (weight.exp().sin()).sum().backward()

    assert peak_of(step) > 3 * 4 * KILO
