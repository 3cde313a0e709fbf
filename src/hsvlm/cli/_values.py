"""Values of options, turned into arguments of the readers and the classifier."""

from __future__ import annotations

from typing import Any

import typer

__all__ = ["nodata_value", "shape_value", "unlabeled_value"]


def nodata_value(text: str) -> Any:
    """Turn the option --nodata into the argument of ``read_scene``."""
    if text.lower() in ("none", "auto"):
        return None if text.lower() == "none" else "auto"
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        message = f'{text!r} is neither a number nor "nan", "none" or "auto".'
        raise typer.BadParameter(message) from error
    return values[0] if len(values) == 1 else values


def shape_value(text: str) -> tuple[int, int]:
    """Turn the option --shape into the argument of ``read_scene``."""
    height, by, width = text.lower().partition("x")
    if by and height.strip().isdecimal() and width.strip().isdecimal():
        return int(height), int(width)
    message = f"{text!r} is not a height and a width. Write them as 100x120."
    raise typer.BadParameter(message)


def unlabeled_value(text: str | None) -> int | list[int] | None:
    """Turn the option --unlabeled into the argument of the classifier."""
    if text is None:
        return 0
    if text.lower() in ("none", "null"):
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        message = f'{text!r} is neither a whole number nor "none".'
        raise typer.BadParameter(message) from error
