"""The sizes of an identity adapter, free of heavy imports."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from model.presets import Preset

ARC = "arc"  # tokens of a face embedding
SIG = "sig"  # tokens of the patches of a face crop, and of an embedding


@dataclass(frozen=True)
class AdapterSizes:
    """Widths of the adapter.

    `embedding` is the recogniser's dimension, `hidden` the width of the backbone, `blocks` the number of its blocks
    (double and single together), `tokens` the number of tokens that a person's embedding gets; the cross-attentions
    have `heads` heads of `head_dim`. `branches` are 'arc', 'sig' or both; 'sig' reads `patches` vectors of `features`
    values from a vision tower.
    """

    embedding: int
    hidden: int
    blocks: int
    tokens: int
    heads: int
    head_dim: int
    branches: tuple[str, ...] = (ARC,)
    features: int = 0
    patches: int = 0

    @classmethod
    def of(cls, preset: Preset) -> Self:
        """The sizes of a preset's adapter."""
        size = preset.adapter
        return cls(
            preset.recogniser_dim,
            preset.hidden,
            preset.blocks,
            size.tokens,
            size.heads,
            size.head_dim,
            size.branches,
            size.features,
            size.patches,
        )

    @classmethod
    def read(cls, sizes: Mapping[str, Any]) -> Self:
        """The sizes of what `as_dict` gave; an adapter written before there were two branches has the first."""
        return cls(**{**sizes, "branches": tuple(sizes.get("branches", (ARC,)))})

    @property
    def inner(self) -> int:
        """Width of the queries, keys and values."""
        return self.heads * self.head_dim

    def keys(self, branch: str) -> int:
        """The number of tokens that a person has in a branch."""
        return self.tokens if branch == ARC else self.patches + self.tokens

    def as_dict(self) -> dict[str, Any]:
        """The sizes as plain JSON."""
        return {**asdict(self), "branches": list(self.branches)}
