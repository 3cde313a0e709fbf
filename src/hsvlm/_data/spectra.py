"""Values of spectra that cannot be computed with: NaN, infinite ones and no-data markers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import DataError, HSVLMWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SpectraCheck", "check_variation", "usable_values"]

# No sensor measures such values, float32 holds them, and their squares overflow it.
_LARGEST = 1e30

# What files hold where there are no data; no sensor measures exactly this as its least value.
_MARKERS = (-9999, -32768)


class SpectraCheck:
    """Counts what no model can use in spectra that come in pieces, to refuse all of it at once."""

    def __init__(self) -> None:
        self._n_spectra = self._n_broken = 0
        self._n_nan = self._n_infinite = self._n_extreme = 0
        self._per_band: Any = 0
        self._marker = ""

    @property
    def failed(self) -> bool:
        """Whether a piece held NaN, infinite or extreme values."""
        return self._n_broken > 0

    def add(self, spectra: NDArray[Any]) -> None:
        """Count one more piece.

        Shapes: `spectra` (n_spectra, n_bands).
        """
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
        """Refuse all pieces if one failed."""
        if not self.failed:
            return
        found = []
        if self._n_nan or self._n_infinite:
            found.append(
                f"NaN or infinite values: {self._n_nan} NaN and {self._n_infinite} infinite"
            )
        if self._n_extreme:
            found.append(f"values beyond ±1e30, probably a no-data marker: {self._n_extreme}")
        bands = np.flatnonzero(self._per_band)
        named = ", ".join(f"{band} ({self._per_band[band]})" for band in bands[:5])
        more = f" and {len(bands) - 5} more bands" if len(bands) > 5 else ""
        raise DataError(
            f"The data hold {', and '.join(found)} in {self._n_broken} of {self._n_spectra} "
            f"spectra; bands (counts): {named}{more}. "
            "Drop these bands, fill the values, or keep windows away from these pixels."
        )

    def warn_of_markers(self) -> None:
        """Say that a piece held what usually stands for missing data."""
        if self._marker:
            warning = HSVLMWarning(
                f"{self._marker}, which usually marks missing data, and is taken for a "
                "measurement.",
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
    # In a band or two, such values mean nothing.
    for end in ends if spectra.shape[1] > 2 else []:
        rows = spectra[:, 0] == end
        if rows.any() and (spectra[rows] == end).all(axis=1).any():
            return f"Some spectra are {end} in every band"
    return ""


def check_variation(spectra: NDArray[Any]) -> None:
    """Refuse training spectra that do not differ.

    Shapes: `spectra` (n_spectra, n_bands).
    """
    if len(spectra) > 1 and not np.square(np.ptp(spectra.astype(np.float64), axis=0)).any():
        raise DataError(
            f"The {len(spectra)} training spectra are all equal, so nothing tells the classes "
            "apart. Look at the data: no-data pixels may be labelled, or the wrong bands selected."
        )


def usable_values(spectra: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Find the values that can be computed with.

    Shapes: `spectra` (n_spectra, n_bands); returns (n_spectra, n_bands).
    """
    if not spectra.size or not np.issubdtype(spectra.dtype, np.floating):
        return None
    # A NaN among the spectra is their minimum and maximum, and fails both comparisons.
    if float(spectra.min()) >= -_LARGEST and float(spectra.max()) <= _LARGEST:
        return None
    usable: NDArray[np.bool_] = np.abs(spectra) <= np.float64(_LARGEST)
    return usable


def check_finite(spectra: NDArray[Any]) -> None:
    """Refuse spectra that hold NaN, infinite or extreme values.

    Shapes: `spectra` (n_spectra, n_bands).
    """
    check = SpectraCheck()
    check.add(spectra)
    check.close()
