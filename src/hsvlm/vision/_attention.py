"""Self-attention, with a faster form for narrow heads on a CPU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["attention"]

# In the fused kernel of the CPU, narrower heads leave most of a vector register idle.
_NARROW: Final = 8
# Scores are computed in pieces of this many, which stay in the cache of a core.
_CACHED_SCORES: Final = 2**18
# As long as no score is larger, 2 ** (score - bound) neither overflows nor vanishes.
_LARGEST_BOUND: Final = 60.0


def attention(
    qkv: Tensor,
    n_heads: int,
    n_queries: int | None = None,
    *,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Mix the tokens of each window by dot-product attention, by default of scale 1/sqrt(width).

    Shapes: `qkv` (n_windows, n_tokens, 3 * n_heads * width); returns (n_windows, n_queries,
    n_heads * width).
    """
    n_windows, n_tokens, width = qkv.shape
    shape = (n_windows, n_tokens, 3, n_heads, width // (3 * n_heads))
    is_plain = n_queries is None and scale is None and dropout == 0
    if qkv.device.type == "cpu" and shape[-1] <= _NARROW and is_plain:
        # Sums of many powers of two need more digits than bfloat16 has.
        split = (qkv.float() if qkv.dtype == torch.bfloat16 else qkv).view(shape)
        mixed: Tensor = _NarrowHeads.apply(split)  # type: ignore[no-untyped-call]
        return mixed
    query, key, value = qkv.view(shape).permute(2, 0, 3, 1, 4)
    wide = functional.scaled_dot_product_attention(
        query[:, :, :n_queries], key, value, dropout_p=dropout, scale=scale
    )
    return wide.transpose(1, 2).flatten(2)


class _NarrowHeads(Function):
    """Attention by plain products whose long side is the number of tokens."""

    # Products with few rows and many columns fill vector registers; with few columns they do not,
    # so the tokens come last throughout. Scores are powers of two, which are three times as fast as
    # exponentials, and are shifted by an upper bound of theirs (Cauchy-Schwarz) instead of their
    # maximum, which would take another pass: the shift is one more row of the product, and the sum
    # of the powers is one more row of the next. Backward, they are computed again, not stored.
    # Large scores are shifted by their maximum after the product, whose rounding may exceed 2 ** 7.

    @staticmethod
    def forward(ctx: Any, qkv: Tensor) -> Tensor:
        n_windows, n_tokens, _, n_heads, width = qkv.shape
        rows = qkv.new_empty(3, n_windows, n_heads, width + 1, n_tokens)
        rows[..., :-1, :] = qkv.permute(2, 0, 3, 4, 1)
        rows[1:, ..., -1, :] = 1
        query, key, value = rows.flatten(1, 2)
        query[:, :-1] *= _scale(width)
        bound = _bound(query[:, :-1], key[:, :-1])
        ctx.is_bounded = bool((bound <= _LARGEST_BOUND).all())  # false where one is NaN
        query[:, -1:] = -bound if ctx.is_bounded else 0
        mixed = torch.empty_like(value)
        for piece, scores in _pieces(query):
            weights = _powers(query[piece], key[piece], scores, ctx.is_bounded)
            torch.bmm(value[piece], weights.transpose(1, 2), out=mixed[piece])
        total = mixed[:, -1:]
        mixed = mixed[:, :-1] / total
        ctx.save_for_backward(query, key, value, mixed, total)
        ctx.n_heads = n_heads
        return mixed.view(n_windows, n_heads * width, n_tokens).transpose(1, 2).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        query, key, value, mixed, total = ctx.saved_tensors
        n_all, width, n_tokens = mixed.shape
        gradient = gradient.transpose(1, 2).reshape(mixed.shape) / total
        against = torch.cat([gradient, -(gradient * mixed).sum(dim=1, keepdim=True)], dim=1)
        result = torch.empty(3, n_all, width, n_tokens, dtype=mixed.dtype)
        for piece, scores in _pieces(query):
            weights = _powers(query[piece], key[piece], scores, ctx.is_bounded)
            torch.bmm(gradient[piece], weights, out=result[2, piece])
            slopes = torch.bmm(against[piece].transpose(1, 2), value[piece]).mul_(weights)
            torch.bmm(key[piece, :-1], slopes.transpose(1, 2), out=result[0, piece])
            torch.bmm(query[piece, :-1], slopes, out=result[1, piece])
        result[0].mul_(width**-0.5)
        result[1].mul_(math.log(2))
        return result.view(3, -1, ctx.n_heads, width, n_tokens).permute(1, 4, 0, 2, 3).contiguous()


def _scale(width: int) -> float:
    return 1 / (math.sqrt(width) * math.log(2))


def _bound(query: Tensor, key: Tensor) -> Tensor:
    longest = key.square().sum(dim=1, keepdim=True).amax(dim=2, keepdim=True)
    return (query.square().sum(dim=1, keepdim=True) * longest).sqrt()


def _powers(query: Tensor, key: Tensor, scores: Tensor, is_bounded: bool) -> Tensor:
    torch.bmm(query.transpose(1, 2), key, out=scores)
    if not is_bounded:
        scores -= scores.amax(dim=2, keepdim=True)
    return scores.exp2_()


def _pieces(query: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield heads whose scores fit into the cache, and memory for them that all share."""
    n_all, _, n_tokens = query.shape
    step = max(1, _CACHED_SCORES // n_tokens**2)
    scores = query.new_empty(min(step, n_all), n_tokens, n_tokens)
    for start in range(0, n_all, step):
        yield slice(start, start + step), scores[: n_all - start]
