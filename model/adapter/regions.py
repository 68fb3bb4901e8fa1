"""Which image token may see which person: boxes in pixels become attention masks by broadcasting."""

from typing import NamedTuple

import torch
from torch import Tensor

CELL = 16


class Regions(NamedTuple):
    """`attend` [B, 1, L, T] says which keys an image token may see; `inside` [B, L, 1] whether it is in any box.

    Rows of tokens outside every box are opened in `attend`, because a softmax over nothing is undefined in some
    kernels; the attention multiplies its result by `inside`, which makes them exactly zero.
    """

    attend: Tensor
    inside: Tensor


def cells_in_boxes(boxes: Tensor, width: int, height: int, cell: int = CELL) -> Tensor:
    """Boxes [B, N, 4] (xyxy in pixels of a `width` x `height` picture) to a mask [B, L, N] of token cells.

    Cells are `cell` pixels, row by row; a box takes the columns floor(x1/cell) to ceil(x2/cell), rows likewise, cut at
    the picture. An empty box (x2 <= x1 or y2 <= y1) takes none, so padding boxes of zeros are harmless.
    """
    columns = torch.arange(width // cell, device=boxes.device)
    rows = torch.arange(height // cell, device=boxes.device)
    first = torch.floor(boxes[..., :2] / cell)
    last = torch.ceil(boxes[..., 2:] / cell)
    across = (columns >= first[..., :1]) & (columns < last[..., :1])
    down = (rows >= first[..., 1:]) & (rows < last[..., 1:])
    full = (boxes[..., 2:] > boxes[..., :2]).all(-1)
    grid = down[..., :, None] & across[..., None, :] & full[..., None, None]
    return grid.flatten(2).transpose(1, 2)


def token_regions(boxes: Tensor, width: int, height: int, tokens: int, cell: int = CELL) -> Regions:
    """The attention regions of boxes [B, N, 4] when each of the N people has `tokens` keys.

    Image tokens see the keys of every box that covers them: where boxes overlap, the union.
    """
    covered = cells_in_boxes(boxes, width, height, cell)
    inside = covered.any(-1, keepdim=True)
    attend = covered.repeat_interleave(tokens, dim=-1) | ~inside
    return Regions(attend=attend[:, None], inside=inside)
