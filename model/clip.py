"""CLIP's vectors of pictures and texts, for users who have its weights: a folder as `transformers` saves it."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import UserError
from model.parts import whole

NEEDED = ("config.json", "preprocessor_config.json", "model.safetensors", "tokenizer.json")
TOKENS = 77  # of CLIP's text encoder; what is longer is cut off
Floats = NDArray[np.float64]


class Clip:
    """Unit vectors [N, d] of pictures and of texts, comparable by cosine."""

    def __init__(self, folder: str, setting: str, device: str = "cpu") -> None:
        """`setting` names `folder`. Raises `UserError` where a file of it is missing; nothing is loaded yet."""
        self.folder, self._setting, self._device = Path(folder).expanduser(), setting, device
        missing = [name for name in NEEDED if not (self.folder / name).is_file()]
        if missing:
            raise UserError(
                f"{setting} '{folder}' lacks {', '.join(missing)}: give a folder with a CLIP model, its image "
                "processor and its tokenizer as transformers saves them"
            )

    def pictures(self, pictures: Sequence[NDArray[np.uint8]]) -> Floats:
        """Unit vectors of RGB pictures [H, W, 3] of any size."""
        import torch

        model, processor, _ = self._parts
        inputs = processor(images=list(pictures), input_data_format="channels_last", return_tensors="pt")
        with torch.inference_mode():
            vectors = model.get_image_features(pixel_values=inputs["pixel_values"].to(self._device))
        return _unit(vectors.pooler_output)

    def texts(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of texts, cut at 77 tokens."""
        import torch

        model, _, tokenizer = self._parts
        length = min(TOKENS, model.config.text_config.max_position_embeddings)
        inputs = tokenizer(list(texts), padding=True, truncation=True, max_length=length, return_tensors="pt")
        with torch.inference_mode():
            vectors = model.get_text_features(
                input_ids=inputs["input_ids"].to(self._device), attention_mask=inputs["attention_mask"].to(self._device)
            )
        return _unit(vectors.pooler_output)

    @cached_property
    def _parts(self) -> tuple[Any, Any, Any]:
        """The model, the image processor and the tokenizer."""
        from transformers import CLIPModel, CLIPTokenizer
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        try:
            model = whole(CLIPModel, self.folder, local_files_only=True)
            processor = CLIPImageProcessorPil.from_pretrained(self.folder, local_files_only=True)
            tokenizer = CLIPTokenizer.from_pretrained(self.folder, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(
                f"{self._setting} '{self.folder}' cannot be loaded ({reason}): save CLIP there again with transformers"
            ) from error
        return model.to(self._device).eval(), processor, tokenizer


def _unit(vectors: Any) -> Floats:
    rows = vectors.double().cpu().numpy()
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
