"""Where the pixels of a scene lie on the ground: coordinates, lengths and north."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._system.optional import import_optional
from hsvlm.exceptions import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


# A scale bar is drawn where the length of a pixel varies less than this within the scene.
_MAX_VARIATION = 0.05
# Larger latitudes would stretch a figure without limit.
_MAX_LATITUDE = 85.0
_MAX_CRS_CHARACTERS = 48
_UNITS = {"metre": "m", "degree": "°", "foot": "ft", "US survey foot": "US ft", "kilometre": "km"}
_UNNAMED = ("unknown", "unnamed")


@dataclass(frozen=True, eq=False)
class Ground:
    """Location of a raster of `shape` (height, width) on the ground.

    `transform` holds the affine coefficients of a :class:`hsvlm.Scene`, `crs` is that of pyproj.
    """

    shape: tuple[int, int]
    crs: Any
    transform: tuple[float, ...]

    @classmethod
    def locate(
        cls, shape: tuple[int, ...], crs: str | None, transform: Sequence[float] | None
    ) -> Self | None:
        """Locate a raster; None without a georeference, or without the library that reads it."""
        if crs is None or transform is None:
            return None
        try:
            pyproj = import_optional("pyproj", "geo")
        except MissingDependencyError:
            return None
        try:
            parsed = pyproj.CRS.from_user_input(crs)
        except pyproj.exceptions.CRSError:
            return None
        if not (parsed.is_projected or parsed.is_geographic) or parsed.geodetic_crs is None:
            return None
        return cls((int(shape[0]), int(shape[1])), parsed, tuple(map(float, transform)))

    @property
    def is_upright(self) -> bool:
        """Whether rows and columns run along the axes of the reference system."""
        a, b, _, d, e, _ = self.transform
        return bool(max(abs(b), abs(d)) <= 1e-9 * max(abs(a), abs(e)) and a != 0 and e != 0)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Coordinates of the left, right, lower and upper border of the raster as it is stored."""
        (height, width), (a, _, c, _, e, f) = self.shape, self.transform
        return c, c + a * width, f + e * height, f

    @property
    def stretch(self) -> float:
        """Height of a unit of y over the width of a unit of x, in the middle of the scene."""
        if not self.crs.is_geographic:
            return 1.0
        latitude = self._degrees(np.array([[self.shape[0] / 2, self.shape[1] / 2]]))[0, 1]
        is_known = math.isfinite(latitude)
        return 1 / math.cos(math.radians(min(abs(latitude), _MAX_LATITUDE))) if is_known else 1.0

    def axis_labels(self) -> tuple[str, str]:
        """Name the axes with their unit, and the reference system below that of x."""
        axes = list(self.crs.axis_info[:2])
        directions = {axis.direction for axis in axes}
        names = ("easting", "northing") if directions == {"east", "north"} else ("x", "y")
        if self.crs.is_geographic:
            names = ("longitude", "latitude")
        unit = axes[0].unit_name if axes else ""
        unit = f" ({_UNITS.get(unit, unit)})" if unit else ""
        name = self.crs.name
        is_named = name.lower() not in _UNNAMED and len(name) <= _MAX_CRS_CHARACTERS
        return f"{names[0]}{unit}" + (f"\n{name}" if is_named else ""), f"{names[1]}{unit}"

    def meters_per_pixel(self) -> float | None:
        """Measure the width of a pixel in the middle; None if it differs much elsewhere."""
        height, width = self.shape
        rows, cols = np.array([0.5, 0.0, 0.0, 1.0, 1.0]), np.array([0.5, 0.0, 1.0, 0.0, 1.0])
        middles = np.column_stack([rows * height, cols * width])
        half = np.array([0.0, 0.5])
        start, stop = self._degrees(middles - half), self._degrees(middles + half)
        if not (np.isfinite(start).all() and np.isfinite(stop).all()):
            return None
        _, _, meters = self.crs.get_geod().inv(*start.T, *stop.T)
        middle = float(meters[0])
        if not middle or abs(np.asarray(meters) / middle - 1).max() > _MAX_VARIATION:
            return None
        return middle

    def north(self) -> tuple[float, float] | None:
        """Return the direction of true north in the middle, as (right, down) of length 1."""
        middle = np.array([[self.shape[0] / 2, self.shape[1] / 2]])
        start = self._degrees(middle)
        step = 1e-4 if start[0, 1] < 89 else -1e-4
        end = self._pixels(start + np.array([0.0, step]))
        if not np.isfinite(end).all():
            return None
        down, right = (end - self._pixels(start))[0] * math.copysign(1, step)
        length = math.hypot(right, down)
        return (right / length, down / length) if length else None

    def _degrees(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert rows and columns to longitudes and latitudes in degrees, each (n, 2)."""
        a, b, c, d, e, f = self.transform
        row, col = pixels.T
        x, y = a * col + b * row + c, d * col + e * row + f
        geodetic = self.crs.geodetic_crs
        x, y = self._transformer(self.crs, geodetic).transform(x, y)
        return np.degrees(np.column_stack([x, y]) * self._radians)

    def _pixels(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b, c, d, e, f = self.transform
        lonlat = np.radians(degrees) / self._radians
        x, y = self._transformer(self.crs.geodetic_crs, self.crs).transform(*lonlat.T)
        matrix = np.array([[b, a], [e, d]])
        if not np.linalg.det(matrix):
            return np.full_like(degrees, np.nan)
        return np.linalg.solve(matrix, np.array([x - c, y - f])).T

    @property
    def _radians(self) -> float:
        return float(self.crs.geodetic_crs.axis_info[0].unit_conversion_factor)

    @staticmethod
    def _transformer(source: Any, target: Any) -> Any:
        pyproj = import_optional("pyproj", "geo")
        return pyproj.Transformer.from_crs(source, target, always_xy=True)
