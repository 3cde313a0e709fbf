"""The base class of displays, new axes, and names and colors of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._data.palette import label_colors
from hsvlm._inputs.kinds import cube_samples, is_cube
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting._fonts import complete_fonts
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray


def new_axes(ax: Any, size: tuple[float, float], *, layout: str = "compressed", **grid: Any) -> Any:
    """Return `ax`, or the axes of a new figure of a size in inches (an array with `grid`)."""
    if ax is not None:
        return ax
    pyplot = import_optional("matplotlib.pyplot", "plot")
    return pyplot.subplots(figsize=size, layout=layout, **grid)[1]


def class_colors(labels: Iterable[Any], colors: Mapping[Any, Any] | None) -> dict[Any, Any]:
    """Complete `colors` with colors of the palette for all other labels."""
    chosen = dict(colors or {})
    matplotlib_colors = import_optional("matplotlib.colors", "plot")
    for label, color in chosen.items():
        if not matplotlib_colors.is_color_like(color):
            raise ParameterError(
                f"colors[{label!r}]={color!r} is not a color. Give a name that matplotlib "
                'knows, or "#rrggbb".'
            )
    taken = {label: matplotlib_colors.to_hex(color) for label, color in chosen.items()}
    return {**label_colors(labels, taken), **chosen}


def luminance(color: Any) -> float:
    """Return the relative luminance of a color, from 0 for black to 1 for white."""
    rgb = import_optional("matplotlib.colors", "plot").to_rgb(color)
    red, green, blue = (channel**2.2 for channel in rgb)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def names_of(labels: Iterable[Any], *class_names: Mapping[Any, str] | None) -> dict[Any, str]:
    """Name labels by the first mapping that has them; the others stand for themselves."""
    return {
        label: next(
            (str(names[label]) for names in class_names if names and label in names), str(label)
        )
        for label in labels
    }


class Display:
    """Base of displays, with the axes and the figure after ``plot``."""

    ax_: Any
    figure_: Any

    def _keep(self, ax: Any) -> Self:
        self.ax_ = ax
        self.figure_ = ax.figure
        complete_fonts(self.figure_)
        return self


def as_labeled_samples(X: Any, y: Any, unlabeled: Any = 0) -> tuple[Any, NDArray[Any]]:
    """Turn a cube with its label map, or samples with their labels, into samples and labels."""
    if is_cube(X):
        X, y, _ = cube_samples(X, y, None, unlabeled)
    samples = X if isinstance(X, PixelSamples) else np.asarray(X)
    labels = np.asarray(y)
    if labels.shape != (len(samples),):
        raise DataError(
            f"There are {len(samples)} samples, but y has shape {labels.shape}. Give one label "
            "per sample, or a cube and its label map."
        )
    return samples, labels
