"""Displays as pictures in memory, for pages that hold them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hsvlm._system.optional import import_optional

if TYPE_CHECKING:
    from collections.abc import Callable

    from hsvlm.plotting._base import Display

__all__ = ["png_of"]

_DPI = 144


def png_of(draw: Callable[[], Display]) -> bytes | None:
    """Return the figure of a display as PNG; None if matplotlib is missing."""
    try:
        display = draw()
    except ImportError:
        return None
    stream = io.BytesIO()
    # Without the version of matplotlib, so that the same figure gives the same bytes.
    display.figure_.savefig(stream, dpi=_DPI, format="png", metadata={"Software": None})
    import_optional("matplotlib.pyplot", "plot").close(display.figure_)
    return stream.getvalue()
