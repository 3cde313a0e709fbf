"""Scenes read from top to bottom: cached rows, and blocks of valid pixels."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import LazyCube, read_rows, release_pages, row_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Rows of a scene 10,000 pixels wide, in 400 bands of float32, for a window of 33 pixels take
# 0.6 GB. The cache only holds the rows that were used last.
_MAX_CACHE_BYTES = 2**30


class RecentRows(LazyCube):
    """A cube (height, width, n_bands) that caches rows from one block of pixels to the next."""

    # Windows overlap: most rows that a block of pixels needs were read for the block above it.

    def __init__(self, cube: Any) -> None:
        super().__init__(cube.shape, cube.dtype)
        self._cube = cube
        self._rows: dict[int, NDArray[Any]] = {}
        self._used: set[int] = set()
        self._ahead: set[int] = set()
        self._is_ahead = False
        row_bytes = self.dtype.itemsize * self.shape[1] * self.shape[2]
        self._capacity = _MAX_CACHE_BYTES // max(1, row_bytes)

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        values = np.empty((stop - start, *self.shape[1:]), dtype=self.dtype)
        missing = []
        for row in range(start, stop):
            if row in self._rows:
                values[row - start] = self._rows[row]
            else:
                missing.append(row)
        for first, last in _runs(missing):
            for begin, end in row_blocks(self.shape, first, last):
                values[begin - start : end - start] = read_rows(self._cube, begin, end)
                release_pages(self._cube)
        for row in missing if self._capacity else []:
            if len(self._rows) >= self._capacity:
                del self._rows[next(iter(self._rows))]
            self._rows[row] = values[row - start].copy()
        if self._is_ahead:
            self._ahead.update(range(start, stop))
        else:
            self._used.update(range(start, stop))
            self._ahead.difference_update(range(start, stop))
        return values

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Cache the rows that are read in this context until they are read again."""
        self._is_ahead = True
        try:
            yield
        finally:
            self._is_ahead = False

    def forget_unused(self) -> None:
        """Drop the rows that were not read since the last call, except those read ahead."""
        needed = self._used | self._ahead
        self._rows = {row: values for row, values in self._rows.items() if row in needed}
        self._used.clear()

    def clear(self) -> None:
        """Drop all rows."""
        self._rows.clear()
        self._ahead.clear()


def _runs(rows: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for row in rows:
        if runs and runs[-1][1] == row:
            runs[-1] = (runs[-1][0], row + 1)
        else:
            runs.append((row, row + 1))
    return runs


class PixelBlocks:
    """The valid pixels of a scene, row by row, in blocks of equal size."""

    def __init__(self, shape: tuple[int, int], valid: NDArray[np.bool_] | None, size: int) -> None:
        self._width = shape[1]
        self._valid = valid
        self.size = size
        self.n_positions = shape[0] * shape[1]
        self.n_pixels = self.n_positions
        if valid is not None:
            per_row = np.count_nonzero(valid, axis=1)
            self._before = np.concatenate([[0], np.cumsum(per_row)])
            self.n_pixels = int(self._before[-1])

    def __len__(self) -> int:
        return (self.n_pixels + self.size - 1) // self.size

    def positions(self, number: int) -> NDArray[np.intp]:
        """Return the flat positions of the pixels of a block."""
        start = number * self.size
        stop = min(start + self.size, self.n_pixels)
        if self._valid is None:
            return np.arange(start, stop)
        first = int(np.searchsorted(self._before, start, side="right")) - 1
        last = int(np.searchsorted(self._before, stop))
        positions = np.flatnonzero(self._valid[first:last]) + first * self._width
        begin = start - int(self._before[first])
        return positions[begin : begin + stop - start]

    def coordinates(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        """Turn flat positions into rows and columns, shape (n_pixels, 2)."""
        return np.stack(np.divmod(positions, self._width), axis=1)
