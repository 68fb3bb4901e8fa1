"""The ArcFace branch in its place: behind each block of the frozen backbone, and nowhere else."""

import pytest
import torch
from torch import Tensor, nn

from model.adapter.inject import condition, injected
from model.adapter.regions import cells_in_boxes, token_regions
from model.latents import positions
from tests.model.tiny import LATENT, SIZES, tiny_adapter, tiny_backbone

BOXES = torch.tensor([[[0.0, 0, 32, 32], [40.0, 16, 64, 64]], [[16.0, 16, 48, 48], [0.0, 0, 0, 0]]])


def run(backbone: nn.Module, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    output: Tensor = backbone(
        hidden_states=torch.randn(2, 16, 4 * LATENT),
        encoder_hidden_states=torch.randn(2, 4, 6),
        pooled_projections=torch.randn(2, 5),
        timestep=torch.tensor([0.3, 0.8]),
        img_ids=positions(64, 64),
        txt_ids=torch.zeros(4, 3),
        return_dict=False,
    )[0]
    return output


def test_a_person_changes_only_the_tokens_of_the_own_box() -> None:
    adapter = tiny_adapter()
    torch.manual_seed(2)
    image, one = torch.randn(2, 16, SIZES.hidden), torch.randn(2, 2, SIZES.embedding)
    other = one.clone()
    other[:, 1] += 1
    regions = token_regions(BOXES, 64, 64, tokens=2)
    attention = adapter.attentions()[0]
    change = (attention(image, adapter(one)[0], regions) - attention(image, adapter(other)[0], regions)).abs().sum(-1)
    assert torch.equal(change > 0, cells_in_boxes(BOXES[:, 1:], 64, 64)[..., 0])


def test_weight_zero_and_an_untrained_adapter_leave_the_backbone_as_it_is() -> None:
    backbone, regions = tiny_backbone(), token_regions(BOXES, 64, 64, tokens=2)
    embeddings = torch.randn(2, 2, SIZES.embedding)
    alone = run(backbone)
    for adapter, weight in ((tiny_adapter(), 0.0), (tiny_adapter(trained=False), 1.0)):
        with injected(backbone, [condition(adapter, embeddings, regions, weight)]):
            assert torch.equal(run(backbone), alone)
    with injected(backbone, [condition(tiny_adapter(), embeddings, regions)]):
        assert not torch.allclose(run(backbone), alone)
    assert torch.equal(run(backbone), alone)


def test_hooks_go_even_when_the_block_fails() -> None:
    backbone, regions = tiny_backbone(), token_regions(BOXES, 64, 64, tokens=2)
    alone = run(backbone)
    with (
        pytest.raises(RuntimeError, match="midway"),
        injected(backbone, [condition(tiny_adapter(), torch.randn(2, 2, SIZES.embedding), regions)]),
    ):
        raise RuntimeError("midway")
    assert torch.equal(run(backbone), alone)


def test_injection_equals_blocks_run_by_hand() -> None:
    backbone, adapter = tiny_backbone(), tiny_adapter()
    embeddings, regions = torch.randn(2, 2, SIZES.embedding), token_regions(BOXES, 64, 64, tokens=2)
    seen: list[tuple[Tensor, Tensor]] = []
    block = backbone.single_transformer_blocks[0]
    with injected(backbone, [condition(adapter, embeddings, regions, 0.5)]):
        hook = block.register_forward_hook(lambda _m, _i, out: seen.append(out))
        run(backbone)
        hook.remove()
    inputs: list[dict[str, Tensor]] = []
    with injected(backbone, [condition(adapter, embeddings, regions, 0.5)]):
        watch = block.register_forward_pre_hook(lambda _m, _i, kwargs: inputs.append(kwargs), with_kwargs=True)
        run(backbone)
        watch.remove()
    text, image = block.forward(**inputs[0])
    update = adapter.attentions()[1](image, adapter(embeddings)[1], regions)
    torch.testing.assert_close(seen[0][1], image + 0.5 * update)
    torch.testing.assert_close(seen[0][0], text)


def test_every_parameter_of_a_started_adapter_gets_a_gradient_and_the_backbone_none() -> None:
    backbone, adapter = tiny_backbone(), tiny_adapter()
    regions = token_regions(BOXES, 64, 64, tokens=2)
    with injected(backbone, [condition(adapter, torch.randn(2, 2, SIZES.embedding), regions)]):
        run(backbone).square().mean().backward()
    assert [n for n, p in adapter.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert all(p.grad is None for p in backbone.parameters())


def test_another_number_of_blocks_is_refused() -> None:
    adapter = tiny_adapter()
    del adapter.ipa_arc[2]
    regions = token_regions(BOXES, 64, 64, tokens=2)
    with (
        pytest.raises(ValueError, match="2 blocks, the backbone has 3"),
        injected(tiny_backbone(), [condition(adapter, torch.randn(2, 2, SIZES.embedding), regions)]),
    ):
        pass
