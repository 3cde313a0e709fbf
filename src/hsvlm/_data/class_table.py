"""Classes as label files, prompt files, models and references state them, and how these match."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hsvlm._data.texts import normalize_text, quoted
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = [
    "ClassEntry",
    "ClassMatch",
    "ClassTable",
    "Labeled",
    "extend_table",
    "label_table",
    "match_classes",
    "present_labels",
    "relabel",
]

_MAX_LISTED = 8
_COLOR = re.compile("#[0-9a-fA-F]{6}")
_NUMBERED_NAME = re.compile(r"(?:class(?:e|es)?|klasse|label|region|roi)?[ _#.:-]*(\d{1,18})")
_WHOLE_NUMBER = re.compile(r"\s*[+-]?\d{1,18}\s*")


@dataclass(frozen=True)
class ClassEntry:
    """A class as its source states it."""

    value: Any
    name: str | None = None
    color: str | None = None
    prompts: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called by others, the label itself first."""
        return tuple(
            dict.fromkeys(text for text in (self.value, self.name) if isinstance(text, str))
        )

    @property
    def is_named(self) -> bool:
        """Whether more than a number tells what it is."""
        if self.number is None:
            return True
        return self.name is not None and not (
            _COLOR.fullmatch(self.name) or _repeats(self.name, self.number)
        )

    @property
    def own_color(self) -> str | None:
        """Its color in lower case: as stated, or the text that it goes by."""
        texts = (self.color, *self.names)
        return next((text.lower() for text in texts if text and _COLOR.fullmatch(text)), None)

    @property
    def number(self) -> int | None:
        """The label as a whole number; None for other text."""
        if isinstance(self.value, str):
            return int(self.value) if _WHOLE_NUMBER.fullmatch(self.value) else None
        return int(self.value)

    def __str__(self) -> str:
        if not self.is_named or self.name in (None, self.value):
            return quoted(self.value)
        return f"{quoted(self.value)} ({quoted(self.name)})"


@dataclass(frozen=True)
class ClassTable:
    """The classes of one source."""

    source: str
    entries: tuple[ClassEntry, ...]
    numbered: bool = True

    @classmethod
    def of(
        cls,
        source: str,
        values: Iterable[Any],
        names: Mapping[Any, str] | None = None,
        colors: Mapping[Any, str] | None = None,
        *,
        numbered: bool = True,
    ) -> ClassTable:
        """Make a table of labels with the names and colors that some of them have."""
        names, colors = names or {}, colors or {}
        entries = (
            ClassEntry(value, names.get(value), colors.get(value))
            for value in dict.fromkeys(values)
        )
        return cls(source, tuple(entries), numbered)

    @property
    def is_palette(self) -> bool:
        """Whether the classes are the colors of a picture, and go by these."""
        names = [entry.name for entry in self.entries]
        return bool(names) and all(name and _COLOR.fullmatch(name) for name in names)

    @property
    def is_named(self) -> bool:
        """Whether any class is known by more than a number."""
        return any(entry.is_named for entry in self.entries)


class Labeled(Protocol):
    """What a Scene and a LabelMap say about their classes."""

    @property
    def labels(self) -> Any: ...
    @property
    def class_names(self) -> dict[Any, str]: ...
    @property
    def class_colors(self) -> dict[Any, str]: ...
    @property
    def text_classes(self) -> bool: ...


@dataclass(frozen=True)
class ClassMatch:
    """Which classes of two tables are the same."""

    ours: ClassTable
    theirs: ClassTable
    pairs: dict[Any, ClassEntry]

    @property
    def missing(self) -> list[ClassEntry]:
        """Classes of ours that theirs does not know."""
        return [entry for entry in self.ours.entries if entry.value not in self.pairs]

    @property
    def extra(self) -> list[ClassEntry]:
        """Classes of theirs that ours does not know."""
        matched = {entry.value for entry in self.pairs.values()}
        return [entry for entry in self.theirs.entries if entry.value not in matched]

    def problem(self, entries: list[ClassEntry]) -> str:
        """Say which of the missing or extra classes have no counterpart, and what there is."""
        if not entries:
            return ""
        is_missing = entries[0] in self.missing
        here, there = (self.ours, self.theirs) if is_missing else (self.theirs, self.ours)
        others = self.extra if is_missing else self.missing
        verb = "has" if len(entries) == 1 else "have"
        text = (
            f"{_kind(entries)} {_listed(entries)} of {here.source} {verb} no counterpart in "
            f"{there.source}, whose classes are {_listed(there.entries)}."
        )
        hint = _likely(entries, others)
        return f"{text} {hint}" if hint else text


def match_classes(ours: ClassTable, theirs: ClassTable) -> ClassMatch:
    """Find the classes that two sources share."""
    # Names decide; case, spacing and Unicode form do not count. Classes of a picture go by their
    # colors. Numbers decide only where one of the sources has no names; or, for single classes
    # without a name, if the classes with names have the same numbers in both.
    if ours.is_palette or theirs.is_palette:
        return ClassMatch(ours, theirs, _by_color(ours, theirs))
    if not (ours.is_named and theirs.is_named):
        return ClassMatch(ours, theirs, _by_number(ours, theirs))
    pairs: dict[Any, ClassEntry] = {}
    right = _by_name(theirs)
    for name, entry in _by_name(ours).items():
        if name in right:
            _check_single(ours, theirs, pairs, entry, right[name])
            pairs[entry.value] = right[name]
    numbers = {entry.value: entry.number for entry in ours.entries}
    same = all(numbers[value] == entry.number for value, entry in pairs.items())
    if ours.numbered and theirs.numbered and same:
        match = ClassMatch(ours, theirs, pairs)
        extra = {entry.number: entry for entry in match.extra}
        for entry in match.missing:
            other = extra.get(entry.number)
            if other is not None and not (entry.is_named and other.is_named):
                pairs[entry.value] = other
    return ClassMatch(ours, theirs, pairs)


def label_table(labeled: Labeled, source: str = "the labels") -> ClassTable:
    """Tabulate the classes of a label map, those that are only named included."""
    values = {*present_labels(labeled), *labeled.class_names}
    return ClassTable.of(
        source,
        sorted(values, key=lambda value: (isinstance(value, str), value)),
        labeled.class_names,
        labeled.class_colors,
        numbered=not labeled.text_classes,
    )


def present_labels(labeled: Labeled) -> set[Any]:
    """Collect the labels that occur in a label map; the named ones if there is no map."""
    if labeled.labels is None:
        return set(labeled.class_names)
    labels = labeled.labels
    values = np.unique(labels.compressed() if isinstance(labels, np.ma.MaskedArray) else labels)
    unlabeled = getattr(labeled, "unlabeled", 0)
    # NaN, which differs from itself, is no label either.
    return {value for value in values.tolist() if value not in (unlabeled, "") and value == value}


def relabel(labels: NDArray[Any], codes: Mapping[Any, Any]) -> NDArray[Any]:
    """Replace labels by others, shape (height, width); labels without a code stay."""
    values, inverse = np.unique(np.ma.getdata(labels), return_inverse=True)
    new = np.array([codes.get(value, value) for value in values.tolist()])
    if new.dtype.kind in "iu":
        new = new.astype(np.result_type(*map(np.min_scalar_type, (new.min(), new.max()))))
    renamed = new[inverse.reshape(labels.shape)]
    if isinstance(labels, np.ma.MaskedArray):
        return np.ma.MaskedArray(renamed, np.ma.getmaskarray(labels))
    return np.asarray(renamed)


def extend_table(table: ClassTable, theirs: ClassTable) -> tuple[ClassTable, dict[Any, Any]]:
    """Add the classes of another scene; also give the new label of each of its labels."""
    match = match_classes(table, theirs)
    entries = {entry.value: entry for entry in table.entries}
    codes = {other.value: value for value, other in match.pairs.items()}
    for value, other in match.pairs.items():
        mine = entries[value]
        entries[value] = replace(
            mine, name=mine.name or other.name, color=mine.color or other.color
        )
    for entry in match.extra:
        numbers = [value for value in entries if not isinstance(value, str)]
        free = entry.value not in entries and (theirs.numbered or not numbers)
        same_kind = isinstance(entry.value, str) == (len(numbers) < len(entries))
        value = entry.value if free and same_kind else max(numbers, default=0) + 1
        codes[entry.value] = value
        name = entry.name or (entry.value if isinstance(entry.value, str) else None)
        entries[value] = ClassEntry(value, name, entry.color)
    numbered = table.numbered and theirs.numbered
    return ClassTable(table.source, tuple(entries.values()), numbered), codes


def _by_color(ours: ClassTable, theirs: ClassTable) -> dict[Any, ClassEntry]:
    right: dict[str | None, ClassEntry] = {}
    for entry in theirs.entries:
        other = right.setdefault(entry.own_color, entry)
        if other is not entry and entry.own_color is not None:
            raise DataError(
                f"{theirs.source} gives two classes one color: {other} and {entry}.",
                "Give each class a color of its own.",
            )
    right.pop(None, None)
    return {
        entry.value: right[entry.own_color] for entry in ours.entries if entry.own_color in right
    }


def _by_number(ours: ClassTable, theirs: ClassTable) -> dict[Any, ClassEntry]:
    texts = [table for table in (ours, theirs) if _has_text(table) or not table.numbered]
    if texts and ours.entries and theirs.entries:
        named = texts[0]
        other = theirs if named is ours else ours
        raise DataError(
            f"{named.source} names its classes, {_listed(named.entries)}, and {other.source} only "
            f"numbers them: {_listed(other.entries)}.",
            f"Give the classes of {other.source} the same names.",
        )
    right = {entry.number: entry for entry in theirs.entries}
    return {entry.value: right[entry.number] for entry in ours.entries if entry.number in right}


def _repeats(name: str, number: int) -> bool:
    # Software that has no names writes "3" or "Class 3" for class 3.
    match = _NUMBERED_NAME.fullmatch(normalize_text(name))
    return match is not None and int(match[1]) == number


def _has_text(table: ClassTable) -> bool:
    return any(entry.number is None for entry in table.entries)


def _by_name(table: ClassTable) -> dict[str, ClassEntry]:
    entries: dict[str, ClassEntry] = {}
    for entry in table.entries:
        for name in map(normalize_text, entry.names):
            other = entries.setdefault(name, entry)
            if other.value != entry.value:
                raise DataError(
                    f"{table.source} gives two classes one name, but for case and spacing: {other} "
                    f"and {entry}.",
                    "Give each class a name of its own.",
                )
    return entries


def _check_single(
    ours: ClassTable,
    theirs: ClassTable,
    pairs: dict[Any, ClassEntry],
    entry: ClassEntry,
    other: ClassEntry,
) -> None:
    # A text label and a name beside it may point to two different classes.
    rivals = [value for value, one in pairs.items() if one.value == other.value]
    if pairs.get(entry.value, other).value == other.value and rivals in ([], [entry.value]):
        return
    raise DataError(
        f"Class {entry} of {ours.source} matches more than one class of {theirs.source}, or the "
        f"other way round; one of them is {other}.",
        "Give each class one name, the same in both.",
    )


def _kind(entries: list[ClassEntry]) -> str:
    return "Class" if len(entries) == 1 else "Classes"


def _listed(entries: Iterable[ClassEntry]) -> str:
    every = list(entries)
    more = f" and {len(every) - _MAX_LISTED} more" if len(every) > _MAX_LISTED else ""
    return ", ".join(map(str, every[:_MAX_LISTED])) + more if every else "none"


def _likely(entries: list[ClassEntry], others: list[ClassEntry]) -> str:
    names = {normalize_text(name): name for other in others for name in other.names}
    for entry in entries:
        for name in entry.names:
            close = get_close_matches(normalize_text(name), names, n=1)
            if close:
                return f"Is {quoted(name)} meant to be {quoted(names[close[0]])}?"
    return ""
