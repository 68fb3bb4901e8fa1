"""Times a gradient through decoder and recogniser in three memory layouts: python -m benchmarks.identity_gradients."""

from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from benchmarks.timing import side_by_side
from model.channels_last import channels_last
from model.faces.geometry import TEMPLATE
from model.faces.recogniser import load_recogniser
from model.latents import decode
from model.losses.decode import face_embeddings
from model.presets import load_autoencoder, nano

PICTURES, WIDTH, HEIGHT = 8, 192, 128
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda network: network,
    "channels last": lambda network: network.to(memory_format=torch.channels_last),
    "channels last, plain normalisations": channels_last,
}


def gradient(layout: Callable[[Any], Any], half: bool) -> Callable[[], Tensor]:
    """What computes the gradient of the same latents with the networks in that layout, in bfloat16 where `half`."""
    autoencoder, recogniser = layout(load_autoencoder(nano())), layout(load_recogniser(nano().recogniser))
    start = torch.randn(PICTURES, 16, HEIGHT // 8, WIDTH // 8, generator=torch.Generator().manual_seed(0))
    landmarks = torch.from_numpy(TEMPLATE * 0.6 + 30).expand(PICTURES, 5, 2)

    def compute() -> Tensor:
        latents = start.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            faces = face_embeddings(recogniser, decode(autoencoder, latents), landmarks, torch.arange(PICTURES))
        (found,) = torch.autograd.grad(faces.square().mean(), latents)
        return found

    return compute


def main() -> None:
    """Time the layouts in both precisions and say how far their gradients lie apart."""
    for precision, half in (("float32", False), ("bfloat16", True)):
        ways = {name: gradient(layout, half) for name, layout in LAYOUTS.items()}
        side_by_side(f"gradient of {PICTURES} pictures of {WIDTH} x {HEIGHT}, {precision}", ways)
        first, *others = (way() for way in ways.values())
        apart = max(float((other - first).abs().max() / first.abs().max()) for other in others)
        Console().print(f"largest difference between the gradients, as a share of the largest: {apart:.1e}")


if __name__ == "__main__":
    main()
