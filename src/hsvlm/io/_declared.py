"""Values for "no data", valid ranges, factors and offsets, as files declare them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm.io._envi_header import parse_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_UNITS = ("units", "unit")
_MAX_UNIT_CHARACTERS = 40
# Letters of the names under which software states values for "no data".
_NODATA = {
    "fillvalue", "missingvalue", "nodata", "nodatavalue", "nodatavalues", "nodatavals",
    "dataignorevalue", "ignorevalue", "ignoredvalue", "novalue",
}  # fmt: skip
_MAX_VALUES = 100
# Letters behind a number that state its type in the text form of NetCDF: 1b, 200UB, 3s, 4LL, 5.f.
_TYPE = re.compile(r"(?<=[\d.])(u?(b|s|l|ll)|u|f)$", re.IGNORECASE)
# A factor of this size under a name other than that of the CF conventions is a divisor.
_LEAST_DIVISOR = 10
# Software prints whole numbers up to this one exactly, and others rounded: those at the ends of
# the floats to as few as 6 digits.
_LARGEST_EXACT = 2**24
_EXTREME = 1e30
_FEW_DIGITS = 1e-5
_ULPS = 4 * float(np.finfo(np.float32).eps)


class Declared(NamedTuple):
    """Values for "no data" (None, one or several) and the range of valid ones."""

    nodata: float | tuple[float, ...] | None = None
    valid_range: tuple[float, float] | None = None


def marked_by(dtype: np.dtype[Any], number: float) -> tuple[Any, Any] | None:
    """Give the least and greatest value that a number for "no data" means in a type, if any."""
    if dtype.kind != "f":
        if not np.isfinite(number) or number != int(number):
            return None
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        return (dtype.type(int(number)),) * 2 if low <= number <= high else None
    if not np.isfinite(number):
        return (dtype.type(number),) * 2
    away, limit = abs(number) * _rounding(number), float(np.finfo(dtype).max)
    if abs(number) - away > limit:
        return None
    low, high = (dtype.type(np.clip(end, -limit, limit)) for end in (number - away, number + away))
    return low, high


def is_marked(values: NDArray[Any], number: float) -> NDArray[np.bool_]:
    """Tell which values are a number for "no data", which may be stated in few digits."""
    ends = marked_by(values.dtype, number)
    marked: NDArray[np.bool_]
    if ends is None:
        marked = np.zeros(values.shape, dtype=bool)
    elif np.isnan(ends[0]):
        marked = np.isnan(values)
    else:
        low, high = ends
        marked = values == low if low == high else (values >= low) & (values <= high)
    return marked


def _rounding(number: float) -> float:
    size = abs(number)
    if number == 0 or (size <= _LARGEST_EXACT and float(number).is_integer()):
        return 0.0
    return _ULPS if 1 / _EXTREME <= size <= _EXTREME else _FEW_DIGITS


def declared_unit(attributes: Mapping[str, Any]) -> str:
    """Return the unit of the values that attributes state; empty if they state none."""
    known = {str(name).lower(): value for name, value in attributes.items()}
    value = next((known[name] for name in _UNITS if name in known), "")
    value = next(iter(np.ravel(value).tolist()), "")
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text[:_MAX_UNIT_CHARACTERS].strip()


def declared_values(
    attributes: Mapping[str, Any], notes: list[str], scale: tuple[float, float] = (1.0, 0.0)
) -> Declared:
    """Collect the values for "no data" and the valid range that attributes state."""
    values: list[float] = []
    limits = {"min": -np.inf, "max": np.inf}
    for name in attributes:
        letters = re.sub(r"[^a-z]", "", str(name).lower())
        if letters in _NODATA:
            values += declared_numbers(name, attributes[name], notes)
        elif letters == "validrange":
            numbers = declared_numbers(name, attributes[name], notes)
            if len(numbers) == 2:
                limits = {"min": numbers[0], "max": numbers[1]}
        elif letters in ("validmin", "validmax"):
            numbers = declared_numbers(name, attributes[name], notes)
            limits[letters[-3:]] = numbers[0] if len(numbers) == 1 else limits[letters[-3:]]
    factor, offset = scale
    unpacked = tuple(dict.fromkeys(value * factor + offset for value in values))
    low, high = limits["min"], limits["max"]
    is_limited = np.isfinite(low) or np.isfinite(high)
    if is_limited and not low < high:
        notes.append(f"its valid range from {low:g} to {high:g} is empty and is not used")
        is_limited = False
    low, high = sorted((low * factor + offset, high * factor + offset))
    nodata = unpacked if len(unpacked) > 1 else next(iter(unpacked), None)
    return Declared(nodata, (low, high) if is_limited else None)


def declared_scale(
    attributes: Mapping[str, Any], n_bands: int, notes: list[str]
) -> NDArray[np.float64] | None:
    """Read factor and offset of every band, (n_bands, 2), not applied."""
    parts: dict[str, Any] = {}
    for name in attributes:
        letters = re.sub(r"[^a-z]", "", str(name).lower())
        if letters in ("scalefactor", "addoffset"):
            numbers = declared_numbers(name, attributes[name], notes)
            # In the CF conventions the factor multiplies; elsewhere 10000 divides reflectance.
            if numbers and letters == "scalefactor" and name != "scale_factor":
                numbers = [
                    1 / number if abs(number) >= _LEAST_DIVISOR else number for number in numbers
                ]
            parts[letters] = numbers or None
    return scale_of(parts.get("scalefactor"), parts.get("addoffset"), n_bands, notes)


def declared_numbers(name: str, value: Any, notes: list[str]) -> list[float]:
    """Read the numbers of an attribute, which may be text."""
    array = np.ravel(value)[:_MAX_VALUES]
    if array.dtype.kind in "biuf":
        return [float(number) for number in array]
    texts = [
        text.decode(errors="replace") if isinstance(text, bytes) else str(text) for text in array
    ]
    parts = [part for text in texts for part in re.split(r"[\s,;\[\](){}]+", text) if part]
    numbers = [parse_number(_TYPE.sub("", part)) for part in parts]
    if None in numbers:
        notes.append(f"its attribute {name} is {' '.join(texts)[:30]!r} and is not used")
    return [number for number in numbers if number is not None] if None not in numbers else []


def scale_of(
    factors: Any, offsets: Any, n_bands: int, notes: list[str]
) -> NDArray[np.float64] | None:
    """Give factor and offset of every band, (n_bands, 2); None for 1 and 0 throughout."""
    if factors is None and offsets is None:
        return None
    try:
        parts = [
            np.full(n_bands, default) if values is None else _per_band(values, n_bands)
            for values, default in ((factors, 1.0), (offsets, 0.0))
        ]
    except (TypeError, ValueError):
        parts = [np.full(n_bands, np.nan)] * 2
    scale = np.column_stack(parts)
    if not np.isfinite(scale).all() or not scale[:, 0].all():
        notes.append(
            "scale and offset of the values are not finite, or a factor is 0, and are not used"
        )
        return None
    return None if (scale == (1.0, 0.0)).all() else scale


def _per_band(values: Any, n_bands: int) -> NDArray[np.float64]:
    array = np.ravel(np.asarray(values, dtype=np.float64))
    return np.full(n_bands, array[0]) if array.size == 1 else np.broadcast_to(array, n_bands)
