"""Selection of negative classes: the prototypes that a pixel is pushed away from."""

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

    Hard negatives are the `n_hard` wrong classes of the highest similarity; semi-hard negatives
    are `n_semi_hard` classes drawn uniformly without replacement from the remaining wrong ones
    (equations 3 and 4 of [1]_). This is not the margin rule that has the same name in FaceNet
    [2]_. Where fewer classes are left than asked for, all of them are taken.

    Parameters
    ----------
    similarities : Tensor of shape (n_samples, n_classes)
        Similarity of every sample with every prototype; only its order matters.
    targets : Tensor of shape (n_samples,), dtype int64
        Index of the true class.
    n_hard, n_semi_hard : int
        Numbers of negatives, zero or more.
    generator : torch.Generator, default=None
        Source of the random draw, on the device of `similarities`.

    Returns
    -------
    Tensor of shape (n_samples, n_classes), dtype bool
        True where a class is a negative of the sample. Carries no gradient.

    References
    ----------
    .. [1] A. Chatterjee and S. Ghosh, arXiv:2509.22697, 2025.
    .. [2] F. Schroff, D. Kalenichenko and J. Philbin, "FaceNet: a unified embedding for face
       recognition and clustering", CVPR 2015.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.negatives import select_negatives
    >>> similarities = torch.tensor([[0.9, 0.8, 0.1, 0.3]])
    >>> select_negatives(similarities, torch.tensor([0]), n_hard=2, n_semi_hard=0)
    tensor([[False,  True, False,  True]])
    """
    wrong = all_negatives(similarities, targets)
    hard = _highest(similarities, wrong, n_hard)
    draw = torch.rand(similarities.shape, generator=generator, device=similarities.device)
    return hard | _highest(draw, wrong & ~hard, n_semi_hard)


@torch.no_grad()
def all_negatives(similarities: Tensor, targets: Tensor) -> Tensor:
    """Take every wrong class as a negative.

    Parameters
    ----------
    similarities : Tensor of shape (n_samples, n_classes)
        Only its shape and device are used.
    targets : Tensor of shape (n_samples,), dtype int64
        Index of the true class.

    Returns
    -------
    Tensor of shape (n_samples, n_classes), dtype bool
        True everywhere but at the true class.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.negatives import all_negatives
    >>> all_negatives(torch.zeros(1, 3), torch.tensor([1]))
    tensor([[ True, False,  True]])
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
