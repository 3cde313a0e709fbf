"""Per-sample losses over scaled similarities with class prototypes, and their temperature."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from hsvlm.contrastive.negatives import all_negatives, select_negatives
from hsvlm.exceptions import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CRITERIA", "LogitScale", "clip_loss", "contrastive_loss", "criterion_loss"]


class LogitScale(nn.Module):
    """Learnable factor on cosine similarities, kept between 1 and 100.

    The scale is the exponential of one parameter, tau = exp(logit_scale); it starts at 1 / 0.07
    and is held at 100 or below, as in CLIP [1]_.

    References
    ----------
    .. [1] A. Radford et al., "Learning transferable visual models from natural language
       supervision", ICML 2021.

    Examples
    --------
    >>> from hsvlm.contrastive.loss import LogitScale
    >>> round(LogitScale()().item(), 4)
    14.2857
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self) -> Tensor:
        """Return the scale, a tensor of shape ()."""
        return self.log_scale.exp()

    @torch.no_grad()
    def clamp_(self) -> None:
        """Bring the scale back into its range, after an optimizer step."""
        # In the parameter, not in forward: a clamp in the graph would stop the gradient for good.
        self.log_scale.clamp_(0.0, math.log(100.0))


def contrastive_loss(logits: Tensor, targets: Tensor, negatives: Tensor) -> Tensor:
    """Cross-entropy of the true class against chosen negatives (equation 6 of [1]_).

    Parameters
    ----------
    logits : Tensor of shape (n_samples, n_classes)
        Scaled similarities.
    targets : Tensor of shape (n_samples,), dtype int64
        Index of the true class.
    negatives : Tensor of shape (n_samples, n_classes), dtype bool
        The classes to contrast with; the true class is ignored if marked.

    Returns
    -------
    Tensor of shape (n_samples,)
        One loss per sample; 0 where a sample has no negative.

    References
    ----------
    .. [1] A. Chatterjee and S. Ghosh, arXiv:2509.22697, 2025.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.loss import contrastive_loss
    >>> negatives = torch.tensor([[False, True, False]])
    >>> contrastive_loss(torch.zeros(1, 3), torch.tensor([0]), negatives)
    tensor([0.6931])
    """
    kept = negatives.scatter(1, targets[:, None], True)
    return functional.cross_entropy(
        logits.masked_fill(~kept, -torch.inf), targets, reduction="none"
    )


def clip_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Symmetric in-batch contrastive loss of CLIP [1]_.

    Every sample is paired with the prompt of its class; the other prompts of the batch are its
    negatives, and the other samples are those of its prompt. Samples of one class share a prompt:
    the loss then spreads the target evenly over them.

    Parameters
    ----------
    logits : Tensor of shape (n_samples, n_classes)
        Scaled similarities.
    targets : Tensor of shape (n_samples,), dtype int64
        Index of the true class.

    Returns
    -------
    Tensor of shape (n_samples,)
        Mean of the image-to-text and the text-to-image loss of every pair.

    References
    ----------
    .. [1] A. Radford et al., "Learning transferable visual models from natural language
       supervision", ICML 2021.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.loss import clip_loss
    >>> clip_loss(torch.zeros(2, 3), torch.tensor([0, 2]))
    tensor([0.6931, 0.6931])
    """
    pairs = logits[:, targets]
    diagonal = torch.arange(len(targets), device=targets.device)
    to_text = functional.cross_entropy(pairs, diagonal, reduction="none")
    to_image = functional.cross_entropy(pairs.T, diagonal, reduction="none")
    return (to_text + to_image) / 2


def _hard_semi_hard(
    logits: Tensor,
    targets: Tensor,
    n_hard: int,
    n_semi_hard: int,
    generator: torch.Generator | None,
) -> Tensor:
    negatives = select_negatives(logits, targets, n_hard, n_semi_hard, generator)
    return contrastive_loss(logits, targets, negatives)


def _against_all(logits: Tensor, targets: Tensor, *_: object) -> Tensor:
    return contrastive_loss(logits, targets, all_negatives(logits, targets))


def _clip(logits: Tensor, targets: Tensor, *_: object) -> Tensor:
    return clip_loss(logits, targets)


CRITERIA: dict[str, Callable[[Tensor, Tensor, int, int, torch.Generator | None], Tensor]] = {
    "hard-semi-hard": _hard_semi_hard,
    "all-negatives": _against_all,
    "clip": _clip,
    "cross-entropy": _against_all,
}


def criterion_loss(
    criterion: str,
    logits: Tensor,
    targets: Tensor,
    *,
    n_hard: int = 4,
    n_semi_hard: int = 4,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Per-sample loss of a criterion chosen by name.

    Parameters
    ----------
    criterion : {"hard-semi-hard", "all-negatives", "clip", "cross-entropy"}
        ``"cross-entropy"`` is the same function as ``"all-negatives"``; there the logits come from
        a linear head instead of prototypes.
    logits : Tensor of shape (n_samples, n_classes)
        Scaled similarities, or the outputs of a linear head.
    targets : Tensor of shape (n_samples,), dtype int64
        Index of the true class.
    n_hard, n_semi_hard : int, default=4
        Numbers of negatives of ``"hard-semi-hard"``.
    generator : torch.Generator, default=None
        Source of the random draw of semi-hard negatives.

    Returns
    -------
    Tensor of shape (n_samples,)
        One loss per sample, neither weighted nor reduced.

    Raises
    ------
    UnknownNameError
        If there is no such criterion; the message lists those there are.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.loss import criterion_loss
    >>> criterion_loss("all-negatives", torch.zeros(1, 4), torch.tensor([3]))
    tensor([1.3863])
    """
    if criterion not in CRITERIA:
        raise UnknownNameError.for_name("criterion", criterion, CRITERIA)
    return CRITERIA[criterion](logits, targets, n_hard, n_semi_hard, generator)
