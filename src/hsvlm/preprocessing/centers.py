"""Represent samples of any kind of input by one spectrum each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.arrays import as_array, native
from hsvlm._data.cubes import as_cube, n_dimensions
from hsvlm._data.lazy import valid_pixels
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray


def center_spectra(X: Any) -> NDArray[Any]:
    """Return the center spectra (n_spectra, n_bands) of any kind of input."""
    if isinstance(X, PixelSamples):
        return np.asarray(X)
    if n_dimensions(X) == 3:
        cube = as_cube(X)
        valid = valid_pixels(cube)
        spectra = np.asarray(cube).reshape(-1, cube.shape[2])
        return native(spectra if valid is None else spectra[valid.ravel()])
    array = native(as_array(X))
    return array[:, array.shape[1] // 2, array.shape[2] // 2] if array.ndim == 4 else array
