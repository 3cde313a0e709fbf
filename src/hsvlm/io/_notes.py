"""One warning per file for all that had to be assumed or left out."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsvlm.exceptions import HSVLMWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PACKAGE = str(Path(__file__).parent.parent)
_MAX_LISTED_NOTES = 12


def warn_of_file(path: Any, notes: Iterable[str], hint: str, option_hint: str = "") -> None:
    """Warn once of all notes on a file, if there are any."""
    distinct = list(dict.fromkeys(notes))
    if distinct:
        shown = listed(distinct, _MAX_LISTED_NOTES, "; ", "; and")
        warn_caller(f"{path}: {shown}.", hint, option_hint)


def listed(texts: Sequence[str], n_shown: int, separator: str = ", ", last: str = " and") -> str:
    """Join the first texts, and say how many more there are."""
    more = len(texts) - n_shown
    return separator.join(texts[:n_shown]) + (f"{last} {more} more" if more > 0 else "")


def warn_caller(
    problem: str,
    hint: str = "",
    option_hint: str = "",
    *,
    category: type[HSVLMWarning] = HSVLMWarning,
) -> None:
    """Warn at the line outside of this package that called it."""
    # The argument skip_file_prefixes of warnings.warn came with Python 3.12.
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(category(problem, hint, option_hint=option_hint), stacklevel=level)
