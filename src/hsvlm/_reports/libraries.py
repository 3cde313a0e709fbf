"""Scripts and styles that pages contain, with their licenses."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

__all__ = ["LEAFLET", "MAP", "PAGE", "SORTABLE", "UPLOT", "Library"]

# Addresses of images that are not used here, and of source maps: a page requests nothing.
_ADDRESS = re.compile(r"url\([^)]*\)")
_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


class Library(NamedTuple):
    """Files in the folder assets, whose contents go into a page."""

    title: str
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    license: str | None = None

    def style(self) -> str:
        """Return the style sheets, without addresses of images."""
        return _ADDRESS.sub("none", "\n".join(map(_read_asset, self.styles)))

    def script(self) -> str:
        """Return the scripts."""
        return _SOURCE_MAP.sub("", "\n".join(map(_read_asset, self.scripts)))

    def license_text(self) -> str:
        """Return the license of files by others."""
        return _read_asset(self.license) if self.license else ""


PAGE = Library("hsvlm", styles=("page.css",))
SORTABLE = Library(
    "sortable-tablesort 4.1.7",
    ("sortable/sortable-base.min.css",),
    ("sortable/sortable.min.js", "sortable/sortable.a11y.min.js"),
    "sortable/LICENSE",
)
LEAFLET = Library(
    "Leaflet 1.9.4", ("leaflet/leaflet.css",), ("leaflet/leaflet.js",), "leaflet/LICENSE"
)
UPLOT = Library(
    "uPlot 1.6.32", ("uplot/uPlot.min.css",), ("uplot/uPlot.iife.min.js",), "uplot/LICENSE"
)
MAP = Library("hsvlm maps", ("map.css",), ("map.js",))


@cache
def _read_asset(name: str) -> str:
    path = files(__package__).joinpath("assets", *name.split("/"))
    return path.read_text(encoding="utf-8-sig")
