"""The term that keeps class texts apart, and the criteria that can add it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TextCriterion", "text_diversity_loss"]


def text_diversity_loss(prototypes: Tensor) -> Tensor:
    r"""Return how similar the texts of different classes are.

    For K classes with the cosines :math:`s_{ij}` of their texts, it is the mean of
    :math:`|s_{ij} - \delta_{ij}|` over all :math:`K^2` pairs, the term :math:`L_{TRD}` of [1]_: 0
    for orthogonal texts, and (K - 1) / K for equal ones.

    Parameters
    ----------
    prototypes : Tensor of shape (n_classes, n_embedding)
        Unit vectors of the class texts.

    Returns
    -------
    Tensor of shape ()
        The mean distance of the cosines from those of orthogonal texts.

    References
    ----------
    .. [1] Ji, Qu, Dong and Li, "CF-IPT: Cross-modal fusion interactive prompt tuning of
       vision-language pre-trained model for multisource remote sensing data classification", CVPR
       2026, pp. 23021-23030.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.losses.text_diversity import text_diversity_loss
    >>> text_diversity_loss(torch.eye(3))
    tensor(0.)
    >>> text_diversity_loss(torch.tensor([[1.0, 0.0], [0.6, 0.8]]))
    tensor(0.3000)
    """
    identity = torch.eye(len(prototypes), dtype=prototypes.dtype, device=prototypes.device)
    return (prototypes @ prototypes.T - identity).abs().mean()


class TextCriterion(nn.Module):
    r"""Base of the criteria with prompts, which can also keep the class texts apart.

    The loss of every sample is raised by :math:`\lambda L_{TRD}`, with the term of
    :func:`~hsvlm.contrastive.losses.text_diversity.text_diversity_loss`. Texts move only where a
    projection of them is trained, thus with ``projection="text"``, or an encoder reads them itself.

    Parameters
    ----------
    text_diversity : float, default=0.0
        The factor :math:`\lambda`; 0.02 in the publication of the term.

    Attributes
    ----------
    needs_alignment : bool
        Whether it has to be given the prototypes.

    Raises
    ------
    ParameterError
        If the factor is negative, infinite or NaN.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.losses import make_criterion
    >>> criterion = make_criterion("all-negatives", {"text_diversity": 0.02})
    >>> criterion(torch.zeros(1, 2), torch.tensor([0]), prototypes=torch.ones(2, 1))
    tensor([0.7031])
    """

    def __init__(self, text_diversity: float = 0.0) -> None:
        super().__init__()
        if not 0 <= text_diversity < math.inf:
            raise ParameterError(
                f"text_diversity={text_diversity} is not a factor of 0 or more. Use 0 to switch it "
                "off, or a small one such as 0.02."
            )
        self.text_diversity = float(text_diversity)
        self.needs_alignment = self.text_diversity > 0

    def with_diversity(self, losses: Tensor, prototypes: Tensor | None) -> Tensor:
        """Add the term to losses.

        Parameters
        ----------
        losses : Tensor of shape (n_samples,)
            One loss per sample.
        prototypes : Tensor of shape (n_classes, n_embedding) or None
            Unit vectors of the class texts; None is allowed if the factor is 0.

        Returns
        -------
        Tensor of shape (n_samples,)
            The losses, each raised by the same number.
        """
        if not self.needs_alignment:
            return losses
        if prototypes is None:
            raise ParameterError(
                f"text_diversity={self.text_diversity} compares the texts of the classes. Pass "
                "their unit vectors as prototypes=..."
            )
        return losses + self.text_diversity * text_diversity_loss(prototypes)
