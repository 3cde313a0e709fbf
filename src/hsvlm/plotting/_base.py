"""What all displays share: axes of their own, and names and colours of classes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._palette import distinct_colors
from hsvlm._runtime import import_optional
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Display", "class_colours", "luminance", "names_of", "new_axes", "seed_of"]


def new_axes(ax: Any, size: tuple[float, float], *, layout: str = "compressed", **grid: Any) -> Any:
    """Return `ax`, or the axes of a new pyplot figure of a size in inches.

    With `grid`, the arguments of ``pyplot.subplots`` for several axes, an array of axes.
    """
    if ax is not None:
        return ax
    pyplot = import_optional("matplotlib.pyplot", "plot")
    return pyplot.subplots(figsize=size, layout=layout, **grid)[1]


def class_colours(labels: Iterable[Any], given: Mapping[Any, Any] | None) -> dict[Any, Any]:
    """Give every label a colour: the one that was given, or else one of the palette."""
    wanted = list(labels)
    chosen = dict(given or {})
    is_colour = import_optional("matplotlib.colors", "plot").is_color_like
    for label, colour in chosen.items():
        if not is_colour(colour):
            message = (
                f"colors[{label!r}]={colour!r} is no colour. Give a name that matplotlib knows, "
                'or "#rrggbb".'
            )
            raise ParameterError(message)
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


def seed_of(random_state: Any) -> int:
    """Turn `random_state` into one seed; a whole number stands for itself."""
    # None must not draw from NumPy's global generator, which is somebody else's.
    if random_state is None:
        return secrets.randbelow(2**31)
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31 - 1))


class Display:
    """What every display has after ``plot``.

    Attributes
    ----------
    ax_, figure_
        Axes and figure.
    """

    ax_: Any
    figure_: Any

    def _keep(self, ax: Any) -> Self:
        self.ax_ = ax
        self.figure_ = ax.figure
        return self
