"""What a pre-training of estimators has read of an evaluation, and the windows that it fixes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.paths import expand_home
from hsvlm.estimator import HSIPromptClassifier
from hsvlm.pretraining import (
    MaskedPretrainer,
    PretrainedEncoder,
    load_pretrained,
    shared_pixels,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples

__all__ = ["pretraining_shares", "window_sizes"]


def window_sizes(estimator: Any) -> Iterator[Any]:
    """Yield every `window_size` of an estimator and its parts, and those that a search tries.

    At its default, pre-trained weights decide.
    """
    default, parameters = _default_window_size(), estimator.get_params()
    yield from _tried(parameters, "window_size")
    for key, value in parameters.items():
        prefix, _, name = key.rpartition("__")
        if name != "window_size":
            continue
        owner = parameters[prefix] if prefix else estimator
        if isinstance(owner, MaskedPretrainer):
            yield owner.largest_window
            continue
        encoder = _encoder_in(parameters.get(f"{prefix}__pretrained" if prefix else "pretrained"))
        of_pretraining = None if encoder is None else encoder.window_size
        yield value if of_pretraining is None or value != default else of_pretraining


def pretraining_shares(
    estimator: Any, X: PixelSamples, tests: Sequence[NDArray[np.intp]]
) -> tuple[float, ...] | None:
    """Return the share of the test pixels of each split that a pre-training has read.

    None where the estimator was not pre-trained, or nothing is known of what was read.
    """
    parameters = estimator.get_params()
    values = [value for key, value in parameters.items() if _last(key) == "pretrained"]
    values += _tried(parameters, "pretrained")
    encoders = [encoder for encoder in map(_encoder_in, values) if encoder is not None]
    known = [encoder for encoder in encoders if "scenes" in encoder.provenance]
    if not known:
        return None
    return tuple(np.max([_shares(encoder, X, tests) for encoder in known], axis=0).tolist())


def _tried(parameters: Mapping[str, Any], name: str) -> Iterator[Any]:
    """Yield what searches over settings try for a parameter."""
    for key, value in parameters.items():
        if _last(key) not in {"param_grid", "param_distributions"}:
            continue
        for grid in [value] if isinstance(value, Mapping) else value:
            for searched, values in grid.items():
                if _last(searched) != name:
                    continue
                # A distribution of scipy is drawn from; its largest value counts.
                support = getattr(values, "support", None)
                yield from values if support is None else (int(support()[1]) | 1,)


def _last(key: str) -> str:
    return key.rpartition("__")[2]


def _shares(
    encoder: PretrainedEncoder, X: PixelSamples, tests: Sequence[NDArray[np.intp]]
) -> list[float]:
    # The whole scene is read to recognize it: once will do where all pixels are alike.
    share = shared_pixels(encoder, X).share
    if share in (0, 1):
        return [share] * len(tests)
    return [shared_pixels(encoder, X[test]).share for test in tests]


def _encoder_in(value: Any) -> PretrainedEncoder | None:
    """Return our own pre-trained encoder that a parameter names, if it does."""
    if isinstance(value, PretrainedEncoder):
        return value
    is_path = isinstance(value, (str, PathLike))
    # Files of others tell neither a window nor what was read.
    return load_pretrained(value) if is_path and expand_home(value).is_dir() else None


@cache
def _default_window_size() -> Any:
    return inspect.signature(HSIPromptClassifier).parameters["window_size"].default
