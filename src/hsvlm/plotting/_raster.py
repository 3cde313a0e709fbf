"""Images of scenes: thinning, axes in pixels and a scale bar."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import valid_pixels
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError, MissingDependencyError
from hsvlm.samples import PixelSamples
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


# Larger images are thinned, since no page shows more pixels.
_MAX_SIDE_PX = 2000
_MAX_SIDE_INCHES = 4.4
# The scale of these projections changes within a map, so that no scale bar is right.
_VARYING_SCALE = {"merc", "webmerc", "eqc"}


def thinning(shape: tuple[int, ...]) -> int:
    """Return the step between rows and columns of a scene that are drawn."""
    return math.ceil(max(*shape[:2], 1) / _MAX_SIDE_PX)


def image_size(shape: tuple[int, ...], title: str, beside: float = 0.0) -> tuple[float, float]:
    """Return the size in inches of a figure of a scene, with `beside` inches to its right."""
    per_pixel = _MAX_SIDE_INCHES / max(shape[:2])
    margin = 0.85 if title else 0.6
    return max(shape[1] * per_pixel + 0.75 + beside, 2.0), max(shape[0] * per_pixel + margin, 1.2)


def meters_per_pixel(scene: Scene | None) -> float | None:
    """Return the width of a pixel on the ground, or None if unknown or varying."""
    if scene is None or scene.crs is None or scene.transform is None:
        return None
    try:
        rasterio = import_optional("rasterio", "geo")
    except MissingDependencyError:
        return None
    try:
        crs = rasterio.crs.CRS.from_user_input(scene.crs)
    except rasterio.errors.CRSError:
        return None
    if not crs.is_projected or crs.to_dict().get("proj") in _VARYING_SCALE:
        return None
    a, _, _, d, _, _ = scene.transform
    return float(np.hypot(a, d) * crs.linear_units_factor[1])


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
    ax: Any,
    image: NDArray[Any],
    *,
    step: int,
    title: str,
    pixel_size_m: float | None,
    **options: Any,
) -> tuple[Any, Any]:
    """Draw an image with axes in pixels; return it and its scale bar or None."""
    height, width = (step * side for side in image.shape[:2])
    drawn = ax.imshow(image, extent=(-0.5, width - 0.5, height - 0.5, -0.5), **options)
    ax.set(xlabel="column (px)", ylabel="row (px)")
    if title:
        ax.set_title(title)
    return drawn, None if pixel_size_m is None else _scale_bar(ax, pixel_size_m, width, height)


def _scale_bar(ax: Any, pixel_size_m: float, width: int, height: int) -> Any:
    artists = import_optional("mpl_toolkits.axes_grid1.anchored_artists", "plot")
    meters = _round_length(0.3 * width * pixel_size_m)
    bar = artists.AnchoredSizeBar(
        ax.transData,
        meters / pixel_size_m,
        f"{meters / 1000:g} km" if meters >= 1000 else f"{meters:g} m",
        loc="lower left",
        pad=0.35,
        borderpad=0.35,
        sep=3,
        size_vertical=0.012 * max(width, height),
        fill_bar=True,
    )
    bar.patch.set(alpha=0.85, linewidth=0)
    ax.add_artist(bar)
    return bar


def _round_length(longest: float) -> float:
    power = 10.0 ** math.floor(math.log10(longest))
    fitting = (step * power for step in (1, 2, 5) if step * power <= longest)
    # None fits if the logarithm was rounded up.
    return max(fitting, default=power)
