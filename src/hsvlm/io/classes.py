"""Classes in files: label maps as numbers, with names and colors."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.class_table import ClassTable, label_table, match_classes, present_labels, relabel
from hsvlm._data.label_maps import labeled_pixels, no_label, unlabeled_values
from hsvlm._data.lazy import row_blocks
from hsvlm._data.palette import label_colors
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.io._common import LabelMap
from hsvlm.io._notes import warn_caller
from hsvlm.io._variables import whole_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# What ENVI calls pixels of class 0.
UNCLASSIFIED = "Unclassified"
_MOST = 2**16 - 1
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# Metadata of files are XML and lines of text, which have no place for control characters, halves
# of surrogate pairs and noncharacters.
_NOT_IN_XML = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]+")
_NO_CLASS = re.compile(
    r"\s*(un(class|label|known|defined|assigned).*|back ?ground|no[ _-]?data|none|masked.*|)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ClassCodes:
    """How the labels of a map are written."""

    codes: dict[Any, int]
    names: dict[int, str]
    colors: dict[int, str]
    unlabeled: Any
    renumbered: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Smallest unsigned type that holds the numbers."""
        return np.dtype(np.uint8 if max(self.codes.values(), default=0) < 256 else np.uint16)

    def encode(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Turn labels into numbers.

        Shapes: `labels` (height, width); returns (height, width).
        """
        labeled, held = labeled_pixels(labels, self.unlabeled), np.asarray(labels)
        if not self.renumbered:
            return np.where(labeled, held, 0).astype(self.dtype)
        values, inverse = np.unique(held[labeled], return_inverse=True)
        numbers = np.zeros(labels.shape, dtype=self.dtype)
        known = np.array([self.codes[label] for label in values.tolist()], dtype=self.dtype)
        numbers[labeled] = known[inverse.reshape(-1)]
        return numbers

    def listed_names(self) -> list[str]:
        """Give one name per number, from 0 on."""
        numbers = range(1, max(self.names, default=0) + 1)
        return [UNCLASSIFIED, *(self.names.get(number, "") for number in numbers)]


def class_codes(
    labels: Any, class_names: Mapping[Any, str], class_colors: Mapping[Any, str], unlabeled: Any
) -> ClassCodes:
    """Choose numbers, names and colors for the labels of a map.

    Shapes: `labels` (height, width).
    """
    held = _distinct(labels, unlabeled)
    marks = unlabeled_values(unlabeled)
    named = [label for label in class_names if label not in marks]
    if held and named and isinstance(held[0], str) != isinstance(named[0], str):
        raise ParameterError(
            f"class_names has the key {named[0]!r}, but the map holds labels like {held[0]!r}. "
            "Give {label: name} with the labels of the map."
        )
    known = dict.fromkeys(named)
    legend = [*named, *(label for label in held if label not in known)]
    themselves = all(_stands_for_itself(label) for label in legend)
    numbers = (
        legend if themselves else [1 + rank for rank in np.argsort(np.argsort(legend)).tolist()]
    )
    codes = {label: int(number) for label, number in zip(legend, numbers, strict=True)}
    for label, color in class_colors.items():
        if not (isinstance(color, str) and _COLOR.fullmatch(color)):
            raise ParameterError(
                f'class_colors[{label!r}]={color!r} is not a color. Give "#rrggbb".'
            )
    colors = label_colors(legend, class_colors)
    return ClassCodes(
        codes,
        {codes[label]: printable_name(class_names.get(label, _plain(label))) for label in legend},
        {codes[label]: colors[label].upper() for label in legend},
        unlabeled,
        not themselves,
    )


def label_map(
    path: Any,
    values: NDArray[Any],
    names: Mapping[int, str],
    colors: Mapping[int, str],
    nodata: float | Sequence[float] | None,
    crs: str | None,
    transform: tuple[float, ...] | None,
    valid: NDArray[np.bool_] | None = None,
) -> LabelMap:
    """Build a label map from what a file holds.

    Shapes: `values` (height, width), `valid` (height, width).
    """
    missing = np.ravel(() if nodata is None else nodata).tolist()
    unlabeled = 0
    if not _NO_CLASS.fullmatch(names.get(0, "none" if any(names.values()) else "0")):
        unlabeled = _unlabeled(path, values, names, missing)
    labels = whole_labels(path, values, missing, unlabeled)
    if valid is not None and not valid.all():
        if not np.can_cast(np.min_scalar_type(unlabeled), labels.dtype):
            labels = labels.astype(np.int64)
        labels[~valid] = unlabeled
    skipped = {unlabeled, *missing}
    kept = {value: names[value] for value in sorted(names) if names[value]}
    kept = {value: name for value, name in kept.items() if value not in skipped}
    shown = kept.keys() | (set(np.unique(labels).tolist()) - skipped if colors else set())
    colors = {value: colors[value] for value in sorted(shown & colors.keys())}
    return LabelMap(labels, kept, colors, crs, transform, unlabeled=unlabeled)


def _unlabeled(
    path: Any, values: NDArray[Any], names: Mapping[int, str], missing: Sequence[float]
) -> int:
    """Choose the value for "no label" of a file in which 0 may be a class."""
    # Software writes NaN as the value for floats without being asked.
    declared = [value for value in missing if np.isfinite(value)]
    if 0 in declared or not (values == 0).any():
        return 0
    if not declared:
        if names.get(0):
            warn_caller(
                f"{path}: 0 is the class {names[0]!r} there, but stands for "
                '"no label" here, so its pixels are left out.',
                "Number the classes from 1 to keep them.",
            )
        return 0
    if not names.get(0):
        warn_caller(
            f"{path}: {declared[0]:.10g} is declared for no data, so 0 is taken for a class like "
            f"any other, of {int((values == 0).sum()):,} pixels.",
            "If 0 means no label, declare it as the value for no data.",
        )
    limits = np.iinfo(np.int32)
    fitting = [
        int(value)
        for value in declared
        if limits.min <= value <= limits.max and value == int(value)
    ]
    return fitting[0] if fitting else _free_number(values)


def _free_number(values: NDArray[Any]) -> int:
    """Give the first number of -1, -2, ... that is no value of a map."""
    return next(number for number in itertools.count(-1, -1) if not (values == number).any())


def with_class_names(labeled: LabelMap, class_names: Mapping[Any, str], source: str) -> LabelMap:
    """Number the classes of a label map as `class_names` does, ``{label: name}``."""
    # Raises DataError if the map has a class that is not among them.
    match = match_classes(
        label_table(labeled, source), ClassTable.of("class_names", class_names, class_names)
    )
    present = present_labels(labeled)
    unknown = [entry for entry in match.missing if entry.value in present]
    if unknown:
        raise DataError(
            match.problem(unknown), "Add them to class_names, or remove them from the labels."
        )
    codes = {value: entry.value for value, entry in match.pairs.items()}
    colors = {
        codes[label]: labeled.class_colors[label]
        for label in codes
        if label in labeled.class_colors
    }
    # Class 0 of class_names must not meet a 0 that stands for "no label" in the file.
    values = np.array(list(class_names))
    unlabeled = no_label(values, labeled.unlabeled) if values.size else labeled.unlabeled
    return replace(
        labeled,
        labels=relabel(labeled.labels, {labeled.unlabeled: unlabeled, **codes}),
        class_names=dict(class_names),
        class_colors=colors,
        text_classes=False,
        unlabeled=unlabeled,
    )


def _distinct(labels: Any, unlabeled: Any) -> list[Any]:
    distinct: set[Any] = set()
    for start, stop in row_blocks((*labels.shape, 1)):
        rows = labels[start:stop]
        held = np.asarray(rows)[labeled_pixels(rows, unlabeled)]
        distinct.update(np.unique(held).tolist())
        if len(distinct) > _MOST:
            raise DataError(
                f"The map holds more than {_MOST:,} different labels, the most that a file of "
                "classes has room for. Write other numbers with write_raster."
            )
    return sorted(distinct)


def _stands_for_itself(label: Any) -> bool:
    return isinstance(label, (int, float)) and 1 <= label <= _MOST and label == int(label)


def _plain(label: Any) -> Any:
    if isinstance(label, bytes):
        return label.decode(errors="replace")
    return int(label) if isinstance(label, float) and label.is_integer() else label


def printable_name(name: Any) -> str:
    """Return a name as text without what files of metadata have no place for."""
    return _NOT_IN_XML.sub(" ", str(name))
