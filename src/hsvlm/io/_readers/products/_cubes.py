"""Lazy cubes made of others: detectors joined by wavelength, and swaths on a map grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import LazyCube, row_blocks
from hsvlm._system.files import file_error
from hsvlm.io import _geo as geo
from hsvlm.io._sizes import check_memory, check_stated
from hsvlm.io._variables import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hsvlm.io._readers.hdf5 import HDF5Cube

# Rows of a swath that are read together, within the columns that are needed.
_SLAB_ROWS = 32


class JoinedBandsCube(LazyCube):
    """Bands of several cubes of the same pixels, in any order."""

    def __init__(self, cubes: Sequence[LazyCube], bands: NDArray[np.intp]) -> None:
        dtype = np.result_type(*(cube.dtype for cube in cubes))
        super().__init__((*cubes[0].shape[:2], len(bands)), dtype)
        self.path = cubes[0].path
        self._cubes = tuple(cubes)
        # Of each cube: its places among the bands wanted, and its own bands there.
        self._parts = []
        first = 0
        for cube in cubes:
            place = np.flatnonzero((bands >= first) & (bands < first + cube.shape[2]))
            self._parts.append((place, bands[place] - first))
            first += cube.shape[2]

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        shape = (stop - start, *self.shape[1:])
        check_memory(self.path, shape, self.dtype, copies=2)
        values = np.empty(shape, dtype=self.dtype)
        for cube, (place, bands) in zip(self._cubes, self._parts, strict=True):
            values[..., place] = cube.read_rows(start, stop)[..., bands]
        return values

    def _pixels(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[Any]:
        values = np.empty((*rows.shape, self.shape[2]), dtype=self.dtype)
        for cube, (place, bands) in zip(self._cubes, self._parts, strict=True):
            values[..., place] = cube[rows, cols][..., bands]
        return values


class OrthoCube(LazyCube):
    """A swath on a map grid, through the geometry lookup table of its file."""

    def __init__(
        self, swath: HDF5Cube, tables: tuple[str, str], shape: tuple[int, int], fill: float
    ) -> None:
        super().__init__((*shape, swath.shape[2]), swath.dtype)
        self.path = swath.path
        self._swath = swath
        self._tables = tables
        self._fill = swath.dtype.type(fill)

    def inside(self) -> NDArray[np.bool_]:
        """Tell which pixels of the map grid the swath reaches, of shape (height, width)."""
        check_memory(self.path, self.shape[:2], bool, copies=2)
        inside = np.zeros(self.shape[:2], dtype=bool)
        for start, stop in row_blocks((*self.shape[:2], 1)):
            inside[start:stop] = self._sources(start, stop)[0] >= 0
        return inside

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        shape = (stop - start, *self.shape[1:])
        check_memory(self.path, shape, self.dtype, copies=2)
        values = np.full(shape, self._fill, dtype=self.dtype)
        if stop <= start:
            return values
        rows, cols = self._sources(start, stop)
        slabs = np.where(rows < 0, -1, rows // _SLAB_ROWS)
        # Sorted by slab, so that each part of the swath is read once.
        order = np.argsort(slabs, axis=None, kind="stable")
        bounds = np.flatnonzero(np.diff(slabs.reshape(-1)[order], prepend=-1, append=-2))
        flat = values.reshape(-1, self.shape[2])
        rows, cols = rows.reshape(-1), cols.reshape(-1)
        for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            pixels = order[first:last]
            top, left = int(rows[pixels].min()), int(cols[pixels].min())
            bottom, right = int(rows[pixels].max()) + 1, int(cols[pixels].max()) + 1
            window = self._swath.read_window(top, bottom, left, right)
            flat[pixels] = window[rows[pixels] - top, cols[pixels] - left]
        return values

    def _pixels(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[Any]:
        values = np.full((*rows.shape, self.shape[2]), self._fill, dtype=self.dtype)
        if rows.size:
            first = int(rows.min())
            source_rows, source_cols = self._sources(first, int(rows.max()) + 1)
            picked = source_rows[rows - first, cols], source_cols[rows - first, cols]
            inside = picked[0] >= 0
            values[inside] = self._swath[picked[0][inside], picked[1][inside]]
        return values

    def _sources(self, start: int, stop: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return row and column of the swath, -1 where there is none."""
        check_memory(self.path, (stop - start, self.shape[1]), np.int64, copies=6)
        sources = []
        with reading(self.path, "HDF5"), geo.h5py.File(self.path) as opened:
            for name, size in zip(self._tables, self._swath.shape[:2], strict=True):
                dataset = opened[name]
                if dataset.shape != self.shape[:2]:
                    problem = f"{name} had shape {self.shape[:2]}, and has changed"
                    raise file_error(self.path, problem, "Read the scene again.")
                check_stated(Path(self.path), dataset.shape, dataset.dtype)
                index = np.nan_to_num(dataset[start:stop]).astype(np.intp) - 1
                if (index >= size).any():
                    problem = f"{name} holds {index.max() + 1}, but the swath ends at {size}"
                    hint = "The file is damaged: get it again."
                    raise file_error(self.path, problem, hint)
                sources.append(index)
        outside = (sources[0] < 0) | (sources[1] < 0)
        for index in sources:
            index[outside] = -1
        return sources[0], sources[1]
