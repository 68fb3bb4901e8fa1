"""Both branches together: published sizes and names, the order of tokens, keys and values kept, joint training."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from model.adapter.inject import People, Weights, conditions, injected
from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes
from model.denoiser import TextFeatures, velocity
from model.presets import flux_dev
from tests.model.published import published_shapes
from tests.model.tiny import BOTH, LATENT, SIZES, tiny_adapter, tiny_backbone

BOXES = torch.tensor([[[0.0, 0, 32, 32], [16.0, 16, 64, 64]], [[16.0, 16, 48, 48], [0.0, 0, 0, 0]]])


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def people() -> People:
    torch.manual_seed(4)
    return People(torch.randn(2, 2, BOTH.embedding), BOXES, torch.randn(2, 2, BOTH.patches, BOTH.features))


def moved(adapter: IdentityAdapter, weights: Weights, who: People | None = None) -> Tensor:
    torch.manual_seed(0)
    text = TextFeatures(torch.randn(2, 4, 6), torch.randn(2, 5))
    backbone, x_t, t = tiny_backbone(), torch.randn(2, 16, 4 * LATENT), torch.tensor([0.3, 0.8])
    with injected(backbone, conditions(adapter, who or people(), (64, 64), weights)):
        return velocity(backbone, x_t, t, text, (64, 64))


def test_published_size_has_the_published_parameter_counts_names_and_shapes() -> None:
    sizes = AdapterSizes.of(flux_dev())
    with torch.device("meta"):
        adapter = IdentityAdapter(sizes)
        apart = {branch: IdentityAdapter(replace(sizes, branches=(branch,))) for branch in ("arc", "sig")}
    assert count(adapter.arcface_in_arc) == count(adapter.arcface_in_sig) == 308_342_784
    assert count(adapter.siglip_in_sig) == 11_808_768
    assert count(adapter.attentions("sig")[0]) == 18_886_656
    assert count(adapter.ipa_arc) == count(adapter.ipa_sig) == 1_076_539_392
    assert count(apart["arc"]) == 1_384_882_176
    assert count(apart["sig"]) == 1_396_690_944
    assert count(adapter) == 2_781_573_120
    assert (sizes.keys("arc"), sizes.keys("sig")) == (8, 264)
    assert {name: tuple(tensor.shape) for name, tensor in adapter.state_dict().items()} == published_shapes(sizes)


def test_the_siglip_branch_reads_a_persons_patches_and_then_the_embedding() -> None:
    adapter, who = tiny_adapter(sizes=BOTH), people()
    assert who.patches is not None
    patches, embeddings = adapter.siglip_in_sig(who.patches), adapter.arcface_in_sig(who.embeddings)
    tokens = torch.stack([torch.cat([patches[:, n], embeddings[:, n]], dim=1) for n in range(2)], dim=1).flatten(1, 2)
    expected = adapter.attentions("sig")[2].keys_values(tokens)
    for found, wanted in zip(adapter(who.embeddings, who.patches, "sig")[2], expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_what_each_branch_adds_is_weighted_and_a_branch_of_weight_zero_is_not_there() -> None:
    adapter = tiny_adapter(sizes=BOTH)
    arc = tiny_adapter()
    arc.load_state_dict({name: value for name, value in adapter.state_dict().items() if "_arc" in name})
    torch.testing.assert_close(moved(adapter, Weights(0.7, 0)), moved(arc, Weights(0.7)))
    assert torch.equal(moved(adapter, Weights(0, 0)), moved(tiny_adapter(trained=False), Weights(1)))
    results = [moved(adapter, Weights(*pair)) for pair in ((1, 0), (0, 1), (1, 1), (1, 0.5))]
    assert not any(torch.allclose(a, b) for n, a in enumerate(results) for b in results[:n])


def test_both_branches_read_what_the_block_gave() -> None:
    adapter, who, seen = tiny_adapter(sizes=BOTH), people(), []
    watched = [adapter.attentions(branch)[1] for branch in BOTH.branches]
    hooks = [one.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0])) for one in watched]
    moved(adapter, Weights(), who)
    for hook in hooks:
        hook.remove()
    assert torch.equal(seen[0], seen[1])


def test_keys_and_values_of_a_person_can_be_kept_and_joined() -> None:
    adapter, who = tiny_adapter(sizes=BOTH), people()
    assert who.patches is not None
    for branch in BOTH.branches:
        together = adapter(who.embeddings, who.patches, branch)
        alone = [adapter(who.embeddings[:, n : n + 1], who.patches[:, n : n + 1], branch) for n in range(2)]
        for k, block in enumerate(together):
            for part in (0, 1):
                torch.testing.assert_close(block[part], torch.cat([one[k][part] for one in alone], dim=2))


def test_branches_are_trained_together_in_one_backward_pass() -> None:
    adapter = tiny_adapter(sizes=BOTH)
    optimiser = torch.optim.AdamW(adapter.parameters(), lr=3e-3)
    losses = []
    for _ in range(4):
        loss = (moved(adapter, Weights()) - 1).square().mean()
        optimiser.zero_grad()
        loss.backward()
        assert [n for n, p in adapter.named_parameters() if p.grad is None or not p.grad.any()] == []
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("patches", [None, torch.zeros(2, 2, 3, 6)])
def test_patches_that_are_missing_or_of_another_tower_are_refused(patches: Tensor | None) -> None:
    with pytest.raises(ValueError, match=r"patches: the SigLIP branch reads \[B, N, 4, 6\]"):
        conditions(tiny_adapter(sizes=BOTH), people()._replace(patches=patches), (64, 64))


def test_sizes_written_before_there_were_branches_are_of_the_first() -> None:
    old = {"embedding": 12, "hidden": 32, "blocks": 3, "tokens": 2, "heads": 2, "head_dim": 8}
    assert AdapterSizes.read(old, "a file") == SIZES
    assert AdapterSizes.read(BOTH.as_dict(), "a file") == BOTH
