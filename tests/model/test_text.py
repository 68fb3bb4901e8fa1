"""The text encoder: meaning, padding and length."""

import pytest
import torch

from model.text import TextEncoder


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load(16)


def test_paraphrases_are_near_and_other_sentences_far(encoder: TextEncoder) -> None:
    _, pooled = encoder.encode(["A man is eating food.", "A man is eating a meal.", "The stock market fell."])
    near, far = float(pooled[0] @ pooled[1]), float(pooled[0] @ pooled[2])
    assert near == pytest.approx(0.926, abs=0.01)
    assert far == pytest.approx(-0.036, abs=0.01)


def test_states_are_zero_at_padding_and_independent_of_the_batch(encoder: TextEncoder) -> None:
    short, long = (
        "one person",
        "two people, both smiling, warm light, in front of a blue brick wall and far more words than fit",
    )
    together, _ = encoder.encode([short, long])
    alone, _ = encoder.encode([short])
    assert together.shape == (2, 16, 384)
    assert torch.allclose(together[0], alone[0], atol=1e-5)
    assert torch.equal(alone[0, 4:], torch.zeros(12, 384))  # [CLS] one person [SEP]
    assert together[1].abs().sum(-1).min() > 0
