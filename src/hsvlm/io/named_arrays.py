"""Cubes with named axes, as xarray has them, and maps in the same axes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._data.label_maps import no_label
from hsvlm._system.optional import import_optional
from hsvlm.io._named_axes import axes_of, in_order, is_named_cube
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
        y, x, band = (X.dims[axis] for axis in axes_of(X))
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
    names = class_flags(y, [])
    labels = in_order(y, X, "y")
    scene = replace(scene, labels=labels, class_names=names) if labels is not None else scene
    return scene, None, in_order(sample_weight, X, "sample_weight")


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
