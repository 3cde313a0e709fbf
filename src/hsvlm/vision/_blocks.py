"""Layers that vision transformers share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._attention import attention

__all__ = ["TokenTransformer"]


class TransformerBlock(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(self, width: int, n_heads: int, mlp_width: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_width), nn.GELU(), nn.Linear(mlp_width, width)
        )

    def forward(self, tokens: Tensor, n_queries: int | None = None) -> Tensor:
        mixed = attention(self.qkv(self.norm_attention(tokens)), self.n_heads, n_queries)
        tokens = tokens[:, :n_queries] + self.out(mixed)
        result: Tensor = tokens + self.mlp(self.norm_mlp(tokens))
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
        sizes = {"width": width, "depth": depth, "n_heads": n_heads, "mlp_width": mlp_width}
        for name, size in sizes.items():
            if size < 1:
                raise ParameterError(f"{name}={size} is too small. Use 1 or more.")
        if width % n_heads:
            raise ParameterError(
                f"n_heads={n_heads} does not divide width={width}. Use a divisor of it."
            )
        if not 0 <= mask_ratio < 1:
            raise ParameterError(
                f"mask_ratio={mask_ratio} is not in [0, 1). Use 0 to keep every patch."
            )
        self.n_features = width
        self.mask_ratio = mask_ratio
        self.independent_windows = mask_ratio == 0
        self.embed = nn.Linear(n_values, width)
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

    def encode(self, patches: Tensor) -> Tensor:
        tokens = self.embed(patches) + self.positions[:, 1:]
        if self.training and self.mask_ratio > 0:
            tokens = _random_tokens(tokens, self.mask_ratio)
        first = (self.class_token + self.positions[:, :1]).expand(len(tokens), -1, -1)
        tokens = torch.cat([first, tokens], dim=1)
        # Nothing but the class token is read after the last layer.
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens, 1 if number == len(self.blocks) else None)
        features: Tensor = self.norm(tokens[:, 0])
        return features


def _random_tokens(tokens: Tensor, mask_ratio: float) -> Tensor:
    """Drop a share of the tokens at random, keeping at least one."""
    n_windows, n_tokens, width = tokens.shape
    count = max(1, round(n_tokens * (1 - mask_ratio)))
    order = torch.rand(n_windows, n_tokens, device=tokens.device).argsort(dim=1)[:, :count]
    return tokens.gather(1, order[:, :, None].expand(-1, -1, width))
