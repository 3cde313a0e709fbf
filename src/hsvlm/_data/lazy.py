"""Read cubes only where they are indexed."""

from __future__ import annotations

import mmap
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import DTypeLike, NDArray

_BLOCK_VALUES = 2**24  # read at once: 64 MB of float32


class LazyCube(ABC):
    """Look like an array (height, width, n_bands), and read where it is indexed."""

    # ``cube[rows, cols]`` with index arrays gives spectra of pixels, ``cube[start:stop]`` whole
    # rows, ``numpy.asarray(cube)`` everything. Subclasses implement the reading of rows.

    ndim = 3
    path: Any = None
    parts: tuple[Any, ...] = ()  # cubes that this one is made of

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    @abstractmethod
    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows, of shape (stop - start, width, n_bands)."""

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
        # Include mtime and size, so that joblib.Memory notices a changed file.
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
                in_block = (rows >= start) & (rows < stop)
                block = self.read_rows(start, stop)
                values[in_block] = block[rows[in_block] - start, cols[in_block]]
        return values


class RowsCube(LazyCube):
    """Wrap a cube of Dask, xarray, h5py or a similar library."""

    def __init__(self, array: Any) -> None:
        super().__init__(array.shape, array.dtype)
        self.array = array

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        return np.asarray(self.array[start:stop])


class MappedCube(LazyCube):
    """Apply a function of spectra to a cube where it is read."""

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
    """Select bands of spectra; a class, so that cubes can be pickled."""

    def __init__(self, bands: NDArray[np.intp]) -> None:
        self._bands = bands

    def __call__(self, spectra: NDArray[Any]) -> NDArray[Any]:
        return spectra[:, self._bands]


class ScaleBands:
    """Multiply bands by factors and add offsets; a class, so that cubes can be pickled."""

    def __init__(self, dtype: np.dtype[Any], scale: NDArray[np.float64]) -> None:
        self._factors, self._offsets = scale.T.astype(np.result_type(dtype, np.float32))

    def __call__(self, spectra: NDArray[Any]) -> NDArray[Any]:
        values: NDArray[Any] = spectra * self._factors + self._offsets
        return values


class MaskedCube(LazyCube):
    """Read pixels without data as zeros; windows leave them out."""

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
        status = os.stat(path)
    except (OSError, TypeError):  # not a local file, or not a file
        return None
    return status.st_mtime_ns, status.st_size


def apply_to_spectra(function: Callable[[Any], Any], spectra: NDArray[Any]) -> NDArray[Any]:
    """Apply a function to spectra (n, n_bands); raise unless it returns (n, n_new_bands)."""
    values: NDArray[Any] = np.asarray(function(spectra))
    if values.ndim != 2 or len(values) != len(spectra):
        raise DataError(
            f"The function of spectra was given an array of shape {spectra.shape} and returned one "
            f"of shape {values.shape}. It must return a row for every row: ({len(spectra)}, "
            "n_new_bands)."
        )
    return values


def _is_mapped(cube: Any) -> bool:
    """Tell whether an array is a view of a memory-mapped file."""
    return isinstance(_bases(cube)[-1], mmap.mmap)


def _bases(array: Any) -> list[Any]:
    chain = [array]
    while isinstance(chain[-1], np.ndarray) and chain[-1].base is not None:
        chain.append(chain[-1].base)
    return chain


def read_rows(cube: Any, start: int, stop: int) -> NDArray[Any]:
    """Read whole rows of any cube, of shape (stop - start, width, n_bands)."""
    return np.asarray(cube[start:stop])


def read_through(cube: Any, wrap: Callable[[Any], Any]) -> Any:
    """Wrap the source of a cube."""
    if isinstance(cube, MappedCube):
        return MappedCube(read_through(cube._cube, wrap), cube._function)
    if isinstance(cube, MaskedCube):
        return MaskedCube(read_through(cube._cube, wrap), cube.valid)
    return wrap(cube)


def release_pages(cube: Any) -> None:
    """Release the memory of a memory-mapped cube that was read."""
    # Pages of a mapped file that were read count as memory of the process, although they could be
    # read again. Other cubes, and maps that can be written to, stay as they are.
    for part in parts_of(cube):
        _release(part)


def _release(array: Any) -> None:
    chain = _bases(array)
    read_only = any(getattr(array, "mode", None) == "r" for array in chain)
    if read_only and isinstance(chain[-1], mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        chain[-1].madvise(mmap.MADV_DONTNEED)


def row_blocks(
    shape: tuple[int, ...], start: int = 0, stop: int | None = None
) -> Iterator[tuple[int, int]]:
    """Divide rows into blocks small enough to read at once."""
    stop = shape[0] if stop is None else stop
    step = max(1, _BLOCK_VALUES // max(1, shape[1] * shape[2]))
    for first in range(start, stop, step):
        yield first, min(first + step, stop)


def source_of(cube: Any) -> Any:
    """Find the source of a cube that functions and masks wrap."""
    while isinstance(cube, (MappedCube, MaskedCube)):
        cube = cube._cube
    return cube


def parts_of(cube: Any) -> list[Any]:
    """List the sources of a cube, which are several if it was stacked."""
    source = source_of(cube)
    parts = source.parts if isinstance(source, LazyCube) else ()
    return [inner for part in parts for inner in parts_of(part)] or [source]


def files_of(cube: Any) -> list[Path]:
    """List the files that a cube is read from."""
    parts = parts_of(cube)
    return [Path(path) for path in map(_path_of, parts) if path is not None]


def _path_of(part: Any) -> Any:
    # Datasets of h5py know the file they are in.
    file = getattr(getattr(part, "array", None), "file", None)
    for owner in (part, file):
        path = getattr(owner, "filename", None) or getattr(owner, "path", None)
        if path is not None:
            return path
    return None


def is_in_memory(cube: Any) -> bool:
    """Tell whether reading any pixel of a cube takes no file."""
    return all(isinstance(part, np.ndarray) and not _is_mapped(part) for part in parts_of(cube))


def valid_pixels(cube: Any) -> NDArray[np.bool_] | None:
    """Return the mask (height, width) of pixels with data; None if all have data."""
    return cube.valid if isinstance(cube, MaskedCube) else None
