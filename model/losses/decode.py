"""From predicted latents to face embeddings, with gradients: decode, align by known landmarks, recognise."""

from collections.abc import Callable

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import Decoder
from torch import Tensor

from model.faces.geometry import align_batch
from model.latents import decode, unnormalised, unpack
from model.losses.statistics import measured, normalised
from model.losses.windows import PIXELS, Windows, cut, face_windows

Recognise = Callable[[Tensor], Tensor]
PASS_WITHOUT_GRADIENT = 0.45  # of a pass with its gradient, measured at nano: what the statistics of windows cost


def face_embeddings(recognise: Recognise, pictures: Tensor, landmarks: Tensor, of_picture: Tensor) -> Tensor:
    """Raw embeddings [F, d] of F faces in pictures [B, 3, H, W] in [-1, 1].

    `landmarks` [F, 5, 2] are pixels of the picture that `of_picture` [F] numbers, however many faces it holds. Values
    beyond [-1, 1] are passed on rather than clipped, since a clipped pixel has no gradient. Faces are aligned in at
    least 32 bits: places in half precision are pixels apart.
    """
    return _recognised(recognise, pictures[of_picture], landmarks)


def predicted_faces(
    autoencoder: AutoencoderKL,
    recognise: Recognise,
    tokens: Tensor,
    landmarks: Tensor,
    of_picture: Tensor,
    size: tuple[int, int],
) -> Tensor:
    """Raw embeddings [F, d] of the faces in predicted clean tokens [B, L, 4C] of pictures of `size` (width, height).

    Only windows around the faces are decoded with a gradient where that is less work than decoding the pictures.
    """
    width, height = size
    latents, landmarks = unpack(tokens, width, height), landmarks.cpu()  # a device is waited for once, and not twice
    windows = face_windows(landmarks, size)
    whole = len(latents) * (height // PIXELS) * (width // PIXELS)
    if windows.cells + PASS_WITHOUT_GRADIENT * whole >= whole:
        return face_embeddings(recognise, decode(autoencoder, latents), landmarks, of_picture)
    pictures = decode_windows(autoencoder, latents, windows, of_picture)
    return _recognised(recognise, pictures, landmarks - PIXELS * torch.from_numpy(windows.corners)[:, None])


def decode_windows(autoencoder: AutoencoderKL, latents: Tensor, windows: Windows, of_picture: Tensor) -> Tensor:
    """The pixels [F, 3, h, w] of windows of scaled latents [B, C, H, W].

    Where alignment reads them they are those of the whole picture to 3 % of the range of values at most and 0.5 % on
    average (the shipped nano autoencoder; held by the tests). The decoder's beginning, where every cell sees every
    other, runs on the whole latents; so does its tail, once and without gradient, because group normalisation averages
    over whole pictures. With these averages the tail then runs on the windows alone. The gradient leaves out how a
    window moves the averages.
    """
    decoder = autoencoder.decoder
    start = unnormalised(autoencoder, latents)
    if autoencoder.post_quant_conv is not None:
        start = autoencoder.post_quant_conv(start)
    maps = decoder.mid_block(decoder.conv_in(start))
    with torch.no_grad(), measured(decoder) as statistics:
        _tail(decoder, maps)
    with normalised(decoder, statistics, of_picture):
        return _tail(decoder, cut(maps, windows, of_picture))


def _recognised(recognise: Recognise, pictures: Tensor, landmarks: Tensor) -> Tensor:
    """Raw embeddings [F, d] of pictures [F, 3, H, W] of one face each, in whatever precision."""
    precise = pictures.to(torch.promote_types(pictures.dtype, torch.float32))
    return recognise(align_batch((precise + 1) / 2, landmarks))


def _tail(decoder: Decoder, maps: Tensor) -> Tensor:
    for block in decoder.up_blocks:
        maps = block(maps)
    pixels: Tensor = decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(maps)))
    return pixels
