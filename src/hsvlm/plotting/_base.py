"""What all displays share: axes of their own, and names and colours of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._data.palette import distinct_colors
from hsvlm._inputs.kinds import is_cube, labeled_samples
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["Display", "as_labeled_samples", "class_colors", "luminance", "names_of", "new_axes"]


def new_axes(ax: Any, size: tuple[float, float], *, layout: str = "compressed", **grid: Any) -> Any:
    """Return `ax`, or the axes of a new pyplot figure of a size in inches."""
    # With `grid`, the arguments of ``pyplot.subplots`` for several axes, an array of axes.
    if ax is not None:
        return ax
    pyplot = import_optional("matplotlib.pyplot", "plot")
    return pyplot.subplots(figsize=size, layout=layout, **grid)[1]


def class_colors(labels: Iterable[Any], given: Mapping[Any, Any] | None) -> dict[Any, Any]:
    """Give every label a colour: the one that was given, or else one of the palette."""
    wanted = list(labels)
    chosen = dict(given or {})
    is_colour = import_optional("matplotlib.colors", "plot").is_color_like
    for label, colour in chosen.items():
        if not is_colour(colour):
            raise ParameterError(
                f"colors[{label!r}]={colour!r} is no colour. Give a name that matplotlib knows, "
                'or "#rrggbb".'
            )
    if set(wanted) <= chosen.keys():
        return chosen
    return {**dict(zip(wanted, distinct_colors(len(wanted)), strict=True)), **chosen}


def luminance(colour: Any) -> float:
    """Relative luminance of a colour, from 0 for black to 1 for white."""
    rgb = import_optional("matplotlib.colors", "plot").to_rgb(colour)
    red, green, blue = (one**2.2 for one in rgb)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def names_of(labels: Iterable[Any], *known: Mapping[Any, str] | None) -> dict[Any, str]:
    """Name labels, in their order; those without a name stand for themselves."""
    names = {}
    for label in labels:
        named = (str(one[label]) for one in known if one and label in one)
        names[label] = next(named, str(label))
    return names


class Display:
    """What every display has after ``plot``."""

    ax_: Any
    figure_: Any

    def _keep(self, ax: Any) -> Self:
        self.ax_ = ax
        self.figure_ = ax.figure
        return self


def as_labeled_samples(X: Any, y: Any, unlabeled: Any = 0) -> tuple[Any, NDArray[Any]]:
    """Bring a cube with its label map, or samples with their labels, to samples and labels."""
    if is_cube(X):
        X, y, _ = labeled_samples(X, y, None, unlabeled)
    samples = X if isinstance(X, PixelSamples) else np.asarray(X)
    labels = np.asarray(y)
    if labels.shape != (len(samples),):
        raise DataError(
            f"There are {len(samples)} samples, but y has shape {labels.shape}. Give one label "
            "per sample, or a cube and its label map."
        )
    return samples, labels
