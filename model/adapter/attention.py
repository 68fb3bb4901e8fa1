"""Cross-attention from image tokens to identity tokens, one of them behind each block of the backbone."""

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from model.adapter.regions import Regions
from model.adapter.sizes import AdapterSizes

KeysValues = tuple[Tensor, Tensor]


class PerceiverAttentionCA(nn.Module):
    """Box-masked cross-attention without positions, text tokens or biases (names and shapes of the published weights).

    `norm1` acts on identity tokens, `norm2` on image tokens. `to_out` starts at zero, so that an untrained adapter
    leaves the backbone as it is and its first gradient step is along the attention it already has. (Upstream starts
    from LayerNorm scales of N(0, 0.02) instead, which is near zero as well but takes hundreds of steps to leave it.)
    """

    def __init__(self, sizes: AdapterSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.norm1 = nn.LayerNorm(sizes.hidden)
        self.norm2 = nn.LayerNorm(sizes.hidden)
        self.to_q = nn.Linear(sizes.hidden, sizes.inner, bias=False)
        self.to_kv = nn.Linear(sizes.hidden, 2 * sizes.inner, bias=False)
        self.to_out = _Silent(sizes.inner, sizes.hidden, bias=False)

    def keys_values(self, tokens: Tensor) -> KeysValues:
        """Keys and values [B, heads, T, head_dim] of identity tokens [B, T, hidden], whatever the noise."""
        keys, values = self.to_kv(self.norm1(tokens)).chunk(2, dim=-1)
        return self._split(keys), self._split(values)

    def forward(self, image: Tensor, people: KeysValues | Tensor, regions: Regions) -> Tensor:
        """The update [B, L, hidden] of image tokens [B, L, hidden], in their precision; zero outside every box.

        `people` are keys and values, or the identity tokens of which they are to be made. Only the image tokens inside
        boxes are computed, in the precision of the adapter's weights.
        """
        keys, values = self.keys_values(people) if isinstance(people, Tensor) else people
        inside = regions.gathered(image).to(self.norm2.weight.dtype)
        queries = self._split(self.to_q(self.norm2(inside)))
        seen = scaled_dot_product_attention(queries, keys, values, attn_mask=regions.attend)
        update: Tensor = self.to_out(seen.transpose(1, 2).flatten(2))
        return regions.spread(update.to(image.dtype), image.shape[1])

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class _Silent(nn.Linear):
    """A layer that starts at zero."""

    def reset_parameters(self) -> None:
        super().reset_parameters()  # seeded layers that follow have always been drawn after it
        nn.init.zeros_(self.weight)
