"""Scores of pixels, refined over the scene that they belong to."""

from hsvlm.readout._walk import NEIGHBORS, neighbor_distances, random_walk, steps_until, transitions

__all__ = ["NEIGHBORS", "neighbor_distances", "random_walk", "steps_until", "transitions"]
