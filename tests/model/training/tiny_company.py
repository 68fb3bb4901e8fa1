"""Small frozen networks whose last bits depend on the size of the batch, as those of kernels chosen by it do.

They do so everywhere, and plainly: on some machines a kernel gives the same bits for several sizes.
"""

from collections.abc import Sequence

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from model.siglip import VisionTower
from tests.model.tiny import TinyRecogniser, tiny_autoencoder, tiny_tower
from tests.model.training.tiny_job import encode_text

STEP = 2**-16


def autoencoder_in_company() -> AutoencoderKL:
    found = tiny_autoencoder()
    found.encoder.register_forward_hook(lambda _module, inputs, output: _among(len(inputs[0]), output))
    return found


def recogniser_in_company() -> TinyRecogniser:
    found = TinyRecogniser()
    found.register_forward_hook(lambda _module, inputs, output: _among(len(inputs[0]), output))
    return found


def texts_in_company(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    tokens, pooled = encode_text(texts)
    return _among(len(texts), tokens), _among(len(texts), pooled)


class _Tower(VisionTower):
    def patches(self, crops: Sequence[object]) -> Tensor:
        return _among(len(crops), super().patches(crops))  # type: ignore[arg-type]


def tower_in_company() -> VisionTower:
    return _Tower(tiny_tower().model)


def _among(count: int, output: Tensor) -> Tensor:
    return output * (1 + count * STEP)
