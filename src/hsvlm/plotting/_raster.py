"""Images of scenes: thinning, axes in pixels or on the ground, a scale bar and a north arrow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._data.lazy import valid_pixels
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError
from hsvlm.plotting._ground import Ground
from hsvlm.samples import PixelSamples
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


# Larger images are thinned, since no page shows more pixels.
_MAX_SIDE_PX = 2000
_MAX_SIDE_INCHES = 4.4
_ARROW_POINTS = 36


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a raster of `shape` (height, width) is drawn: on the ground, or in rows and columns.

    `meters` is the width of a pixel, None if it is unknown or varies. Scale bar and north arrow are
    drawn if `is_marked`.
    """

    shape: tuple[int, int]
    ground: Ground | None
    meters: float | None
    is_marked: bool = True

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        crs: str | None,
        transform: Sequence[float] | None,
        pixel_size_m: float | None,
    ) -> Self:
        """Place a raster by the georeference of its scene."""
        ground = Ground.locate(shape, crs, transform)
        meters = pixel_size_m
        if meters is None and ground is not None:
            meters = ground.meters_per_pixel()
        return cls((int(shape[0]), int(shape[1])), ground, meters)

    def with_shape(self, height: int, width: int) -> Placement:
        """Place a raster that was thinned and spans other rows and columns at its end."""
        shape = height, width
        return replace(self, shape=shape, ground=self.ground and replace(self.ground, shape=shape))

    def unmarked(self) -> Placement:
        """Leave out scale bar and north arrow."""
        return replace(self, is_marked=False)

    @property
    def coordinates(self) -> Ground | None:
        """The ground, if the axes can show its coordinates: rows run along them."""
        return self.ground if self.ground is not None and self.ground.is_upright else None

    @property
    def stretch(self) -> float:
        """Height of a unit of y over the width of a unit of x in the figure."""
        return 1.0 if self.coordinates is None else self.coordinates.stretch

    @property
    def sides(self) -> tuple[float, float]:
        """Height and width as drawn, in the same unit."""
        ground = self.coordinates
        if ground is None:
            return float(self.shape[0]), float(self.shape[1])
        left, right, bottom, top = ground.extent
        return abs(top - bottom) * self.stretch, abs(right - left)


def thinning(shape: tuple[int, ...]) -> int:
    """Return the step between rows and columns of a scene that are drawn."""
    return math.ceil(max(*shape[:2], 1) / _MAX_SIDE_PX)


def image_size(placement: Placement, title: str, beside: float = 0.0) -> tuple[float, float]:
    """Return the size in inches of a figure of a scene, with `beside` inches to its right."""
    height, width = placement.sides
    per_unit = _MAX_SIDE_INCHES / max(height, width)
    margin = (0.85 if title else 0.6) + (0.0 if placement.coordinates is None else 0.15)
    return max(width * per_unit + 0.75 + beside, 2.0), max(height * per_unit + margin, 1.2)


def check_grid(values: NDArray[Any], scene: Scene | None, role: str) -> None:
    """Raise if a map does not cover its scene."""
    if scene is not None and values.shape[:2] != scene.shape:
        raise DataError(
            f"The scene is {scene.shape[0]} x {scene.shape[1]} pixels, but the {role} has shape "
            f"{values.shape}. Pass the scene that the map was made from, or no scene."
        )


def over_pixels(method: Callable[[Any], NDArray[Any]], cube: Any) -> NDArray[Any]:
    """Predict the valid pixels of a cube or a scene; the others are masked."""
    if isinstance(cube, Scene):
        cube = cube.masked_cube()
    valid = valid_pixels(cube)
    if valid is None:
        return method(cube)
    values = method(PixelSamples(cube, np.argwhere(valid)))
    predicted = fully_masked((*valid.shape, *values.shape[1:]), values.dtype)
    predicted[valid] = values
    return predicted


def fully_masked(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Make an array in which everything is masked."""
    return np.ma.array(np.zeros(shape, dtype), mask=True)


def show_raster(
    ax: Any, image: NDArray[Any], *, placement: Placement, title: str = "", **options: Any
) -> tuple[Any, Any]:
    """Draw an image on its place; return it and its scale bar or None."""
    ground = placement.coordinates
    if ground is None:
        height, width = placement.shape
        extent = (-0.5, width - 0.5, height - 0.5, -0.5)
        drawn = ax.imshow(image, extent=extent, aspect=1.0, **options)
        ax.set(xlabel="column (px)", ylabel="row (px)")
        per_pixel = 1.0
        if placement.ground is not None and placement.is_marked:
            _add_north_arrow(ax, placement.ground.north())
    else:
        left, right, bottom, top = ground.extent
        drawn = ax.imshow(image, extent=ground.extent, aspect=ground.stretch, **options)
        # North is up, however the rows are stored.
        ax.set(xlim=sorted((left, right)), ylim=sorted((bottom, top)))
        per_pixel = abs(right - left) / placement.shape[1]
        _show_coordinates(ax, ground)
    ax.tick_params(labelsize="small")
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_size("small")
    if title:
        ax.set_title(title, fontsize="medium")
    return drawn, _scale_bar(ax, placement, per_pixel)


def _show_coordinates(ax: Any, ground: Ground) -> None:
    from hsvlm.plotting._ticks import CoordinateFormatter, CoordinateLocator

    ax.set(**dict(zip(("xlabel", "ylabel"), ground.axis_labels(), strict=True)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(CoordinateLocator())
        axis.set_major_formatter(CoordinateFormatter())
    ax.tick_params(axis="y", labelrotation=90)


def _add_north_arrow(ax: Any, north: tuple[float, float] | None) -> None:
    """Point to true north in the upper right corner of an image in rows and columns."""
    if north is None:
        return
    boxes = import_optional("matplotlib.offsetbox", "plot")
    patches = import_optional("matplotlib.patches", "plot")
    text = import_optional("matplotlib.text", "plot").Text
    # In points from the lower left corner, so that up is the opposite of down.
    middle, along = np.full(2, _ARROW_POINTS / 2), np.array([north[0], -north[1]])
    tail, tip, letter = (middle + along * reach * _ARROW_POINTS for reach in (-0.48, 0.18, 0.38))
    area = boxes.DrawingArea(_ARROW_POINTS, _ARROW_POINTS)
    area.add_artist(
        patches.FancyArrowPatch(
            tuple(tail), tuple(tip), arrowstyle="-|>", mutation_scale=10, color="black", shrinkA=0
        )
    )
    area.add_artist(text(*letter, "N", ha="center", va="center", size="small"))
    box = boxes.AnchoredOffsetbox("upper right", child=area, pad=0.1, borderpad=0.35)
    box.patch.set(alpha=0.85, linewidth=0)
    ax.add_artist(box)


def _scale_bar(ax: Any, placement: Placement, per_pixel: float) -> Any:
    """Draw a bar of a round length; `per_pixel` is the width of a pixel in data units."""
    if placement.meters is None or not placement.is_marked:
        return None
    artists = import_optional("mpl_toolkits.axes_grid1.anchored_artists", "plot")
    meters = round_length(0.3 * placement.shape[1] * placement.meters)
    bar = artists.AnchoredSizeBar(
        ax.transData,
        meters / placement.meters * per_pixel,
        f"{meters / 1000:g} km" if meters >= 1000 else f"{meters:g} m",
        loc="lower left",
        pad=0.35,
        borderpad=0.35,
        sep=3,
        size_vertical=0.012 * math.sqrt(math.prod(placement.sides)) / placement.stretch,
        fill_bar=True,
        fontproperties=import_optional("matplotlib.font_manager", "plot").FontProperties(
            size="small"
        ),
    )
    bar.patch.set(alpha=0.85, linewidth=0)
    ax.add_artist(bar)
    return bar


def round_length(longest: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that is not longer."""
    power = 10.0 ** math.floor(math.log10(longest))
    fitting = (step * power for step in (1, 2, 5) if step * power <= longest)
    # None fits if the logarithm was rounded up.
    return max(fitting, default=power)
