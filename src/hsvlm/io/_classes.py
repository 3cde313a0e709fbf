"""Classes in files: label maps as numbers, with names and colours."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._class_table import ClassTable, label_table, match_classes, present_labels, relabel
from hsvlm._cubes import labeled_pixels, unlabeled_values
from hsvlm._lazy import row_blocks
from hsvlm._palette import distinct_colors
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError
from hsvlm.io._common import LabelMap
from hsvlm.io._variables import whole_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["UNCLASSIFIED", "ClassCodes", "class_codes", "label_map", "with_class_names"]

# What ENVI calls pixels of class 0.
UNCLASSIFIED = "Unclassified"
_MOST = 2**16 - 1
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_NO_CLASS = re.compile(
    r"\s*(un(class|label|known|defined|assigned).*|back ?ground|no[ _-]?data|none|masked.*|)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ClassCodes:
    """How the labels of a map are written.

    Parameters
    ----------
    codes : dict of int
        ``{label: number in the file}``, in the order of the legend.
    names, colors : dict of str
        ``{number: name}`` and ``{number: colour}``.
    unlabeled : scalar or None
        Label of the pixels that are written as 0.
    renumbered : bool
        True if numbers differ from labels.
    """

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

        Parameters
        ----------
        labels : ndarray of shape (height, width)
            Rows of the map.

        Returns
        -------
        ndarray of shape (height, width), dtype uint8 or uint16
            Their numbers; 0 where there is no label.
        """
        labeled, held = labeled_pixels(labels, self.unlabeled), np.asarray(labels)
        if not self.renumbered:
            return np.where(labeled, held, 0).astype(self.dtype)
        values, inverse = np.unique(held[labeled], return_inverse=True)
        numbers = np.zeros(labels.shape, dtype=self.dtype)
        known = np.array([self.codes[one] for one in values.tolist()], dtype=self.dtype)
        numbers[labeled] = known[inverse.reshape(-1)]
        return numbers

    def listed_names(self) -> list[str]:
        """Give one name per number, from 0 on.

        Returns
        -------
        list of str
            Empty where a number is no class.
        """
        numbers = range(1, max(self.names, default=0) + 1)
        return [UNCLASSIFIED, *(self.names.get(one, "") for one in numbers)]


def class_codes(
    labels: Any,
    class_names: Mapping[Any, str],
    class_colors: Mapping[Any, str],
    unlabeled: Any,
) -> ClassCodes:
    """Choose numbers, names and colours for the labels of a map.

    Parameters
    ----------
    labels : array of shape (height, width)
        The map, read row block by row block.
    class_names, class_colors : dict of str
        Names and colours of labels.
    unlabeled : scalar or None
        Value that stands for "no label".

    Returns
    -------
    ClassCodes
        Whole numbers from 1 to 65,535 stand for themselves. If there are other labels, all are
        numbered from 1 on, in ascending order.

    Raises
    ------
    DataError
        If there are more than 65,535 labels, or `unlabeled` does not fit the map.
    ParameterError
        If names are not those of such labels, or a colour is none.
    """
    held = _distinct(labels, unlabeled)
    marks = unlabeled_values(unlabeled)
    named = [label for label in class_names if label not in marks]
    if held and named and isinstance(held[0], str) != isinstance(named[0], str):
        message = (
            f"class_names has the key {named[0]!r}, but the map holds labels like {held[0]!r}. "
            "Give {label: name} with the labels of the map."
        )
        raise ParameterError(message)
    known = dict.fromkeys(named)
    legend = [*named, *(one for one in held if one not in known)]
    themselves = all(_stands_for_itself(one) for one in legend)
    numbers = legend if themselves else [1 + one for one in np.argsort(np.argsort(legend)).tolist()]
    codes = {label: int(number) for label, number in zip(legend, numbers, strict=True)}
    for label, color in class_colors.items():
        if not (isinstance(color, str) and _COLOR.fullmatch(color)):
            message = f'class_colors[{label!r}]={color!r} is no colour. Give "#rrggbb".'
            raise ParameterError(message)
    colors = {**dict(zip(legend, distinct_colors(len(legend)), strict=True)), **class_colors}
    return ClassCodes(
        codes,
        {codes[one]: _printable(class_names.get(one, _plain(one))) for one in legend},
        {codes[one]: colors[one].upper() for one in legend},
        unlabeled,
        not themselves,
    )


def label_map(
    path: Any,
    values: NDArray[Any],
    names: Mapping[int, str],
    colors: Mapping[int, str],
    nodata: float | None,
    crs: str | None,
    transform: tuple[float, ...] | None,
) -> LabelMap:
    """Build a label map from what a file holds.

    Parameters
    ----------
    path : path
        Of the file.
    values : ndarray of shape (height, width)
        Its values.
    names, colors : dict of str
        ``{value: name}`` and ``{value: colour}``, for more values than there are classes perhaps.
    nodata : float or None
        Value for "no data", which becomes 0.
    crs, transform
        As in a Scene.

    Returns
    -------
    LabelMap
        Names and colours are those of values that are named or occur, other than 0.

    Raises
    ------
    FileError
        If a value has a fraction.

    Warns
    -----
    HSVLMWarning
        If the file calls 0 a class, and has pixels of it.
    """
    labels = whole_labels(path, values, nodata)
    if nodata != 0 and not _NO_CLASS.fullmatch(names.get(0, "")) and (values == 0).any():
        message = (
            f"{path}: 0 is the class {names[0]!r} there, but stands for "
            '"no label" here, so its pixels are left out. Number the classes from 1 to keep them.'
        )
        warnings.warn(message, HSVLMWarning, stacklevel=5)
    skipped = {0, nodata}
    kept = {one: names[one] for one in sorted(names) if names[one] and one not in skipped}
    shown = kept.keys() | (set(np.unique(labels).tolist()) - skipped if colors else set())
    return LabelMap(
        labels, kept, {one: colors[one] for one in sorted(shown & colors.keys())}, crs, transform
    )


def with_class_names(labeled: LabelMap, class_names: Mapping[Any, str], source: str) -> LabelMap:
    """Number the classes of a label map as `class_names` does, ``{label: name}``.

    Raises DataError if the map has a class that is not among them.
    """
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
    colors = {codes[one]: labeled.class_colors[one] for one in codes if one in labeled.class_colors}
    return replace(
        labeled,
        labels=relabel(labeled.labels, codes),
        class_names=dict(class_names),
        class_colors=colors,
        text_classes=False,
    )


def _distinct(labels: Any, unlabeled: Any) -> list[Any]:
    found: set[Any] = set()
    for start, stop in row_blocks((*labels.shape, 1)):
        rows = labels[start:stop]
        held = np.asarray(rows)[labeled_pixels(rows, unlabeled)]
        found.update(np.unique(held).tolist())
        if len(found) > _MOST:
            message = (
                f"The map holds more than {_MOST:,} different labels, the most that a file of "
                "classes has room for. Write other numbers with write_raster."
            )
            raise DataError(message)
    return sorted(found)


def _stands_for_itself(label: Any) -> bool:
    return isinstance(label, (int, float)) and 1 <= label <= _MOST and label == int(label)


def _plain(label: Any) -> Any:
    if isinstance(label, bytes):
        return label.decode(errors="replace")
    return int(label) if isinstance(label, float) and label.is_integer() else label


def _printable(name: Any) -> str:
    # Metadata of files are XML and lines of text, which have no place for control characters.
    return re.sub(r"[\x00-\x1f\x7f]+", " ", str(name))
