"""The text encoders of FLUX: T5 for the tokens, CLIP for the one vector of a prompt."""

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer, T5EncoderModel, T5TokenizerFast

from model.parts import read_network, read_tokenizer

CLIP_TOKENS = 77


class FluxText:
    """Prompts to what the backbone reads of them, as diffusers' own FluxPipeline does it."""

    def __init__(
        self, clip: Any, clip_tokenizer: Any, t5: Any, t5_tokenizer: Any, length: int, device: torch.device | str
    ) -> None:
        """Prompts are cut or padded to `length` tokens for T5, and to 77 for CLIP.

        They are read on `device`; the weights of offloaded encoders lie elsewhere until then.
        """
        self.clip, self.clip_tokenizer, self.t5, self.t5_tokenizer = clip, clip_tokenizer, t5, t5_tokenizer
        self.length, self.device = length, device

    @classmethod
    def load(cls, base: str, length: int, dtype: torch.dtype, device: str = "cpu") -> Self:
        """The encoders of a FLUX folder or hub name, frozen; UserError where one cannot be read."""
        clip = read_network(CLIPTextModel, base, "text_encoder", dtype=dtype)
        t5 = read_network(T5EncoderModel, base, "text_encoder_2", dtype=dtype)
        for model in (clip, t5):
            model.eval().requires_grad_(False).to(device)
        tokenizers = (
            read_tokenizer(CLIPTokenizer, base, "tokenizer"),
            read_tokenizer(T5TokenizerFast, base, "tokenizer_2"),
        )
        return cls(clip, tokenizers[0], t5, tokenizers[1], length, device)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """T5's states [B, length, d], padding included, and CLIP's pooled vectors [B, p]."""
        states: Tensor = self.t5(self._ids(self.t5_tokenizer, texts, self.length)).last_hidden_state
        read = min(CLIP_TOKENS, self.clip.config.max_position_embeddings)
        pooled: Tensor = self.clip(self._ids(self.clip_tokenizer, texts, read)).pooler_output
        return states, pooled

    def _ids(self, tokenizer: Any, texts: Sequence[str], length: int) -> Tensor:
        ids: Tensor = tokenizer(
            list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        ).input_ids
        return ids.to(self.device)
