"""What a pre-training takes where its settings leave it open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from hsvlm.exceptions import ParameterError
from hsvlm.vision import get_vision_encoder
from hsvlm.vision.arguments import takes_wavelengths

__all__ = ["Choices", "choose", "suited_to"]

_FOR_WINDOWS: Final = "vit"
_FOR_SPECTRA: Final = "group-vit"
# The spectrum that is cut into groups of bands is the mean of so many pixels.
_GROUP_WINDOW: Final = 3
# Nine patches of the usual size.
_PATCH_WINDOW: Final = 9
# Components of equal variance: in the bands themselves, a few directions have nearly all variance,
# and the loss is theirs, but most classes differ in others.
_N_COMPONENTS: Final = 30
# Four groups of three, as in its pre-training.
_OF_CUBES: Final = "spectralgpt"
_N_OF_CUBES: Final = 12


@dataclass(frozen=True)
class Choices:
    """Name of the encoder, side of windows, and number of components, None for all bands."""

    vision_encoder: str
    window_size: int
    n_channels: int | None


def choose(pretrainer: Any, *, has_windows: bool) -> Choices:
    """Read the settings of a pre-training, and fill in those that are "auto"."""
    name, size, count = (
        getattr(pretrainer, each) for each in ("vision_encoder", "window_size", "n_channels")
    )
    if name == "auto":
        name = _FOR_WINDOWS if has_windows else _FOR_SPECTRA
    keeps_bands = takes_wavelengths(get_vision_encoder(name))
    if keeps_bands and count not in ("auto", None):
        raise ParameterError(
            f"n_channels={count} makes principal components, which have no wavelength, but the "
            f'vision encoder "{name}" is told the wavelengths of its channels. Set '
            "n_channels=None."
        )
    if size == "auto":
        size = _GROUP_WINDOW if name == _FOR_SPECTRA else _PATCH_WINDOW
    if count == "auto":
        components = _N_OF_CUBES if name == _OF_CUBES else _N_COMPONENTS
        count = None if keeps_bands or name == _FOR_SPECTRA else components
    count = None if count is None else int(count)
    return Choices(name, int(size) if has_windows else 1, count)


def suited_to(pretrainer: Any, choices: Choices, n_pixels: int, n_bands: int) -> Choices:
    """Choose fewer components where there are fewer pixels or bands; refuse a number that is set.

    Components are directions of pixels in the space of bands: neither has more of them.
    """
    count, most = choices.n_channels, min(n_pixels, n_bands)
    if count is None or count <= most:
        return choices
    step = getattr(get_vision_encoder(choices.vision_encoder), "CHANNEL_STEP", 1)
    fewer = most - most % step
    if pretrainer.n_channels == "auto" and fewer:
        return replace(choices, n_channels=fewer)
    of_pixels = f"{n_pixels} pixel{'s' if n_pixels > 1 else ''} with {n_bands} bands"
    raise ParameterError(
        f"{count if fewer else step} principal components cannot be made of {of_pixels}. "
        + (
            f"Set n_channels to {fewer} or less."
            if fewer
            else f'Use another vision encoder than "{choices.vision_encoder}".'
        )
    )
