"""Areas on the ground of the pixels of a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hsvlm._data.lazy import row_blocks
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SQUARE_METERS_PER_HECTARE = 1e4
_MAX_CRS_CHARACTERS = 60
# Relative distortion of areas by the projection from which on the report mentions it. UTM stays
# below 0.3 % within its zones.
_MAX_DISTORTION = 0.01


class Placed(Protocol):
    """Pixels with a place on the ground, of a Scene or a file; shape is (height, width, ...)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of rows and columns."""

    @property
    def crs(self) -> str | None:
        """Coordinate reference system, as WKT or code."""

    @property
    def transform(self) -> tuple[float, ...] | None:
        """Coefficients from columns and rows to coordinates."""


class Ground:
    """Areas of the pixels of a scene, known where it has a georeference."""

    def __init__(self, scene: Placed) -> None:
        self._width = scene.shape[1]
        self._transform = scene.transform
        self._geod: Any = None
        self._cell = 0.0
        self.known = False
        if scene.crs is None or scene.transform is None:
            self.note = "The scene has no georeference, so areas are in pixels."
            return
        crs = _parse_crs(scene.crs)
        units = [axis.unit_conversion_factor for axis in crs.axis_info[:2]]
        a, b, _, d, e, _ = scene.transform
        self._cell = abs(a * e - b * d) * float(np.prod(units))
        self.known = crs.is_projected or crs.is_geographic
        if crs.is_projected:
            distortion = _distortion_note(crs, scene, self._cell)
            self.note = f"Areas are measured in the grid of {crs.name}{distortion}."
        elif crs.is_geographic:
            self._geod = crs.get_geod()
            self._radians = units[0]
            self.note = f"Areas are measured on the ellipsoid of {crs.name}."
        else:
            self.note = f"{crs.name} is neither projected nor geographic, so areas are in pixels."

    def hectares(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the areas of the pixels of some rows, shape (stop - start, width)."""
        area = np.full((stop - start, self._width), self._cell / _SQUARE_METERS_PER_HECTARE)
        if self._geod is None or self._transform is None:
            return area
        # The radii of curvature at the center of a cell. Its height has an effect of second order
        # only: a hundred-thousandth for a degree.
        _, _, _, d, e, f = self._transform
        rows, cols = np.arange(start, stop) + 0.5, np.arange(self._width) + 0.5
        latitude = (d * cols + e * rows[:, None] + f) * self._radians
        flattened = 1 - self._geod.es * np.sin(latitude) ** 2
        area *= self._geod.a**2 * (1 - self._geod.es) * np.cos(latitude) / flattened**2
        return area


def areas_by_number(numbers: NDArray[Any], ground: Ground, size: int) -> NDArray[np.float64]:
    """Sum the areas of the pixels of each number from 0 to `size` - 1."""
    total = np.zeros(size)
    for start, stop in row_blocks((*numbers.shape, 1)):
        block = np.asarray(numbers[start:stop]).ravel()
        total += np.bincount(block, weights=ground.hectares(start, stop).ravel(), minlength=size)
    return total


def reference_system_name(crs: str | None) -> str:
    """Name a reference system, also none."""
    return "unknown reference system" if crs is None else str(_parse_crs(crs).name)


def _parse_crs(text: str) -> Any:
    pyproj = import_optional("pyproj", "geo")
    try:
        return pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        is_short = len(text) <= _MAX_CRS_CHARACTERS
        shown = text if is_short else f"{text[:_MAX_CRS_CHARACTERS]}..."
        raise DataError(
            f"The scene's crs={shown!r} is not understood, so the areas of its pixels are unknown.",
            'Give WKT or a code such as "EPSG:32616", or None for areas in pixels: '
            "dataclasses.replace(scene, crs=...).",
            option_hint="Correct the CRS in the file, or remove it to get areas in pixels.",
        ) from error


def _distortion_note(crs: Any, scene: Placed, cell: float) -> str:
    pyproj = import_optional("pyproj", "geo")
    a, b, c, d, e, f = scene.transform or (1, 0, 0, 0, 1, 0)
    row, col = (side // 2 for side in scene.shape[:2])
    rows, cols = np.array([0, 0, 1, 1]) + row, np.array([0, 1, 1, 0]) + col
    try:
        to_degrees = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
        corners = to_degrees.transform(a * cols + b * rows + c, d * cols + e * rows + f)
        true, _ = crs.get_geod().polygon_area_perimeter(*corners)
    except pyproj.exceptions.ProjError:
        return ""
    scale = cell / abs(true) if true else np.nan
    if not abs(scale - 1) > _MAX_DISTORTION:
        return ""
    return (
        f", which shows areas {scale:.2f} times as large as they are in the middle of the scene; "
        "use an equal-area projection for true areas"
    )
