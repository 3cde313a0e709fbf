"""The learned factor on cosine similarities, the inverse of a temperature."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["LogitScale"]


class LogitScale(nn.Module):
    """Learnable factor on cosine similarities, kept between 1 and 100.

    The scale is the exponential of one parameter, tau = exp(logit_scale); it is held at 100 or
    below, as in CLIP [1]_.

    Parameters
    ----------
    start : float, default=1 / 0.07
        The scale before training; the default is that of CLIP.

    References
    ----------
    .. [1] A. Radford et al., "Learning transferable visual models from natural language
       supervision", ICML 2021.

    Examples
    --------
    >>> from hsvlm.contrastive.scale import LogitScale
    >>> round(LogitScale()().item(), 4)
    14.2857
    """

    def __init__(self, start: float = 1 / 0.07) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self) -> Tensor:
        """Return the scale, a tensor of shape ()."""
        return self.log_scale.exp()

    @torch.no_grad()
    def clamp_(self) -> None:
        """Bring the scale back into its range, after an optimizer step."""
        # In the parameter, not in forward: a clamp in the graph would stop the gradient for good.
        self.log_scale.clamp_(0.0, math.log(100.0))
