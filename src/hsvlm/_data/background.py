"""Values of a label map that may stand for "no label" although nothing says so."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.texts import normalize_text
from hsvlm.exceptions import DataError, HSVLMWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_background", "stated_names"]

_MAX_LISTED = 4
# Conventions of label files, and the largest values of integer types.
_SENTINELS = {99, 127, 255, 999, 9999, 32767, 65535, 99999, 999999}
_SENTINELS |= {2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1}
# A sentinel lies far beyond the classes; codes such as 97, 98, 99 are classes.
_FAR = 2
# In published maps, 0 is 1.35 (Jasper Ridge, fully mapped) to 9 times as frequent as any class.
_MOST_ZEROS = 1.1
_FEWEST_LABELS = 100  # of fewer, shares say nothing
# Texts that name the absence of a class in files of all kinds; "background" may be a class.
_MISSING = {"", "nan", "none", "null", "na", "n/a", "<na>", "nat", "-", "--", "?"}
_NO_CLASS = {
    *("unlabeled", "unlabelled", "not labeled", "not labelled", "no label", "no labels"),
    *("unclassified", "not classified", "no class", "unassigned", "undefined", "ignore", "void"),
    *("no data", "nodata", "no value", "missing", "masked", "masked pixels", "fill", "fill value"),
    *("0", "-1", "255", "-9999", "未标记", "未分类", "无数据", "无标签", "nicht klassifiziert"),
    *("ohne klasse", "keine daten", "non classé", "sans données", "sin datos", "sin clasificar"),
}
_ZERO_HINT = "Pass unlabeled=None if 0 is a class, or unlabeled=[0] if not."
_BACKGROUND = {"background", "back ground", "unknown", "背景", "hintergrund", "fond", "fondo"}


def check_background(
    label_map: NDArray[Any],
    labeled: NDArray[np.bool_],
    unlabeled: Any,
    class_names: Mapping[Any, str] | None = None,
) -> None:
    """Refuse a label map if several of its values may stand for "no label", or warn.

    Shapes: `label_map` (height, width), `labeled` (height, width).
    """
    if isinstance(unlabeled, (list, tuple)):
        return
    values = np.asarray(label_map)
    labels = values[labeled]
    if labels.dtype.kind == "O":
        if not labels.size or not all(isinstance(one, str) for one in labels.tolist()):
            labels = _numbers(labels)
        else:
            labels = labels.astype(str)
    if labels.dtype.kind in "UT":
        _check_texts(labels, unlabeled, class_names or {})
    elif labels.dtype.kind in "iuf" and labels.size and unlabeled is not None:
        classes, counts = np.unique(labels, return_counts=True)
        n_zeros = int((~np.ma.getmaskarray(label_map) & (values == 0)).sum())
        count_of = dict(zip(classes.tolist(), counts.tolist(), strict=True))
        _check_negatives(count_of, n_zeros, class_names or {})
        _warn_of_sentinels(count_of, labels.dtype, class_names or {})
        if 0 not in count_of:
            _check_zero(count_of, n_zeros, class_names or {})


def stated_names(*sources: Any) -> dict[Any, str]:
    """Join the names, or else the prompts, that users stated for labels; the last one counts."""
    names: dict[Any, str] = {}
    for stated in sources:
        if isinstance(stated, Mapping):
            names |= {label: str(text) for label, text in stated.items()}
    return names


def _numbers(labels: NDArray[Any]) -> NDArray[Any]:
    try:
        return np.array(labels.tolist())
    except ValueError:  # a mixture, which is refused elsewhere
        return labels


def _is_class(value: Any, class_names: Mapping[Any, str]) -> bool:
    """Tell whether a value has a name that a class could have."""
    name = class_names.get(value)
    return isinstance(name, str) and normalize_text(name) not in _MISSING | _NO_CLASS | _BACKGROUND


def _check_negatives(
    count_of: dict[Any, int], n_zeros: int, class_names: Mapping[Any, str]
) -> None:
    negative = [value for value in count_of if value < 0 and not _is_class(value, class_names)]
    others = {value: count for value, count in count_of.items() if value >= 0}
    # -1 and 1 are the usual labels of two classes.
    if not negative or not others or (not n_zeros and count_of.keys() == {-1, 1}):
        return
    if n_zeros:
        others[0] = n_zeros
    first = _plain(negative[0])
    listed = ", ".join(
        f"{_plain(value)} ({others[value]} pixels)" if not value else _plain(value)
        for value in sorted(others)[:_MAX_LISTED]
    )
    more = ", ..." if len(others) > _MAX_LISTED else ""
    marks = ", ".join(f"{_plain(value)} ({count_of[value]} pixels)" for value in negative[:2])
    problem = (
        f"The label map has {marks} beside {listed}{more}: "
        'nothing says which of them stands for "no label".'
    )
    both = f"[0, {', '.join(map(_plain, negative))}]"
    zero_only = f", unlabeled=[0] if only 0 does and {first} is a class" if n_zeros else ""
    meaning = f"unlabeled={first} if it stands for no label, unlabeled={both} if 0 does too"
    raise DataError(
        problem,
        f"Pass {meaning}{zero_only}.",
        option_hint=_as_options(f"Give {meaning}{zero_only}."),
    )


def _warn_of_sentinels(
    count_of: dict[Any, int], dtype: np.dtype[Any], class_names: Mapping[Any, str]
) -> None:
    largest = np.iinfo(dtype).max if dtype.kind in "iu" and dtype.itemsize <= 2 else None
    regular = max((value for value in count_of if value not in _SENTINELS), default=0)
    suspected = [
        value
        for value in count_of
        if value == largest or (value in _SENTINELS and value >= _FAR * regular > 0)
    ]
    suspected = [value for value in suspected if not _is_class(value, class_names)]
    if not suspected or len(count_of) < 2:
        return
    listed = ", ".join(f"{_plain(value)} ({count_of[value]} pixels)" for value in suspected)
    problem = (
        f"The label map holds {listed}, which often stands for background and is taken for a class."
    )
    values = [0, *suspected]
    only = _plain(suspected[0])
    hint = (
        f"Pass unlabeled=[{', '.join(map(_plain, values))}] if that and 0 stand for no label, "
        f"unlabeled={only} if 0 is a class, or unlabeled=[0] if {only} is one."
    )
    warnings.warn(HSVLMWarning(problem, hint, option_hint=_as_options(hint)), stacklevel=4)


def _check_zero(count_of: dict[Any, int], n_zeros: int, class_names: Mapping[Any, str]) -> None:
    last = max(count_of)
    if _is_class(0, class_names):
        shifted = last not in class_names
        if not n_zeros and not shifted:
            return
        problem = (
            f"0 is the class {class_names[0]!r} by its name, and the label of {n_zeros} pixels, "
            'which are left out because 0 stands for "no label".'
        )
        if shifted:
            problem += f" {_plain(last)} has no name: are the names off by one?"
        hint = f"Number the names as the labels. {_ZERO_HINT}"
        raise DataError(problem, hint, option_hint=_as_options(hint))
    n_classes = len(count_of)
    consecutive = sorted(count_of) == list(range(1, n_classes + 1))
    if not consecutive or not 0 < n_zeros <= _MOST_ZEROS * max(count_of.values()):
        return
    # Names of one class more may be off by one.
    if class_names and set(class_names) != set(range(1, n_classes + 2)):
        return
    if len(count_of) < 2 or sum(count_of.values()) < _FEWEST_LABELS:
        return
    problem = (
        f"The label map holds 0 to {_plain(last)}, and 0 is about as rare ({n_zeros} pixels) "
        'as a class. Its pixels are left out, because 0 stands for "no label".'
    )
    warning = HSVLMWarning(problem, _ZERO_HINT, option_hint=_as_options(_ZERO_HINT))
    warnings.warn(warning, stacklevel=4)


def _check_texts(labels: NDArray[Any], unlabeled: Any, class_names: Mapping[Any, str]) -> None:
    classes, counts = np.unique(labels.astype(str), return_counts=True)
    count_of = dict(zip(classes.tolist(), counts.tolist(), strict=True))
    # Where all labels are numbers written as text, 0 is as good a class as any.
    words = _MISSING | _NO_CLASS
    doubtful = [text for text in count_of if normalize_text(text) in words]
    likely = [text for text in count_of if normalize_text(text) in _BACKGROUND]
    if not doubtful and not likely:
        return
    listed = ", ".join(
        f"{text!r} ({count_of[text]} pixels)" for text in (doubtful or likely)[:_MAX_LISTED]
    )
    stated = [] if unlabeled is None else [unlabeled]
    problem = f'The label map holds {listed}, which often stands for "no label", as a class.'
    hint = (
        f"Pass unlabeled={[*stated, *(doubtful or likely)]!r} to leave these pixels out, or "
        f"unlabeled={stated!r} if it is a class."
    )
    if unlabeled is None or not doubtful or any(map(class_names.get, doubtful)):
        warnings.warn(HSVLMWarning(problem, hint), stacklevel=4)
        return
    raise DataError(problem, hint)


def _plain(value: Any) -> str:
    """Write a number as a person would."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value) if whole else value)


def _as_options(hint: str) -> str:
    """Write ``unlabeled=[0, -1]`` as ``--unlabeled 0,-1``."""
    return re.sub(
        r"unlabeled=(\[[^\]]*\]|None|-?\d+)",
        lambda match: f"--unlabeled {match[1].strip('[]').replace(' ', '').lower()}",
        hint.replace("Pass ", "Give "),
    )
