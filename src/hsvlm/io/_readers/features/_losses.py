"""Sentences about features that mark no pixel, or only a part of theirs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hsvlm._system.files import file_error
from hsvlm.exceptions import HSVLMWarning
from hsvlm.io._readers.features._drawing import CUT_AT_EDGE, NO_CLASS, REASONS, SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hsvlm.io._readers.features._columns import ClassColumn
    from hsvlm.io._readers.features._drawing import Drawing

__all__ = ["drawing_warnings"]

_SHOWN_CLASSES = 4
_TOUCHED = (
    "Pass all_touched=True to mark all pixels that a polygon touches, or give points.",
    "Give --all-touched to mark all pixels that a polygon touches, or give points.",
)


def drawing_warnings(
    file: Path, drawing: Drawing, classes: ClassColumn, shapes: Any, all_touched: bool
) -> Iterator[HSVLMWarning]:
    """Say what is lost of the features of a file; refuse it if no pixel gets a class."""
    kinds = {str(kind).removeprefix("Multi") for kind in shapes.geom_type.dropna()}
    noun = {frozenset({"Polygon"}): "polygons", frozenset({"Point"}): "points"}.get(
        frozenset(kinds), "features"
    )
    lost = _lost(drawing, classes, noun)
    small = SMALL in drawing.fates and not all_touched
    if not drawing.labels.any():
        problem = f"no pixel of the scene gets a class: {lost or 'all features overlap'}"
        hints = _TOUCHED if small else ("Check the features, their classes and their CRS.", "")
        raise file_error(file, problem, *hints)
    if drawing.n_conflicts:
        yield HSVLMWarning(
            f"{file}: features of different classes overlap on {drawing.n_conflicts} pixels, "
            "which are left without a label."
        )
    if drawing.n_shared:
        yield HSVLMWarning(
            f"{file}: features of different groups overlap on {drawing.n_shared} pixels, which "
            "are assigned to one of these groups."
        )
    if lost:
        hints = _TOUCHED if small else ("", "")
        yield HSVLMWarning(f"{file}: {lost}.", hints[0], option_hint=hints[1])


def _lost(drawing: Drawing, classes: ClassColumn, noun: str) -> str:
    codes, fates = classes.codes.tolist(), drawing.fates.tolist()
    n_of_class = Counter(codes)
    lost: dict[int, Counter[int]] = {}
    cut: Counter[int] = Counter()
    for code, fate in zip(codes, fates, strict=True):
        if fate in REASONS:
            lost.setdefault(code, Counter())[fate] += 1
        elif fate == CUT_AT_EDGE:
            cut[code] += 1
    n_unclassed = lost.pop(0, Counter())[NO_CLASS]
    clauses = [
        f"{counts.total()} of {n_of_class[code]} {noun} of {_shown(code, classes)} mark no pixel "
        f"({_reasons(counts)})"
        for code, counts in sorted(lost.items())
    ]
    if len(clauses) > _SHOWN_CLASSES:
        rest = sorted(lost.items())[_SHOWN_CLASSES:]
        total = sum((counts for _, counts in rest), Counter[int]())
        clauses[_SHOWN_CLASSES:] = [
            f"{total.total()} of {sum(n_of_class[code] for code, _ in rest)} of {len(rest)} more "
            f"classes mark no pixel ({_reasons(total)})"
        ]
    if n_unclassed:
        clauses.append(f"{n_unclassed} of {len(codes)} {noun} have no class and are left out")
    if cut:
        listed = ", ".join(
            f"{count} of {n_of_class[code]} of {_shown(code, classes)}"
            for code, count in sorted(cut.items())[:_SHOWN_CLASSES]
        )
        clauses.append(f"the border of the scene cuts {cut.total()} {noun} ({listed})")
    return "; ".join(clauses)


def _shown(code: int, classes: ClassColumn) -> str:
    return repr(classes.names[code]) if code in classes.names else f"class {code}"


def _reasons(counts: Counter[int]) -> str:
    if len(counts) == 1:
        return REASONS[next(iter(counts))]
    return ", ".join(f"{count} {REASONS[fate]}" for fate, count in sorted(counts.items()))
