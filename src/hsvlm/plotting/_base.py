"""What all displays share: axes of their own, pixel labels and the palette of classes."""

from __future__ import annotations

from typing import Any, Self

from hsvlm._runtime import import_optional
from hsvlm.exceptions import ParameterError

__all__ = ["Display", "class_palette", "image_size", "label_pixels", "new_axes"]

# The first seven are those of Okabe and Ito (2008). The others were searched for the largest
# smallest difference between any two: CIEDE2000 at least 18, and at least 11 as seen with
# deuteranopia or protanopia.
_PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#332222",
    "#330077", "#AAEEDD", "#BB4444", "#447777", "#CCDDFF", "#8877FF", "#113300", "#664477",
    "#884400", "#CCAAAA", "#AADD88", "#880044",
)  # fmt: skip


def class_palette(n_classes: int) -> list[str]:
    """Colours for classes.

    Parameters
    ----------
    n_classes : int
        How many are needed, up to 20.

    Returns
    -------
    list of str
        Hexadecimal colours that stay apart under red-green colour-vision deficiency.

    Raises
    ------
    ParameterError
        If more than 20 are asked for.

    References
    ----------
    .. [1] M. Okabe and K. Ito, "Color universal design", 2008.

    Examples
    --------
    >>> from hsvlm.plotting import class_palette
    >>> class_palette(2)
    ['#0072B2', '#E69F00']
    """
    if n_classes > len(_PALETTE):
        message = (
            f"There are {len(_PALETTE)} distinct class colours, {n_classes} are needed. "
            "Pass `colors` for all classes."
        )
        raise ParameterError(message)
    return list(_PALETTE[:n_classes])


def new_axes(ax: Any, size: tuple[float, float], *, layout: str = "compressed", **grid: Any) -> Any:
    """Return `ax`, or the axes of a new pyplot figure of a size in inches.

    With `grid`, the arguments of ``pyplot.subplots`` for several axes, an array of axes.
    """
    if ax is not None:
        return ax
    pyplot = import_optional("matplotlib.pyplot", "plot")
    return pyplot.subplots(figsize=size, layout=layout, **grid)[1]


def image_size(shape: tuple[int, ...], title: str, beside: float = 0.0) -> tuple[float, float]:
    """Size in inches of a figure that shows a scene of a shape, with something `beside` it."""
    per_pixel = 4.6 / max(shape[:2])
    margin = 1.0 if title else 0.7
    return shape[1] * per_pixel + 0.9 + beside, shape[0] * per_pixel + margin


def label_pixels(ax: Any, title: str) -> None:
    """Label axes that show a scene."""
    ax.set(xlabel="column (px)", ylabel="row (px)")
    if title:
        ax.set_title(title)


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
