"""From predicted latents to face embeddings, with gradients: decode, align by known landmarks, recognise."""

from collections.abc import Callable

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from model.faces.geometry import align_batch
from model.latents import decode, unpack

Recognise = Callable[[Tensor], Tensor]


def face_embeddings(recognise: Recognise, pictures: Tensor, landmarks: Tensor, of_picture: Tensor) -> Tensor:
    """Raw embeddings [F, d] of F faces in pictures [B, 3, H, W] in [-1, 1].

    `landmarks` [F, 5, 2] are pixels of the picture that `of_picture` [F] numbers, however many faces it holds. Values
    beyond [-1, 1] are passed on rather than clipped, since a clipped pixel has no gradient. Faces are aligned in at
    least 32 bits: places in half precision are pixels apart.
    """
    precise = pictures[of_picture].to(torch.promote_types(pictures.dtype, torch.float32))
    crops = align_batch((precise + 1) / 2, landmarks)
    return recognise(crops)


def predicted_faces(
    autoencoder: AutoencoderKL,
    recognise: Recognise,
    tokens: Tensor,
    landmarks: Tensor,
    of_picture: Tensor,
    size: tuple[int, int],
) -> Tensor:
    """Raw embeddings [F, d] of the faces in predicted clean tokens [B, L, 4C] of pictures of `size` (width, height)."""
    width, height = size
    pictures = decode(autoencoder, unpack(tokens, width, height))
    return face_embeddings(recognise, pictures, landmarks, of_picture)
