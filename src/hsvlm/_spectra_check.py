"""Values of spectra that cannot be computed with: NaN, infinite ones and no-data markers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SpectraCheck", "usable_values"]

# No sensor measures such values, float32 holds them, and their squares overflow it.
_LARGEST = 1e30


class SpectraCheck:
    """Counts what no model can use in spectra that come in pieces, to refuse all of it at once."""

    def __init__(self) -> None:
        self._n_spectra = self._n_broken = 0
        self._n_nan = self._n_infinite = self._n_extreme = 0
        self._per_band: Any = 0

    @property
    def failed(self) -> bool:
        """Whether a piece held NaN, infinite or extreme values."""
        return self._n_broken > 0

    def add(self, spectra: NDArray[Any]) -> None:
        """Count one more piece.

        Parameters
        ----------
        spectra : ndarray of shape (n_spectra, n_bands)
            Spectra of any numeric dtype, with as many bands in every piece.
        """
        self._n_spectra += len(spectra)
        usable = usable_values(spectra)
        if usable is None:
            return
        n_nan, n_infinite = int(np.isnan(spectra).sum()), int(np.isinf(spectra).sum())
        self._n_broken += int((~usable.all(axis=1)).sum())
        self._n_nan += n_nan
        self._n_infinite += n_infinite
        self._n_extreme += int((~usable).sum()) - n_nan - n_infinite
        self._per_band = self._per_band + (~usable).sum(axis=0)

    def close(self) -> None:
        """Refuse all pieces if one failed.

        Raises
        ------
        DataError
            Names how many values, in how many spectra and in which bands, cannot be used.
        """
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
        message = (
            f"The data hold {', and '.join(found)} in {self._n_broken} of {self._n_spectra} "
            f"spectra; bands (counts): {named}{more}. "
            "Drop these bands, fill the values, or keep windows away from these pixels."
        )
        raise DataError(message)


def usable_values(spectra: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Find the values that can be computed with.

    Parameters
    ----------
    spectra : ndarray of shape (n_spectra, n_bands)
        Spectra of any numeric dtype.

    Returns
    -------
    ndarray of shape (n_spectra, n_bands), dtype bool, or None
        False where a value is NaN, infinite or beyond ±1e30; None, found without copies, if all
        values can be used.
    """
    if not spectra.size or not np.issubdtype(spectra.dtype, np.floating):
        return None
    # A NaN among the spectra is their minimum and maximum, and fails both comparisons.
    if float(spectra.min()) >= -_LARGEST and float(spectra.max()) <= _LARGEST:
        return None
    usable: NDArray[np.bool_] = np.abs(spectra) <= np.float64(_LARGEST)
    return usable
