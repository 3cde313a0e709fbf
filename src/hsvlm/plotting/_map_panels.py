"""Draw one label map, one beside an image, or three for reference, prediction and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.optional import import_optional
from hsvlm.exceptions import ParameterError
from hsvlm.plotting._base import new_axes
from hsvlm.plotting._legend import columns_below, height_below, text_inches, wrap_text
from hsvlm.plotting._raster import Placement, image_size, show_raster, thinning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hsvlm.plotting._scene import SceneDisplay


# Distinct for every color vision, and in gray.
ERROR_COLORS = {False: "#D0D0D0", True: "#D55E00"}

# The legend is to the right of a map if both fit into this width, and otherwise below it.
_MAX_WIDTH_INCHES = 5.4
_MIN_WIDTH_INCHES = 3.5
_PAGE_INCHES = 7.2
# Space for tick labels and axis labels, for the title of a map, and for a line above all of them.
_LABELS_INCHES = 0.8
_TITLE_INCHES = 0.3
_LINE_INCHES = 0.2
_TITLE_POINTS = 10.0
_MAX_HEIGHT_INCHES = {"row": 6.0, "column": 2.4}
_NEEDS = {
    2: "An image and a map need two axes",
    3: "Reference, prediction and errors need three axes",
}


def show_labels(
    ax: Any,
    label_map: NDArray[Any],
    colors: Mapping[Any, Any],
    title: str,
    placement: Placement,
) -> Any:
    """Draw labels in their colors and the rest white; return the scale bar or None."""
    to_rgb = import_optional("matplotlib.colors", "plot").to_rgb
    step = thinning(label_map.shape)
    drawn = label_map[::step, ::step]
    image = np.ones((*drawn.shape, 3), dtype=np.float32)
    for label, color in colors.items():
        image[np.ma.filled(drawn == label, False)] = to_rgb(color)
    thinned = placement.with_shape(step * drawn.shape[0], step * drawn.shape[1])
    _, bar = show_raster(ax, image, placement=thinned, title=title, interpolation="nearest")
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
    placement: Placement,
) -> Any:
    """Draw reference, prediction and errors; return the scale bar of the first or None."""
    errors = _errors(reference, label_map)
    plain = placement.unmarked()
    bar = show_labels(axes[0], reference, colors, "reference", placement)
    show_labels(axes[1], label_map, colors, "prediction", plain)
    show_labels(axes[2], errors, ERROR_COLORS, f"errors: {errors.mean():.1%}", plain)
    _join_panels(axes)
    return bar


def show_beside_image(
    axes: NDArray[Any],
    image: SceneDisplay,
    label_map: NDArray[Any],
    colors: Mapping[Any, Any],
    placement: Placement,
) -> Any:
    """Draw an image and a map; return the scale bar of the image or None."""
    height, width = (image.step * side for side in image.image.shape[:2])
    thinned = placement.with_shape(height, width)
    _, bar = show_raster(axes[0], image.image, placement=thinned, title=image.title)
    show_labels(axes[1], label_map, colors, "map", placement.unmarked())
    _join_panels(axes)
    return bar


def _join_panels(axes: NDArray[Any]) -> None:
    spec = axes[0].get_subplotspec()
    is_column = spec is not None and spec.get_gridspec().nrows > 1
    for ax in axes:
        ax.title.set_fontsize(9)
        if ax is not axes[-1 if is_column else 0]:
            # The name of the reference system is written once.
            ax.set_xlabel(ax.get_xlabel().partition("\n")[0])
        if ax.get_subplotspec() is not None:
            ax.label_outer()


def one_panel(
    ax: Any, placement: Placement, title: str, names: list[str]
) -> tuple[NDArray[Any], int | None]:
    """Return axes for one map and the columns of a legend below it; None puts it to the right."""
    columns = None
    if ax is None:
        width, height = image_size(placement, title)
        beside = width + 0.4 + text_inches(names)
        if beside <= _MAX_WIDTH_INCHES:
            size = (beside, max(height, 0.7 + 0.19 * len(names)))
        else:
            width = max(width, _MIN_WIDTH_INCHES)
            columns = columns_below(names, width)
            size = (width, height + height_below(names, columns))
        ax = new_axes(None, size)
    return np.array([ax], dtype=object), columns


def several_panels(
    ax: Any, n_panels: int, placement: Placement, title: str, names: list[str]
) -> tuple[NDArray[Any], int | None]:
    """Return axes for maps and the columns of a legend below; None puts it to the right."""
    if ax is not None:
        axes = np.array(ax, dtype=object).ravel()
        if axes.size != n_panels:
            raise ParameterError(
                f"{_NEEDS[n_panels]}, got {axes.size}. Pass them all, or ax=None for a new figure."
            )
        return axes, None
    height, width = placement.sides
    wide = width > 2 * height
    labels = 0.42 if placement.coordinates is None else 0.57
    room = _PAGE_INCHES - _LABELS_INCHES
    if wide:
        tall = min(room * height / width, _MAX_HEIGHT_INCHES["column"])
        size = (tall * width / height + _LABELS_INCHES, n_panels * (tall + _TITLE_INCHES) + labels)
    else:
        tall = min(room / n_panels * height / width, _MAX_HEIGHT_INCHES["row"])
        size = (n_panels * tall * width / height + _LABELS_INCHES, tall + _TITLE_INCHES + labels)
    total_width = max(size[0], _MIN_WIDTH_INCHES)
    columns = columns_below(names, total_width)
    text = wrap_text(title, total_width - 0.2, _TITLE_POINTS)
    above = _LINE_INCHES * (text.count("\n") + 1) if text else 0.0
    figure_size = (total_width, size[1] + height_below(names, columns) + above)
    grid: dict[str, Any] = {"nrows": n_panels} if wide else {"ncols": n_panels}
    axes = new_axes(None, figure_size, **grid, sharex=True, sharey=True)
    if text:
        axes[0].figure.suptitle(text, fontsize=_TITLE_POINTS)
    return axes, columns
