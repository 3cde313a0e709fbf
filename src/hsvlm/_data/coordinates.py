"""Rows, columns and scene numbers of samples: what they have to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import valid_pixels
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_whole_numbers", "check_coordinates"]


def as_whole_numbers(values: NDArray[Any], name: str) -> NDArray[np.intp]:
    """Bring indices to integers, but only if nothing is lost.

    Parameters
    ----------
    values : ndarray
        Integers, or floats without a fraction.
    name : str
        What the values are called in the error.

    Returns
    -------
    ndarray of dtype intp
        The same numbers.

    Raises
    ------
    DataError
        If a number has a fraction or is beyond 2**53, or the values are no numbers at all.
    """
    if not values.size or values.dtype.kind == "i":
        return values.astype(np.intp)
    got = f"dtype {values.dtype}"
    if values.dtype.kind in "uf":
        # Beyond, floats skip whole numbers, and integers without a sign become negative.
        broken = values[~(np.abs(values) <= 2**53) | (values != np.rint(values))]
        if not broken.size:
            return values.astype(np.intp)
        got = f"{broken[0]}"
    message = f"{name} must hold whole numbers, got {got}. Convert them to integers."
    raise DataError(message)


def check_coordinates(
    cubes: tuple[Any, ...], coords: NDArray[np.intp], scene_ids: NDArray[np.intp]
) -> None:
    """Refuse coordinates that are no pixels with data.

    Parameters
    ----------
    cubes : tuple of arrays of shape (height, width, n_bands)
        The scenes.
    coords : ndarray of shape (n_samples, 2)
        Row and column of every sample, in pixels.
    scene_ids : ndarray
        Index into `cubes` of every sample.

    Raises
    ------
    DataError
        If a scene or a coordinate does not exist, or a pixel holds no data.
    """
    if scene_ids.shape != (len(coords),):
        message = (
            f"scene_ids has shape {scene_ids.shape}, but there are {len(coords)} coordinates. Give "
            "one scene number per sample."
        )
        raise DataError(message)
    if not len(coords):
        return
    if scene_ids.min() < 0 or scene_ids.max() >= len(cubes):
        message = (
            f"scene_ids lie between {scene_ids.min()} and {scene_ids.max()}, but "
            f"there are {len(cubes)} cubes. Use 0 to {len(cubes) - 1}."
        )
        raise DataError(message)
    extents = np.array([cube.shape[:2] for cube in cubes])[scene_ids]
    outside = ((coords < 0) | (coords >= extents)).any(axis=1)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        message = (
            f"{int(outside.sum())} of {len(coords)} coordinates lie outside their scene; the "
            f"first is sample {first} at (row, column) {tuple(coords[first].tolist())} "
            f"in a scene of {extents[first][0]} x {extents[first][1]} pixels."
        )
        raise DataError(message)
    for number, cube in enumerate(cubes):
        valid = valid_pixels(cube)
        here = coords[scene_ids == number]
        missing = 0 if valid is None else int((~valid[tuple(here.T)]).sum())
        if missing:
            message = (
                f"{missing} of {len(coords)} samples are pixels without data. Select pixels "
                "where the scene is valid: np.argwhere(scene.valid)."
            )
            raise DataError(message)
