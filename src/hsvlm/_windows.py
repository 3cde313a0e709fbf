"""Windows on the device: a table of reduced spectra, and batches gathered from it by index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.ndimage import maximum_filter
from torch import Tensor

from hsvlm._cubes import check_window_fits
from hsvlm.preprocessing import check_finite

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hsvlm._cubes import Padding
    from hsvlm.samples import PixelSamples

    Reduce = Callable[[NDArray[Any]], NDArray[Any]]

__all__ = ["WindowSource"]

# Spectra are read and reduced in pieces of this many, so that full-band copies stay small.
_CHUNK = 2**14


class WindowSource:
    """All windows of a set of samples, none of them materialised.

    Every distinct pixel that a window touches is one row of a table. A window is a square of
    positions in a map of row numbers, padded at the scene borders; a batch is two gathers.

    Parameters
    ----------
    table : Tensor of shape (n_pixels, n_channels), float32
        The reduced spectra, and one row of zeros last, which stands for zero padding.
    row_map : Tensor of shape (n_positions,), int32
        Row of `table` at every position of the padded scenes, flattened one after the other.
    corners : Tensor of shape (n_samples,), int64
        Position of the upper left pixel of every window.
    strides : Tensor of shape (n_samples,), int64
        Positions from one row of the window to the next.
    size : int
        Side of the window in pixels.

    References
    ----------
    Design of this package; there is no published source.
    """

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

        Parameters
        ----------
        index : Tensor of shape (n_windows,), int64
            Which samples.
        symmetry : Tensor of shape (n_windows,), int64, default=None
            Which of the eight symmetries of the square to apply to each, 0 being none.

        Returns
        -------
        Tensor of shape (n_windows, size, size, n_channels), float32
            The windows.
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
        """Prepare the windows around samples.

        Parameters
        ----------
        samples : PixelSamples
            The centre pixels, at least one.
        reduce : callable
            Maps spectra (n, n_bands) to (n, n_channels), row by row.
        size : int
            Side of the window in pixels, odd.
        padding : {"reflect", "zero"}
            How windows that reach over the border are completed.
        device : torch.device
            Where the table lives.

        Returns
        -------
        WindowSource
            In the order of `samples`.

        Raises
        ------
        ParameterError
            If the window does not fit a scene.
        DataError
            If a pixel that a window touches holds NaN or infinite values.
        """
        corners = np.empty(len(samples), dtype=np.int64)
        strides = np.empty(len(samples), dtype=np.int64)
        tables: list[NDArray[np.float32]] = []
        maps: list[NDArray[np.int64]] = []
        for number in np.unique(samples.scene_ids):
            here = samples.scene_ids == number
            cube = samples.cubes[number]
            check_window_fits(cube.shape, size, padding)
            rows, cols, row_map, origin = _touched(cube.shape, samples.coords[here], size, padding)
            row_map[row_map >= 0] += sum(map(len, tables))
            place = samples.coords[here] - origin
            strides[here] = row_map.shape[1]
            corners[here] = sum(map(len, maps)) + place[:, 0] * row_map.shape[1] + place[:, 1]
            tables.append(_reduced(cube, rows, cols, reduce))
            maps.append(row_map.ravel())
        flat = np.concatenate(maps)
        flat[flat < 0] = sum(map(len, tables))
        return cls(
            _table(tables, device),
            torch.from_numpy(flat.astype(np.int32)).to(device),
            torch.from_numpy(corners).to(device),
            torch.from_numpy(strides).to(device),
            size,
        )

    @classmethod
    def from_array(cls, array: NDArray[Any], reduce: Reduce, device: torch.device) -> WindowSource:
        """Prepare ready-made windows, or spectra as windows of one pixel.

        Parameters
        ----------
        array : ndarray of shape (n_samples, n_bands) or (n_samples, size, size, n_bands)
            The data.
        reduce : callable
            Maps spectra (n, n_bands) to (n, n_channels), row by row.
        device : torch.device
            Where the table lives.

        Returns
        -------
        WindowSource
            In the order of `array`.

        Raises
        ------
        DataError
            If the data hold NaN or infinite values.
        """
        windows = array.reshape(len(array), 1, 1, -1) if array.ndim == 2 else array
        size = windows.shape[1]
        pixels = windows.reshape(-1, 1, windows.shape[3])
        rows = np.arange(len(pixels))
        table = _table([_reduced(pixels, rows, np.zeros_like(rows), reduce)], device)
        return cls(
            table,
            torch.arange(len(pixels), dtype=torch.int32, device=device),
            torch.arange(0, len(pixels), size * size, device=device),
            torch.full((len(array),), size, device=device),
            size,
        )


def _touched(
    shape: tuple[int, ...], coords: NDArray[np.intp], size: int, padding: Padding
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64], NDArray[np.intp]]:
    """Pixels that windows read, the padded map of their numbers, and where the map begins."""
    half = size // 2
    extent = np.array(shape[:2])
    first, last = coords.min(axis=0), coords.max(axis=0)
    low, high = np.maximum(first - half, 0), np.minimum(last + half + 1, extent)
    before, after = low - (first - half), last + half + 1 - high
    height, width = high - low

    centres = np.zeros((last - first + size).tolist(), dtype=bool)
    centres[tuple((coords - first + half).T)] = True
    read = maximum_filter(centres, size=size, mode="constant") if size > 1 else centres

    crop = np.arange(height * width).reshape(height, width)
    margins = list(zip(before.tolist(), after.tolist(), strict=True))
    if padding == "reflect":
        position = np.pad(crop, margins, mode="reflect")
    else:
        position = np.pad(crop, margins, constant_values=-1)
    pixels = np.unique(position[read & (position >= 0)])
    number = np.full(height * width + 1, -1)
    number[pixels] = np.arange(len(pixels))
    rows, cols = np.divmod(pixels, width)
    return rows + low[0], cols + low[1], number[position], first


def _reduced(
    cube: Any, rows: NDArray[np.intp], cols: NDArray[np.intp], reduce: Reduce
) -> NDArray[np.float32]:
    pieces = []
    for start in range(0, len(rows), _CHUNK):
        spectra = np.asarray(cube[rows[start : start + _CHUNK], cols[start : start + _CHUNK]])
        check_finite(spectra)
        pieces.append(reduce(spectra).astype(np.float32))
    return np.concatenate(pieces)


def _table(tables: list[NDArray[np.float32]], device: torch.device) -> Tensor:
    zeros = np.zeros((1, tables[0].shape[1]), dtype=np.float32)
    return torch.from_numpy(np.concatenate([*tables, zeros])).to(device)
