"""Settings of networks in their publications, as far as the classifier has them."""

from __future__ import annotations

from typing import Any

from hsvlm._training.presets import preset

__all__ = ["OWN"]

# Window, components, padding and training of each publication or its code, as far as the classifier
# has them: bands or components are standardized, the optimizer is AdamW, and steps that shrink the
# learning rate are a cosine. A linear head takes the place of the prompts. "a2s2k" was published on
# all principal components, which are a rotation of the bands.
_BANDS: dict[str, Any] = {"n_components": None, "augment": False}
# The others are those of all rows.
_VIT = (
    "augment", "batch_size", "lr", "max_epochs", "n_components", "patch_size", "vision_params",
    "window_size",
)  # fmt: skip
_TABLE_1 = {**_BANDS, "window_size": 15, "lr": 1e-4, "batch_size": 32, "max_epochs": 100}
OWN: dict[str, dict[str, Any]] = {
    "a2s2k": {
        **_BANDS, "window_size": 9, "padding": "zero", "lr": 1e-3, "batch_size": 16,
        "max_epochs": 200,
    },
    "cnn1d": {**_BANDS, "window_size": 1, "lr": 1e-2, "batch_size": 100, "max_epochs": 100},
    "cnn2d": {**_TABLE_1, "max_epochs": 200},
    "cnn3d": {**_TABLE_1, "batch_size": 100},
    "dctn": {**_TABLE_1, "batch_size": 100, "max_epochs": 200},
    "factoformer": {
        **_BANDS, "window_size": 7, "lr": 3e-4, "batch_size": 32, "max_epochs": 80,
    },
    "gaht": {
        **_BANDS, "window_size": 7, "lr": 1e-3, "weight_decay": 1e-4, "batch_size": 64,
        "max_epochs": 300, "lr_schedule": "constant", "augment": True,
    },
    "hit": _TABLE_1,
    "hybridsn": {
        "n_components": 30, "augment": False, "window_size": 25, "padding": "zero", "lr": 1e-3,
        "batch_size": 256, "max_epochs": 100, "lr_schedule": "constant",
    },
    "morphformer": {
        **_BANDS, "window_size": 11, "lr": 5e-4, "weight_decay": 5e-3, "batch_size": 64,
        "max_epochs": 500,
    },
    "s2mamba": {
        **_BANDS, "window_size": 7, "lr": 5e-4, "weight_decay": 5e-3, "batch_size": 64,
        "max_epochs": 400, "vision_params": {"dropout": 0.4},
    },
    "spectralformer": {
        **_BANDS, "window_size": 7, "lr": 5e-4, "weight_decay": 5e-3, "batch_size": 64,
        "max_epochs": 300,
    },
    "ss-tmnet": _TABLE_1,
    "ssftt": {
        "n_components": 30, "augment": False, "window_size": 13, "padding": "zero", "lr": 1e-3,
        "batch_size": 64, "max_epochs": 100, "lr_schedule": "constant",
    },
    "vit": {name: preset("paper-vit")[name] for name in _VIT},
}  # fmt: skip
