"""Check rows, columns and scene numbers of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import valid_pixels
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def as_whole_numbers(values: NDArray[Any], name: str) -> NDArray[np.intp]:
    """Convert indices to integers if nothing is lost."""
    if not values.size or values.dtype.kind == "i":
        return values.astype(np.intp)
    got = f"dtype {values.dtype}"
    if values.dtype.kind in "uf":
        # Beyond, floats skip whole numbers, and unsigned integers become negative.
        broken = values[~(np.abs(values) <= 2**53) | (values != np.rint(values))]
        if not broken.size:
            return values.astype(np.intp)
        got = f"{broken[0]}"
    raise DataError(f"{name} must hold whole numbers, got {got}. Convert them to integers.")


def check_coordinates(
    cubes: tuple[Any, ...], coords: NDArray[np.intp], scene_ids: NDArray[np.intp]
) -> None:
    """Raise if coordinates, of shape (n_samples, 2), are not pixels with data."""
    if scene_ids.shape != (len(coords),):
        raise DataError(
            f"scene_ids has shape {scene_ids.shape}, but there are {len(coords)} coordinates. Give "
            "one scene number per sample."
        )
    if not len(coords):
        return
    if scene_ids.min() < 0 or scene_ids.max() >= len(cubes):
        raise DataError(
            f"scene_ids lie between {scene_ids.min()} and {scene_ids.max()}, but "
            f"there are {len(cubes)} cubes. Use 0 to {len(cubes) - 1}."
        )
    extents = np.array([cube.shape[:2] for cube in cubes])[scene_ids]
    outside = ((coords < 0) | (coords >= extents)).any(axis=1)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"{int(outside.sum())} of {len(coords)} coordinates lie outside their scene; the "
            f"first is sample {first} at (row, column) {tuple(coords[first].tolist())} "
            f"in a scene of {extents[first][0]} x {extents[first][1]} pixels."
        )
    for number, cube in enumerate(cubes):
        valid = valid_pixels(cube)
        pixels = coords[scene_ids == number]
        n_missing = 0 if valid is None else int((~valid[tuple(pixels.T)]).sum())
        if n_missing:
            raise DataError(
                f"{n_missing} of {len(coords)} samples are pixels without data. Select pixels "
                "where the scene is valid: np.argwhere(scene.valid)."
            )
