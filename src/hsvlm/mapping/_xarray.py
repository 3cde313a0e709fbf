"""Maps as datasets of xarray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.optional import import_optional
from hsvlm.io.named_arrays import label_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hsvlm.scene import Scene

_GRID_MAPPING = "spatial_ref"


def map_dataset(
    scene: Scene,
    labels: NDArray[Any],
    class_names: Mapping[Any, str],
    unlabeled: Any,
    probabilities: NDArray[np.float32] | None,
    entropy: NDArray[np.float32] | None,
) -> Any:
    """Make a dataset of a map; `class_names` has every class, in the order of the classifier.

    Shapes: `labels` and `entropy` (height, width), `probabilities` (height, width, n_classes).
    """
    xarray = import_optional("xarray", "geo")
    classes = np.array(list(class_names))
    attributes = label_attributes(classes, class_names, labels.dtype, unlabeled)
    variables: dict[str, Any] = {"label": (("y", "x"), labels, attributes)}
    coords = _places(scene)
    if probabilities is not None:
        about = {"long_name": "probability of the class", "units": "1"}
        variables["probability"] = (("y", "x", "class"), probabilities, about)
        coords["class"] = ("class", classes)
        coords["class_name"] = ("class", [str(name) for name in class_names.values()])
    if entropy is not None:
        about = {"long_name": "Shannon entropy of the probabilities over its maximum", "units": "1"}
        variables["entropy"] = (("y", "x"), entropy, about)
    dataset = xarray.Dataset(variables, coords)
    if _GRID_MAPPING in coords:
        for name in variables:
            dataset[name].encoding["grid_mapping"] = _GRID_MAPPING
    return dataset


def _places(scene: Scene) -> dict[str, Any]:
    """Return the coordinates of the pixel centers, and where they are on the ground."""
    coords: dict[str, Any] = {}
    height, width = scene.shape
    transform = scene.transform
    is_upright = transform is not None and transform[1] == transform[3] == 0
    if transform is not None and is_upright:
        a, _, c, _, e, f = transform
        coords["x"] = ("x", c + a * (np.arange(width) + 0.5), {"axis": "X"})
        coords["y"] = ("y", f + e * (np.arange(height) + 0.5), {"axis": "Y"})
    if transform is None and scene.crs is None:
        return coords
    about: dict[str, Any] = {}
    if scene.crs is not None:
        crs = import_optional("pyproj", "geo").CRS.from_user_input(scene.crs)
        about = crs.to_cf()
        if is_upright:
            for name, details in zip("xy", _axes_of(crs), strict=True):
                coords[name] = (*coords[name][:2], details)
    if transform is not None:
        a, b, c, d, e, f = transform
        about["GeoTransform"] = " ".join(map(repr, map(float, (c, a, b, f, d, e))))
    coords[_GRID_MAPPING] = ((), 0, about)
    return coords


def _axes_of(crs: Any) -> list[dict[str, str]]:
    """Return the attributes of the coordinates across and down, as the CF conventions name them."""
    listed = {str(axis["axis"]): dict(axis) for axis in crs.cs_to_cf() if "axis" in axis}
    return [listed.get(name, {"axis": name}) for name in "XY"]
