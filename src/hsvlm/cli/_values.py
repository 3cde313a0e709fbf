"""Values of options, turned into arguments of the readers and the classifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import typer

from hsvlm._data.class_table import relabel


def nodata_value(text: str) -> Any:
    """Turn the option --nodata into the argument of ``read_scene``."""
    if text.lower() in ("none", "auto"):
        return None if text.lower() == "none" else "auto"
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(
            f'{text!r} is neither a number nor "nan", "none" or "auto".'
        ) from error
    return values[0] if len(values) == 1 else values


def shape_value(text: str) -> tuple[int, int]:
    """Turn the option --shape into the argument of ``read_scene``."""
    height, by, width = text.lower().partition("x")
    if by and height.strip().isdecimal() and width.strip().isdecimal():
        return int(height), int(width)
    raise typer.BadParameter(f"{text!r} is not a height and a width. Write them as 100x120.")


def unlabeled_value(text: str | None) -> int | list[int] | None:
    """Turn the option --unlabeled into the argument of the classifier."""
    if text is None:
        return 0
    if text.lower() in ("none", "null"):
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f'{text!r} is neither a whole number nor "none".') from error


def mark_unlabeled(labeled: Any, unlabeled: Any) -> Any:
    """Have a Scene or LabelMap say which of its labels stand for none: those of --unlabeled."""
    if labeled.labels is None or (isinstance(unlabeled, int) and unlabeled == 0):
        return labeled
    marks = [] if unlabeled is None else list(unlabeled)
    # Without a mark every pixel has a label, so that a number is taken which is none.
    mark = marks[0] if marks else int(min(labeled.labels.min(), 0)) - 1
    return replace(
        labeled,
        labels=relabel(labeled.labels, dict.fromkeys(marks, mark)),
        class_names={one: name for one, name in labeled.class_names.items() if one not in marks},
        unlabeled=mark,
    )
