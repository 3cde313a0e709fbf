"""Windows on the device: a table of reduced spectra, and batches gathered from it by index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from scipy.ndimage import maximum_filter
from torch import Tensor

from hsvlm._data.arrays import native
from hsvlm._data.cubes import check_window_fits
from hsvlm._data.lazy import valid_pixels
from hsvlm._data.spectra import SpectraCheck
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from hsvlm._data.cubes import Padding

    Reduce = Callable[[NDArray[Any]], NDArray[Any]]

__all__ = ["WindowSource"]

# Spectra are read and reduced in pieces of this many, so that full-band copies stay small.
_CHUNK = 2**14


class WindowSource:
    """All windows of a set of samples, none of them materialized.

    Shapes: `table` (n_pixels, n_channels), `row_map` (n_positions,), `corners` (n_samples,),
    `strides` (n_samples,).
    """

    # Every distinct pixel that a window touches is one row of a table. A window is a square of
    # positions in a map of row numbers, padded at the scene borders; a batch is two gathers.

    def __init__(
        self, table: Tensor, row_map: Tensor, corners: Tensor, strides: Tensor, size: int
    ) -> None:
        self.table = table
        self.row_map = row_map
        self.corners = corners
        self.strides = strides
        self.size = size
        steps = torch.arange(size, device=table.device)
        self._down = steps.repeat_interleave(size)
        self._right = steps.repeat(size)
        square = torch.arange(size * size, device=table.device).view(size, size)
        turned = [torch.rot90(square, quarter) for quarter in range(4)]
        self._symmetries = torch.stack([t.flatten() for t in turned + [s.T for s in turned]])

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def n_channels(self) -> int:
        """Number of channels of a pixel."""
        return self.table.shape[1]

    def gather(self, index: Tensor, symmetry: Tensor | None = None) -> Tensor:
        """Cut windows.

        Shapes: `index` (n_windows,), `symmetry` (n_windows,); returns (n_windows, size, size,
        n_channels).
        """
        offsets = self.strides[index, None] * self._down + self._right
        if symmetry is not None:
            offsets = offsets.gather(1, self._symmetries[symmetry])
        rows = self.row_map[self.corners[index, None] + offsets]
        return self.table[rows].view(len(index), self.size, self.size, -1)

    @classmethod
    def from_samples(
        cls,
        samples: PixelSamples,
        reduce: Reduce,
        size: int,
        padding: Padding,
        device: torch.device,
    ) -> WindowSource:
        """Prepare the windows around samples."""
        corners = np.empty(len(samples), dtype=np.int64)
        strides = np.empty(len(samples), dtype=np.int64)
        check = SpectraCheck()
        tables: list[NDArray[np.float32]] = []
        maps: list[NDArray[np.int32]] = []
        for number in np.unique(samples.scene_ids):
            here = samples.scene_ids == number
            cube = samples.cubes[number]
            check_window_fits(cube.shape, size, padding)
            touched = _touched(cube, samples.coords[here], size, padding)
            touched.row_map[touched.row_map >= 0] += sum(map(len, tables))
            strides[here] = touched.stride
            corners[here] = touched.corners + sum(map(len, maps))
            tables.extend(_reduced(cube, touched.rows, touched.cols, reduce, check))
            maps.append(touched.row_map)
        check.close()
        check.warn_of_markers()
        row_map = np.concatenate(maps) if len(maps) > 1 else maps[0]
        row_map[row_map < 0] = sum(map(len, tables))
        return cls(
            _table(tables, device),
            torch.from_numpy(row_map).to(device),
            torch.from_numpy(corners).to(device),
            torch.from_numpy(strides).to(device),
            size,
        )

    @classmethod
    def from_array(cls, array: NDArray[Any], reduce: Reduce, device: torch.device) -> WindowSource:
        """Prepare ready-made windows, or spectra as windows of one pixel.

        Shapes: `array` (n_samples, n_bands) or (n_samples, size, size, n_bands).
        """
        windows = array.reshape(len(array), 1, 1, -1) if array.ndim == 2 else array
        size = windows.shape[1]
        pixels = windows.reshape(-1, 1, windows.shape[3])
        rows = np.arange(len(pixels))
        check = SpectraCheck()
        pieces = list(_reduced(pixels, rows, np.zeros_like(rows), reduce, check))
        check.close()
        check.warn_of_markers()
        return cls(
            _table(pieces, device),
            torch.arange(len(pixels), dtype=torch.int32, device=device),
            torch.arange(0, len(pixels), size * size, device=device),
            torch.full((len(array),), size, device=device),
            size,
        )


class _PixelMap(NamedTuple):
    """Pixels that the windows of a scene read, and where in a map of their numbers each begins."""

    rows: NDArray[np.intp]
    cols: NDArray[np.intp]
    row_map: NDArray[np.int32]  # flattened; -1 for positions outside all windows or the scene
    corners: NDArray[np.intp]
    stride: int


def _touched(cube: Any, coords: NDArray[np.intp], size: int, padding: Padding) -> _PixelMap:
    # Memory goes with the box around all windows in one way, with the windows in the other.
    box = np.prod(np.ptp(coords, axis=0) + size)
    few = 4 * len(coords) * size**2 < box
    find = _sparse_pixel_map if few else _dense_pixel_map
    return find(cube.shape, coords, size, padding, valid_pixels(cube))


def _sparse_pixel_map(
    shape: tuple[int, ...],
    coords: NDArray[np.intp],
    size: int,
    padding: Padding,
    valid: NDArray[np.bool_] | None,
) -> _PixelMap:
    height, width = shape[:2]
    reach = np.arange(size) - size // 2
    down, right = (coords[:, axis, None] + reach for axis in (0, 1))
    inside = ((down >= 0) & (down < height))[:, :, None] & ((right >= 0) & (right < width))[:, None]
    down, right = height - 1 - abs(height - 1 - abs(down)), width - 1 - abs(width - 1 - abs(right))
    position = down[:, :, None] * width + right[:, None]
    if padding == "zero":
        position[~inside] = -1
    if valid is not None:
        position[~valid.ravel()[position.clip(0, valid.size - 1)]] = -1
    pixels, number = np.unique(position, return_inverse=True)
    row_map = number.ravel().astype(np.int32)
    if pixels[0] < 0:
        pixels = pixels[1:]
        row_map -= 1
    rows, cols = np.divmod(pixels, width)
    return _PixelMap(rows, cols, row_map, np.arange(len(coords)) * size**2, size)


def _dense_pixel_map(
    shape: tuple[int, ...],
    coords: NDArray[np.intp],
    size: int,
    padding: Padding,
    valid: NDArray[np.bool_] | None,
) -> _PixelMap:
    half = size // 2
    first, last = coords.min(axis=0), coords.max(axis=0)
    before = np.maximum(half - first, 0)
    after = np.maximum(last + half + 1 - np.array(shape[:2]), 0)

    read = np.zeros((last - first + size).tolist(), dtype=bool)
    read[tuple((coords - first + half).T)] = True
    if size > 1:
        read = maximum_filter(read, size=size, mode="constant")
    for axis in (0, 1):
        lines = np.moveaxis(read, axis, 0)
        low, high = before[axis], len(lines) - after[axis]
        if padding == "reflect":
            for step in range(1, low + 1):
                lines[low + step] |= lines[low - step]
            for step in range(1, after[axis] + 1):
                lines[high - 1 - step] |= lines[high - 1 + step]
        read = np.moveaxis(lines[low:high], 0, axis)

    top, left = first - half + before
    if valid is not None:
        read &= valid[top : top + read.shape[0], left : left + read.shape[1]]
    number = np.cumsum(read, dtype=np.int32).reshape(read.shape)
    number -= 1
    number[~read] = -1
    margins = list(zip(before.tolist(), after.tolist(), strict=True))
    if padding == "reflect":
        row_map = np.pad(number, margins, mode="reflect")
    else:
        row_map = np.pad(number, margins, constant_values=-1)
    rows, cols = np.nonzero(read)
    rows += top
    cols += left
    stride = row_map.shape[1]
    corners = (coords - first) @ [stride, 1]
    return _PixelMap(rows, cols, row_map.ravel(), corners, stride)


def _reduced(
    cube: Any,
    rows: NDArray[np.intp],
    cols: NDArray[np.intp],
    reduce: Reduce,
    check: SpectraCheck,
) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(rows), _CHUNK):
        spectra = np.asarray(cube[rows[start : start + _CHUNK], cols[start : start + _CHUNK]])
        spectra = native(spectra)
        check.add(spectra)
        # After a failure the rest is read only for the counts of the error.
        if not check.failed:
            yield reduce(spectra).astype(np.float32)


def _table(tables: list[NDArray[np.float32]], device: torch.device) -> Tensor:
    zeros = np.zeros((1, tables[0].shape[1]), dtype=np.float32)
    return torch.from_numpy(np.concatenate([*tables, zeros])).to(device)


def input_source(
    X: PixelSamples | NDArray[Any],
    preprocessing: Pipeline,
    window_size: int,
    padding: Padding,
    device: torch.device,
    on_spectra: Callable[[NDArray[Any]], None] | None = None,
) -> WindowSource:
    """Return the preprocessed windows of samples; `on_spectra` sees the spectra before."""

    def reduce(spectra: NDArray[Any]) -> NDArray[Any]:
        if on_spectra is not None:
            on_spectra(spectra)
        reduced: NDArray[Any] = preprocessing.transform(spectra)
        return reduced

    if isinstance(X, PixelSamples):
        return WindowSource.from_samples(X, reduce, window_size, padding, device)
    return WindowSource.from_array(X, reduce, device)
