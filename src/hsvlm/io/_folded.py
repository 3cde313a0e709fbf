"""Cubes that are stored as tables of pixels and bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.arrays import is_whole_number
from hsvlm._system.files import file_error
from hsvlm.exceptions import ParameterError
from hsvlm.io._variables import VariableInfo, listed_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

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
        name for name, info in variables.items() if info.is_table() and n_pixels in info.shape
    ]
    listing = listed_variables(variables)
    wanted = f"of {size[0]} x {size[1]} = {n_pixels:,} pixels"
    if variable in fitting:
        return str(variable)
    if variable is not None and variable not in variables:
        raise file_error(path, f"has no variable {variable!r}", listing)
    if variable is not None:
        problem = (
            f"variable {variable!r} has shape {variables[variable].shape}, but no axis {wanted}"
        )
        raise file_error(path, problem, "Check height and width.")
    if len(fitting) != 1:
        problem = f"holds {len(fitting)} tables {wanted}"
        hint = f"Name the cube: variable=... {listing}"
        raise file_error(path, problem, hint, f"Name the cube with --variable. {listing}")
    return fitting[0]


def fold(path: Any, table: NDArray[Any], size: tuple[int, int], by_columns: bool) -> NDArray[Any]:
    """Give a table of (bands, pixels) or (pixels, bands) the shape (height, width, n_bands)."""
    # Pixels follow each other down the columns of the scene, as MATLAB counts, or along its rows.
    height, width = size
    n_pixels = height * width
    if table.shape == (n_pixels, n_pixels):
        problem = f"has as many bands as pixels ({n_pixels:,}), so that they cannot be told apart"
        raise file_error(path, problem, "Save the cube with 3 dimensions: height, width, bands.")
    pixels_first = table if table.shape[0] == n_pixels else table.T
    if by_columns:
        cube = pixels_first.reshape(width, height, -1).transpose(1, 0, 2)
    else:
        cube = pixels_first.reshape(height, width, -1)
    return np.ascontiguousarray(cube)
