"""How pleasing a picture is: aesthetic-predictor-v2.5, a head on SigLIP's image vector, for users who have its weights.

The folder holds a SigLIP vision model as `transformers` saves it (`config.json`, `model.safetensors`,
`preprocessor_config.json`) and the head as `head.safetensors`: linear layers one after the other, with nothing between
them, as published.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import UserError
from model.parts import whole

HEAD = "head.safetensors"
NEEDED = ("config.json", "preprocessor_config.json", "model.safetensors", HEAD)


class AestheticPredictor:
    """Scores pictures: 1 (poor) to 10 with the published weights, which call 5.5 and above good."""

    def __init__(self, folder: str, setting: str, device: str = "cpu") -> None:
        """`setting` names `folder`. Raises `UserError` where a file of it is missing; nothing is loaded yet."""
        self.folder, self._setting, self._device = Path(folder).expanduser(), setting, device
        missing = [name for name in NEEDED if not (self.folder / name).is_file()]
        if missing:
            raise UserError(
                f"{setting} '{folder}' lacks {', '.join(missing)}: give a folder with SigLIP's vision model as "
                f"transformers saves it and the predictor's head as {HEAD}"
            )

    def scores(self, pictures: Sequence[NDArray[np.uint8]]) -> list[float]:
        """The scores of RGB pictures [H, W, 3] of any size."""
        import torch
        import torch.nn.functional as F

        if not pictures:
            return []
        processor, tower, head = self._parts
        inputs = processor(images=list(pictures), input_data_format="channels_last", return_tensors="pt")
        with torch.inference_mode():
            x = tower(pixel_values=inputs["pixel_values"].to(self._device)).pooler_output.float()
            x = F.normalize(x, dim=-1)
            for weight, bias in head:
                x = F.linear(x, weight, bias)
        return [float(score) for score in x[:, 0]]

    @cached_property
    def _parts(self) -> tuple[Any, Any, list[tuple[Any, Any]]]:
        """The processor, the vision tower, and weight and bias of the head's layers in order."""
        from safetensors.torch import load_file
        from transformers import SiglipVisionModel
        from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

        try:
            processor = SiglipImageProcessorPil.from_pretrained(self.folder, local_files_only=True)
            tower = whole(SiglipVisionModel, self.folder, local_files_only=True)
            layers = _layers(load_file(self.folder / HEAD, device=self._device))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(
                f"{self._setting} '{self.folder}' cannot be loaded ({reason}): save SigLIP's vision model there again"
            ) from error
        first, last = layers[0][0], layers[-1][0]
        if first.shape[1] != tower.config.hidden_size or last.shape[0] != 1:
            raise UserError(
                f"{self._setting} '{self.folder}' has a head from {first.shape[1]} values to {last.shape[0]}, which "
                f"must be from {tower.config.hidden_size} to 1: use the head that belongs to this SigLIP"
            )
        return processor, tower.to(self._device).eval(), layers


def _layers(tensors: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Weight and bias of each layer, by the number in its name (`scoring_head.2.weight`)."""
    names = sorted(
        (name.removesuffix(".weight") for name in tensors if name.endswith(".weight")),
        key=lambda name: int(name.rpartition(".")[2]),
    )
    if not names:
        raise ValueError(f"{HEAD} names no layer")
    return [(tensors[f"{name}.weight"].float(), tensors[f"{name}.bias"].float()) for name in names]
