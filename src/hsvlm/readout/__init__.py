"""Scores of pixels, refined over the scene that they belong to."""

from hsvlm.readout._pool import OpinionPool, fit_pool, pool_opinions
from hsvlm.readout._walk import NEIGHBORS, neighbor_distances, random_walk, steps_until, transitions

__all__ = [
    "NEIGHBORS",
    "OpinionPool",
    "fit_pool",
    "neighbor_distances",
    "pool_opinions",
    "random_walk",
    "steps_until",
    "transitions",
]
