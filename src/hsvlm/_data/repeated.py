"""Repeat the pixels of a cube on a finer grid, where they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import LazyCube, read_rows
from hsvlm._data.stacked import is_other_place, valid_in_scene
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RepeatedCube", "repeat_pixels"]


class RepeatedCube(LazyCube):
    """Each pixel of a cube as a square of `ratio` x `ratio` pixels."""

    def __init__(self, cube: Any, ratio: int) -> None:
        height, width, n_bands = cube.shape
        super().__init__((height * ratio, width * ratio, n_bands), cube.dtype)
        self.parts = (cube,)
        self.ratio = ratio

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        if stop <= start:
            return np.empty((0, *self.shape[1:]), dtype=self.dtype)
        first = start // self.ratio
        rows = read_rows(self.parts[0], first, -(-stop // self.ratio))
        rows = rows[np.arange(start, stop) // self.ratio - first]
        return np.repeat(rows, self.ratio, axis=1)

    def _pixels(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[Any]:
        return np.asarray(self.parts[0][rows // self.ratio, cols // self.ratio])


def repeat_pixels(scene: Any, raster: Any) -> dict[str, Any]:
    """Return the attributes of a scene on the finer grid of a raster."""
    (height, width), (rows, cols) = scene.shape, raster.shape
    ratio = rows // height
    if not ratio or (rows, cols) != (ratio * height, ratio * width):
        raise DataError(
            f"The raster has {rows} x {cols} pixels, which is not a whole multiple of the "
            f"{height} x {width} pixels of the scene.",
            "Crop or resample it, or bring it onto the grid of the scene: hsvlm.io.align(raster, "
            "like=scene).",
        )
    transform = raster.transform
    if scene.transform is not None:
        a, b, c, d, e, f = scene.transform
        transform = (a / ratio, b / ratio, c, d / ratio, e / ratio, f)
        if raster.transform is not None and is_other_place(transform, raster.transform):
            raise DataError(
                f"The raster lies elsewhere than the scene: its transform is {raster.transform}, "
                f"and that of the scene with {ratio} x {ratio} pixels for each of its own "
                f"{transform}.",
                "Correct one of them, or bring the raster onto the grid of the scene: "
                "hsvlm.io.align(raster, like=scene).",
            )
    maps = {"labels": scene.labels, "groups": scene.groups, "valid": valid_in_scene(scene)}
    return {
        "cube": RepeatedCube(scene.cube, ratio),
        "transform": transform,
        "crs": raster.crs if scene.crs is None else scene.crs,
        # A pixel is that of its coarse pixel, whose other end is ratio - 1 pixels away.
        "reach": ratio * scene.reach + ratio - 1,
        **{
            name: None if values is None else values.repeat(ratio, axis=0).repeat(ratio, axis=1)
            for name, values in maps.items()
        },
    }
