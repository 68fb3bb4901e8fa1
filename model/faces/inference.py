"""Networks made fast for inference: compiled by onnxruntime where they are on a CPU, run by torch where on a GPU."""

import copy
import io
import warnings
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Floats = NDArray[np.float32]


class Inference(Protocol):
    """A network that takes uint8 planes [B,3,H,W], at most `at_once` pictures, and gives its float32 outputs."""

    at_once: int

    def __call__(self, planes: NDArray[np.uint8]) -> list[Floats]: ...


class Compiled:
    """A network on the CPU. It works in the thread of its caller, on one core: several threads use several cores."""

    at_once = 1  # a CPU does two pictures no faster together, and so none depends on its neighbours

    def __init__(self, network: nn.Module, example: torch.Tensor, free: Sequence[int]) -> None:
        import onnxruntime

        draft = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is traced only sizes vary, and those stay free
            torch.onnx.export(
                _with_plain_slopes(network.eval()),
                (example,),
                draft,  # type: ignore[arg-type]  # this exporter writes to buffers too
                dynamo=False,  # the other exporter needs one package more
                input_names=["planes"],
                dynamic_axes={"planes": {axis: f"axis{axis}" for axis in free}},
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(draft.getvalue(), options, providers=["CPUExecutionProvider"])

    def __call__(self, planes: NDArray[np.uint8]) -> list[Floats]:
        return self._session.run(None, {"planes": planes})


class Eager:
    """A network as torch runs it on `device`."""

    def __init__(self, network: nn.Module, device: str, at_once: int = 64) -> None:
        self._network, self._device, self.at_once = network.eval().to(device), device, at_once

    @torch.inference_mode()
    def __call__(self, planes: NDArray[np.uint8]) -> list[Floats]:
        outputs = self._network(torch.from_numpy(planes).to(self._device))
        return [output.cpu().numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]


def for_inference(network: nn.Module, side: int, device: str, free: Sequence[int] = (0,)) -> Inference:
    """The frozen `network` of planes [B,3,side,side], whose axes `free` may have any size, as it runs fastest."""
    if torch.device(device).type != "cpu":
        return Eager(network, device)
    return Compiled(network, torch.zeros(1, 3, side, side, dtype=torch.uint8), free)


def planes_of(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures [H,W,3] of one size as planes [B,3,H,W]."""
    planes = np.empty((len(images), 3, *images[0].shape[:2]), np.uint8)
    for image, channels in zip(images, planes, strict=True):
        cv2.split(image, list(channels))
    return planes


class _Slopes(nn.Module):
    """PReLU as two depthwise convolutions, a x + (1 - a) relu(x): onnxruntime has its own layout for those alone."""

    all: torch.Tensor
    positive: torch.Tensor

    def __init__(self, slopes: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("all", slopes.view(-1, 1, 1, 1))
        self.register_buffer("positive", 1 - self.all)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def scaled(values: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
            return nn.functional.conv2d(values, by, groups=len(by))

        return scaled(x, self.all) + scaled(x.relu(), self.positive)


def _with_plain_slopes(network: nn.Module) -> nn.Module:
    """A copy whose PReLUs are convolutions, twice as fast as onnxruntime's own."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.PReLU):
                setattr(module, name, _Slopes(child.weight.detach()))
    return network
