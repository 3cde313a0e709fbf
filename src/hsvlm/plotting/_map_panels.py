"""How label maps are painted and laid out: one, or reference, prediction and errors."""

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

__all__ = [
    "ERROR_COLOURS",
    "comparable",
    "error_names",
    "one_panel",
    "show_comparison",
    "show_labels",
    "three_panels",
]

# Apart for every colour vision, and in grey.
ERROR_COLOURS = {False: "#D0D0D0", True: "#D55E00"}

# A legend stands at the right of a map as long as both fit into this; else below it.
_WIDEST_INCHES = 5.4
_NARROWEST_INCHES = 3.5
_PAGE_INCHES = 7.2
# What tick labels and axis labels take, and a title.
_LABELS_INCHES = 0.8
_TITLE_INCHES = 0.3
_TALLEST_INCHES = {"row": 6.0, "column": 2.4}


def show_labels(
    ax: Any,
    label_map: NDArray[Any],
    colours: Mapping[Any, Any],
    title: str,
    pixel_size_m: float | None,
) -> Any:
    """Paint labels in their colours, all else white; return the scale bar or None."""
    to_rgb = import_optional("matplotlib.colors", "plot").to_rgb
    step = thinning(label_map.shape)
    drawn = label_map[::step, ::step]
    image = np.ones((*drawn.shape, 3), dtype=np.float32)
    for label, colour in colours.items():
        image[np.ma.filled(drawn == label, False)] = to_rgb(colour)
    _, bar = show_raster(
        ax, image, step=step, title=title, pixel_size_m=pixel_size_m, interpolation="nearest"
    )
    return bar


def comparable(reference: NDArray[Any], label_map: NDArray[Any]) -> NDArray[np.bool_]:
    """Find the pixels that have both a reference and a prediction."""
    both: NDArray[np.bool_] = ~(np.ma.getmaskarray(reference) | np.ma.getmaskarray(label_map))
    return both


def error_names(reference: NDArray[Any], label_map: NDArray[Any]) -> list[str]:
    """Name both colours of the map of errors, with how many pixels there are of each."""
    errors = _errors(reference, label_map)
    wrong = int(errors.sum())
    return [f"correct ({int(errors.count()) - wrong:,})", f"wrong ({wrong:,})"]


def _errors(reference: NDArray[Any], label_map: NDArray[Any]) -> np.ma.MaskedArray[Any, Any]:
    wrong = np.asarray(reference) != np.asarray(label_map)
    return np.ma.array(wrong, mask=~comparable(reference, label_map))


def show_comparison(
    axes: NDArray[Any],
    reference: NDArray[Any],
    label_map: NDArray[Any],
    colours: Mapping[Any, Any],
    pixel_size_m: float | None,
) -> Any:
    """Draw reference, prediction and errors; return the scale bar of the first or None."""
    errors = _errors(reference, label_map)
    bar = show_labels(axes[0], reference, colours, "reference", pixel_size_m)
    show_labels(axes[1], label_map, colours, "prediction", None)
    show_labels(axes[2], errors, ERROR_COLOURS, f"errors: {errors.mean():.1%}", None)
    for ax in axes:
        ax.title.set_fontsize(9)
        if ax.get_subplotspec() is not None:
            ax.label_outer()
    return bar


def one_panel(
    ax: Any, shape: tuple[int, ...], title: str, names: list[str]
) -> tuple[NDArray[Any], int | None]:
    """Axes for one map, and the columns of a legend below it; None: it stands at the right."""
    columns = None
    if ax is None:
        width, height = image_size(shape, title)
        beside = width + 0.4 + text_inches(names)
        if beside <= _WIDEST_INCHES:
            size = (beside, max(height, 0.7 + 0.19 * len(names)))
        else:
            width = max(width, _NARROWEST_INCHES)
            columns = columns_below(names, width)
            size = (width, height + height_below(names, columns))
        ax = new_axes(None, size)
    return np.array([ax], dtype=object), columns


def three_panels(
    ax: Any, shape: tuple[int, ...], names: list[str]
) -> tuple[NDArray[Any], int | None]:
    """Axes for three maps, and the columns of a legend below; None: at the right of the last."""
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
        tall = min(room * height / width, _TALLEST_INCHES["column"])
        size = (tall * width / height + _LABELS_INCHES, 3 * (tall + _TITLE_INCHES) + 0.5)
    else:
        tall = min(room / 3 * height / width, _TALLEST_INCHES["row"])
        size = (3 * tall * width / height + _LABELS_INCHES, tall + _TITLE_INCHES + 0.5)
    columns = columns_below(names, max(size[0], _NARROWEST_INCHES))
    figure_size = (max(size[0], _NARROWEST_INCHES), size[1] + height_below(names, columns))
    grid: dict[str, Any] = {"nrows": 3} if wide else {"ncols": 3}
    return new_axes(None, figure_size, **grid, sharex=True, sharey=True), columns
