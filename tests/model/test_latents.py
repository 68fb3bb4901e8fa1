"""Packing and the autoencoder's scale."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from model.latents import decode, encode, pack, positions, unpack
from tests.model.tiny import tiny_autoencoder


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_packing_is_undone_by_unpacking(batch: int, rows: int, columns: int, channels: int) -> None:
    latents = torch.arange(batch * channels * rows * columns * 4).reshape(batch, channels, 2 * rows, 2 * columns)
    assert torch.equal(unpack(pack(latents), 16 * columns, 16 * rows), latents)


def test_a_token_holds_the_four_latent_pixels_of_its_cell_channel_by_channel() -> None:
    latents = torch.arange(2 * 4 * 6).reshape(1, 2, 4, 6)
    token = pack(latents)[0, 1 * 3 + 2]
    assert token.tolist() == latents[0, :, 2:4, 4:6].flatten().tolist()
    assert positions(48, 32)[1 * 3 + 2].tolist() == [0, 1, 2]


def test_decode_undoes_the_scale_that_encode_applies() -> None:
    autoencoder = tiny_autoencoder()
    pixels = torch.rand(1, 3, 32, 48) * 2 - 1
    with torch.no_grad():
        latents = encode(autoencoder, pixels)
        mean = autoencoder.encode(pixels).latent_dist.mean
        torch.testing.assert_close(latents, (mean - 0.1) * 0.8)
        torch.testing.assert_close(decode(autoencoder, latents), autoencoder.decode(mean).sample, rtol=1e-4, atol=1e-5)
