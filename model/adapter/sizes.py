"""The sizes of an identity adapter, free of heavy imports."""

from dataclasses import asdict, dataclass
from typing import Self

from model.presets import Preset


@dataclass(frozen=True)
class AdapterSizes:
    """Widths of the adapter.

    `embedding` is the recogniser's dimension, `hidden` the width of the backbone, `blocks` the number of its blocks
    (double and single together), `tokens` the number of tokens a person gets; the cross-attention has `heads` heads of
    `head_dim`.
    """

    embedding: int
    hidden: int
    blocks: int
    tokens: int
    heads: int
    head_dim: int

    @classmethod
    def of(cls, preset: Preset) -> Self:
        """The sizes of a preset's adapter."""
        size = preset.adapter
        return cls(preset.recogniser_dim, preset.hidden, preset.blocks, size.tokens, size.heads, size.head_dim)

    @property
    def inner(self) -> int:
        """Width of the queries, keys and values."""
        return self.heads * self.head_dim

    def as_dict(self) -> dict[str, int]:
        """The sizes as plain JSON."""
        return asdict(self)
