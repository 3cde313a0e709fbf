"""Scenes to learn, test and demonstrate on."""

from __future__ import annotations

from hsvlm.datasets._indian_pines import load_indian_pines
from hsvlm.datasets._synthetic import make_synthetic_scene

__all__ = ["load_indian_pines", "make_synthetic_scene"]
