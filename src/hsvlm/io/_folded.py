"""Cubes that are stored as tables of pixels and bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.arrays import is_whole_number
from hsvlm._system.files import file_error
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hsvlm.io._variables import VariableInfo

__all__ = ["check_size", "choose_table", "fold"]


def check_size(shape: Any) -> tuple[int, int] | None:
    """Refuse a `shape` that is not height and width."""
    if shape is None:
        return None
    values = tuple(shape) if isinstance(shape, (tuple, list, np.ndarray)) else ()
    if len(values) != 2 or not all(map(is_whole_number, values)) or min(values) < 1:
        raise ParameterError(
            f"shape={shape!r} must be height and width in pixels, two positive numbers.",
            "Pass, for example, shape=(100, 120).",
        )
    return int(values[0]), int(values[1])


def choose_table(
    path: Any, variables: Mapping[str, VariableInfo], size: tuple[int, int], variable: str | None
) -> str:
    """Find the array of two dimensions that has as many rows or columns as the scene pixels."""
    n_pixels = size[0] * size[1]
    fitting = [
        name
        for name, info in variables.items()
        if info.numeric and len(info.shape) == 2 and n_pixels in info.shape and min(info.shape) > 1
    ]
    listed = ", ".join(f"{name} {info.shape} {info.kind}" for name, info in variables.items())
    wanted = f"of {size[0]} x {size[1]} = {n_pixels:,} pixels"
    if variable is not None and variable not in fitting:
        if variable not in variables:
            raise file_error(path, f"has no variable {variable!r}", f"It holds: {listed}.")
        raise file_error(
            path,
            (f"variable {variable!r} has shape {variables[variable].shape}, but no axis {wanted}"),
            "Check height and width.",
        )
    if variable is not None:
        return variable
    if len(fitting) != 1:
        raise file_error(
            path,
            f"holds {len(fitting)} tables {wanted}",
            f"Name the cube: variable=... It holds: {listed}.",
            f"Name the cube with --variable. It holds: {listed}.",
        )
    return fitting[0]


def fold(path: Any, table: NDArray[Any], size: tuple[int, int], by_columns: bool) -> NDArray[Any]:
    """Give a table of (bands, pixels) or (pixels, bands) the shape (height, width, n_bands)."""
    # Pixels follow each other down the columns of the scene, as MATLAB counts, or along its rows.
    height, width = size
    n_pixels = height * width
    if table.shape == (n_pixels, n_pixels):
        raise file_error(
            path,
            f"has as many bands as pixels ({n_pixels:,}), so that they cannot be told apart",
            "Save the cube with 3 dimensions: height, width, bands.",
        )
    pixels_first = table if table.shape[0] == n_pixels else table.T
    if by_columns:
        cube = pixels_first.reshape(width, height, -1).transpose(1, 0, 2)
    else:
        cube = pixels_first.reshape(height, width, -1)
    return np.ascontiguousarray(cube)
