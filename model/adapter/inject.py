"""Puts the adapter into a frozen diffusers transformer: forward hooks that a context manager installs and removes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from model.adapter.attention import KeysValues, PerceiverAttentionCA
from model.adapter.network import IdentityAdapter
from model.adapter.regions import Regions

BlockOutput = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Condition:
    """What one branch adds to the image tokens: keys and values for each block, where they act and how strongly."""

    attentions: Sequence[PerceiverAttentionCA]
    keys_values: Sequence[KeysValues]
    regions: Regions
    weight: float = 1.0


def condition(adapter: IdentityAdapter, embeddings: Tensor, regions: Regions, weight: float = 1.0) -> Condition:
    """The condition of raw face embeddings [B, N, d]; make it once per picture and use it in every denoising step."""
    return Condition(adapter.attentions(), adapter(embeddings), regions, weight)


@contextmanager
def injected(transformer: FluxTransformer2DModel, conditions: Sequence[Condition]) -> Iterator[None]:
    """Inside, each block k of a FluxTransformer2DModel adds the sum of weight * attention_k to its image tokens.

    A condition of weight 0 installs nothing: the backbone then computes what it computes alone, bit for bit. Raises
    ValueError where a condition has another number of blocks than the backbone.
    """
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    with ExitStack() as hooks:
        for one in conditions:
            if len(one.attentions) != len(blocks):
                raise ValueError(f"the adapter has {len(one.attentions)} blocks, the backbone has {len(blocks)}")
            if one.weight:
                for k, block in enumerate(blocks):
                    hooks.callback(_install(block, one, k).remove)
        yield


def _install(block: nn.Module, one: Condition, k: int) -> RemovableHandle:
    return block.register_forward_hook(_update(one.attentions[k], one.keys_values[k], one))


def _update(
    attention: PerceiverAttentionCA, keys_values: KeysValues, one: Condition
) -> Callable[[nn.Module, tuple[object, ...], BlockOutput], BlockOutput]:
    def hook(_block: nn.Module, _inputs: tuple[object, ...], output: BlockOutput) -> BlockOutput:
        text, image = output
        return text, image + one.weight * attention(image, keys_values, one.regions)

    return hook
