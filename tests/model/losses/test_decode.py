"""From predicted tokens to face embeddings: the right faces, and gradients that agree with differences."""

import torch

from model.faces.geometry import TEMPLATE
from model.latents import decode, pack, unpack
from model.losses.decode import face_embeddings, predicted_faces
from tests.model.tiny import LATENT, TinyRecogniser, tiny_autoencoder

LANDMARKS = torch.tensor(TEMPLATE) * 0.3


def test_each_face_is_read_from_its_picture_at_its_landmarks() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, 64, 64) * 2 - 1
    landmarks = torch.stack([LANDMARKS, LANDMARKS + 20, LANDMARKS])
    together = face_embeddings(TinyRecogniser(), pictures, landmarks, torch.tensor([0, 0, 1]))
    for face, picture in enumerate((0, 0, 1)):
        alone = face_embeddings(TinyRecogniser(), pictures[[picture]], landmarks[[face]], torch.tensor([0]))
        torch.testing.assert_close(together[[face]], alone)
    assert not torch.allclose(together[0], together[1])
    assert not torch.allclose(together[0], together[2])


def test_tokens_are_decoded_before_recognition() -> None:
    autoencoder, recogniser = tiny_autoencoder(), TinyRecogniser()
    torch.manual_seed(0)
    tokens = torch.randn(1, 8, 4 * LATENT)
    of_picture = torch.tensor([0])
    with torch.no_grad():
        faces = predicted_faces(autoencoder, recogniser, tokens, LANDMARKS[None], of_picture, (64, 32))
        pictures = decode(autoencoder, unpack(tokens, 64, 32))
        torch.testing.assert_close(faces, face_embeddings(recogniser, pictures, LANDMARKS[None], of_picture))


def test_gradient_through_recogniser_alignment_decoder_and_packing() -> None:
    autoencoder, recogniser = tiny_autoencoder().double(), TinyRecogniser().double()
    torch.manual_seed(0)
    tokens = pack(torch.randn(1, LATENT, 4, 4)).double().requires_grad_()

    def faces(x: torch.Tensor) -> torch.Tensor:
        return predicted_faces(autoencoder, recogniser, x, LANDMARKS[None], torch.tensor([0]), (32, 32))

    assert torch.autograd.gradcheck(faces, tokens, fast_mode=True)


def test_half_precision_pictures_are_aligned_in_full_precision() -> None:
    torch.manual_seed(0)
    pictures = (torch.rand(1, 3, 128, 256) * 2 - 1).bfloat16()
    where = LANDMARKS[None] + torch.tensor([200.37, 60.71])
    half, full = (face_embeddings(TinyRecogniser(), p, where, torch.tensor([0])) for p in (pictures, pictures.float()))
    assert torch.equal(half, full)
