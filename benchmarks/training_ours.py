"""Our training step as the trainer takes it, and the ways of computing it that were tried beside it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from benchmarks.training_parts import PHASE, Parts
from model.training.batches import Batch
from model.training.step import AdaptedBackbone, losses, recompute

Found = dict[str, Tensor]
PRODUCTS = {
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.bmm.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_cudnn_attention.default,
}


def our_step(parts: Parts, batch: Batch, share: float = 0) -> Found:
    """The step as the trainer does it, with its gradients; `share` of the blocks are computed again."""
    recompute(parts.model.backbone, share)
    return _step(parts, batch)


def _step(parts: Parts, batch: Batch) -> Found:
    def predict(x_t: Tensor, given: Batch) -> Tensor:
        with parts.autocast():
            found: Tensor = parts.model(x_t, given)
        return found

    found = losses(predict, batch, parts.judges, PHASE)
    found["total"].backward()
    parts.model.hooks.close()
    parts.model.backbone.disable_gradient_checkpointing()
    return found


def tried(parts: Parts, batch: Batch) -> dict[str, Callable[[], Found]]:
    """The ways that were tried, by name."""
    half, eight, whole = (_with_backbone(parts, kind) for kind in (torch.bfloat16, torch.float8_e4m3fn, torch.int8))
    judged = deepcopy(parts.judges.autoencoder)
    setattr(judged.decoder, "forward", torch.autocast(parts.device.type, torch.bfloat16)(judged.decoder.forward))  # noqa: B010
    forwards = [torch.compile(block.forward) for block in _blocks(parts)]
    return {
        "blocks compiled": partial(compiled_step, parts, batch, forwards),
        "attention by its formula": partial(plain_attention_step, parts, batch),
        "all but products recomputed": partial(selective_step, parts, batch),
        "networks under autocast to bfloat16": partial(our_step, replace(parts, half=True), batch),
        "decoder under autocast to bfloat16": partial(
            our_step, replace(parts, judges=replace(parts.judges, autoencoder=judged)), batch
        ),
        "frozen weights in bfloat16": partial(our_step, half, batch),
        "frozen weights in FP8": partial(our_step, eight, batch),
        "frozen weights in INT8": partial(our_step, whole, batch),
    }


def compiled_step(parts: Parts, batch: Batch, forwards: list[Callable[..., object]]) -> Found:
    """Our step with the blocks' compiled forward passes in their place."""
    blocks = _blocks(parts)
    for block, forward in zip(blocks, forwards, strict=True):
        setattr(block, "forward", forward)  # noqa: B010  (an instance's own forward, for a while)
    try:
        return our_step(parts, batch)
    finally:
        for block in blocks:
            delattr(block, "forward")


def _blocks(parts: Parts) -> list[nn.Module]:
    return [*parts.model.backbone.transformer_blocks, *parts.model.backbone.single_transformer_blocks]


def plain_attention_step(parts: Parts, batch: Batch) -> Found:
    """Our step with attention as products and a softmax, where torch has kernels of its own."""
    with sdpa_kernel(SDPBackend.MATH):
        return our_step(parts, batch)


def selective_step(parts: Parts, batch: Batch) -> Found:
    """Our step that keeps what products and attention gave and computes the rest of each block again."""

    def policy(_: object, operation: object, *_given: object, **_named: object) -> CheckpointPolicy:
        return CheckpointPolicy.MUST_SAVE if operation in PRODUCTS else CheckpointPolicy.PREFER_RECOMPUTE

    def run(block: nn.Module, *inputs: object) -> object:
        contexts = partial(create_selective_checkpoint_contexts, policy)
        return checkpoint(block, *inputs, use_reentrant=False, context_fn=contexts)

    parts.model.backbone.enable_gradient_checkpointing(gradient_checkpointing_func=run)
    return _step(parts, batch)


def _with_backbone(parts: Parts, kind: torch.dtype) -> Parts:
    """The same with a copy of the backbone whose weights are kept as `kind`."""
    backbone = deepcopy(parts.model.backbone)
    if kind == torch.bfloat16:
        backbone.to(kind)
    else:
        for module in list(backbone.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.Linear):
                    setattr(module, name, Linear8(child, kind))
    return replace(parts, model=AdaptedBackbone(backbone, parts.model.adapter))


class Linear8(nn.Module):
    """A frozen linear layer that keeps its weights in 8 bits with a scale a row and multiplies in the input's type."""

    def __init__(self, layer: nn.Linear, kind: torch.dtype) -> None:
        super().__init__()
        limit = torch.finfo(kind).max if kind.is_floating_point else torch.iinfo(kind).max
        scale = layer.weight.abs().amax(1, keepdim=True) / limit
        scaled = layer.weight / scale
        self.register_buffer("weight", (scaled if kind.is_floating_point else scaled.round()).to(kind))
        self.register_buffer("scale", scale)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output; the gradient is that of the input alone."""
        found: Tensor = _Product8.apply(x, self.weight, self.scale)
        return found + self.bias


class _Product8(torch.autograd.Function):
    """x times the transposed weights, which are widened in each pass and kept in 8 bits between."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(weight, scale)
        return x @ (weight.to(x.dtype) * scale).T

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        weight, scale = ctx.saved_tensors
        return gradient @ (weight.to(gradient.dtype) * scale), None, None
