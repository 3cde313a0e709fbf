"""Cubes with named axes, as xarray has them, and maps in the same axes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._data.axes import axis_order
from hsvlm._data.label_maps import no_label
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError
from hsvlm.io._read import read_scene
from hsvlm.io._readers.netcdf import class_flags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "NamedMap",
    "is_named_cube",
    "label_attributes",
    "label_map_like",
    "named_inputs",
    "named_scene",
]

# Coordinates of one grid may differ by so much of a step, as after a projection.
_TOLERANCE = 0.01


class NamedMap(NamedTuple):
    """What the map of an array with named axes is called and holds.

    `axis` names what follows the two axes of the map, if anything, and `labels` its values.
    """

    name: str
    axis: str | None = None
    labels: Any = None
    attributes: Mapping[str, Any] | None = None

    def like(self, X: Any, values: NDArray[Any]) -> Any:
        """Give values (height, width, ...) the axes of `X`; unchanged if it has no named ones."""
        if not is_named_cube(X):
            return values
        xarray = import_optional("xarray", "geo")
        y, x, band = (X.dims[axis] for axis in _axes(X))
        coords = {name: one for name, one in X.coords.items() if band not in one.dims}
        added = [self.axis] if self.axis is not None and values.ndim > 2 else []
        if added and self.labels is not None:
            coords[self.axis] = (self.axis, np.asarray(self.labels))
        array = xarray.DataArray(
            values, dims=(y, x, *added), coords=coords, name=self.name, attrs=self.attributes
        )
        for place in ("attrs", "encoding"):
            if "grid_mapping" in (known := getattr(X, place)):
                getattr(array, place)["grid_mapping"] = known["grid_mapping"]
        return array.transpose(*(axis for axis in X.dims if axis != band), ...)


def is_named_cube(X: Any) -> bool:
    """Tell whether `X` is an array of xarray with three dimensions."""
    return (
        isinstance(getattr(X, "dims", None), tuple)
        and hasattr(X, "coords")
        and hasattr(X, "variable")
        and len(X.dims) == 3
    )


def named_scene(X: Any) -> Any:
    """Read the scene that a cube with named axes holds; other inputs are returned as they are."""
    return read_scene(X) if is_named_cube(X) else X


def named_inputs(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Bring a cube with named axes and its label map to a scene; other inputs stay as they are.

    Shapes: `X` (height, width, n_bands) and `y` and `sample_weight` (height, width) in any order
    of axes; arrays without names have the order of `X`.
    """
    if not is_named_cube(X):
        return X, y, sample_weight
    scene = named_scene(X)
    names = class_flags(y.attrs, []) if hasattr(y, "attrs") else {}
    labels = _in_order(y, X, "y")
    scene = replace(scene, labels=labels, class_names=names) if labels is not None else scene
    return scene, None, _in_order(sample_weight, X, "sample_weight")


def label_attributes(
    classes: NDArray[Any], names: Mapping[Any, str], dtype: np.dtype[Any], unlabeled: Any
) -> dict[str, Any]:
    """Describe the classes of a map as the CF conventions do; texts speak for themselves."""
    attributes: dict[str, Any] = {"long_name": "class"}
    if classes.dtype.kind not in "iuf":
        return attributes
    listed = [str(names.get(label, label)) for label in classes.tolist()]
    attributes |= {
        "flag_values": classes.astype(dtype),
        "flag_meanings": " ".join("_".join(name.split()) for name in listed),
    }
    mark = no_label(classes, unlabeled)
    # Labels are of a type that holds the mark only where it is needed.
    if np.can_cast(np.min_scalar_type(mark), dtype):
        attributes["_FillValue"] = dtype.type(mark)
    return attributes


def label_map_like(
    X: Any,
    labels: NDArray[Any],
    classes: NDArray[Any],
    names: Mapping[Any, str],
    unlabeled: Any,
) -> Any:
    """Give a label map (height, width) the named axes of `X`, if any, and its classes as flags."""
    if not is_named_cube(X):
        return labels
    attributes = label_attributes(classes, names, labels.dtype, unlabeled)
    return NamedMap("label", attributes=attributes).like(X, labels)


def _axes(X: Any) -> tuple[int, int, int]:
    return axis_order(map(str, X.dims))


def _in_order(values: Any, X: Any, name: str) -> Any:
    """Bring a map to the order (height, width) of its cube."""
    y, x, _ = _axes(X)
    if values is None:
        return None
    if isinstance(getattr(values, "dims", None), tuple):
        if set(values.dims) != {X.dims[y], X.dims[x]}:
            raise DataError(
                f"{name} has the dimensions {values.dims}, and X {X.dims}.",
                f"Rename those of {name}, or pass {name}.values.",
            )
        for axis in (X.dims[y], X.dims[x]):
            _check_same_places(values, X, axis, name)
        return values.transpose(X.dims[y], X.dims[x]).values
    if np.ndim(values) == 2 and y > x:
        return values.T if hasattr(values, "T") else np.asarray(values).T
    return values


def _check_same_places(values: Any, X: Any, axis: Any, name: str) -> None:
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
        raise DataError(
            f"X and {name} have other coordinates along {axis!r}.",
            f'Pass {name}.reindex_like(X, method="nearest"), or {name}.values to ignore them.',
        )
