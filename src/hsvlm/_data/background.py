"""Detect values of a label map that probably stand for "no label"."""

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

_MAX_LISTED_VALUES = 4
# Conventions of label files, and the largest values of integer types.
_SENTINELS = {99, 127, 255, 999, 9999, 32767, 65535, 99999, 999999}
_SENTINELS |= {2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1}
# A sentinel lies far beyond the classes; codes such as 97, 98, 99 are classes.
_MIN_SENTINEL_RATIO = 2
# In published maps, 0 is 1.35 (Jasper Ridge, fully mapped) to 9 times as frequent as any class.
_MAX_ZERO_RATIO = 1.1
_MIN_LABELS = 100  # fewer give no reliable shares
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
    """Raise or warn if several values of a label map may stand for "no label"."""
    if isinstance(unlabeled, (list, tuple)):
        return
    values = np.asarray(label_map)
    labels = values[labeled]
    if labels.dtype.kind == "O":
        is_text = labels.size and all(isinstance(label, str) for label in labels.tolist())
        labels = labels.astype(str) if is_text else _numbers(labels)
    names = class_names or {}
    if labels.dtype.kind in "UT":
        _check_texts(_counts(labels.astype(str)), unlabeled, names)
    elif labels.dtype.kind in "iuf" and labels.size and unlabeled is not None:
        n_zeros = int((~np.ma.getmaskarray(label_map) & (values == 0)).sum())
        count_of = _counts(labels)
        _check_negatives(count_of, n_zeros, names)
        _warn_of_sentinels(count_of, labels.dtype, names)
        if 0 not in count_of:
            _check_zero(count_of, n_zeros, names)


def stated_names(*sources: Any) -> dict[Any, str]:
    """Join the names, or else the prompts, stated for labels; the last source counts."""
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


def _counts(labels: NDArray[Any]) -> dict[Any, int]:
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _with_counts(count_of: dict[Any, int], values: list[Any]) -> str:
    return ", ".join(f"{_plain(value)} ({count_of[value]} pixels)" for value in values)


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
    shown = [
        _plain(value) if value else _with_counts(others, [value])
        for value in sorted(others)[:_MAX_LISTED_VALUES]
    ]
    more = ", ..." if len(others) > _MAX_LISTED_VALUES else ""
    problem = (
        f"The label map has {_with_counts(count_of, negative[:2])} in addition to "
        f'{", ".join(shown)}{more}: it is unclear which of them stands for "no label".'
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
        if value == largest or (value in _SENTINELS and value >= _MIN_SENTINEL_RATIO * regular > 0)
    ]
    suspected = [value for value in suspected if not _is_class(value, class_names)]
    if not suspected or len(count_of) < 2:
        return
    problem = (
        f"The label map holds {_with_counts(count_of, suspected)}, which often stands for "
        "background and is used as a class."
    )
    only = _plain(suspected[0])
    hint = (
        f"Pass unlabeled=[{', '.join(map(_plain, [0, *suspected]))}] if that and 0 stand for no "
        f"label, unlabeled={only} if 0 is a class, or unlabeled=[0] if {only} is one."
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
    if not consecutive or not 0 < n_zeros <= _MAX_ZERO_RATIO * max(count_of.values()):
        return
    # Names of one class more may be off by one.
    if class_names and set(class_names) != set(range(1, n_classes + 2)):
        return
    if n_classes < 2 or sum(count_of.values()) < _MIN_LABELS:
        return
    problem = (
        f"The label map holds 0 to {_plain(last)}, and 0 is about as rare ({n_zeros} pixels) "
        'as a class. Its pixels are left out, because 0 stands for "no label".'
    )
    warning = HSVLMWarning(problem, _ZERO_HINT, option_hint=_as_options(_ZERO_HINT))
    warnings.warn(warning, stacklevel=4)


def _check_texts(count_of: dict[Any, int], unlabeled: Any, class_names: Mapping[Any, str]) -> None:
    words = _MISSING | _NO_CLASS
    doubtful = [text for text in count_of if normalize_text(text) in words]
    likely = [text for text in count_of if normalize_text(text) in _BACKGROUND]
    if not doubtful and not likely:
        return
    listed = ", ".join(
        f"{text!r} ({count_of[text]} pixels)" for text in (doubtful or likely)[:_MAX_LISTED_VALUES]
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
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value) if is_whole else value)


def _as_options(hint: str) -> str:
    """Write ``unlabeled=[0, -1]`` as ``--unlabeled 0,-1``."""
    return re.sub(
        r"unlabeled=(\[[^\]]*\]|None|-?\d+)",
        lambda match: f"--unlabeled {match[1].strip('[]').replace(' ', '').lower()}",
        hint.replace("Pass ", "Give "),
    )
