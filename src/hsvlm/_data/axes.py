"""Tell the axes of a cube by their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["axis_order"]

_ROLES = {
    "band": re.compile(r".*(band|wavelength|channel|spectral).*|wl|wvl|lambda"),
    "x": re.compile(
        r"xc?|lon(gitude)?|col(umn)?s?|samples?|easting|width|.*pixels?|(a?cross|across)_?track"
    ),
    "y": re.compile(
        r"yc?|lat(itude)?|rows?|lines?|northing|height|.*scans?|.*_lines|(down|along)_?track"
    ),
}


_COUNT = re.compile(r"n(um(ber_of)?)?_?")  # as in nx and num_rows


def axis_order(names: Iterable[str]) -> tuple[int, int, int]:
    """Find which axes are height, width and bands."""
    known: dict[str, int] = {}
    unknown = []
    for axis, name in enumerate(names):
        matches = (role for role, names in _ROLES.items() if _matches(names, name.lower()))
        role = next(matches, None)
        if role is None or role in known:
            unknown.append(axis)
        else:
            known[role] = axis
    left = iter(unknown)
    y, x, band = (known[role] if role in known else next(left) for role in ("y", "x", "band"))
    return y, x, band


def _matches(names: re.Pattern[str], name: str) -> bool:
    """Tell whether a name, or what it counts, is among some."""
    count = _COUNT.match(name)
    return bool(names.fullmatch(name) or (count and names.fullmatch(name[count.end() :])))
