"""Check and normalize texts of users."""

from __future__ import annotations

import unicodedata

_MAX_QUOTED_CHARACTERS = 100


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
    """Remove differences of case, spacing and Unicode form."""
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
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
