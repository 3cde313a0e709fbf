"""The plain vision transformer behind the patches, with the weight names of timm and MAE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.vision._parts import check_transformer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PlainTransformer"]


class Attention(nn.Module):
    """Self-attention whose queries, keys and values come from a linear layer each.

    Shapes: `tokens` (n_windows, n_tokens, width); returns the same.
    """

    def __init__(self, width: int, n_heads: int, *, qkv_bias: bool) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.q = nn.Linear(width, width, bias=qkv_bias)
        self.k = nn.Linear(width, width, bias=qkv_bias)
        self.v = nn.Linear(width, width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = (
            layer(tokens).unflatten(2, (self.n_heads, -1)).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return result


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, mlp_width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, mlp_width)
        self.fc2 = nn.Linear(mlp_width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        result: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return result


class Block(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(
        self, width: int, n_heads: int, mlp_width: int, *, norm_eps: float, qkv_bias: bool
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.attn = Attention(width, n_heads, qkv_bias=qkv_bias)
        self.norm2 = nn.LayerNorm(width, eps=norm_eps)
        self.mlp = Mlp(width, mlp_width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        result: Tensor = tokens + self.mlp(self.norm2(tokens))
        return result


class PlainTransformer(nn.Module):
    """Base of encoders that put their own tokens in front of a plain transformer."""

    def __init__(
        self,
        *,
        width: int,
        depth: int,
        n_heads: int,
        mlp_width: int,
        norm_eps: float = 1e-6,
        qkv_bias: bool = True,
    ) -> None:
        super().__init__()
        check_transformer(width=width, depth=depth, n_heads=n_heads, mlp_width=mlp_width)
        if not norm_eps > 0:
            raise ParameterError(f"norm_eps={norm_eps} is not positive. Use 1e-6 or 1e-5.")
        self.n_features = width
        self.independent_windows = True
        self.blocks = nn.ModuleList(
            Block(width, n_heads, mlp_width, norm_eps=norm_eps, qkv_bias=qkv_bias)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=norm_eps)

    def run_tokens(self, tokens: Tensor) -> Tensor:
        """Encode any of the tokens of a window, in any order, and normalize them.

        Shapes: `tokens` (n_windows, n_tokens, width); returns the same.
        """
        for block in self.blocks:
            tokens = block(tokens)
        result: Tensor = self.norm(tokens)
        return result
