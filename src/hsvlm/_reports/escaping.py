"""Texts and values of untrusted files, made safe for HTML."""

from __future__ import annotations

import html
import json
import unicodedata
from typing import Any

__all__ = ["html_text", "json_data", "visible_text"]

# Characters that change the direction of the text around them.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible_text(text: object) -> str:
    r"""Write control characters and changes of the writing direction as escape sequences.

    Line feeds and tabs are kept.

    Examples
    --------
    >>> from hsvlm._reports.escaping import visible_text
    >>> visible_text("corn\x07")
    'corn\\x07'
    """
    return "".join(
        ascii(character)[1:-1] if _is_hidden(character) else character
        for character in str(text).replace("\r\n", "\n")
    )


def html_text(text: object) -> str:
    """Escape a text for elements and quoted attributes."""
    return html.escape(visible_text(text))


def json_data(value: Any) -> str:
    """Write a value as JSON that cannot end the script element around it.

    Raises
    ------
    ValueError
        If a number is NaN or infinite.
    """
    text = json.dumps(_with_visible_texts(value), allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _is_hidden(character: str) -> bool:
    if character in "\n\t":
        return False
    is_control = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    return is_control or character in _DIRECTIONS


def _with_visible_texts(value: Any) -> Any:
    if isinstance(value, str):
        return visible_text(value)
    if isinstance(value, dict):
        return {visible_text(key): _with_visible_texts(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_visible_texts(item) for item in value]
    return value
