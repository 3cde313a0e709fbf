"""Columns of features: which holds the classes, and what its values mean."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.texts import normalize_text
from hsvlm._system.files import file_error
from hsvlm.io._notes import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_LARGEST = np.iinfo(np.int32).max
_SHOWN_COLUMNS, _SHOWN_VALUES, _SHOWN_CHARACTERS = 8, 3, 20
_WHOLE = re.compile(r"[+-]?\d+([.,]0*)?")
# Without exponents: 91E0 is a code, as 91D0 is.
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)")
# Columns that programs add; they count features, or describe how these are shown.
_NOT_CLASSES = {
    "fid", "ogc_fid", "gid", "id", "oid", "objectid", "feature_id", "featureid", "uid", "uuid",
    "gml_id", "index", "shape_area", "shape_leng", "shape_length",
}  # fmt: skip
# What programs write where there is no value.
_MISSING = {"", "na", "n/a", "nan", "none", "null", "<null>", "<na>", "-"}
_EACH_FEATURE = {"fid", "index"}
_CLASSES = "Classes are text, or whole numbers from 1; 0 stands for no label."


@dataclass(frozen=True)
class ClassColumn:
    """Classes of features."""

    codes: NDArray[np.int64]
    names: dict[Any, str]
    notes: list[str] = field(default_factory=list)


def class_column(
    file: Path, table: Any, column: str | None, default: str | None = None
) -> ClassColumn:
    """Number the classes of features."""
    name = _class_column_name(file, table, column, default)
    values = table[name]
    kind = _kind(values)
    texts = _texts(values) if kind == "text" else []
    if any(texts):
        return _text_classes(file, name, texts)
    if kind in ("text", "empty"):
        raise file_error(file, f"column {name!r} is empty for all {len(values)} features", _CLASSES)
    if kind not in ("whole numbers", "fractions"):
        raise file_error(file, f"column {name!r} holds {kind}, which are not classes", _CLASSES)
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return ClassColumn(_checked_numbers(file, name, numbers), {})


def group_numbers(file: Path, table: Any, column: str) -> NDArray[np.int32]:
    """Number the groups of features from 1, or keep their positive whole numbers."""
    name = _matching_column(table, column)
    if name is None:
        if column.lower() in _EACH_FEATURE:
            return np.arange(1, len(table) + 1, dtype=np.int32)
        hint = f"{_listed_columns(table)} 'fid' makes each feature a group of its own."
        raise file_error(file, f"has no column {column!r} for groups", hint)
    values = table[name]
    texts = _texts(values) if _kind(values) == "text" else values.tolist()
    missing = int(values.isna().sum()) if _kind(values) != "text" else texts.count(None)
    if missing:
        problem = f"column {name!r} is empty for {missing} of {len(values)} features"
        raise file_error(file, problem, "Give every feature a group, or name another column.")
    if _kind(values) == "whole numbers" and values.min() >= 1 and values.max() <= _LARGEST:
        return np.asarray(values, dtype=np.int32)
    _, numbers = np.unique(np.asarray(texts), return_inverse=True)
    return numbers.reshape(-1).astype(np.int32) + 1


def _class_column_name(file: Path, table: Any, column: str | None, default: str | None) -> str:
    if column is not None:
        name = _matching_column(table, column)
        if name is None:
            raise file_error(file, f"has no column {column!r}", _listed_columns(table))
        return name
    if default is not None:
        return default
    fitting = [
        str(name)
        for name in table.columns
        if _kind(table[name]) in ("text", "whole numbers") and str(name).lower() not in _NOT_CLASSES
    ]
    if len(fitting) == 1:
        return fitting[0]
    listed = _listed_columns(table)
    problem = f"{len(fitting)} columns could hold the classes"
    hint = f"Name the column of the classes: column=... {listed}"
    option_hint = f"Name the column of the classes with --label-column. {listed}"
    raise file_error(file, problem, hint, option_hint)


def _matching_column(table: Any, column: str) -> str | None:
    names = [str(name) for name in table.columns]
    if column in names:
        return column
    alike = [name for name in names if name.strip().casefold() == column.strip().casefold()]
    return alike[0] if len(alike) == 1 else None


def _kind(values: Any) -> str:
    present = values.dropna()
    if not len(present):
        return "empty"
    if values.dtype.kind == "O":
        if all(isinstance(value, str) for value in present):
            return "text" if present.str.strip().astype(bool).any() else "empty"
        if all(isinstance(value, (bool, np.bool_)) for value in present):
            return "True and False"
        return f"values of type {type(present.iloc[0]).__name__}"
    if values.dtype.kind == "b":
        return "True and False"
    if values.dtype.kind not in "iuf":
        return f"values of type {values.dtype}"
    numbers = present.to_numpy(dtype=np.float64)
    return "whole numbers" if (numbers == np.rint(numbers)).all() else "fractions"


def _texts(values: Any) -> list[str | None]:
    cleaned = (
        " ".join(unicodedata.normalize("NFC", value).split()) if isinstance(value, str) else ""
        for value in values
    )
    return [None if text.lower() in _MISSING else text for text in cleaned]


def _text_classes(file: Path, column: str, texts: Sequence[str | None]) -> ClassColumn:
    counts = Counter(text for text in texts if text is not None)
    numeric = [text for text in counts if _NUMBER.fullmatch(text)]
    if len(numeric) == len(counts):
        return _numeric_texts(file, column, texts)
    if any(_WHOLE.fullmatch(text) for text in numeric) and not _are_codes(counts):
        name = next(text for text in counts if text not in numeric)
        problem = f"column {column!r} mixes numbers ({numeric[0]!r}) and names ({name!r})"
        raise file_error(file, problem, "Give all classes names, or all classes numbers.")
    spellings: dict[str, list[str]] = {}
    for text in counts:
        spellings.setdefault(normalize_text(text), []).append(text)
    # The most frequent spelling is the name.
    chosen = {
        key: min(alike, key=lambda text: (-counts[text], text)) for key, alike in spellings.items()
    }
    names = dict(enumerate(sorted(chosen.values()), start=1))
    numbers = {name: number for number, name in names.items()}
    codes = [0 if text is None else numbers[chosen[normalize_text(text)]] for text in texts]
    notes = _notes_on_spelling(column, {chosen[key]: alike for key, alike in spellings.items()})
    return ClassColumn(np.array(codes, dtype=np.int64), names, notes)


def _are_codes(texts: Collection[str]) -> bool:
    """Tell whether texts that are numbers in part have one length and begin with digits."""
    return len(set(map(len, texts))) == 1 and all(text[0].isdecimal() for text in texts)


def _numeric_texts(file: Path, column: str, texts: Sequence[str | None]) -> ClassColumn:
    values = np.array([np.nan if text is None else float(text.replace(",", ".")) for text in texts])
    codes = _checked_numbers(file, column, values)
    spellings: dict[int, set[str]] = {}
    for text, code in zip(texts, codes.tolist(), strict=True):
        if text is not None:
            spellings.setdefault(code, set()).add(text)
    return ClassColumn(codes, {}, _notes_on_spelling(column, spellings))


def _notes_on_spelling(column: str, spellings: Mapping[Any, Collection[str]]) -> list[str]:
    return [
        f"column {column!r} spells a class in several ways: "
        f"{', '.join(map(repr, sorted(alike)))} are read as {name!r}."
        for name, alike in spellings.items()
        if len(alike) > 1
    ]


def _checked_numbers(file: Path, column: str, values: NDArray[np.float64]) -> NDArray[np.int64]:
    present = values[~np.isnan(values)]
    broken = present[(present != np.rint(present)) | (present < 1) | (present > _LARGEST)]
    if broken.size:
        problem = f"column {column!r} holds {broken[0]:.15g}"
        raise file_error(file, problem, f"{_CLASSES[:-1]}, and {_LARGEST} is the largest.")
    return np.nan_to_num(values).astype(np.int64)


def _listed_columns(table: Any) -> str:
    columns = [_described(str(name), table[name]) for name in table.columns]
    return f"Columns: {listed(columns, _SHOWN_COLUMNS) or 'none'}."


def _described(name: str, values: Any) -> str:
    kind = _kind(values)
    if kind not in ("text", "whole numbers", "fractions"):
        return f"{name} ({kind})"
    distinct = values.dropna().drop_duplicates()
    shown = [_sample(value, kind) for value in distinct[:_SHOWN_VALUES]]
    if len(distinct) > _SHOWN_VALUES:
        shown.append("...")
    return f"{name} ({kind}: {', '.join(shown)})"


def _sample(value: Any, kind: str) -> str:
    if kind != "text":
        return f"{value:.12g}"
    text = " ".join(value.split())
    cut = len(text) > _SHOWN_CHARACTERS
    return repr(text[:_SHOWN_CHARACTERS] + "..." if cut else text)
