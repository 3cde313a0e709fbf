"""Draw one label map, or three for reference, prediction and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.optional import import_optional
from hsvlm.exceptions import ParameterError
from hsvlm.plotting._base import new_axes
from hsvlm.plotting._legend import columns_below, height_below, text_inches
from hsvlm.plotting._raster import image_size, show_raster, thinning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


# Distinct for every color vision, and in gray.
ERROR_COLORS = {False: "#D0D0D0", True: "#D55E00"}

# The legend is to the right of a map if both fit into this width, and otherwise below it.
_MAX_WIDTH_INCHES = 5.4
_MIN_WIDTH_INCHES = 3.5
_PAGE_INCHES = 7.2
# Space for tick labels and axis labels, and for a title.
_LABELS_INCHES = 0.8
_TITLE_INCHES = 0.3
_MAX_HEIGHT_INCHES = {"row": 6.0, "column": 2.4}


def show_labels(
    ax: Any,
    label_map: NDArray[Any],
    colors: Mapping[Any, Any],
    title: str,
    pixel_size_m: float | None,
) -> Any:
    """Draw labels in their colors and the rest white; return the scale bar or None."""
    to_rgb = import_optional("matplotlib.colors", "plot").to_rgb
    step = thinning(label_map.shape)
    drawn = label_map[::step, ::step]
    image = np.ones((*drawn.shape, 3), dtype=np.float32)
    for label, color in colors.items():
        image[np.ma.filled(drawn == label, False)] = to_rgb(color)
    _, bar = show_raster(
        ax, image, step=step, title=title, pixel_size_m=pixel_size_m, interpolation="nearest"
    )
    return bar


def comparable(reference: NDArray[Any], label_map: NDArray[Any]) -> NDArray[np.bool_]:
    """Find the pixels that have both a reference and a prediction."""
    return np.asarray(~(np.ma.getmaskarray(reference) | np.ma.getmaskarray(label_map)))


def error_names(reference: NDArray[Any], label_map: NDArray[Any]) -> list[str]:
    """Name both colors of the map of errors, with their numbers of pixels."""
    errors = _errors(reference, label_map)
    n_errors = int(errors.sum())
    return [f"correct ({int(errors.count()) - n_errors:,})", f"wrong ({n_errors:,})"]


def _errors(reference: NDArray[Any], label_map: NDArray[Any]) -> np.ma.MaskedArray[Any, Any]:
    differs = np.asarray(reference) != np.asarray(label_map)
    return np.ma.array(differs, mask=~comparable(reference, label_map))


def show_comparison(
    axes: NDArray[Any],
    reference: NDArray[Any],
    label_map: NDArray[Any],
    colors: Mapping[Any, Any],
    pixel_size_m: float | None,
) -> Any:
    """Draw reference, prediction and errors; return the scale bar of the first or None."""
    errors = _errors(reference, label_map)
    bar = show_labels(axes[0], reference, colors, "reference", pixel_size_m)
    show_labels(axes[1], label_map, colors, "prediction", None)
    show_labels(axes[2], errors, ERROR_COLORS, f"errors: {errors.mean():.1%}", None)
    for ax in axes:
        ax.title.set_fontsize(9)
        if ax.get_subplotspec() is not None:
            ax.label_outer()
    return bar


def one_panel(
    ax: Any, shape: tuple[int, ...], title: str, names: list[str]
) -> tuple[NDArray[Any], int | None]:
    """Return axes for one map and the columns of a legend below it; None puts it to the right."""
    columns = None
    if ax is None:
        width, height = image_size(shape, title)
        beside = width + 0.4 + text_inches(names)
        if beside <= _MAX_WIDTH_INCHES:
            size = (beside, max(height, 0.7 + 0.19 * len(names)))
        else:
            width = max(width, _MIN_WIDTH_INCHES)
            columns = columns_below(names, width)
            size = (width, height + height_below(names, columns))
        ax = new_axes(None, size)
    return np.array([ax], dtype=object), columns


def three_panels(
    ax: Any, shape: tuple[int, ...], names: list[str]
) -> tuple[NDArray[Any], int | None]:
    """Return axes for three maps and the columns of a legend below; None puts it to the right."""
    if ax is not None:
        axes = np.array(ax, dtype=object).ravel()
        if axes.size != 3:
            raise ParameterError(
                f"Reference, prediction and errors need three axes, got {axes.size}. Pass them "
                "all, or ax=None for a new figure."
            )
        return axes, None
    height, width = shape[:2]
    wide = width > 2 * height
    room = _PAGE_INCHES - _LABELS_INCHES
    if wide:
        tall = min(room * height / width, _MAX_HEIGHT_INCHES["column"])
        size = (tall * width / height + _LABELS_INCHES, 3 * (tall + _TITLE_INCHES) + 0.5)
    else:
        tall = min(room / 3 * height / width, _MAX_HEIGHT_INCHES["row"])
        size = (3 * tall * width / height + _LABELS_INCHES, tall + _TITLE_INCHES + 0.5)
    columns = columns_below(names, max(size[0], _MIN_WIDTH_INCHES))
    figure_size = (max(size[0], _MIN_WIDTH_INCHES), size[1] + height_below(names, columns))
    grid: dict[str, Any] = {"nrows": 3} if wide else {"ncols": 3}
    return new_axes(None, figure_size, **grid, sharex=True, sharey=True), columns
