"""Stack the channels of several sources where they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import LazyCube, MappedCube, SelectBands, read_rows, valid_pixels
from hsvlm._data.rasters import Raster
from hsvlm._data.sources import SPECTRA, SourceDetails, source_sizes, source_slices
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "StackedCube",
    "is_other_place",
    "select_channels",
    "source_rasters",
    "stack_sources",
    "valid_in_scene",
]

# The share of a pixel by which the grids of two sources may differ.
_MAX_SHIFT = 0.01


class StackedCube(LazyCube):
    """The channels of cubes on one grid, one cube after the other."""

    def __init__(self, parts: Sequence[Any], dtype: np.dtype[Any] | None = None) -> None:
        self.parts = tuple(parts)
        height, width = self.parts[0].shape[:2]
        n_channels = sum(int(cube.shape[2]) for cube in self.parts)
        if dtype is None:
            dtype = np.result_type(*(cube.dtype for cube in self.parts)).newbyteorder("=")
        super().__init__((height, width, n_channels), dtype)

    def select(self, channels: NDArray[np.intp]) -> StackedCube:
        """Select channels, in this order; cubes with none of them are not read any more."""
        starts = np.cumsum([0, *(cube.shape[2] for cube in self.parts)])
        places = np.searchsorted(starts, channels, side="right") - 1
        ends = np.flatnonzero(np.diff(places)) + 1
        parts = []
        for place, run in zip(places[[0, *ends]], np.split(channels, ends), strict=True):
            cube, inside = self.parts[place], run - starts[place]
            is_stack = isinstance(cube, StackedCube)
            parts.append(cube.select(inside) if is_stack else MappedCube(cube, SelectBands(inside)))
        return StackedCube(parts, self.dtype)

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        return self._stacked([read_rows(cube, start, stop) for cube in self.parts])

    def _pixels(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[Any]:
        return self._stacked([np.asarray(cube[rows, cols]) for cube in self.parts])

    def _stacked(self, values: list[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(values, axis=-1, dtype=self.dtype)


def select_channels(cube: Any, channels: NDArray[np.intp]) -> Any:
    """Select channels of a cube, in this order; a memory-mapped or file-backed one is not read."""
    if isinstance(cube, StackedCube):
        return cube.select(channels)
    if isinstance(cube, (LazyCube, np.memmap)):
        return MappedCube(cube, SelectBands(channels))
    return np.asarray(cube)[..., channels]


def stack_sources(scene: Any, auxiliary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a scene with further sources behind its bands."""
    sizes = source_sizes(scene.sources or {SPECTRA: slice(0, scene.n_bands)})
    parts, valid, reach = [scene.cube], valid_in_scene(scene), scene.reach
    names, details = list(scene.band_names), dict(scene.source_details)
    for name, given in auxiliary.items():
        raster = given if isinstance(given, Raster) else Raster(given)
        _check_grid(scene, name, raster)
        if name in sizes:
            raise DataError(
                f"The scene has a source {name!r} already: {', '.join(map(repr, sizes))}. Give "
                "the raster another name."
            )
        sizes[name] = raster.n_channels
        parts.append(raster.values)
        if raster.valid is not None:
            valid = raster.valid if valid is None else valid & raster.valid
        reach = max(reach, raster.reach)
        details[name] = SourceDetails(raster.unit, raster.resampling, raster.ratio)
        names += raster.names or [f"{name} {number}" for number in range(raster.n_channels)]
    n_more = sum(sizes.values()) - scene.n_bands
    # What a channel without a wavelength and a scale has.
    per_band: dict[str, Any] = {
        "wavelengths_nm": [np.nan],
        "bad_bands": [False],
        "scale": [[1.0, 0.0]],
    }
    return {
        "cube": StackedCube(parts),
        "sources": source_slices(sizes),
        "source_details": details,
        "valid": valid,
        "reach": reach,
        "band_names": tuple(names) if scene.band_names else (),
        **{
            name: np.concatenate([values, np.repeat(value, n_more, axis=0)])
            for name, value in per_band.items()
            if (values := getattr(scene, name)) is not None
        },
    }


def source_rasters(scene: Any, names: Iterable[str]) -> dict[str, Raster]:
    """Return sources of a scene as rasters, to be stacked behind other bands."""
    rasters = {}
    for name in names:
        known = scene.source_details.get(name, SourceDetails())
        rasters[name] = Raster(
            scene.select_sources([name]).cube,
            unit=known.unit,
            resampling=known.resampling,
            ratio=known.ratio,
        )
    return rasters


def valid_in_scene(scene: Any) -> NDArray[np.bool_] | None:
    """Return the mask (height, width) of the pixels that scene and cube call valid; None if all."""
    own, stated = valid_pixels(scene.cube), scene.valid
    valid: NDArray[np.bool_] | None = stated if own is None else own
    return valid if own is None or stated is None else own & stated


def is_other_place(transform: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether two grids differ by more than rounding."""
    pixel = max(map(abs, transform[:2]))
    return bool(np.abs(np.subtract(transform, other)).max() > _MAX_SHIFT * pixel)


def _check_grid(scene: Any, name: str, raster: Raster) -> None:
    remedy = "Bring it onto the grid of the scene: hsvlm.io.align(raster, like=scene)."
    if raster.shape != scene.shape:
        raise DataError(
            f"The source {name!r} has {raster.shape[0]} x {raster.shape[1]} pixels, the scene "
            f"{scene.shape[0]} x {scene.shape[1]}.",
            remedy,
        )
    if scene.transform is None or raster.transform is None:
        return
    if is_other_place(scene.transform, raster.transform):
        raise DataError(
            f"The source {name!r} lies elsewhere than the scene: its transform is "
            f"{raster.transform}, that of the scene {scene.transform}.",
            remedy,
        )
