"""Axes with names, as arrays of xarray have them: their order, and maps that share them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hsvlm._data.axes import axis_order
from hsvlm.exceptions import DataError

# Coordinates of one grid may differ by so much of a step, as after a projection.
_TOLERANCE = 0.01


def is_named_cube(X: Any) -> bool:
    """Tell whether `X` is an array of xarray with three dimensions."""
    return (
        isinstance(getattr(X, "dims", None), tuple)
        and hasattr(X, "coords")
        and hasattr(X, "variable")
        and len(X.dims) == 3
    )


def axes_of(X: Any) -> tuple[int, int, int]:
    """Tell which axes of a cube are height, width and bands."""
    return axis_order(map(str, X.dims))


def in_order(values: Any, X: Any, name: str, cube: str = "X") -> Any:
    """Bring a map to the order (height, width) of its cube."""
    y, x, _ = axes_of(X)
    if values is None:
        return None
    if isinstance(getattr(values, "dims", None), tuple):
        if set(values.dims) != {X.dims[y], X.dims[x]}:
            raise DataError(
                f"{name} has the dimensions {values.dims}, and {cube} {X.dims}.",
                f"Rename those of {name}, or pass {name}.values.",
            )
        for axis in (X.dims[y], X.dims[x]):
            _check_same_places(values, X, axis, (name, cube))
        return values.transpose(X.dims[y], X.dims[x]).values
    if np.ndim(values) == 2 and y > x:
        return values.T if hasattr(values, "T") else np.asarray(values).T
    return values


def _check_same_places(values: Any, X: Any, axis: Any, names: tuple[str, str]) -> None:
    """Refuse maps of other places, which only look alike by their size."""
    if axis not in values.coords or axis not in X.coords:
        return
    here, there = (np.asarray(array.coords[axis]) for array in (X, values))
    if here.shape != there.shape:
        return  # said where shapes are compared
    if here.dtype.kind in "iuf" and there.dtype.kind in "iuf":
        step = float(np.abs(np.diff(here)).min()) if len(here) > 1 else abs(float(here[0]))
        is_same = bool(np.allclose(here, there, rtol=0, atol=_TOLERANCE * step))
    else:
        is_same = bool(np.array_equal(here, there))
    if not is_same:
        name, cube = names
        raise DataError(
            f"{cube} and {name} have other coordinates along {axis!r}.",
            f'Pass {name}.reindex_like(X, method="nearest"), or {name}.values to ignore them.',
        )
