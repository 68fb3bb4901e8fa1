"""A recogniser's ONNX graph as a frozen torch module, so that gradients reach the pictures that it judges."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper
from torch import Tensor, nn

from model.errors import UserError

Attributes = Mapping[str, Any]


class OnnxNetwork(nn.Module):
    """The operators of residual convolutional recognisers (IResNet, MobileFaceNet), in the order of the graph.

    Its weights are buffers: `.to(device, dtype)` moves them, and no optimiser sees them.
    """

    def __init__(self, graph: Any) -> None:
        """`graph` is an onnx.GraphProto of one input and one output; UserError for an operator that is not known."""
        super().__init__()
        unknown = sorted({node.op_type for node in graph.node} - OPERATORS.keys())
        if unknown:
            raise UserError(
                f"the recogniser's graph '{graph.name}' has operators that cannot be trained through "
                f"({', '.join(unknown)}); give a pack whose recogniser is a plain residual network."
            )
        weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.places = {name: f"weight{number}" for number, name in enumerate(weights)}
        for name, values in weights.items():
            self.register_buffer(self.places[name], torch.tensor(values))
        self.entry = next(value.name for value in graph.input if value.name not in weights)
        self.exit = graph.output[0].name
        self.steps = [
            (
                OPERATORS[node.op_type],
                tuple(node.input),
                node.output[0],
                {one.name: helper.get_attribute_value(one) for one in node.attribute},
            )
            for node in graph.node
        ]

    def forward(self, pixels: Tensor) -> Tensor:
        """Crops [B, 3, H, W], prepared as the graph expects them, to what it gives, [B, dim]."""
        values = {name: self.get_buffer(place) for name, place in self.places.items()} | {self.entry: pixels}
        for operator, inputs, output, attributes in self.steps:
            values[output] = operator(attributes, *(values[name] for name in inputs if name))
        return values[self.exit]


def _convolution(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    top, left, bottom, right = a.get("pads", (0, 0, 0, 0))
    padded = F.pad(x, (left, right, top, bottom))
    return F.conv2d(
        padded, weight, bias, a.get("strides", (1, 1)), 0, tuple(a.get("dilations", (1, 1))), a.get("group", 1)
    )


def _batch_norm(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return F.batch_norm(x, mean, variance, weight, bias, eps=a.get("epsilon", 1e-5))


def _matrix(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    left = x.T if a.get("transA", 0) else x
    product = a.get("alpha", 1.0) * (left @ (weight.T if a.get("transB", 0) else weight))
    return product if bias is None else product + a.get("beta", 1.0) * bias


OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Conv": _convolution,
    "BatchNormalization": _batch_norm,
    "Gemm": _matrix,
    "PRelu": lambda _, x, slope: F.prelu(x, slope.flatten()),
    "Relu": lambda _, x: x.relu(),
    "Add": lambda _, x, y: x + y,
    "Sub": lambda _, x, y: x - y,
    "Mul": lambda _, x, y: x * y,
    "Flatten": lambda a, x: x.flatten(a.get("axis", 1)),
    "Identity": lambda _, x: x,
    "Dropout": lambda _, x, *_rest: x,  # nothing is dropped in evaluation
}
