"""The adapter as a component of a diffusers pipeline: saved and loaded in the layout of a model folder."""

from pathlib import Path
from typing import Any, Self

import torch
from diffusers import ModelMixin

from model.adapter.checkpoint import load_adapter, read_description, save_adapter
from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes


class AdapterComponent(IdentityAdapter, ModelMixin):
    """An identity adapter that `DiffusionPipeline.save_pretrained` and `from_pretrained` handle.

    Its folder in a saved pipeline is a model folder, as every other part of the product reads it.
    """

    def __init__(self, sizes: AdapterSizes, preset: str) -> None:
        super().__init__(sizes)
        self.preset = preset

    @classmethod
    def of(cls, adapter: IdentityAdapter, preset: str) -> Self:
        """The component that shares the tensors of `adapter`."""
        with torch.device("meta"):
            component = cls(adapter.sizes, preset)
        component.load_state_dict(adapter.state_dict(), assign=True)
        return component.eval().requires_grad_(False)

    @classmethod
    def from_pretrained(cls, folder: str, torch_dtype: torch.dtype | None = None, **_: Any) -> Self:
        """The component of a model folder; UserError where it is none. Other options are for larger parts."""
        path = Path(folder)
        return cls.of(load_adapter(path, torch_dtype or torch.float32), read_description(path)["preset"])

    def save_pretrained(self, folder: str, **_: Any) -> None:
        """Write the adapter as a model folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_adapter(self, Path(folder), self.preset)
