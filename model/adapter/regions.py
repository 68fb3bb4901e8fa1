"""Which image token may see which person: boxes in pixels become the tokens inside them and masks by broadcasting."""

from typing import NamedTuple

import torch
from torch import Tensor

from model.latents import CELL


class Regions(NamedTuple):
    """The image tokens that lie in any box, and the keys that each of them may see.

    `where` [B, M] are their positions, M being those of the picture that has most. A picture with fewer is filled up
    with tokens outside its boxes: `inside` [B, M, 1] is False there. `attend` [B, 1, M, T] is the mask of the
    attention, None where everything sees everything. Rows outside every box are open in it, because a softmax over
    nothing is undefined in some kernels; what comes of them is multiplied by `inside`, which makes it exactly zero.
    """

    where: Tensor
    inside: Tensor
    attend: Tensor | None

    def gathered(self, image: Tensor) -> Tensor:
        """The tokens [B, M, C] of image tokens [B, L, C] that are attended for."""
        return image.gather(1, self._index(image))

    def spread(self, update: Tensor, length: int) -> Tensor:
        """Updates [B, M, C] put where they belong among `length` tokens, [B, L, C]; zero everywhere else."""
        nothing = update.new_zeros(len(update), length, update.shape[-1])
        return nothing.scatter(1, self._index(update), update * self.inside)

    def _index(self, tokens: Tensor) -> Tensor:
        return self.where[..., None].expand(-1, -1, tokens.shape[-1])


def cells_in_boxes(boxes: Tensor, width: int, height: int) -> Tensor:
    """Boxes [B, N, 4] (xyxy in pixels of a `width` x `height` picture) to a mask [B, L, N] of token cells.

    Cells are `CELL` pixels, row by row; a box takes the columns floor(x1/CELL) to ceil(x2/CELL), rows likewise, cut at
    the picture. An empty box (x2 <= x1 or y2 <= y1) takes none, so padding boxes of zeros are harmless.
    """
    columns = torch.arange(width // CELL, device=boxes.device)
    rows = torch.arange(height // CELL, device=boxes.device)
    first = torch.floor(boxes[..., :2] / CELL)
    last = torch.ceil(boxes[..., 2:] / CELL)
    across = (columns >= first[..., :1]) & (columns < last[..., :1])
    down = (rows >= first[..., 1:]) & (rows < last[..., 1:])
    full = (boxes[..., 2:] > boxes[..., :2]).all(-1)
    grid = down[..., :, None] & across[..., None, :] & full[..., None, None]
    return grid.flatten(2).transpose(1, 2)


def token_regions(boxes: Tensor, width: int, height: int, tokens: int) -> Regions:
    """The attention regions of boxes [B, N, 4] when each of the N people has `tokens` keys.

    Image tokens see the keys of every box that covers them: where boxes overlap, the union. Make them once per picture:
    how many tokens lie inside is asked of the device.
    """
    covered = cells_in_boxes(boxes, width, height)
    inside = covered.any(-1)
    most, everywhere = torch.stack([inside.sum(1).max(), (covered.all(-1) | ~inside).all()]).tolist()
    where = inside.int().argsort(dim=1, descending=True, stable=True)[:, :most]
    inside = inside.gather(1, where)[..., None]
    if everywhere:
        return Regions(where, inside, None)
    people = covered.gather(1, where[..., None].expand(-1, -1, covered.shape[-1])) | ~inside
    return Regions(where, inside, people.repeat_interleave(tokens, dim=-1)[:, None])
