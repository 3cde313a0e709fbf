"""What notebooks show of an object: facts, tables and small pictures, in their own colors."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from hsvlm._reports.escaping import html_text
from hsvlm._reports.packing import png_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["class_table", "facts", "note", "picture", "side_by_side", "swatch_table", "unfolded"]

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_LEFT = "text-align:left"
# Lines of a table that notebooks show at once.
_MAX_ROWS = 60
_PICTURE_PX = 192  # the longer side on the screen


def facts(values: Mapping[str, object]) -> str:
    """Write named values as a table of two columns."""
    rows = "".join(
        f'<tr><th style="{_LEFT}">{html_text(name)}</th>'
        f'<td style="{_LEFT}">{html_text(value)}</td></tr>'
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"


def swatch_table(
    header: Sequence[str], rows: Sequence[Sequence[object]], colors: Sequence[str] = ()
) -> str:
    """Write a table; `colors` are shown as squares in front of the first cell of each row."""
    head = "".join(f"<th>{html_text(cell)}</th>" for cell in header)
    squares = [_swatch(color) for color in colors] or [""] * len(rows)
    body = "".join(
        f"<tr><td style='{_LEFT}'>{square}{html_text(first)}</td>"
        + "".join(map(_cell, others))
        + "</tr>"
        for square, (first, *others) in zip(squares[:_MAX_ROWS], rows[:_MAX_ROWS], strict=True)
    )
    n_more = len(rows) - _MAX_ROWS
    more = note(f"and {n_more:,} more") if n_more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def class_table(
    counted: str, counts: Mapping[Any, int], names: Mapping[Any, str], colors: Sequence[str] = ()
) -> str:
    """List classes with what was counted of each; nothing without classes."""
    if not counts:
        return ""
    rows = [(names.get(label, label), label, f"{count:,}") for label, count in counts.items()]
    return swatch_table(["class", "label", counted], rows, colors)


def picture(image: NDArray[np.uint8] | None, description: str) -> str:
    """Show an image (height, width, 3), its pixels as squares; nothing without one."""
    if image is None:
        return ""
    height, width, _ = image.shape
    scale = _PICTURE_PX / max(height, width)
    size = f"{max(1, round(scale * width))}px;height:{max(1, round(scale * height))}px"
    data = base64.b64encode(png_bytes(image)).decode("ascii")
    return (
        f'<img src="data:image/png;base64,{data}" alt="{html_text(description)}" '
        f'title="{html_text(description)}" '
        f'style="width:{size};max-width:none;image-rendering:pixelated">'
    )


def note(text: object) -> str:
    """Write a sentence."""
    return f"<p>{html_text(text)}</p>"


def unfolded(title: str, content: str, *, is_open: bool = True) -> str:
    """Put content under a title that folds it away; the content is HTML."""
    state = " open" if is_open else ""
    return f"<details{state}><summary>{html_text(title)}</summary>{content}</details>"


def side_by_side(*parts: str) -> str:
    """Put parts of HTML next to each other, where there is space."""
    style = "display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start"
    return f'<div style="{style}">{"".join(f"<div>{part}</div>" for part in parts if part)}</div>'


def _cell(value: object) -> str:
    text = html_text(value)
    lines = ' style="white-space:pre-line;text-align:left"' if "\n" in text else ""
    return f"<td{lines}>{text}</td>"


def _swatch(color: str) -> str:
    if not _COLOR.fullmatch(color):
        return ""
    style = f"display:inline-block;width:0.8em;height:0.8em;margin-right:0.4em;background:{color}"
    return f'<span style="{style}"></span>'
