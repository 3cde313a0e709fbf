"""What a pre-training takes where its settings leave it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hsvlm.exceptions import ParameterError
from hsvlm.vision import get_vision_encoder
from hsvlm.vision.arguments import takes_wavelengths

__all__ = ["Choices", "choose"]

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


def choose(pretrainer: Any, *, has_windows: bool, n_bands: int) -> Choices:
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
        components = _N_OF_CUBES if name == _OF_CUBES else min(_N_COMPONENTS, n_bands)
        count = None if keeps_bands or name == _FOR_SPECTRA else components
    return Choices(name, int(size) if has_windows else 1, count)
