"""The sizes of an identity adapter, free of heavy imports."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from model.errors import UserError
from model.presets import Preset

ARC = "arc"  # tokens of a face embedding
SIG = "sig"  # tokens of the patches of a face crop, and of an embedding
Size = Annotated[int, Field(ge=1, le=2**16)]


@dataclass(frozen=True)
class AdapterSizes:
    """Widths of the adapter.

    `embedding` is the recogniser's dimension, `hidden` the width of the backbone, `blocks` the number of its blocks
    (double and single together), `tokens` the number of tokens that a person's embedding gets; the cross-attentions
    have `heads` heads of `head_dim`. `branches` are 'arc', 'sig' or both; 'sig' reads `patches` vectors of `features`
    values from a vision tower.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", strict=True)

    embedding: Size
    hidden: Size
    blocks: Annotated[int, Field(ge=1, le=1024)]
    tokens: Size
    heads: Size
    head_dim: Size
    branches: Annotated[tuple[Annotated[str, Field(pattern=f"^({ARC}|{SIG})$")], ...], Field(min_length=1)] = (ARC,)
    features: Annotated[int, Field(ge=0, le=2**16)] = 0
    patches: Annotated[int, Field(ge=0, le=2**16)] = 0

    @classmethod
    def of(cls, preset: Preset) -> Self:
        """The sizes of a preset's adapter."""
        own = asdict(preset.adapter)
        return cls(embedding=preset.recogniser_dim, hidden=preset.hidden, blocks=preset.blocks, **own)

    @classmethod
    def read(cls, sizes: object, source: object) -> Self:
        """The sizes of what `as_dict` gave; an adapter written before there were two branches has the first.

        UserError, which names `source`, where no adapter has such sizes.
        """
        try:
            return TypeAdapter(cls).validate_json(json.dumps(sizes))
        except ValidationError as error:
            fault = error.errors()[0]
            field = ".".join(map(str, ("sizes", *fault["loc"])))
            raise UserError(f"{source}: {field}: {fault['msg']}; bring the folder anew.") from error

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
