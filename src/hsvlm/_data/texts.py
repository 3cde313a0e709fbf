"""Check and normalize texts of users."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_MAX_QUOTED_CHARACTERS = 100
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?\.?(nan|inf)", re.IGNORECASE)


def is_blank(text: str) -> bool:
    """Tell whether a text has no visible character."""
    return all(unicodedata.category(character)[0] in "CZ" for character in text)


def unreadable_character(text: str, allowed: str = "") -> str:
    """Find a control character or half of a surrogate pair."""
    return next(
        (
            character
            for character in text
            if unicodedata.category(character) in {"Cc", "Cs"} and character not in allowed
        ),
        "",
    )


def normalize_text(text: str) -> str:
    """Remove differences of case, spacing (underscores are spaces) and Unicode form."""
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf").replace("_", " ")
    return " ".join(unicodedata.normalize("NFKC", visible).casefold().split())


def quoted(value: object) -> str:
    """Write a value into a message."""
    text = repr(value)
    if len(text) <= 2 * _MAX_QUOTED_CHARACTERS:
        return text
    return f"{text[:_MAX_QUOTED_CHARACTERS]}... ({len(text)} characters)"


def listed(items: list[str], n_listed: int, noun: str = "") -> str:
    """Join texts for a message, and count those beyond the first `n_listed`."""
    more = f" and {len(items) - n_listed} more{noun and ' '}{noun}"
    return ", ".join(items[:n_listed]) + (more if len(items) > n_listed else "")


def parse_plain_value(value: Any) -> Any:
    """Turn a text into none, a truth value or a number if it is one; keep all else."""
    if not isinstance(value, str):
        return value
    word = value.lower()
    if word in ("none", "null", "~"):
        return None
    if word in ("true", "yes", "on"):
        return True
    if word in ("false", "no", "off"):
        return False
    if not _NUMBER.fullmatch(value):
        return value
    return int(value) if value.lstrip("+-").isdecimal() else float(value.replace(".nan", "nan"))
