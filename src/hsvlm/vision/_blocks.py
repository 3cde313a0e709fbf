"""Layers that vision transformers share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._attention import attention
from hsvlm.vision._parts import check_transformer

__all__ = ["TokenTransformer", "TransformerBlock"]


class TransformerBlock(nn.Module):
    """Pre-norm transformer layer.

    Shapes: `tokens` (n_windows, n_tokens, width); returns (n_windows, n_queries, width).
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        mlp_width: int,
        *,
        head_width: int | None = None,
        qkv_bias: bool = True,
        scale: float | None = None,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        inner = width if head_width is None else n_heads * head_width
        self.n_heads = n_heads
        self.scale = scale
        self.attention_dropout = attention_dropout
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * inner, bias=qkv_bias)
        self.out = nn.Linear(inner, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_width), nn.GELU(), nn.Linear(mlp_width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, n_queries: int | None = None) -> Tensor:
        mixed = attention(
            self.qkv(self.norm_attention(tokens)),
            self.n_heads,
            n_queries,
            scale=self.scale,
            dropout=self.attention_dropout if self.training else 0.0,
        )
        tokens = tokens[:, :n_queries] + self.dropout(self.out(mixed))
        first, activation, last = self.mlp
        hidden = self.dropout(activation(first(self.norm_mlp(tokens))))
        result: Tensor = tokens + self.dropout(last(hidden))
        return result


class TokenTransformer(nn.Module):
    """Transformer over a fixed number of patches, read at a class token.

    Shapes: `patches` (n_windows, n_patches, n_values); returns (n_windows, width).
    """

    def __init__(
        self,
        n_patches: int,
        n_values: int,
        *,
        width: int,
        depth: int,
        n_heads: int,
        mlp_width: int,
        mask_ratio: float,
    ) -> None:
        super().__init__()
        check_transformer(width=width, depth=depth, n_heads=n_heads, mlp_width=mlp_width)
        if not 0 <= mask_ratio < 1:
            raise ParameterError(
                f"mask_ratio={mask_ratio} is not in [0, 1). Use 0 to keep every patch."
            )
        self.n_features = width
        self.mask_ratio = mask_ratio
        self.independent_windows = mask_ratio == 0
        self.embed: nn.Module = nn.Linear(n_values, width)
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, n_patches + 1, width))
        self.blocks = nn.ModuleList(
            TransformerBlock(width, n_heads, mlp_width) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.class_token, std=0.02)
        # As large as the embedded patches they are added to, not the usual 0.02: in short trainings
        # on Indian Pines this was worth a few tenths of a point of overall accuracy.
        nn.init.normal_(self.positions, std=0.5)

    def token_values(self, windows: Tensor) -> Tensor:
        """Return what each token is embedded from; shape (n_windows, n_patches, n_values).

        Subclasses differ in their patches, and each defines it.
        """
        raise NotImplementedError

    def to_tokens(self, windows: Tensor) -> Tensor:
        """Embed the patches of windows, with positions; shape (n_windows, n_patches, width)."""
        tokens: Tensor = self.embed(self.token_values(windows)) + self.positions[:, 1:]
        return tokens

    def run_tokens(self, tokens: Tensor) -> Tensor:
        """Encode any of the tokens of a window; the class token comes first in the result.

        Shapes: `tokens` (n_windows, n_tokens, width); returns (n_windows, n_tokens + 1, width).
        """
        tokens = torch.cat([self._first_token(tokens), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        encoded: Tensor = self.norm(tokens)
        return encoded

    def encode(self, patches: Tensor) -> Tensor:
        tokens = self.embed(patches) + self.positions[:, 1:]
        if self.training and self.mask_ratio > 0:
            tokens = _random_tokens(tokens, self.mask_ratio)
        tokens = torch.cat([self._first_token(tokens), tokens], dim=1)
        # Nothing but the class token is read after the last layer.
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens, 1 if number == len(self.blocks) else None)
        features: Tensor = self.norm(tokens[:, 0])
        return features

    def _first_token(self, tokens: Tensor) -> Tensor:
        return (self.class_token + self.positions[:, :1]).expand(len(tokens), -1, -1)


def _random_tokens(tokens: Tensor, mask_ratio: float) -> Tensor:
    """Drop a share of the tokens at random, keeping at least one."""
    n_windows, n_tokens, width = tokens.shape
    count = max(1, round(n_tokens * (1 - mask_ratio)))
    order = torch.rand(n_windows, n_tokens, device=tokens.device).argsort(dim=1)[:, :count]
    return tokens.gather(1, order[:, :, None].expand(-1, -1, width))
