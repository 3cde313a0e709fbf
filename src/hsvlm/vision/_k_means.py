"""Centers of clusters."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

__all__ = ["k_means"]

_MOST_STEPS = 25
# Of the deviation of the points, where there are fewer of them than centers.
_NOISE = 1e-3


def k_means(points: Tensor, n_centers: int, generator: torch.Generator) -> Tensor:
    """Find centers by k-means, which start at points that are drawn far from each other.

    Shapes: `points` (n_points, n_values); returns (n_centers, n_values).
    """
    # D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    distinct = points.unique(dim=0)
    if len(distinct) <= n_centers:
        repeated = distinct[torch.arange(n_centers, device=points.device) % len(distinct)]
        noise = torch.randn(repeated.shape, generator=generator, device=points.device)
        noise[: len(distinct)] = 0
        return torch.add(repeated, points.std(dim=0, correction=0) * noise, alpha=_NOISE)
    centers = _far_points(distinct, n_centers, generator)
    nearest = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    for _ in range(_MOST_STEPS):
        previous, nearest = nearest, torch.cdist(points, centers).argmin(dim=1)
        if torch.equal(nearest, previous):
            break
        # A product, since sums by index have no fixed order on a GPU.
        members = one_hot(nearest, n_centers).to(points.dtype)
        counts = members.sum(dim=0)[:, None]
        centers = torch.where(counts > 0, members.T @ points / counts.clamp(min=1), centers)
    return centers


def _far_points(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw distinct points, by their squared distance to those that are drawn already."""
    first = torch.randint(len(points), (1,), generator=generator, device=points.device)
    chosen = [points[first]]
    distance = torch.full((len(points),), torch.inf, device=points.device)
    for _ in range(1, count):
        distance = torch.minimum(distance, (points - chosen[-1]).square().sum(dim=1))
        chosen.append(points[torch.multinomial(distance, 1, generator=generator)])
    return torch.cat(chosen)
