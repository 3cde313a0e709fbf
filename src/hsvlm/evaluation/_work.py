"""Warn of networks that take long to train, before they do."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

from hsvlm._system.devices import resolve_device
from hsvlm.estimator import HSIPromptClassifier
from hsvlm.evaluation._cost import network_cost
from hsvlm.exceptions import HSVLMWarning
from hsvlm.preprocessing.default import expected_channels
from hsvlm.vision import get_vision_encoder
from hsvlm.vision.arguments import encoder_arguments, takes_wavelengths

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["warn_of_heavy_networks"]

_MANY = 10  # times as long as the default
_TRIAL_WINDOWS, _TRIALS = 8, 5


def warn_of_heavy_networks(estimators: Mapping[str, Any], n_bands: int) -> None:
    """Warn of classifiers that will train many times as long as the default."""
    # The default needs no trial, and pre-trained weights bring settings of their own.
    usual_encoder = HSIPromptClassifier().vision_encoder
    known = {
        name: clf
        for name, clf in estimators.items()
        if isinstance(clf, HSIPromptClassifier)
        and clf.pretrained is None
        and (clf.vision_encoder != usual_encoder or clf.vision_params)
    }
    if not known:
        return
    default = _make_network(HSIPromptClassifier(), n_bands)
    usual = default.multiply_adds(), default.seconds()
    factors = {name: _factor(clf, n_bands, *usual) for name, clf in known.items()}
    heavy = sorted((name for name in known if factors[name] > _MANY), key=lambda x: -factors[x])
    if heavy:
        listed = ", ".join(f"{name} ({factors[name]:,.0f} x)" for name in heavy)
        warnings.warn(
            HSVLMWarning(
                "Some networks will train many times as long as the default, by their "
                f"multiply-adds or a short trial: {listed}.",
                "Leave them out, lower max_epochs, or train on a GPU.",
                option_hint="Name the others in --encoders, give --epochs 10, or train on a GPU.",
            ),
            stacklevel=4,
        )


def _factor(clf: HSIPromptClassifier, n_bands: int, work: int, seconds: float) -> float:
    """Estimate the time of a training step over that of the default; 0 where nothing is known."""
    try:
        network = _make_network(clf, n_bands)
        by_work = network.multiply_adds() / work
        # A trial of a heavy network would itself take long.
        if by_work > _MANY or resolve_device(clf.device).type != "cpu":
            return by_work
        return network.seconds() / seconds
    except Exception:  # whatever is wrong, the fit says so
        return 0.0


class _Network:
    """An encoder that can be made. Shape: `shape` (size, size, n_channels)."""

    def __init__(self, encoder: Any, arguments: dict[str, Any]) -> None:
        self._encoder, self._arguments = encoder, arguments
        size = arguments["window_size"]
        self._shape = size, size, arguments["n_channels"]

    def multiply_adds(self) -> int:
        """Count those of one window."""
        import torch

        with torch.device("meta"):  # takes neither time nor memory
            return network_cost(self._encoder(**self._arguments), self._shape).n_multiply_adds

    def seconds(self) -> float:
        """Return the time of a training step with a few windows, the shortest of some trials."""
        import torch

        with torch.random.fork_rng(devices=[]):
            encoder = self._encoder(**self._arguments).train()
            windows = torch.randn(_TRIAL_WINDOWS, *self._shape)
            trials = []
            for _ in range(_TRIALS):
                start = time.perf_counter()
                encoder(windows).sum().backward()
                trials.append(time.perf_counter() - start)
        return min(trials)


def _make_network(clf: HSIPromptClassifier, n_bands: int) -> _Network:
    encoder: Any = clf.vision_encoder
    encoder = get_vision_encoder(encoder) if isinstance(encoder, str) else encoder
    n_components = None if takes_wavelengths(encoder) else clf.n_components
    n_channels = expected_channels(n_components, n_bands)
    arguments = encoder_arguments(
        encoder,
        n_channels=n_channels,
        window_size=clf.window_size,
        patch_size=clf.patch_size,
        params=clf.vision_params,
        wavelengths_nm=[400 + 2100 * band / max(n_channels - 1, 1) for band in range(n_channels)],
    )
    return _Network(encoder, arguments)
