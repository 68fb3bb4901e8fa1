"""Pictures, latents and the packed tokens that the backbone reads: 2x2 latent pixels make one token, as in FLUX."""

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

CELL = 16


def pack(latents: Tensor) -> Tensor:
    """Latents [B, C, h, w] with even sides to tokens [B, (h/2)(w/2), 4C], row by row."""
    b, c, h, w = latents.shape
    cells = latents.reshape(b, c, h // 2, 2, w // 2, 2)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(b, (h // 2) * (w // 2), 4 * c)


def unpack(tokens: Tensor, width: int, height: int) -> Tensor:
    """Tokens [B, L, 4C] of a `width` x `height` picture (pixels) back to latents [B, C, height/8, width/8]."""
    b, _, channels = tokens.shape
    rows, columns = height // CELL, width // CELL
    cells = tokens.reshape(b, rows, columns, channels // 4, 2, 2)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(b, channels // 4, 2 * rows, 2 * columns)


def positions(width: int, height: int, device: torch.device | None = None, picture: int = 0) -> Tensor:
    """Position ids [L, 3] of the image tokens: `picture`, row, column. Text tokens have all zeros.

    Kontext tells the picture that it is shown from the one that it makes by a `picture` of 1.
    """
    rows, columns = torch.meshgrid(
        torch.arange(height // CELL, device=device), torch.arange(width // CELL, device=device), indexing="ij"
    )
    return torch.stack([torch.full_like(rows, picture), rows, columns], dim=-1).reshape(-1, 3).float()


def encode(autoencoder: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Pictures [B, 3, H, W] in [-1, 1] to scaled latents [B, C, H/8, W/8]: the posterior's mean, so always the same.

    Whatever the autoencoder's precision, latents are in that of the pixels.
    """
    mean: Tensor = autoencoder.encode(pixels.to(autoencoder.dtype)).latent_dist.mode().to(pixels.dtype)
    return (mean - _shift(autoencoder)) * autoencoder.config["scaling_factor"]


def decode(autoencoder: AutoencoderKL, latents: Tensor) -> Tensor:
    """Scaled latents [B, C, h, w] to pictures [B, 3, 8h, 8w], about [-1, 1]; differentiable and not clipped.

    Whatever the autoencoder's precision, pictures are in that of the latents.
    """
    pixels: Tensor = autoencoder.decode(unnormalised(autoencoder, latents)).sample
    return pixels.to(latents.dtype)


def rgb(pixels: Tensor) -> NDArray[np.uint8]:
    """Pictures [B, 3, H, W] in [-1, 1], clipped to that, as bytes [B, H, W, 3]."""
    scaled = ((pixels.detach().clamp(-1, 1) + 1) * 127.5).round()
    return scaled.to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()


def unnormalised(autoencoder: AutoencoderKL, latents: Tensor) -> Tensor:
    """Scaled latents as the autoencoder's own decoder takes them, in its precision."""
    return (latents / autoencoder.config["scaling_factor"] + _shift(autoencoder)).to(autoencoder.dtype)


def _shift(autoencoder: AutoencoderKL) -> float:
    return autoencoder.config["shift_factor"] or 0.0
