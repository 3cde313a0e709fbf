"""Cubes that are read only where they are indexed."""

from __future__ import annotations

import mmap
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import DTypeLike, NDArray

__all__ = [
    "LazyCube",
    "MappedCube",
    "MaskedCube",
    "RowsCube",
    "ScaleBands",
    "SelectBands",
    "apply_to_spectra",
    "is_mapped",
    "read_rows",
    "read_through",
    "release_pages",
    "row_blocks",
    "source_of",
    "valid_pixels",
]

# Rows are read together as long as they hold no more values than this: 64 MB of float32.
_BLOCK_VALUES = 2**24


class LazyCube(ABC):
    """What looks like an array (height, width, n_bands) and is read where it is indexed."""

    # ``cube[rows, cols]`` with index arrays gives the spectra of pixels, ``cube[start:stop]`` whole
    # rows, ``numpy.asarray(cube)`` everything. A subclass says how rows are read.

    ndim = 3
    path: Any = None

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    @abstractmethod
    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows.

        Shape: (stop - start, width, n_bands).
        """

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(first, slice) and (first.step is None or first.step > 0):
            start, stop, step = first.indices(self.shape[0])
            rows = self.read_rows(start, max(start, stop))
            return rows[(slice(None, None, step), *rest)]
        if len(rest) == 1 and first is not Ellipsis:
            rows, cols = np.broadcast_arrays(np.asarray(first), np.asarray(rest[0]))
            if rows.dtype.kind in "iu" and cols.dtype.kind in "iu":
                return self._pixels(rows, cols)
        raise IndexError(
            "A cube that is read from a file is indexed by rows, cube[start:stop], or by pixels, "
            "cube[rows, cols]. numpy.asarray(cube) reads all of it."
        )

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("The values are read from elsewhere: always a copy.")
        values = np.empty(self.shape, dtype=self.dtype if dtype is None else dtype)
        for start, stop in row_blocks(self.shape):
            values[start:stop] = self.read_rows(start, stop)
        return values

    def __getstate__(self) -> dict[str, Any]:
        # Whoever compares pickles, as joblib.Memory does, has to notice that the file has changed.
        return {**self.__dict__, "_stamp": _stamp(self.path)}

    def _pixels(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[Any]:
        values = np.empty((*rows.shape, self.shape[2]), dtype=self.dtype)
        if not rows.size:
            return values
        distinct = np.unique(rows)
        ends = np.flatnonzero(np.diff(distinct) > 1)
        firsts = distinct[np.concatenate([[0], ends + 1])]
        lasts = distinct[np.concatenate([ends, [len(distinct) - 1]])]
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            for start, stop in row_blocks(self.shape, first, last + 1):
                here = (rows >= start) & (rows < stop)
                values[here] = self.read_rows(start, stop)[rows[here] - start, cols[here]]
        return values


class RowsCube(LazyCube):
    """A cube of another library, such as a Dask or xarray array or a dataset of an open HDF5 file.

    Shapes: `array` (height, width, n_bands), `array` (height, width, n_bands).
    """

    def __init__(self, array: Any) -> None:
        super().__init__(array.shape, array.dtype)
        self.array = array

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        return np.asarray(self.array[start:stop])


class MappedCube(LazyCube):
    """A cube seen through a function of spectra, evaluated only where it is read.

    Shapes: `cube` (height, width, n_bands).
    """

    def __init__(self, cube: Any, function: Callable[[Any], Any]) -> None:
        first = np.zeros(1, dtype=np.intp)
        probe = apply_to_spectra(function, cube[first, first])
        super().__init__((*cube.shape[:2], probe.shape[1]), probe.dtype)
        self._cube = cube
        self._function = function

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        rows = read_rows(self._cube, start, stop)
        if not rows.size:
            return np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        values: NDArray[Any] = apply_to_spectra(self._function, rows.reshape(-1, rows.shape[2]))
        return values.reshape(len(rows), *self.shape[1:])

    def _pixels(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[Any]:
        pixels, inverse = np.unique(rows * self.shape[1] + cols, return_inverse=True)
        spectra = self._cube[pixels // self.shape[1], pixels % self.shape[1]]
        values: NDArray[Any] = apply_to_spectra(self._function, spectra)[inverse.reshape(-1)]
        return values.reshape(*rows.shape, self.shape[2])


class SelectBands:
    """Selects bands of spectra; a class, so that cubes can be pickled."""

    def __init__(self, bands: NDArray[np.intp]) -> None:
        self._bands = bands

    def __call__(self, spectra: NDArray[Any]) -> NDArray[Any]:
        return spectra[:, self._bands]


class ScaleBands:
    """Multiplies bands by factors and adds offsets; a class, so that cubes can be pickled."""

    def __init__(self, dtype: np.dtype[Any], scale: NDArray[np.float64]) -> None:
        self._factors, self._offsets = scale.T.astype(np.result_type(dtype, np.float32))

    def __call__(self, spectra: NDArray[Any]) -> NDArray[Any]:
        values: NDArray[Any] = spectra * self._factors + self._offsets
        return values


class MaskedCube(LazyCube):
    """A cube some of whose pixels hold no data; these read as zeros and are left out of windows.

    Shapes: `cube` (height, width, n_bands), `valid` (height, width).
    """

    def __init__(self, cube: Any, valid: NDArray[np.bool_]) -> None:
        super().__init__(cube.shape, cube.dtype)
        self._cube = cube
        self.valid = valid

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        values: NDArray[Any] = np.array(read_rows(self._cube, start, stop))
        values[~self.valid[start:stop]] = 0
        return values

    def _pixels(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[Any]:
        values: NDArray[Any] = np.array(self._cube[rows, cols])
        values[~self.valid[rows, cols]] = 0
        return values


def _stamp(path: Any) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, TypeError):  # no local file, or none at all
        return None
    return found.st_mtime_ns, found.st_size


def apply_to_spectra(function: Callable[[Any], Any], spectra: NDArray[Any]) -> NDArray[Any]:
    """Apply a function of spectra and look at what it gives.

    Shapes: `spectra` (n, n_bands); returns (n, n_new_bands).
    """
    values: NDArray[Any] = np.asarray(function(spectra))
    if values.ndim != 2 or len(values) != len(spectra):
        raise DataError(
            f"The function of spectra was given an array of shape {spectra.shape} and returned one "
            f"of shape {values.shape}. It must return a row for every row: ({len(spectra)}, "
            "n_new_bands)."
        )
    return values


def is_mapped(cube: Any) -> bool:
    """Tell whether the values of an array lie in a file."""
    return isinstance(_bases(cube)[-1], mmap.mmap)


def _bases(array: Any) -> list[Any]:
    chain = [array]
    while isinstance(chain[-1], np.ndarray) and chain[-1].base is not None:
        chain.append(chain[-1].base)
    return chain


def read_rows(cube: Any, start: int, stop: int) -> NDArray[Any]:
    """Read whole rows of any cube.

    Shapes: `cube` (height, width, n_bands); returns (stop - start, width, n_bands).
    """
    return np.asarray(cube[start:stop])


def read_through(cube: Any, wrap: Callable[[Any], Any]) -> Any:
    """Put something between a cube and what it is read from.

    Shapes: `cube` (height, width, n_bands); returns (height, width, n_bands).
    """
    if isinstance(cube, MappedCube):
        return MappedCube(read_through(cube._cube, wrap), cube._function)
    if isinstance(cube, MaskedCube):
        return MaskedCube(read_through(cube._cube, wrap), cube.valid)
    return wrap(cube)


def release_pages(cube: Any) -> None:
    """Give back the memory that a memory-mapped cube took up by being read.

    Shapes: `cube` (height, width, n_bands).
    """
    # Pages of a mapped file that were read count as memory of the process, though they could be
    # read again. Nothing is done to other cubes, nor to maps that can be written to.
    chain = _bases(source_of(cube))
    read_only = any(getattr(one, "mode", None) == "r" for one in chain)
    if read_only and isinstance(chain[-1], mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        chain[-1].madvise(mmap.MADV_DONTNEED)


def row_blocks(
    shape: tuple[int, ...], start: int = 0, stop: int | None = None
) -> Iterator[tuple[int, int]]:
    """Divide rows into blocks small enough to be read at once."""
    stop = shape[0] if stop is None else stop
    step = max(1, _BLOCK_VALUES // max(1, shape[1] * shape[2]))
    for first in range(start, stop, step):
        yield first, min(first + step, stop)


def source_of(cube: Any) -> Any:
    """Find what a cube is read from.

    Shapes: `cube` (height, width, n_bands).
    """
    while isinstance(cube, (MappedCube, MaskedCube)):
        cube = cube._cube
    return cube


def valid_pixels(cube: Any) -> NDArray[np.bool_] | None:
    """Find which pixels of a cube hold data.

    Shapes: `cube` (height, width, n_bands); returns (height, width).
    """
    return cube.valid if isinstance(cube, MaskedCube) else None
