"""Match the classes of label files, prompt files, models and references."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hsvlm._data.texts import listed, normalize_text, quoted
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_MAX_LISTED_CLASSES = 8
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
        """Names that other sources may use, the label itself first."""
        return tuple(
            dict.fromkeys(text for text in (self.value, self.name) if isinstance(text, str))
        )

    @property
    def is_named(self) -> bool:
        """Whether the class has more than a number."""
        if self.number is None:
            return True
        return self.name is not None and not (
            _COLOR.fullmatch(self.name) or repeats_number(self.name, self.number)
        )

    @property
    def own_color(self) -> str | None:
        """Color in lower case: the stated one, or a name that is a color."""
        texts = (self.color, *self.names)
        return next((text.lower() for text in texts if text and _COLOR.fullmatch(text)), None)

    @property
    def number(self) -> int | None:
        """The label as a whole number; None for other text, and for fractions."""
        if isinstance(self.value, str):
            return int(self.value) if _WHOLE_NUMBER.fullmatch(self.value) else None
        try:
            number = int(self.value)
        except (TypeError, ValueError, OverflowError):
            return None
        return number if number == self.value else None

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
        """Whether the classes are named by the colors of a picture."""
        names = [entry.name for entry in self.entries]
        return bool(names) and all(name and _COLOR.fullmatch(name) for name in names)

    @property
    def is_named(self) -> bool:
        """Whether any class has more than a number."""
        return any(entry.is_named for entry in self.entries)


class Labeled(Protocol):
    """Statements of a Scene or a LabelMap about its classes."""

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
        """Classes of `ours` without a counterpart."""
        return [entry for entry in self.ours.entries if entry.value not in self.pairs]

    @property
    def extra(self) -> list[ClassEntry]:
        """Classes of `theirs` without a counterpart."""
        matched = {entry.value for entry in self.pairs.values()}
        return [entry for entry in self.theirs.entries if entry.value not in matched]

    def problem(self, entries: list[ClassEntry]) -> str:
        """Name missing or extra classes, and the classes of the other source."""
        if not entries:
            return ""
        is_missing = entries[0] in self.missing
        table, other = (self.ours, self.theirs) if is_missing else (self.theirs, self.ours)
        noun, verb = ("Class", "has") if len(entries) == 1 else ("Classes", "have")
        text = (
            f"{noun} {_list_entries(entries)} of {table.source} {verb} no counterpart in "
            f"{other.source}, whose classes are {_list_entries(other.entries)}."
        )
        hint = _likely_match(entries, self.extra if is_missing else self.missing)
        return f"{text} {hint}" if hint else text


def match_classes(ours: ClassTable, theirs: ClassTable) -> ClassMatch:
    """Find the classes that two sources share."""
    # Names decide; case, spacing and Unicode form do not count. Classes of a picture match by
    # color. Numbers decide only where one of the sources has no names; or, for single classes
    # without a name, if the named classes have the same numbers in both.
    if ours.is_palette or theirs.is_palette:
        return ClassMatch(ours, theirs, _by_color(ours, theirs))
    if not (ours.is_named and theirs.is_named):
        return ClassMatch(ours, theirs, _by_number(ours, theirs))
    pairs: dict[Any, ClassEntry] = {}
    their_entries = _by_name(theirs)
    for name, entry in _by_name(ours).items():
        if name in their_entries:
            _check_unique(ours, theirs, pairs, entry, their_entries[name])
            pairs[entry.value] = their_entries[name]
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


def check_distinct(table: ClassTable) -> None:
    """Raise if two classes of a source have one name or one number."""
    _by_name(table)
    _numbered(table)


def label_table(labeled: Labeled, source: str = "the labels") -> ClassTable:
    """Tabulate the classes of a label map, including those without pixels."""
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
    # NaN, which differs from itself, is not a label either.
    return {value for value in values.tolist() if value not in (unlabeled, "") and value == value}


def relabel(labels: NDArray[Any], codes: Mapping[Any, Any]) -> NDArray[Any]:
    """Replace labels by their codes; labels without a code stay."""
    values, inverse = np.unique(np.ma.getdata(labels), return_inverse=True)
    new = np.array([codes.get(value, value) for value in values.tolist()])
    if new.dtype.kind in "iu":
        new = new.astype(np.result_type(*map(np.min_scalar_type, (new.min(), new.max()))))
    renamed = new[inverse.reshape(labels.shape)]
    if isinstance(labels, np.ma.MaskedArray):
        return np.ma.MaskedArray(renamed, np.ma.getmaskarray(labels))
    return np.asarray(renamed)


def extend_table(table: ClassTable, theirs: ClassTable) -> tuple[ClassTable, dict[Any, Any]]:
    """Add the classes of another scene; also return the new label of each of its labels."""
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
    their_entries = _distinct(theirs, "own_color", "one color", "color")
    return {
        entry.value: their_entries[entry.own_color]
        for entry in ours.entries
        if entry.own_color in their_entries
    }


def _by_number(ours: ClassTable, theirs: ClassTable) -> dict[Any, ClassEntry]:
    texts = [
        table
        for table in (ours, theirs)
        if not table.numbered or any(entry.number is None for entry in table.entries)
    ]
    if texts and ours.entries and theirs.entries:
        named = texts[0]
        other = theirs if named is ours else ours
        raise DataError(
            f"{named.source} names its classes, {_list_entries(named.entries)}, and {other.source} "
            f"only numbers them: {_list_entries(other.entries)}.",
            f"Give the classes of {other.source} the same names.",
        )
    entries = _numbered(theirs)
    _check_code_names(ours, theirs)
    _check_code_names(theirs, ours)
    return {entry.value: entries[entry.number] for entry in ours.entries if entry.number in entries}


def _check_code_names(named: ClassTable, numbered: ClassTable) -> None:
    """Raise if names are the numbers of other classes: codes that were numbered anew."""
    numbers = {entry.number: entry for entry in numbered.entries}
    for entry in named.entries:
        match = _NUMBERED_NAME.fullmatch(normalize_text(entry.name or ""))
        if match and entry.is_named and int(match[1]) in numbers:
            raise DataError(
                f"{named.source} names its class {entry}, and {numbered.source} has the number "
                f"{numbers[int(match[1])]}: whether name or number counts is unclear.",
                f"Give the classes of {numbered.source} the same names.",
            )


def _numbered(table: ClassTable) -> dict[Any, ClassEntry]:
    return _distinct(table, "number", "the number {}", "number")


def _distinct(table: ClassTable, attribute: str, shared: str, what: str) -> dict[Any, ClassEntry]:
    """Return the entries that have an attribute, by its value; raise if two have the same."""
    entries: dict[Any, ClassEntry] = {}
    for entry in table.entries:
        value = getattr(entry, attribute)
        if value is None:
            continue
        other = entries.setdefault(value, entry)
        if other is not entry:
            raise DataError(
                f"{table.source} gives two classes {shared.format(value)}: {other} and {entry}.",
                f"Give each class a {what} of its own.",
            )
    return entries


def repeats_number(name: str, number: int) -> bool:
    """Tell whether a name is that of software without names, "3" or "Class 3" for class 3."""
    match = _NUMBERED_NAME.fullmatch(normalize_text(name))
    return match is not None and int(match[1]) == number


def _by_name(table: ClassTable) -> dict[str, ClassEntry]:
    entries: dict[str, ClassEntry] = {}
    for entry in table.entries:
        for name in map(normalize_text, entry.names):
            other = entries.setdefault(name, entry)
            if other.value != entry.value:
                raise DataError(
                    f"{table.source} gives two classes the same name, except for case and spacing: "
                    f"{other} and {entry}.",
                    "Give each class a name of its own.",
                )
    return entries


def _check_unique(
    ours: ClassTable,
    theirs: ClassTable,
    pairs: dict[Any, ClassEntry],
    entry: ClassEntry,
    other: ClassEntry,
) -> None:
    # A text label and its name may match two different classes.
    rivals = [value for value, match in pairs.items() if match.value == other.value]
    if pairs.get(entry.value, other).value == other.value and rivals in ([], [entry.value]):
        return
    raise DataError(
        f"Class {entry} of {ours.source} matches more than one class of {theirs.source}, or vice "
        f"versa; one of them is {other}.",
        "Give each class one name, the same in both.",
    )


def _list_entries(entries: Iterable[ClassEntry]) -> str:
    return listed(list(map(str, entries)), _MAX_LISTED_CLASSES) or "none"


def _likely_match(entries: list[ClassEntry], others: list[ClassEntry]) -> str:
    names = {normalize_text(name): name for other in others for name in other.names}
    for entry in entries:
        for name in entry.names:
            if close := get_close_matches(normalize_text(name), names, n=1):
                return f"Is {quoted(name)} meant to be {quoted(names[close[0]])}?"
    return ""
