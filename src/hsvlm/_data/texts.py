"""Texts of users: what no reader, human or model, could make sense of."""

from __future__ import annotations

import unicodedata

__all__ = ["is_blank", "normalize_text", "quoted", "unreadable_character"]

_SHOWN = 100  # characters of one text in a message; more would bury the hint


def is_blank(text: str) -> bool:
    """Tell whether a text has nothing to be seen."""
    return all(unicodedata.category(one)[0] in "CZ" for one in text)


def unreadable_character(text: str, allowed: str = "") -> str:
    """Find a control character or half of a surrogate pair."""
    return next(
        (one for one in text if unicodedata.category(one) in {"Cc", "Cs"} and one not in allowed),
        "",
    )


def normalize_text(text: str) -> str:
    """Bring texts that say the same to one form."""
    visible = "".join(one for one in text if unicodedata.category(one) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", visible).casefold().split())


def quoted(value: object) -> str:
    """Write a value into a message."""
    shown = repr(value)
    if len(shown) <= 2 * _SHOWN:
        return shown
    return f"{shown[:_SHOWN]}... ({len(shown)} characters)"
