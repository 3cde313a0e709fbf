"""Selective scans: linear recurrences along a sequence whose coefficients follow from it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SelectiveScan", "selective_scan"]

# A. Gu and T. Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023,
# arXiv:2312.00752, algorithm 2 and its initial values.
_SHORTEST_STEP, _LONGEST_STEP = 1e-3, 0.1


def selective_scan(
    values: Tensor, steps: Tensor, rates: Tensor, write: Tensor, read: Tensor
) -> Tensor:
    """Return y_t = C_t h_t of the states h_t = exp(d_t A) h_(t-1) + d_t B_t x_t, in float32.

    Shapes: `values` x and `steps` d (..., length, width), `rates` A (..., width, n_states), `write`
    B and `read` C (..., length, n_states); returns (..., length, width).
    """
    # Under autocast, elementwise operations keep float32. Products by matmul would not.
    tensors = [tensor.float().unbind(-2) for tensor in (values, steps, write, read)]
    state = torch.zeros_like(rates)
    results = []
    for value, step, inward, outward in zip(*tensors, strict=True):
        decay = torch.exp(step[..., None] * rates)
        drive = (step * value)[..., None] * inward[..., None, :]
        state = torch.addcmul(drive, decay, state)
        results.append((state * outward[..., None, :]).sum(dim=-1))
    return torch.stack(results, dim=-2)


class SelectiveScan(nn.Module):
    """Selective scans side by side, each with its own weights, and a weighted copy of the input.

    Shapes: `sequences` (n_windows, n_scans, length, width); returns the same, float32.
    """

    def __init__(self, width: int, rank: int, n_scans: int = 1, n_states: int = 16) -> None:
        super().__init__()
        self.sizes = [rank, n_states, n_states]
        self.project = nn.Parameter(torch.empty(n_scans, sum(self.sizes), width))
        self.step_weight = nn.Parameter(torch.empty(n_scans, width, rank))
        self.step_bias = nn.Parameter(torch.empty(n_scans, width))
        log_rates = torch.arange(1.0, n_states + 1).log().repeat(n_scans, width, 1)
        self.log_rates = nn.Parameter(log_rates)
        self.skip = nn.Parameter(torch.ones(n_scans, width))
        nn.init.uniform_(self.project, -(width**-0.5), width**-0.5)
        nn.init.uniform_(self.step_weight, -(rank**-0.5), rank**-0.5)
        nn.init.uniform_(self.step_bias, math.log(_SHORTEST_STEP), math.log(_LONGEST_STEP))
        with torch.no_grad():  # so that softplus gives steps whose logarithm is uniform
            self.step_bias.copy_(self.step_bias.exp().expm1().log())

    def forward(self, sequences: Tensor) -> Tensor:
        projected = torch.einsum("nklw,krw->nklr", sequences, self.project)
        low_rank, write, read = projected.split(self.sizes, dim=-1)
        steps = torch.einsum("nklr,kwr->nklw", low_rank, self.step_weight)
        steps = functional.softplus(steps.float() + self.step_bias[:, None])
        scanned = selective_scan(sequences, steps, -self.log_rates.exp(), write, read)
        return scanned + self.skip[:, None] * sequences
