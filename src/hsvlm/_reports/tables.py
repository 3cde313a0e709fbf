"""Tables as text, Markdown and HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Rows", "html_table", "markdown_table", "mean_and_deviation", "text_table"]

Rows = list[list[str]]


def mean_and_deviation(values: Sequence[float]) -> str:
    """Write a mean and, from two values on, their standard deviation.

    Parameters
    ----------
    values : sequence of float
        The values, at least one.

    Returns
    -------
    str
        With two decimals.
    """
    mean = f"{np.mean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.2f}"


def text_table(header: list[str], rows: Rows) -> str:
    """Align cells in columns."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    ]
    return "\n".join(lines)


def markdown_table(header: list[str], rows: Rows) -> str:
    """Write a Markdown table.

    Parameters
    ----------
    header : list of str
        Names of the columns.
    rows : list of list of str
        The cells.

    Returns
    -------
    str
        The table; vertical bars in cells are escaped.
    """
    lines = [header, ["---"] * len(header), *rows]
    escaped = [[cell.replace("|", "\\|") for cell in cells] for cells in lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)


def html_table(header: list[str], rows: Rows) -> str:
    """Write an HTML table."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
