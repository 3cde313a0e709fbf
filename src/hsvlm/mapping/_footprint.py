"""Outlines of scenes in longitude and latitude."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.optional import import_optional

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.scene import Scene

# Straight borders of a grid are curves in other coordinates.
_POINTS_PER_SIDE = 21
# A hundred-millionth of a degree is a millimeter.
_DECIMALS = 8
_ANTIMERIDIAN = 180


def footprint(scene: Scene) -> tuple[dict[str, Any] | None, list[float] | None]:
    """Return the outline of a scene as GeoJSON and its bounding box, in WGS 84.

    None and None without a georeference. Scenes across the antimeridian have an outline in two
    parts and a box whose west is greater than its east, as GeoJSON has it.
    """
    if scene.crs is None or scene.transform is None:
        return None, None
    shapely = import_optional("shapely", "geo")
    outline = _outline(scene)
    if not np.isfinite(outline).all():
        return None, None
    outline[:, 0] = np.unwrap(outline[:, 0], period=360)
    outline[:, 0] -= np.floor((outline[:, 0].min() + 180) / 360) * 360
    polygon = shapely.Polygon(np.round(outline, _DECIMALS))
    west, south, east, north = polygon.bounds
    parts = [polygon]
    if east > _ANTIMERIDIAN:
        beyond = shapely.transform(polygon, lambda points: points - (360, 0))
        parts = [part & shapely.box(-180, -90, 180, 90) for part in (polygon, beyond)]
        east = round(east - 360, _DECIMALS)
    # Counterclockwise, as GeoJSON has it.
    parts = [import_optional("shapely.geometry.polygon", "geo").orient(part) for part in parts]
    geometry = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return shapely.geometry.mapping(geometry), [west, south, east, north]


def grid_bounds(scene: Scene) -> list[float]:
    """Return the bounding box of a scene in its own coordinates."""
    a, b, c, d, e, f = scene.transform or (1, 0, 0, 0, 1, 0)
    rows, cols = np.array([0, 0, 1, 1]) * scene.shape[0], np.array([0, 1, 1, 0]) * scene.shape[1]
    x, y = a * cols + b * rows + c, d * cols + e * rows + f
    return [float(value) for value in (x.min(), y.min(), x.max(), y.max())]


def _outline(scene: Scene) -> NDArray[np.float64]:
    """Return longitudes and latitudes along the border, shape (n_points, 2)."""
    pyproj = import_optional("pyproj", "geo")
    height, width = scene.shape
    a, b, c, d, e, f = scene.transform or (1, 0, 0, 0, 1, 0)
    steps = np.linspace(0, 1, _POINTS_PER_SIDE)[:-1]
    start, end = np.zeros_like(steps), np.ones_like(steps)
    cols = np.concatenate([steps, end, 1 - steps, start]) * width
    rows = np.concatenate([start, steps, end, 1 - steps]) * height
    to_degrees = pyproj.Transformer.from_crs(scene.crs, "EPSG:4326", always_xy=True)
    points = to_degrees.transform(a * cols + b * rows + c, d * cols + e * rows + f)
    return np.stack(points, axis=-1)
