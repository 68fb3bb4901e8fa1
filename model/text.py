"""The text encoder of the nano preset: all-MiniLM-L6-v2, token states and sentence vectors."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

from model.weights import weight

DIM = 384
LAYERS, HEADS = 6, 12
EPSILON = 1e-12


class TextEncoder:
    """A six-layer BERT (Devlin et al. 2018) on its pretrained tensors."""

    def __init__(self, tensors: dict[str, torch.Tensor], tokenizer: Tokenizer, length: int) -> None:
        self.tensors, self.tokenizer, self.length = tensors, tokenizer, length
        tokenizer.enable_truncation(length)
        tokenizer.enable_padding(pad_id=0, pad_token="[PAD]", length=length)

    @classmethod
    def load(cls, length: int = 16, device: str = "cpu") -> "TextEncoder":
        """The encoder with its pretrained weights; texts are cut or padded to `length` tokens."""
        tensors = {name: tensor.to(device) for name, tensor in load_file(weight("minilm")).items()}
        return cls(tensors, Tokenizer.from_file(str(weight("minilm-tokenizer"))), length)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token states [B,length,384], zero at padding, and unit sentence vectors [B,384], the mean of the states."""
        encodings = self.tokenizer.encode_batch(list(texts))
        device = self.tensors["embeddings.word_embeddings.weight"].device
        ids = torch.tensor([e.ids for e in encodings], device=device)
        mask = torch.tensor([e.attention_mask for e in encodings], device=device, dtype=torch.float32)
        states = self._states(ids, mask) * mask[..., None]
        pooled = F.normalize(states.sum(1) / mask.sum(1, keepdim=True), dim=-1)
        return states, pooled

    def _states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        words = self.tensors["embeddings.word_embeddings.weight"][ids]
        positions = self.tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kinds = self.tensors["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(words + positions + kinds, "embeddings.LayerNorm")
        for index in range(LAYERS):
            x = self._layer(x, f"encoder.layer.{index}.", mask[:, None, None] > 0)
        return x

    def _layer(self, x: torch.Tensor, name: str, mask: torch.Tensor) -> torch.Tensor:
        def heads(part: str) -> torch.Tensor:
            return self._linear(x, f"{name}attention.self.{part}").unflatten(-1, (HEADS, DIM // HEADS)).transpose(1, 2)

        mixed = F.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"), attn_mask=mask)
        mixed = self._linear(mixed.transpose(1, 2).flatten(2), f"{name}attention.output.dense")
        x = self._norm(x + mixed, f"{name}attention.output.LayerNorm")
        inner = F.gelu(self._linear(x, f"{name}intermediate.dense"))
        return self._norm(x + self._linear(inner, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (DIM,), self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], EPSILON)
