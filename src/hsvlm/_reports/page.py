"""HTML pages in one file, which open from disk and request nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hsvlm._reports.escaping import html_text
from hsvlm._reports.libraries import PAGE, SORTABLE, Library

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Code", "Figure", "Paragraph", "Part", "Section", "Table", "render_page"]

# A number, perhaps with thousands separators, an interval and a unit.
_NUMBER = re.compile(
    r"\s*(?P<value>[-+\u2212]?(?:\d+(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][-+]?\d+)?)"
    r"(?:\s*±\s*[\d,.]+(?:[eE][-+]?\d+)?)?(?P<unit>.*)",
    re.DOTALL,
)
_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]+")
_MISSING = frozenset(("", "-", "\u2013", "\u2212", "nan", "n/a", "none", "unknown"))


class Part(Protocol):
    """Part of a section."""

    @property
    def libraries(self) -> tuple[Library, ...]:
        """Libraries that the part needs, in the order in which they are loaded."""

    def to_html(self, identifier: str) -> str:
        """Render the part; identifiers within it start with `identifier`."""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text; line feeds are kept."""

    text: str

    libraries = ()

    def to_html(self, identifier: str) -> str:
        """See :class:`Part`."""
        return f"<p>{html_text(self.text)}</p>"


@dataclass(frozen=True)
class Table:
    """A table that readers sort by a click on a header, or by Enter.

    Columns of numbers, such as "1,024", "91.2 ± 0.5" or "3 s", are aligned to the right and sorted
    by value. `footer` has rows that stay below the others, such as sums; `colors` has a color of
    each row, in CSS, or "" for none.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    footer: Sequence[Sequence[str]] = ()
    colors: Sequence[str] = ()

    libraries = (SORTABLE,)

    def to_html(self, identifier: str) -> str:
        """See :class:`Part`."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.header)
        numbers = [_column_values(column) for column in columns]
        head = "".join(
            f"<th{_class_of(values)}>{html_text(name)}</th>"
            for name, values in zip(self.header, numbers, strict=True)
        )
        colors = self.colors or [""] * len(self.rows)
        body = "".join(
            _row(row, numbers, [values[place] if values else None for values in numbers], color)
            for place, (row, color) in enumerate(zip(self.rows, colors, strict=True))
        )
        foot = "".join(_row(row, numbers, [None] * len(numbers)) for row in self.footer)
        label = html_text(self.caption or f"Table: {', '.join(self.header)}")
        caption = f"<figcaption>{html_text(self.caption)}</figcaption>" if self.caption else ""
        foot = f"<tfoot>{foot}</tfoot>" if foot else ""
        return (
            f'<figure>{caption}<div class="scroll" role="region" tabindex="0" aria-label="{label}">'
            f'<table class="sortable n-last" id="{identifier}"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody>{foot}</table></div></figure>"
        )


@dataclass(frozen=True)
class Figure:
    """A picture, as the content of a PNG file, with a text for those who do not see it."""

    png: bytes
    alt: str
    caption: str = ""

    libraries = ()

    def to_html(self, identifier: str) -> str:
        """See :class:`Part`."""
        data = base64.b64encode(self.png).decode("ascii")
        caption = f"<figcaption>{html_text(self.caption)}</figcaption>" if self.caption else ""
        source = f"data:image/png;base64,{data}"
        return f'<figure>{caption}<img src="{source}" alt="{html_text(self.alt)}"></figure>'


@dataclass(frozen=True)
class Code:
    """Text to be copied as it is, such as a recipe."""

    text: str
    caption: str = ""

    libraries = ()

    def to_html(self, identifier: str) -> str:
        """See :class:`Part`."""
        caption = f"<figcaption>{html_text(self.caption)}</figcaption>" if self.caption else ""
        label = html_text(self.caption or "Code")
        text = html_text(self.text)
        return (
            f'<figure>{caption}<pre role="region" tabindex="0" aria-label="{label}">'
            f"<code>{text}</code></pre></figure>"
        )


@dataclass(frozen=True)
class Section:
    """A titled part of a page."""

    title: str
    parts: Sequence[Part]


def render_page(title: str, sections: Sequence[Section], *, subtitle: str = "") -> str:
    """Render a page as HTML that contains all it needs.

    The page requests nothing from any host, which its content security policy also forbids, and
    runs only the scripts it was made with. All texts are escaped.

    Parameters
    ----------
    title : str
        Title of the page and its first heading.
    sections : sequence of Section
        The content; a list of links to the sections comes first.
    subtitle : str, default=""
        A line below the title.

    Returns
    -------
    str
        The page, to be written as UTF-8.

    Examples
    --------
    >>> from hsvlm._reports.page import Paragraph, Section, render_page
    >>> page = render_page("Map", [Section("Areas", [Paragraph("corn < wheat")])])
    >>> "corn &lt; wheat" in page
    True
    """
    parts = [part for section in sections for part in section.parts]
    libraries = [PAGE, *dict.fromkeys(library for part in parts for library in part.libraries)]
    style = "\n".join(library.style() for library in libraries if library.styles)
    scripts = [library.script() for library in libraries if library.scripts]
    links = "".join(
        f'<li><a href="#section-{place}">{html_text(section.title)}</a></li>'
        for place, section in enumerate(sections, start=1)
    )
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, scripts)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="generator" content="hsvlm">',
        f"<title>{html_text(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        '<body><div class="frame">',
        '<a class="skip" href="#main">Skip to the content</a>',
        f'<header class="page-head"><h1>{html_text(title)}</h1>',
        f'<p class="subtitle">{html_text(subtitle)}</p>' if subtitle else "",
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>' if len(sections) > 1 else "",
        "</header>",
        '<main id="main" tabindex="-1">',
        *(_section(place, section) for place, section in enumerate(sections, start=1)),
        "</main>",
        _footer(libraries),
        "</div>",
        *(f"<script>{script}</script>" for script in scripts),
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines)


def _policy(style: str, scripts: Sequence[str]) -> str:
    """Return a policy that allows these styles and scripts, and pictures of the page, only."""
    hashes = " ".join(map(_source_hash, scripts)) or "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_source_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _source_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _section(place: int, section: Section) -> str:
    identifier = f"section-{place}"
    parts = "\n".join(
        part.to_html(f"{identifier}-{number}") for number, part in enumerate(section.parts, start=1)
    )
    return (
        f'<section id="{identifier}" aria-labelledby="{identifier}-title">'
        f'<h2 id="{identifier}-title">{html_text(section.title)}</h2>\n{parts}\n</section>'
    )


def _footer(libraries: Sequence[Library]) -> str:
    licenses = "".join(
        f"<h3>{html_text(library.title)}</h3><pre>{html_text(library.license_text())}</pre>"
        for library in libraries
        if library.license
    )
    details = f"<details><summary>Licenses of software in this page</summary>{licenses}</details>"
    sentence = "<p>Made with hsvlm. The page needs no connection: all of it is in this file.</p>"
    return f"<footer>{sentence}{details if licenses else ''}</footer>"


def _row(
    row: Sequence[str],
    columns: Sequence[list[str] | None],
    values: Sequence[str | None],
    color: str = "",
) -> str:
    """Write a row; `columns` tells which are numeric, `values` what they are sorted by."""
    cells = []
    for place, (cell, column, value) in enumerate(zip(row, columns, values, strict=True)):
        role = ' role="rowheader"' if place == 0 else ""
        key = "" if value is None else f' data-sort="{value}"'
        swatch = _swatch(color) if place == 0 else ""
        cells.append(f"<td{role}{_class_of(column)}{key}>{swatch}{html_text(cell)}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _swatch(color: str) -> str:
    """Draw a square in a color; nothing for texts that are not one."""
    if not _COLOR.fullmatch(color):
        return ""
    rectangle = f'<rect width="12" height="12" fill="{color}"></rect>'
    return f'<svg class="swatch" width="12" height="12" aria-hidden="true">{rectangle}</svg> '


def _class_of(column: list[str] | None) -> str:
    return "" if column is None else ' class="number"'


def _column_values(cells: Sequence[str]) -> list[str] | None:
    """Return the numbers of a column, "" for missing ones; None if it holds other texts."""
    values, units = [], set()
    for cell in cells:
        if cell.strip().lower() in _MISSING:
            values.append("")
            continue
        match = _NUMBER.fullmatch(cell)
        number = match["value"].replace(",", "").replace("\u2212", "-") if match else ""
        try:
            values.append(repr(float(number)))
        except ValueError:
            return None
        units.add(match["unit"].strip() if match else "")
    return values if len(units) == 1 else None
