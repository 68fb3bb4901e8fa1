"""The sizes of an identity adapter, free of heavy imports."""

from dataclasses import asdict, dataclass


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
    tokens: int = 8
    heads: int = 24
    head_dim: int = 64

    @property
    def inner(self) -> int:
        """Width of the queries, keys and values."""
        return self.heads * self.head_dim

    def as_dict(self) -> dict[str, int]:
        """The sizes as plain JSON."""
        return asdict(self)


FLUX_DEV = AdapterSizes(embedding=512, hidden=3072, blocks=57)
