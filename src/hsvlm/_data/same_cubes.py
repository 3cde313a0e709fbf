"""Tell which cubes show the same pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import MaskedCube, RowsCube, source_of, valid_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_N_PROBES = 32
# Fewer different spectra, as of fill values, may agree by chance.
_MIN_DISTINCT = 8


def is_same_cube(cube: Any, other: Any) -> bool:
    """Tell whether two cubes read the same memory or file, without reading it."""
    if cube is other:
        return True
    if isinstance(cube, MaskedCube) and isinstance(other, MaskedCube):
        return np.array_equal(cube.valid, other.valid) and is_same_cube(cube._cube, other._cube)
    if isinstance(cube, RowsCube) and isinstance(other, RowsCube):
        return cube.array is other.array
    if not (isinstance(cube, np.ndarray) and isinstance(other, np.ndarray)):
        return False
    return _memory(cube) == _memory(other)


def spectra_differ(cube: Any, other: Any, coords: NDArray[np.intp]) -> bool:
    """Tell whether spectra differ at some of the pixels `coords`, shape (n_pixels, 2)."""
    if cube.shape != other.shape or is_same_cube(cube, other):
        return bool(cube.shape[:2] != other.shape[:2])
    probes = _spread(coords)
    spectra = _spectra(cube, probes), _spectra(other, probes)
    both = ~(np.isnan(spectra[0]).all(axis=1) | np.isnan(spectra[1]).all(axis=1))
    return not np.array_equal(spectra[0][both], spectra[1][both], equal_nan=True)


def first_alike(
    cubes: Sequence[Any], coords: NDArray[np.intp], scene_ids: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return for each cube the number of the first that shows the same pixels.

    Samples at `coords` (n_samples, 2) in the cubes `scene_ids` (n_samples,) say where to look.
    """
    first = np.arange(len(cubes))
    used = np.unique(scene_ids).tolist()
    for shape in {cubes[number].shape for number in used}:
        alike = [number for number in used if cubes[number].shape == shape]
        if len(alike) < 2:
            continue
        probes = _spread(coords[np.isin(scene_ids, alike)])
        spectra = {number: _spectra(cubes[number], probes) for number in alike}
        for place, number in enumerate(alike):
            for other in alike[:place]:
                same = is_same_cube(cubes[number], cubes[other])
                if first[other] == other and (same or _agree(spectra[number], spectra[other])):
                    first[number] = other
                    break
    return first


def number_pixels(
    cubes: Sequence[Any], coords: NDArray[np.intp], scene_ids: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Number the pixels of samples (n_samples,); a pixel of several views has one number."""
    numbers = np.empty(len(coords), dtype=np.int64)
    n_others = 0
    for number in np.unique(scene_ids).tolist():
        cube, in_scene = cubes[number], scene_ids == number
        addresses = _addresses(cube, coords[in_scene])
        if addresses is None:
            addresses = -1 - n_others - coords[in_scene] @ [cube.shape[1], 1]
            n_others += cube.shape[0] * cube.shape[1]
        numbers[in_scene] = addresses
    return numbers


def _addresses(cube: Any, coords: NDArray[np.intp]) -> NDArray[np.int64] | None:
    """Return where spectra lie in memory; None if they are not in an array of their own."""
    array = source_of(cube)
    # Along an axis without a stride, all pixels lie in one place.
    if not isinstance(array, np.ndarray) or 0 in array.strides[:2]:
        return None
    addresses: NDArray[np.int64] = array.__array_interface__["data"][0] + coords @ array.strides[:2]
    return addresses


def _agree(spectra: NDArray[np.float32], others: NDArray[np.float32]) -> bool:
    """Tell whether spectra are equal, and enough of them distinct."""
    both = ~(np.isnan(spectra).all(axis=1) | np.isnan(others).all(axis=1))
    equal = np.array_equal(spectra[both], others[both], equal_nan=True)
    return equal and len(np.unique(spectra[both], axis=0)) >= _MIN_DISTINCT


def _spread(coords: NDArray[np.intp]) -> NDArray[np.intp]:
    distinct = np.unique(coords, axis=0)
    return distinct[np.linspace(0, len(distinct) - 1, _N_PROBES).round().astype(np.intp)]


def _spectra(cube: Any, coords: NDArray[np.intp]) -> NDArray[np.float32]:
    """Read spectra in single precision; NaN where there are no data."""
    rows, cols = coords.T
    with np.errstate(over="ignore"):
        spectra = np.asarray(cube[rows, cols]).astype(np.float32)
    valid = valid_pixels(cube)
    if valid is not None:
        spectra[~valid[rows, cols]] = np.nan
    return spectra


def _memory(array: NDArray[Any]) -> tuple[Any, ...]:
    address = array.__array_interface__["data"][0]
    return address, array.shape, array.strides, array.dtype
