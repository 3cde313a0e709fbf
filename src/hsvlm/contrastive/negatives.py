"""Selection of negative classes: which prototypes a pixel is pushed away from."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["all_negatives", "select_negatives"]


@torch.no_grad()
def select_negatives(
    similarities: Tensor,
    targets: Tensor,
    n_hard: int,
    n_semi_hard: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Choose hard and semi-hard negative classes for every sample.

    Shapes: `similarities` (n_samples, n_classes), `targets` (n_samples,); returns (n_samples,
    n_classes).
    """
    # Hard negatives are the `n_hard` wrong classes of the highest similarity; semi-hard negatives
    # are `n_semi_hard` classes drawn uniformly without replacement from the remaining wrong ones
    # (equations 3 and 4 of [1]_). This is not the margin rule that bears the same name in FaceNet
    # [2]_. Where fewer classes are left than asked for, all of them are taken.
    wrong = all_negatives(similarities, targets)
    hard = _highest(similarities, wrong, n_hard)
    draw = torch.rand(similarities.shape, generator=generator, device=similarities.device)
    return hard | _highest(draw, wrong & ~hard, n_semi_hard)


@torch.no_grad()
def all_negatives(similarities: Tensor, targets: Tensor) -> Tensor:
    """Take every wrong class as a negative.

    Shapes: `similarities` (n_samples, n_classes), `targets` (n_samples,); returns (n_samples,
    n_classes).
    """
    wrong = torch.ones_like(similarities, dtype=torch.bool)
    return wrong.scatter_(1, targets[:, None], False)


def _highest(scores: Tensor, allowed: Tensor, count: int) -> Tensor:
    chosen = torch.zeros_like(allowed)
    count = min(count, scores.shape[1])
    if count < 1:
        return chosen
    best = scores.masked_fill(~allowed, -torch.inf).topk(count, dim=1).indices
    return chosen.scatter_(1, best, True) & allowed
