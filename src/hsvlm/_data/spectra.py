"""Find NaN, infinite and extreme values and no-data markers in spectra."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.texts import listed
from hsvlm.exceptions import DataError, HSVLMWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

# No sensor measures such values; float32 represents them, but not their squares.
_MAX_VALUE = 1e30
# Common no-data values; no sensor measures exactly this as its least value.
_MARKERS = (-9999, -32768)
_MAX_LISTED_BANDS = 5


class SpectraCheck:
    """Count unusable values in pieces of spectra, and raise for all pieces at once."""

    def __init__(self) -> None:
        self._n_spectra = self._n_broken = 0
        self._n_nan = self._n_infinite = self._n_extreme = 0
        self._per_band: Any = 0
        self._marker = ""

    @property
    def failed(self) -> bool:
        """Whether a piece has NaN, infinite or extreme values."""
        return self._n_broken > 0

    def add(self, spectra: NDArray[Any]) -> None:
        """Count the values of one more piece, of shape (n_spectra, n_bands)."""
        self._n_spectra += len(spectra)
        usable = usable_values(spectra)
        if usable is None:
            self._marker = self._marker or _marker(spectra)
            return
        n_nan, n_infinite = int(np.isnan(spectra).sum()), int(np.isinf(spectra).sum())
        self._n_broken += int((~usable.all(axis=1)).sum())
        self._n_nan += n_nan
        self._n_infinite += n_infinite
        self._n_extreme += int((~usable).sum()) - n_nan - n_infinite
        self._per_band = self._per_band + (~usable).sum(axis=0)

    def close(self) -> None:
        """Raise if a piece failed."""
        if not self.failed:
            return
        problems = []
        if self._n_nan or self._n_infinite:
            problems.append(
                f"NaN or infinite values: {self._n_nan} NaN and {self._n_infinite} infinite"
            )
        if self._n_extreme:
            problems.append(f"values beyond ±1e30, probably a no-data marker: {self._n_extreme}")
        bands = np.flatnonzero(self._per_band)
        counts = [f"{band} ({self._per_band[band]})" for band in bands]
        raise DataError(
            f"The data hold {', and '.join(problems)} in {self._n_broken} of {self._n_spectra} "
            f"spectra; bands (counts): {listed(counts, _MAX_LISTED_BANDS, 'bands')}. "
            "Drop these bands, fill the values, or keep windows away from these pixels."
        )

    def warn_of_markers(self) -> None:
        """Warn if a piece has values that usually mark missing data."""
        if self._marker:
            warning = HSVLMWarning(
                f"{self._marker}, which usually marks missing data, and is used as a measurement.",
                "Leave such pixels out: pass Scene(cube, valid=mask).masked_cube(), or read the "
                "scene with read_scene(path, nodata=value).",
                option_hint="Leave such pixels out: give --nodata that value.",
            )
            warnings.warn(warning, stacklevel=3)


def _marker(spectra: NDArray[Any]) -> str:
    if not spectra.size or spectra.dtype.kind == "b":
        return ""
    least = spectra.min()
    if least in _MARKERS:
        return f"The least value of the spectra is {least:g}"
    ends = [0] if spectra.dtype.kind == "f" else [0, np.iinfo(spectra.dtype).max]
    # In spectra of one or two bands, such values say nothing.
    for end in ends if spectra.shape[1] > 2 else []:
        rows = spectra[:, 0] == end
        if rows.any() and (spectra[rows] == end).all(axis=1).any():
            return f"Some spectra are {end} in every band"
    return ""


def check_variation(spectra: NDArray[Any]) -> None:
    """Raise if all training spectra, of shape (n_spectra, n_bands), are equal."""
    if len(spectra) > 1 and not np.square(np.ptp(spectra.astype(np.float64), axis=0)).any():
        raise DataError(
            f"The {len(spectra)} training spectra are all equal, so the classes cannot be "
            "distinguished. Check whether no-data pixels are labeled, or the wrong bands selected."
        )


def usable_values(spectra: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Tell which values of spectra are finite and not extreme; None if all are."""
    if not spectra.size or not np.issubdtype(spectra.dtype, np.floating):
        return None
    # A NaN is the minimum and the maximum, and fails both comparisons.
    if float(spectra.min()) >= -_MAX_VALUE and float(spectra.max()) <= _MAX_VALUE:
        return None
    usable: NDArray[np.bool_] = np.abs(spectra) <= np.float64(_MAX_VALUE)
    return usable


def check_finite(spectra: NDArray[Any]) -> None:
    """Raise if a spectrum has NaN, infinite or extreme values."""
    check = SpectraCheck()
    check.add(spectra)
    check.close()
