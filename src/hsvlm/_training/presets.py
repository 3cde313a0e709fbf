"""Parameters of a classifier by the name of a preset."""

from __future__ import annotations

import copy
from typing import Any

from hsvlm.exceptions import UnknownNameError

__all__ = ["list_presets", "preset"]

# What the reference (arXiv:2509.22697, section 3) states, and three things it leaves open: the
# window (33 pixels is the only one that gives its 174 K parameters), the side of the projection
# (its 65.6 K parameters are those of a 1024 -> 64 map with bias, on the text side), and the
# prompts, of which it prints one template; the descriptive ones here are our own.
_PAPER: dict[str, Any] = {
    "text_encoder": "BAAI/bge-large-en-v1.5",
    "vision_encoder": "vit",
    "vision_params": {"width": 64, "depth": 6, "n_heads": 16, "mlp_width": 64},
    "normalize": None,
    "n_components": 25,
    "window_size": 33,
    "patch_size": 3,
    "padding": "zero",
    "projection": "text",
    "lr": 1e-3,
    "lr_schedule": "constant",
    "weight_decay": 0.0,
    "augment": False,
    "spatial": None,
}

_NEGATIVES: dict[str, Any] = {"criterion": "hard-semi-hard", "n_hard": 4, "n_semi_hard": 4}

_PRESETS: dict[str, dict[str, Any]] = {
    # Trains in a quarter of the time, see "Several scenes" in docs/benchmarks.md.
    "fast": {"vision_encoder": "mlp"},
    "accurate": {"max_epochs": "long", "vision_params": {"depth": 4}},
    "paper-indian-pines": {
        **_PAPER,
        **_NEGATIVES,
        "prompts": "indian-pines",
        "max_epochs": 50,
        "batch_size": 32,
    },
    "paper-pavia-university": {
        **_PAPER,
        **_NEGATIVES,
        "prompts": "pavia-university",
        "max_epochs": 25,
        "batch_size": 128,
    },
    # Two rows of its table 1. "M-CLS CLIP" has the cost of the method itself, hence its network; of
    # the rest, only the name says something. "ViT" has width, depth, bands and window of the public
    # code that its cost is that of (AllFever/DeepHyperX-DCTN, commit 8b63316), but full attention.
    "paper-clip": {**_PAPER, "criterion": "clip", "max_epochs": 50, "batch_size": 32},
    "paper-vit": {
        "vision_encoder": "vit",
        "vision_params": {"width": 128, "depth": 12, "n_heads": 8, "mlp_width": 512},
        "criterion": "cross-entropy",
        "normalize": None,
        "n_components": None,
        "window_size": 15,
        "patch_size": 3,
        "max_epochs": 100,
        "batch_size": 100,
        "lr": 3e-4,
        "weight_decay": 0.0,
        "augment": False,
        "spatial": None,
    },
}


def list_presets() -> list[str]:
    """Return the names of all presets."""
    return sorted(_PRESETS)


def preset(name: str) -> dict[str, Any]:
    """Constructor arguments of a preset."""
    if name not in _PRESETS:
        raise UnknownNameError.for_name("preset", name, _PRESETS)
    return copy.deepcopy(_PRESETS[name])
