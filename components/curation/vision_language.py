"""A vision-language model of the user's that answers one instruction about photos, through `transformers`.

Only files of the given folder are read, only safetensors, and no code that comes with a model runs.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.artefacts import folder_digest
from model.errors import UserError
from model.parts import whole

MAX_TOKENS = 160  # new ones: 77 words and some room
BATCH = 4  # photos at once: what a photo takes of memory is the model's affair


class VisionLanguageModel:
    """A model folder; the model is loaded when the first photo is shown to it."""

    def __init__(self, folder: str, device: str = "cpu") -> None:
        """Raises `UserError` where the folder holds no model."""
        self._folder, self._device = Path(folder).expanduser(), device
        self._lock = Lock()  # one batch at a time: memory holds one model and one batch
        if not (self._folder / "config.json").is_file():
            raise UserError(
                f"curate.captioner '{folder}' is neither 'attributes' nor a folder with a config.json: give the folder "
                "of a vision-language model as transformers saves it"
            )

    @cached_property
    def version(self) -> str:
        """The digest of the folder."""
        return folder_digest(self._folder)

    def answer(self, photos: Sequence[NDArray[np.uint8]], instruction: str) -> list[str]:
        """What the model says to `instruction` about each RGB photo [H, W, 3]; the most likely words, no chance."""
        with self._lock:
            return [
                text
                for start in range(0, len(photos), BATCH)
                for text in self._answer(photos[start : start + BATCH], instruction)
            ]

    def _answer(self, photos: Sequence[NDArray[np.uint8]], instruction: str) -> list[str]:
        import torch
        from PIL import Image

        processor, network = self._parts
        pictures = [Image.fromarray(photo) for photo in photos]
        prompt = _prompt(processor, instruction)
        inputs = processor(
            images=[[picture] for picture in pictures], text=[prompt] * len(pictures), padding=True, return_tensors="pt"
        ).to(self._device, dtype=network.dtype)
        with torch.inference_mode():
            tokens = network.generate(**inputs, max_new_tokens=MAX_TOKENS, do_sample=False)
        new = tokens[:, inputs["input_ids"].shape[1] :]
        return list(processor.batch_decode(new, skip_special_tokens=True))

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        """The processor and the model."""
        from transformers import AutoModelForImageTextToText, AutoProcessor

        local = {"local_files_only": True, "trust_remote_code": False}
        try:
            processor = AutoProcessor.from_pretrained(self._folder, **local)
            network = whole(AutoModelForImageTextToText, self._folder, dtype="auto", **local)
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"curate.captioner '{self._folder}' cannot be loaded ({reason}): give a vision-language model of "
                "transformers, with its processor and its weights as safetensors"
            ) from error
        processor.tokenizer.padding_side = "left"  # generation goes on from the end of each text
        return processor, network.to(self._device).eval()


def _prompt(processor: Any, instruction: str) -> str:
    """The instruction in the model's own form of a conversation; a model without one gets picture, then text."""
    if processor.chat_template:
        said = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": instruction}]}]
        return str(processor.apply_chat_template(said, add_generation_prompt=True, tokenize=False))
    return f"{getattr(processor, 'image_token', '<image>')}\n{instruction}\n"
