"""Puts the adapter into a frozen diffusers transformer: forward hooks that a context manager installs and removes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import Tensor, nn

from model.adapter.attention import KeysValues
from model.adapter.network import IdentityAdapter
from model.adapter.regions import Regions, token_regions
from model.adapter.sizes import ARC, SIG

BlockOutput = tuple[Tensor, Tensor]
Attend = Callable[[Tensor, KeysValues | Tensor, Regions], Tensor]  # a PerceiverAttentionCA, or what calls one


class People(NamedTuple):
    """N people in each of B pictures: raw embeddings [B, N, d], boxes (xyxy, pixels) [B, N, 4], patches [B, N, P, f].

    Patches are those of the vision tower for each face crop; only the SigLIP branch needs them. Where a picture has
    fewer people, the rows are filled with zeros: nobody sees an empty box.
    """

    embeddings: Tensor
    boxes: Tensor
    patches: Tensor | None = None


class Weights(NamedTuple):
    """How strongly each branch acts; 1 is as trained, and a branch of weight 0 is not computed."""

    identity: float = 1.0
    siglip: float = 1.0

    def of(self, branch: str) -> float:
        """The weight of 'arc' or 'sig'."""
        return {ARC: self.identity, SIG: self.siglip}[branch]


@dataclass(frozen=True)
class Condition:
    """What one branch adds to the image tokens: keys and values for each block, where they act and how strongly.

    Instead of its keys and values a block may be given the tokens of which it makes them.
    """

    attentions: Sequence[Attend]
    keys_values: Sequence[KeysValues | Tensor]
    regions: Regions
    weight: float = 1.0


def condition(
    adapter: IdentityAdapter,
    embeddings: Tensor,
    regions: Regions,
    weight: float = 1.0,
    *,
    patches: Tensor | None = None,
    branch: str = ARC,
) -> Condition:
    """What one branch of the adapter makes of raw face embeddings [B, N, d] (and patches [B, N, P, f])."""
    given: Sequence[KeysValues | Tensor] = (
        adapter(embeddings, patches, branch)
        if adapter.keys_first
        else [adapter.tokens(embeddings, patches, branch)] * adapter.sizes.blocks
    )
    return Condition(adapter.attentions(branch), given, regions, weight)


def conditions(
    adapter: IdentityAdapter, people: People, size: tuple[int, int], weights: Weights | None = None
) -> list[Condition]:
    """What the adapter adds for `people` to pictures of `size` (width, height): one condition a branch that has weight.

    It holds each block's keys and values, which no noise changes: make it once per request and use it in every
    denoising step.
    """
    weights = weights or Weights()
    return [
        condition(
            adapter,
            people.embeddings,
            token_regions(people.boxes, *size, adapter.sizes.keys(branch)),
            weights.of(branch),
            patches=people.patches,
            branch=branch,
        )
        for branch in adapter.sizes.branches
        if weights.of(branch)
    ]


def autocast_apart(
    added: Sequence[Condition], kind: torch.dtype, device: torch.device
) -> tuple[Sequence[Condition], AbstractContextManager[None]]:
    """What is added, computed under the present autocast wherever it is called, and what a backbone of `kind` runs in.

    One that has autocast's precision needs none: it runs as in sampling. On a GPU autocast would take its
    normalisations in 32 bits, and 4 pictures of 512 px would keep 3 GiB more for FLUX.1-dev's backward pass.
    """
    if not torch.is_autocast_enabled(device.type) or torch.get_autocast_dtype(device.type) != kind:
        return added, nullcontext()
    cast = torch.autocast(device.type, kind)
    # As parts: what autocast wraps it copies the attributes of, which of a module are its weights.
    return [
        replace(one, attentions=[cast(partial(attention)) for attention in one.attentions]) for one in added
    ], torch.autocast(device.type, enabled=False)


@contextmanager
def injected(transformer: FluxTransformer2DModel, conditions: Sequence[Condition]) -> Iterator[None]:
    """Inside, each block k of a FluxTransformer2DModel adds the sum of weight * attention_k to its image tokens.

    All branches read the tokens that the block gave. A condition of weight 0 installs nothing: the backbone then
    computes what it computes alone, bit for bit. Raises ValueError where a condition has another number of blocks than
    the backbone.
    """
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    for one in conditions:
        if len(one.attentions) != len(blocks):
            raise ValueError(f"the adapter has {len(one.attentions)} blocks, the backbone has {len(blocks)}")
    active = [one for one in conditions if one.weight]
    with ExitStack() as hooks:
        if active:
            for k, block in enumerate(blocks):
                hooks.callback(block.register_forward_hook(_update(active, k)).remove)
        yield


def _update(active: Sequence[Condition], k: int) -> Callable[[nn.Module, tuple[object, ...], BlockOutput], BlockOutput]:
    def hook(_block: nn.Module, _inputs: tuple[object, ...], output: BlockOutput) -> BlockOutput:
        text, image = output
        updated = image
        for one in active:
            updated = updated + one.weight * one.attentions[k](image, one.keys_values[k], one.regions)
        return text, updated

    return hook
