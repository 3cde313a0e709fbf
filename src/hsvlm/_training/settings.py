"""Settings of the classifier: what each may be, and named sets of them."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any

from sklearn.utils._param_validation import StrOptions

from hsvlm._system.intervals import Numbers
from hsvlm.contrastive.adapter_settings import METHODS
from hsvlm.exceptions import UnknownNameError
from hsvlm.pretraining import PretrainedEncoder

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from torch import nn

__all__ = ["PARAMETER_CONSTRAINTS", "FitSettings", "count_batches", "list_presets", "preset"]


# Later code uses int64 and float32.
_COUNT = Numbers(Integral, 1, 2**31 - 1, closed="both")
_NATURAL = Numbers(Integral, 0, 2**31 - 1, closed="both")
_SHARE = Numbers(Real, 0, 1, closed="neither")

# Least epochs and least steps of a training: few samples make few steps per epoch, and a network
# needs steps, however few labels there are.
_BUDGETS = {"short": (20, 400), "auto": (60, 1000), "long": (100, 2000)}

PARAMETER_CONSTRAINTS: dict[str, list[Any]] = {
    "prompts": [Mapping, str, None],
    "class_names": [Mapping, None],
    "vision_params": [Mapping, None],
    "pretrained": [str, PathLike, PretrainedEncoder, None],
    "adapter": [StrOptions(set(METHODS)), None],
    "adapter_params": [Mapping, None],
    "normalize": [StrOptions({"auto", "snv", "snv-brightness"}), None],
    "n_components": [
        StrOptions({"auto"}),
        _COUNT,
        _SHARE,
        None,
    ],
    "window_size": [_COUNT],
    "patch_size": [_COUNT],
    "padding": [StrOptions({"reflect", "zero"})],
    "projection": [StrOptions({"vision", "text", "fixed"})],
    "criterion": [str],
    "criterion_params": [Mapping, None],
    "n_hard": [_NATURAL],
    "n_semi_hard": [_NATURAL],
    "max_epochs": [StrOptions(set(_BUDGETS)), _COUNT],
    "batch_size": [_COUNT],
    "lr": [Numbers(Real, 0, 1e38, closed="right")],
    "lr_schedule": [StrOptions({"cosine", "constant"})],
    "weight_decay": [Numbers(Real, 0, 1e38, closed="both")],
    "augment": ["boolean"],
    "class_weight": [Mapping, StrOptions({"balanced"}), None],
    "validation_fraction": [_SHARE, None],
    "spatial": [StrOptions({"random-walk"}), None],
    "spatial_params": [Mapping, None],
    "callbacks": [list, None],
    "checkpoint_dir": [str, PathLike, None],
    "checkpoint_every": [_COUNT],
    "resume": ["boolean"],
    "warm_start": ["boolean"],
    "unlabeled": [Real, str, list, tuple, None],
    "precision": [StrOptions({"float32", "bfloat16"})],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

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
    "criterion": "hard-semi-hard",
    "n_hard": 4,
    "n_semi_hard": 4,
    "lr": 1e-3,
    "lr_schedule": "constant",
    "weight_decay": 0.0,
    "augment": False,
    "spatial": None,
}

_PRESETS: dict[str, dict[str, Any]] = {
    # Trains in a quarter of the time, see "Several scenes" in docs/benchmarks.md.
    "fast": {"vision_encoder": "mlp"},
    "accurate": {"max_epochs": "long", "vision_params": {"depth": 4}},
    "paper-indian-pines": {
        **_PAPER,
        "prompts": "indian-pines",
        "max_epochs": 50,
        "batch_size": 32,
    },
    "paper-pavia-university": {
        **_PAPER,
        "prompts": "pavia-university",
        "max_epochs": 25,
        "batch_size": 128,
    },
}


@dataclass(frozen=True, eq=False)
class FitSettings:
    """The parameters of a classifier that is being fitted, and their defaults."""

    prompts: Mapping[Any, str | Sequence[str]] | str | None
    class_names: Mapping[Any, str] | None
    text_encoder: Any
    vision_encoder: str | type[nn.Module]
    vision_params: Mapping[str, Any] | None
    pretrained: str | PathLike[str] | PretrainedEncoder | None
    adapter: str | None
    adapter_params: Mapping[str, Any] | None
    normalize: str | None
    n_components: int | float | str | None
    window_size: int
    patch_size: int
    padding: str
    projection: str
    n_hard: int
    n_semi_hard: int
    criterion: str
    criterion_params: Mapping[str, Any] | None
    max_epochs: int | str
    batch_size: int
    lr: float
    lr_schedule: str
    weight_decay: float
    augment: bool
    class_weight: Mapping[Any, float] | str | None
    validation_fraction: float | None
    spatial: str | None
    spatial_params: Mapping[str, Any] | None
    callbacks: list[Any] | None
    checkpoint_dir: str | PathLike[str] | None
    checkpoint_every: int
    resume: bool
    warm_start: bool
    unlabeled: Any
    device: Any
    precision: str
    random_state: Any
    verbose: int
    defaults: Mapping[str, Any]

    @classmethod
    def of(cls, estimator: BaseEstimator) -> FitSettings:
        """Read the parameters of a classifier."""
        names = [each.name for each in fields(cls) if each.name != "defaults"]
        signature = inspect.signature(type(estimator)).parameters
        return cls(
            **{name: getattr(estimator, name) for name in names},
            defaults={name: signature[name].default for name in names if name in signature},
        )

    def n_epochs(self, n_samples: int) -> int:
        """Number of passes over so many training samples."""
        if not isinstance(self.max_epochs, str):
            return int(self.max_epochs)
        least_epochs, least_steps = _BUDGETS[self.max_epochs]
        n_batches = count_batches(n_samples, int(self.batch_size))
        return max(least_epochs, math.ceil(least_steps / n_batches))


def count_batches(n_samples: int, batch_size: int) -> int:
    """Count the batches of an epoch; a single sample joins the batch before it."""
    n_whole, n_left = divmod(n_samples, batch_size)
    return n_whole + int(n_left > min(n_whole, 1))


def list_presets() -> list[str]:
    """Return the names of all presets."""
    return sorted(_PRESETS)


def preset(name: str) -> dict[str, Any]:
    """Constructor arguments of a preset."""
    if name not in _PRESETS:
        raise UnknownNameError.for_name("preset", name, _PRESETS)
    return copy.deepcopy(_PRESETS[name])
