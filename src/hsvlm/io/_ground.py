"""Where grids lie on the ground."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm._system.optional import import_optional

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hsvlm.exceptions import FileError
    from hsvlm.io._common import LabelMap
    from hsvlm.scene import Scene

__all__ = ["check_grid", "crs_name", "extent", "georeference"]

# Grids are one if their corners differ by less than this share of a pixel. Coordinates kept as
# float32 are good to a few hundredths; a confusion of pixel centers and corners is a half.
_TOLERANCE_PX = 0.1
_UNLIKE_CRS = {"km", "kilometer", "kilometre", "rad", "radian", "radians"}
_UNNAMED = {"", "unknown", "undefined", "unnamed"}
_DEGREES = re.compile(r"degrees?(_?(north|east|n|e))?", re.IGNORECASE)


def check_grid(path: Any, found: LabelMap, scene: Scene) -> None:
    """Refuse a label map whose pixels are not those of the scene."""
    hint = "Bring it to the grid of the scene, for example with gdalwarp -r near."
    height, width = scene.shape
    if found.labels.shape != (height, width):
        raise _other_size(path, found, scene)
    if found.transform is None or scene.transform is None:
        return
    theirs, ours = _corners(found.transform, scene.shape), _corners(scene.transform, scene.shape)
    if found.crs is not None and scene.crs is not None and found.crs != scene.crs:
        theirs = _reprojected(theirs, found.crs, scene.crs)
    a, b, _, d, e, _ = scene.transform
    shift = np.linalg.solve([[a, b], [d, e]], (theirs - ours).T)
    pixels = float(np.hypot(*shift).max()) if np.isfinite(shift).all() else np.inf
    if pixels < _TOLERANCE_PX:
        return
    if found.crs is not None and scene.crs is not None:
        names = crs_name(found.crs), crs_name(scene.crs)
        if names[0] != names[1]:
            problem = f"the label map lies in another CRS ({names[0]}) than the scene ({names[1]})"
            raise file_error(path, problem, hint)
    if _turned(theirs, ours, scene.transform):
        problem = (
            "rows or columns of the label map run in another direction than those of the scene"
        )
        raise file_error(path, problem, hint)
    problem = f"the corners of the label map lie up to {pixels:.4g} pixels from those of the scene"
    raise file_error(path, problem, hint)


def _other_size(path: Any, found: LabelMap, scene: Scene) -> FileError:
    height, width = scene.shape
    rows, cols = found.labels.shape
    if min(rows, cols) == 1 and rows * cols == height * width:
        problem = (
            f"holds a row or column of labels, of {rows * cols:,} pixels, and their order of "
            "pixels is unknown"
        )
        return file_error(path, problem, f"Save them as a map of {height} x {width} pixels.")
    hint = "Bring it to the grid of the scene, for example with gdalwarp -r near."
    if found.transform is None or scene.transform is None:
        hint = "Give a map with a label for each pixel of the scene."
    turned = " (it seems to be transposed)" if (cols, rows) == (height, width) else ""
    problem = f"the label map has {rows} x {cols} pixels, the scene {height} x {width}{turned}"
    return file_error(path, problem, hint)


def _turned(theirs: Any, ours: Any, transform: tuple[float, ...]) -> bool:
    """Tell whether two grids fill the same rectangle from different corners."""
    tolerance = _TOLERANCE_PX * float(np.hypot(transform[0], transform[3]))
    ends = [(corners.min(axis=0), corners.max(axis=0)) for corners in (theirs, ours)]
    return bool(np.abs(np.array(ends[0]) - np.array(ends[1])).max() < tolerance)


def extent(transform: tuple[float, ...], shape: tuple[int, int]) -> tuple[float, ...]:
    """Give the rectangle that a grid fills."""
    corners = _corners(transform, shape)
    return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())


def crs_name(crs: str) -> str:
    """Give the name of a coordinate reference system."""
    pyproj = import_optional("pyproj", "geo")
    try:
        return str(pyproj.CRS.from_user_input(crs).name)
    except pyproj.exceptions.CRSError:
        return crs


def georeference(
    array: Any, variables: Mapping[str, Any], y: Any, x: Any
) -> tuple[str | None, tuple[float, ...] | None]:
    """Find CRS and transform of an array of xarray."""
    mapping = _grid_mapping(array, variables)
    along = [_coordinate(array, variables, dim) for dim in (x, y)]
    across, down = (None if one is None else _even_steps(one) for one in along)
    crs = None
    if mapping is not None:
        crs = _crs_of(mapping)
    elif all(one is not None and _in_degrees(one) for one in along):
        crs = "EPSG:4326"
    if across is not None and down is not None:
        (x_first, x_step), (y_first, y_step) = across, down
        # Coordinates are those of pixel centers.
        return crs, (x_step, 0, x_first - x_step / 2, 0, y_step, y_first - y_step / 2)
    if mapping is not None and any(one is None or len(one) == 1 for one in along):
        numbers = str(mapping.attrs.get("GeoTransform", "")).split()
        if len(numbers) == 6:
            c, a, b, f, d, e = map(float, numbers)
            return crs, (a, b, c, d, e, f)
    return crs, None


def _grid_mapping(array: Any, variables: Mapping[str, Any]) -> Any:
    said = array.attrs.get("grid_mapping", array.encoding.get("grid_mapping", "spatial_ref"))
    # CF's longer form is "crs: x y".
    name = re.split(r"[:\s]", str(said).strip())[0]
    return array.coords[name] if name in array.coords else variables.get(name)


def _crs_of(mapping: Any) -> str | None:
    pyproj = import_optional("pyproj", "geo")
    try:
        crs = pyproj.CRS.from_cf(mapping.attrs)
        code = crs.to_epsg() if crs.name in _UNNAMED else None
        return str((pyproj.CRS.from_epsg(code) if code else crs).to_wkt())
    except (pyproj.exceptions.CRSError, KeyError):
        return None


def _coordinate(array: Any, variables: Mapping[str, Any], dim: Any) -> Any:
    found = array.coords[dim] if dim in array.coords else variables.get(str(dim))
    return found if found is not None and found.dims == (dim,) else None


def _even_steps(coordinate: Any) -> tuple[float, float] | None:
    said = str(coordinate.attrs.get("units", "")).strip().lower()
    if coordinate.dtype.kind not in "iuf" or said in _UNLIKE_CRS or len(coordinate) < 2:
        return None
    values = coordinate.values.astype(np.float64)
    step = float(values[-1] - values[0]) / (len(values) - 1)
    off = np.abs(values - (values[0] + step * np.arange(len(values)))).max()
    return (float(values[0]), step) if off < _TOLERANCE_PX * abs(step) else None


def _in_degrees(coordinate: Any) -> bool:
    said = str(coordinate.attrs.get("units", "")).strip()
    named = str(coordinate.name).lower() in ("lat", "latitude", "lon", "longitude")
    return bool(_DEGREES.fullmatch(said)) or (not said and named)


def _corners(transform: tuple[float, ...], shape: tuple[int, int]) -> NDArray[np.float64]:
    a, b, c, d, e, f = transform
    rows, cols = np.meshgrid([0, shape[0]], [0, shape[1]])
    x, y = a * cols + b * rows + c, d * cols + e * rows + f
    return np.column_stack([x.ravel(), y.ravel()])


def _reprojected(points: NDArray[np.float64], here: str, there: str) -> NDArray[np.float64]:
    pyproj = import_optional("pyproj", "geo")
    try:
        crs = [pyproj.CRS.from_user_input(one) for one in (here, there)]
        if crs[0] == crs[1]:
            return points
        moved = pyproj.Transformer.from_crs(*crs, always_xy=True).transform(*points.T)
    except pyproj.exceptions.ProjError:
        return np.full_like(points, np.nan)
    return np.column_stack(moved)
