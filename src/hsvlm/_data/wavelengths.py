"""Whether bands of several data sets have the same wavelengths."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.arrays import as_array
from hsvlm.exceptions import DataError, HSVLMWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["agreed_wavelengths", "checked_wavelengths", "describe_shift", "refuse_shift"]

_ROUNDING_NM = 0.01
# Shorter waves are X-rays; in micrometers, 100 is the far infrared.
_MIN_WAVELENGTH_NM = 100


def checked_wavelengths(values: Any) -> NDArray[np.float64]:
    """Return band centers of a scene; warn if some look like micrometers."""
    array = as_array(values, "wavelengths_nm").astype(np.float64)
    broken = array[np.isinf(array) | (array < 0)]
    if broken.size:
        raise DataError(
            f"wavelengths_nm holds {broken[0]:g} ({broken.size} of {array.size} are negative or "
            "infinite). Give the band centers in nanometers, and NaN if unknown."
        )
    known = array[array > 0]
    short = known[known < _MIN_WAVELENGTH_NM]
    if short.size:
        is_all = short.size == known.size
        warning = HSVLMWarning(
            f"wavelengths_nm lie between {known.min():g} and {known.max():g}, which looks like "
            "micrometers."
            if is_all
            else f"wavelengths_nm holds {short[0]:g} beside {known.max():g}: {short.size} of "
            f"{array.size} values are too small for nanometers, as micrometers are.",
            "Multiply them by 1000." if is_all else "Give all of them in nanometers.",
            option_hint="Correct the unit of the wavelengths in the file.",
        )
        warnings.warn(warning, stacklevel=4)
    return array


def describe_shift(first: ArrayLike, second: ArrayLike) -> str | None:
    """Say how the band centers, (n_bands,) in nm, of two data sets differ; None if they agree."""
    # The centers of one instrument differ a little from flight to flight: where scenes are matched,
    # too, a band is the same up to half of the median step.
    here, there = (np.asarray(centers, dtype=np.float64) for centers in (first, second))
    if here.shape != there.shape:
        return f"there are {here.size} and {there.size} bands"
    known = np.isfinite(here) & np.isfinite(there) & (here > 0) & (there > 0)
    away = np.where(known, np.abs(here - there), 0)
    steps = np.abs(np.diff(here[known]))
    tolerance = max(float(np.median(steps)) / 2 if steps.size else 0.0, _ROUNDING_NM)
    if away.max(initial=0) <= tolerance:
        return None
    band = int(away.argmax())
    return f"band {band} lies at {here[band]:.2f} nm in one and at {there[band]:.2f} nm in another"


def refuse_shift(
    first: ArrayLike | None, second: ArrayLike | None, problem: str, hint: str
) -> None:
    """Raise if the band centers, (n_bands,) in nm, of two data sets are known and differ."""
    shift = None if first is None or second is None else describe_shift(first, second)
    if shift is not None:
        raise DataError(f"{problem}: {shift}.", hint)


def agreed_wavelengths(
    parts: Sequence[NDArray[np.float64] | None],
) -> NDArray[np.float64] | None:
    """Return the band centers of joined samples; None if some are unknown, an error if they differ.

    Shapes: each part (n_bands,).
    """
    known = [centers for centers in parts if centers is not None]
    for centers in known[1:]:
        refuse_shift(
            known[0],
            centers,
            "The samples come from scenes with different bands",
            "Give all scenes the bands of the first: hsvlm.io.match_bands(scene, "
            "first.wavelengths_nm).",
        )
    return known[0] if len(known) == len(parts) else None
