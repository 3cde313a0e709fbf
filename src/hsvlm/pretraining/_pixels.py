"""Pixels of scenes for pre-training: which are used, and windows around some of them at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import maximum_filter

from hsvlm._data.lazy import (
    MaskedCube,
    read_rows,
    release_pages,
    row_blocks,
    source_of,
    valid_pixels,
)
from hsvlm._data.spectra import usable_values
from hsvlm.exceptions import DataError
from hsvlm.samples import samples_over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples

__all__ = ["PixelPool", "ScenePixels", "cube_digest", "usable_cube", "without_pixels"]


@dataclass(frozen=True, eq=False)
class ScenePixels:
    """A scene, and its pixels that windows are centered on: `centers` (height, width)."""

    cube: Any
    digest: str
    centers: NDArray[np.bool_]

    @classmethod
    def of(cls, cube: Any, centers: NDArray[np.bool_] | None = None) -> ScenePixels:
        """Read a cube once, for its valid pixels and its digest; all of these are centers."""
        usable, digest = usable_cube(cube)
        valid = valid_pixels(usable)
        chosen = np.ones(cube.shape[:2], dtype=bool) if centers is None else centers
        return cls(usable, digest, chosen if valid is None else chosen & valid)

    def pixels_read(self, window_size: int) -> NDArray[np.bool_]:
        """Return the map of the pixels that the windows read."""
        read = _grown(self.centers, window_size)
        valid = valid_pixels(self.cube)
        return read if valid is None else read & valid


class PixelPool:
    """Centers of windows in several scenes, numbered through; plain spectra have no places."""

    def __init__(self, scenes: Sequence[ScenePixels], *, have_places: bool = True) -> None:
        self.scenes = tuple(scenes)
        self.have_places = have_places
        self._positions = [np.flatnonzero(scene.centers) for scene in self.scenes]
        self._ends = np.cumsum([len(positions) for positions in self._positions])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def samples(self, index: NDArray[np.intp]) -> PixelSamples:
        """Return pixels by number."""
        scene_ids = np.searchsorted(self._ends, index, side="right")
        coords = np.empty((len(index), 2), dtype=np.intp)
        for number, positions in enumerate(self._positions):
            is_here = scene_ids == number
            within = index[is_here] - (self._ends[number] - len(positions))
            width = self.scenes[number].cube.shape[1]
            coords[is_here] = np.column_stack(np.divmod(positions[within], width))
        return samples_over(tuple(scene.cube for scene in self.scenes), coords, scene_ids)

    def release(self) -> None:
        """Release the memory of mapped files that were read."""
        for scene in self.scenes:
            release_pages(scene.cube)


def usable_cube(cube: Any) -> tuple[Any, str]:
    """Leave out pixels with NaN, infinite or extreme values; return the digest as well."""
    usable: NDArray[np.bool_] = np.ones(cube.shape[:2], dtype=bool)
    if (valid := valid_pixels(cube)) is not None:
        usable &= valid
    digest = hashlib.sha256(repr(tuple(map(int, cube.shape))).encode())
    for start, stop in row_blocks(cube.shape):
        rows = read_rows(cube, start, stop)
        values = usable_values(rows)
        if values is not None:
            usable[start:stop] &= values.all(axis=2)
        # In single precision, so that copies of a scene in other types are the same scene.
        known = np.where(usable[start:stop, :, None], rows, 0).astype("<f4")
        digest.update(known.tobytes())
        release_pages(cube)
    return (cube if usable.all() else MaskedCube(cube, usable)), digest.hexdigest()


def cube_digest(cube: Any) -> str:
    """Return the SHA-256 of the valid values of a cube."""
    return usable_cube(cube)[1]


def without_pixels(
    scenes: Sequence[ScenePixels], exclude: PixelSamples, window_size: int
) -> list[ScenePixels]:
    """Leave out windows that touch a pixel of `exclude`."""
    excluded = [np.zeros(scene.centers.shape, dtype=bool) for scene in scenes]
    for number in np.unique(exclude.scene_ids):
        cube = exclude.cubes[number]
        coords = exclude.coords[exclude.scene_ids == number]
        matches = _same_scenes(scenes, cube)
        if not matches:
            height, width = cube.shape[:2]
            raise DataError(
                f"exclude has {len(coords)} pixels of a scene of {height} x {width} pixels that X "
                "does not contain. Pass pixels of the scenes in X, with the same values and bands."
            )
        for match in matches:
            excluded[match][tuple(coords.T)] = True
    return [
        replace(scene, centers=scene.centers & ~_grown(mask, window_size))
        for scene, mask in zip(scenes, excluded, strict=True)
    ]


def _same_scenes(scenes: Sequence[ScenePixels], cube: Any) -> list[int]:
    shape = tuple(cube.shape[:2])
    alike = [number for number, scene in enumerate(scenes) if scene.centers.shape == shape]
    known = [n for n in alike if source_of(scenes[n].cube) is source_of(cube)]
    if known or not alike:
        return known
    digest = cube_digest(cube)
    return [number for number in alike if scenes[number].digest == digest]


def _grown(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Return the pixels of all windows around the pixels of a map."""
    return np.asarray(maximum_filter(mask, size=size, mode="constant")) if size > 1 else mask
