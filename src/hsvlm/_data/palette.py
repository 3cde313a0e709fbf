"""Choose colors of classes."""

from __future__ import annotations

import colorsys
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The first seven are those of Okabe and Ito (2008). The others were searched for the largest
# smallest difference between any two: CIEDE2000 at least 18, and at least 11 as seen with
# deuteranopia or protanopia.
_PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#332222",
    "#330077", "#AAEEDD", "#BB4444", "#447777", "#CCDDFF", "#8877FF", "#113300", "#664477",
    "#884400", "#CCAAAA", "#AADD88", "#880044",
)  # fmt: skip
_GOLDEN_RATIO = (5**0.5 - 1) / 2


def class_palette(n_classes: int) -> list[str]:
    """Return distinct class colors.

    Parameters
    ----------
    n_classes : int
        Number of colors, at most 20.

    Returns
    -------
    list of str
        Hexadecimal colors that remain distinct under red-green color-vision deficiency.

    Raises
    ------
    ParameterError
        If `n_classes` is above 20.

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
        raise ParameterError(
            f"There are {len(_PALETTE)} distinct class colors, {n_classes} are needed. "
            "Pass `colors` for all classes."
        )
    return list(_PALETTE[:n_classes])


def distinct_colors(n_classes: int) -> list[str]:
    """Return colors for any number of classes."""
    return [*_PALETTE[:n_classes], *map(_further_color, range(n_classes - len(_PALETTE)))]


def label_colors(labels: Iterable[Any], given: Mapping[Any, Any]) -> dict[Any, Any]:
    """Choose a color for each label: the given one, or one of the palette."""
    # A whole number from 1 to 20 has its own color, whichever labels there are besides. The others
    # take what is left, in their order.
    labels = list(labels)
    used = {color.upper() for color in given.values() if isinstance(color, str)}
    own = {
        label: _PALETTE[int(label) - 1]
        for label in labels
        if label not in given and _has_own_color(label)
    }
    own = {label: color for label, color in own.items() if color.upper() not in used}
    used |= {color.upper() for color in own.values()}
    further = map(_further_color, count())
    free = (color for color in chain(_PALETTE, further) if color.upper() not in used)
    chosen = {**own, **given}
    return {label: chosen[label] if label in chosen else next(free) for label in labels}


def _has_own_color(label: Any) -> bool:
    return isinstance(label, (int, float)) and label in range(1, len(_PALETTE) + 1)


def _further_color(step: int) -> str:
    hue = step * _GOLDEN_RATIO % 1
    saturation = (0.9, 0.5)[step // 3 % 2]
    brightness = (0.95, 0.75, 0.55)[step % 3]
    channels = colorsys.hsv_to_rgb(hue, saturation, brightness)
    return "#" + "".join(f"{round(255 * channel):02X}" for channel in channels)
