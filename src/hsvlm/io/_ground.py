"""Where grids lie on the ground."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io import _geo as geo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hsvlm.exceptions import FileError
    from hsvlm.io._common import LabelMap
    from hsvlm.scene import Scene

# Grids are one if their corners differ by less than this share of a pixel. Coordinates kept as
# float32 are good to a few hundredths; a confusion of pixel centers and corners is a half.
_TOLERANCE_PX = 0.1
_HINT = "Bring it to the grid of the scene, for example with gdalwarp -r near."
_UNLIKE_CRS = {"km", "kilometer", "kilometre", "rad", "radian", "radians"}
_UNNAMED = {"", "unknown", "undefined", "unnamed"}
_DEGREES = re.compile(r"degrees?(_?(north|east|n|e))?", re.IGNORECASE)


def check_grid(path: Any, label_map: LabelMap, scene: Scene) -> None:
    """Refuse a label map whose pixels are not those of the scene."""
    if label_map.labels.shape != scene.shape:
        raise _other_size(path, label_map, scene)
    if label_map.transform is None or scene.transform is None:
        return
    theirs = _corners(label_map.transform, scene.shape)
    ours = _corners(scene.transform, scene.shape)
    names = ("", "")
    if label_map.crs is not None and scene.crs is not None and label_map.crs != scene.crs:
        theirs = _reprojected(theirs, label_map.crs, scene.crs)
        names = crs_name(label_map.crs), crs_name(scene.crs)
    a, b, _, d, e, _ = scene.transform
    shift = np.linalg.solve([[a, b], [d, e]], (theirs - ours).T)
    pixels = float(np.hypot(*shift).max()) if np.isfinite(shift).all() else np.inf
    if pixels < _TOLERANCE_PX:
        return
    problem = f"the corners of the label map lie up to {pixels:.4g} pixels from those of the scene"
    if names[0] != names[1]:
        problem = f"the label map lies in another CRS ({names[0]}) than the scene ({names[1]})"
    elif _turned(theirs, ours, scene.transform):
        what = "rows or columns of the label map"
        problem = f"{what} run in another direction than those of the scene"
    raise file_error(path, problem, _HINT)


def _other_size(path: Any, label_map: LabelMap, scene: Scene) -> FileError:
    height, width = scene.shape
    rows, cols = label_map.labels.shape
    if min(rows, cols) == 1 and rows * cols == height * width:
        problem = f"holds a row or column of labels, of {rows * cols:,} pixels, and their order of "
        hint = f"Save them as a map of {height} x {width} pixels."
        return file_error(path, f"{problem}pixels is unknown", hint)
    is_placed = label_map.transform is not None and scene.transform is not None
    hint = _HINT if is_placed else "Give a map with a label for each pixel of the scene."
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
    try:
        return str(geo.pyproj.CRS.from_user_input(crs).name)
    except geo.pyproj.exceptions.CRSError:
        return crs


def georeference(
    array: Any, variables: Mapping[str, Any], y: Any, x: Any
) -> tuple[str | None, tuple[float, ...] | None]:
    """Find CRS and transform of an array of xarray."""
    mapping = _grid_mapping(array, variables)
    along = [_coordinate(array, variables, dim) for dim in (x, y)]
    across, down = (None if coordinate is None else _even_steps(coordinate) for coordinate in along)
    crs = None
    if mapping is not None:
        crs = _crs_of(mapping)
    elif all(coordinate is not None and _in_degrees(coordinate) for coordinate in along):
        crs = "EPSG:4326"
    if across is not None and down is not None:
        (x_first, x_step), (y_first, y_step) = across, down
        # Coordinates are those of pixel centers.
        return crs, (x_step, 0, x_first - x_step / 2, 0, y_step, y_first - y_step / 2)
    if mapping is not None and any(
        coordinate is None or len(coordinate) == 1 for coordinate in along
    ):
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
    try:
        crs = geo.pyproj.CRS.from_cf(mapping.attrs)
        code = crs.to_epsg() if crs.name in _UNNAMED else None
        return str((geo.pyproj.CRS.from_epsg(code) if code else crs).to_wkt())
    except (geo.pyproj.exceptions.CRSError, KeyError):
        return None


def _coordinate(array: Any, variables: Mapping[str, Any], dim: Any) -> Any:
    coordinate = array.coords[dim] if dim in array.coords else variables.get(str(dim))
    return coordinate if coordinate is not None and coordinate.dims == (dim,) else None


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
    try:
        crs = [geo.pyproj.CRS.from_user_input(crs) for crs in (here, there)]
        if crs[0] == crs[1]:
            return points
        moved = geo.pyproj.Transformer.from_crs(*crs, always_xy=True).transform(*points.T)
    except geo.pyproj.exceptions.ProjError:
        return np.full_like(points, np.nan)
    return np.column_stack(moved)
