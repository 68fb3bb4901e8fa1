"""Identity loss: how far the generated face is from the face in the ground-truth picture."""

from torch import Tensor
from torch.nn.functional import cosine_similarity


def identity_loss(generated: Tensor, target: Tensor) -> Tensor:
    """1 - cos for each of F faces, [F] in [0, 2]; embeddings [F, d] of the predicted and the ground-truth picture.

    Both embeddings come from crops aligned by the landmarks of the ground truth (method paper, equations 4 to 6), so no
    detector has to find a face in a noisy prediction.
    """
    return 1 - cosine_similarity(generated, target, dim=-1)
