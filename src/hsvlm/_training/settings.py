"""Settings of the classifier: what each may be, and named sets of them."""

from __future__ import annotations

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
from hsvlm.pretraining import PretrainedEncoder

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from torch import nn

__all__ = ["PARAMETER_CONSTRAINTS", "FitSettings", "count_batches"]


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
