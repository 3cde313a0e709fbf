"""Units of wavelengths: understood, or inferred from the numbers, and never dropped in silence."""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._data.wavelengths import describe_shift
from hsvlm.io._notes import warn_of_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

_LIGHT_M_PER_S = 299_792_458.0
# Nanometres per unit.
_LENGTHS = {
    "nanometers": 1.0,
    "micrometers": 1e3,
    "angstroms": 0.1,
    "millimeters": 1e6,
    "centimeters": 1e7,
    "meters": 1e9,
}
# Nanometres times unit.
_INVERSE = {
    "wavenumbers": 1e7,
    "terahertz": _LIGHT_M_PER_S * 1e-3,
    "gigahertz": _LIGHT_M_PER_S,
    "megahertz": _LIGHT_M_PER_S * 1e3,
    "hertz": _LIGHT_M_PER_S * 1e9,
    "electronvolts": 1239.841984,
}
_SHORT = {
    "nm": "nanometers", "nano": "nanometers", "nanom": "nanometers", "nms": "nanometers",
    "um": "micrometers", "μm": "micrometers", "micron": "micrometers", "microns": "micrometers",
    "micro": "micrometers", "mum": "micrometers", "mkm": "micrometers", "\\mum": "micrometers",
    "å": "angstroms", "ang": "angstroms", "angstrom": "angstroms", "ångström": "angstroms",
    "mm": "millimeters", "cm": "centimeters", "m": "meters",
    "cm-1": "wavenumbers", "1/cm": "wavenumbers", "/cm": "wavenumbers", "percm": "wavenumbers",
    "wavenumber": "wavenumbers", "kayser": "wavenumbers", "wavenumber(cm-1)": "wavenumbers",
    "thz": "terahertz", "ghz": "gigahertz", "mhz": "megahertz", "hz": "hertz",
    "ev": "electronvolts",
    "index": "index", "indices": "index", "band": "index", "bands": "index",
    "bandnumber": "index", "bandindex": "index", "channel": "index", "channels": "index",
}  # fmt: skip
_NO_UNIT = {"", "unknown", "none", "na", "n/a", "null", "1", "-", "?", "undefined", "unspecified"}
_LONG = [*_LENGTHS, *_INVERSE, *(unit.replace("meters", "metres") for unit in _LENGTHS), "unknown"]
# What imaging spectrometers measure, from the ultraviolet to the thermal infrared.
_LEAST_NM, _GREATEST_NM = 200, 20_000
_WORDS = re.compile(r"[\s()\[\]{},;:]+")
_NUMBER = r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_UNIT = r"(?:nm|nanomet(?:er|re)s?|um|µm|μm|micromet(?:er|re)s?|microns?)\b"
_DASHES = "-\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"
# A dash behind a digit belongs to a range or an exponent. Numbers of bands may precede it.
_START = (
    rf"(?:^|[\s(\[_:=]|(?<![\d.])(?<![\d.]e)[{_DASHES}]|(?<![^\W_])[a-z]+(?=\d+[\s_]*[{_DASHES}]))"
)
_IN_NAME = re.compile(
    rf"(\b(?:bands?|b|channel|ch|no\.?)[\s_#]*)?{_START}"
    rf"(?:{_NUMBER}[\s_]*(?:{_UNIT}[\s_]*)?([{_DASHES}/]|to)[\s_]*)?{_NUMBER}[\s_]*({_UNIT})",
    re.IGNORECASE,
)
_WIDTH = r"(?:fwhm|(?:band[\s_-]?)?width)"
_OF_WIDTH = r"[\s_:=(]*(?:of[\s_]+)?"
_WIDTHS = re.compile(
    rf"{_WIDTH}{_OF_WIDTH}{_NUMBER}(?:[\s_]*{_UNIT})?|(?:±|\+/?-)\s*{_NUMBER}"
    rf"|{_NUMBER}[\s_]*{_UNIT}[\s_]*(?:wide|{_WIDTH}(?!{_OF_WIDTH}\d))",
    re.IGNORECASE,
)
# Bands are narrower, so that the first of two such numbers counts the bands.
_WIDEST_RANGE = 3
_LISTS = re.compile(
    r"(?!good)(\w+_)?(wavelengths?|wl|wvl|lambda|band_cent(er|re)s?)"
    r"(_nm|_cent(er|re)s?|_central|_mean)*|list_cw_\w+"
)
_CENTERS = {"center", "centers", "centre", "centres", "central", "mean"}
# Words in the names of lists that hold limits, widths or steps of bands, or marks.
_NO_CENTERS = {
    "min", "minimum", "max", "maximum", "low", "lower", "high", "upper", "start", "end", "first",
    "last", "bound", "bounds", "range", "fwhm", "bandwidth", "bandwidths", "width", "widths",
    "delta", "step", "resolution", "sampling", "interval", "spacing", "error", "uncertainty",
    "good", "bad", "flag", "flags",
}  # fmt: skip


class WavelengthList(NamedTuple):
    """Numbers that may be wavelengths, with the path of their variable and their unit."""

    name: str
    values: Any
    unit: str = ""


def holds_wavelengths(name: str) -> bool:
    """Tell whether a variable is called like a list of wavelengths."""
    last = name.rpartition("/")[2].lower()
    return _LISTS.fullmatch(last) is not None and _NO_CENTERS.isdisjoint(last.split("_"))


def to_nanometers(
    values: Any, unit: str = "", notes: list[str] | None = None
) -> NDArray[np.float64] | None:
    """Bring wavelengths to nanometers."""
    said = [] if notes is None else notes
    try:
        array = np.asarray(values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        said.append("the wavelengths are not numbers and are not used")
        return None
    known = array[np.isfinite(array) & (array > 0)]
    if np.isinf(array).any() or (array < 0).any() or not known.size:
        what = "not given for any band" if not known.size else "negative or infinite in part"
        said.append(f"the wavelengths are {what} and are not used")
        return None
    kind = _settled_unit(array, known, unit, said)
    if kind is None:
        return None
    if kind in _INVERSE:
        with np.errstate(divide="ignore"):
            converted: NDArray[np.float64] = np.where(array > 0, _INVERSE[kind] / array, array)
    elif kind == "nanometers":
        return array
    else:
        converted = array * _LENGTHS[kind]
    # A thousandth of a nanometer: what float32 micrometers resolve.
    return np.round(converted, 3).astype(np.float64, copy=False)


def fitting_wavelengths(
    lists: Iterable[WavelengthList], n_bands: int, notes: list[str], cube: str = ""
) -> NDArray[np.float64] | None:
    """Return one wavelength per band in nanometers, of the list with the best name for `cube`."""
    refused: list[str] = []
    others = set()
    fitting: dict[tuple[int, bool], list[tuple[str, NDArray[np.float64], list[str]]]] = {}
    for name, values, unit in lists:
        if np.size(values) != n_bands:
            others.add(np.size(values))
            continue
        said: list[str] = []
        wavelengths = to_nanometers(values, unit, said)
        if wavelengths is None:
            refused.extend(said)
        else:
            fitting.setdefault(_rank(name, cube), []).append((name, wavelengths, said))
    if fitting:
        (name, wavelengths, said), *further = fitting[min(fitting)]
        unlike = [other for other, values, _ in further if describe_shift(wavelengths, values)]
        if unlike:
            notes.append(f"the wavelengths {name} and {unlike[0]} differ and are not used")
            return None
        notes.extend(said)
        return wavelengths
    sizes = " and of ".join(str(size) for size in sorted(others - {0, 1}))
    if sizes and not refused:
        refused.append(f"the list of {sizes} wavelengths does not fit {n_bands} bands")
    notes.extend(refused[:1])
    return None


def _rank(name: str, cube: str) -> tuple[int, bool]:
    """Rank a list: bare names, then centers, then others; those beside the cube come first."""
    group, _, last = name.strip("/").rpartition("/")
    match = _LISTS.fullmatch(last.lower())
    if match is None:
        rank = 3
    elif _CENTERS.isdisjoint(last.lower().split("_")):
        rank = 0 if match[1] is None and match[2] is not None else 2
    else:
        rank = 1
    return rank, group != cube.strip("/").rpartition("/")[0]


def read_wavelengths(
    file: Path, lists: Iterable[WavelengthList], n_bands: int, cube: str = ""
) -> NDArray[np.float64] | None:
    """Return the best list that fits the bands, and warn of what is assumed."""
    notes: list[str] = []
    wavelengths = fitting_wavelengths(lists, n_bands, notes, cube)
    warn_of_file(file, notes, "Save one wavelength in nanometers per band to be sure.")
    return wavelengths


def wavelengths_in_names(names: Any) -> tuple[list[str | None], set[str]]:
    """Find wavelengths in names such as "Band 1 (450.5 nm)": their numbers, and their units."""
    matches = [_IN_NAME.search(_WIDTHS.sub(" ", name or "")) for name in names]
    units = {_understood(match[5]) or "" for match in matches if match is not None}
    return [None if match is None else _center(*match.groups()) for match in matches], units


def _center(label: str | None, first: str | None, sign: str, last: str, unit: str) -> str:
    """Give the middle of a range; `first` may count the bands, and `last` be a width."""
    if first is None:
        return last
    low, high = sorted(map(float, (first, last)))
    is_range = high <= _WIDEST_RANGE * low or not float(first).is_integer()
    if label:
        is_range = is_range and _understood(unit) == "nanometers" and low >= _LEAST_NM
    if sign == "/" and float(first) > float(last):
        return first
    return f"{(low + high) / 2:.10g}" if is_range else last


def _settled_unit(
    array: NDArray[Any], known: NDArray[Any], text: str, notes: list[str]
) -> str | None:
    span = f"{known.min():g} to {known.max():g}"
    shown = re.sub(r"\s+", " ", text).strip()[:40]
    unit = _understood(text)
    least = 2 if unit in (None, "unknown") else 4
    if unit == "index" or (unit not in _INVERSE and len(array) >= least and _counts(array)):
        which = f"their unit is {shown!r}" if unit == "index" else "they only count the bands"
        notes.append(f"the wavelengths are not used: {which}")
        return None
    if unit in (None, "unknown"):
        guess = _guess(known)
        stated = f"in the unit {shown!r}" if shown else "without a unit"
        if guess is None:
            notes.append(f"the wavelengths, {span} {stated}, are not used")
        elif shown or guess != "nanometers":
            notes.append(f"the wavelengths, {span} {stated}, are taken as {guess}")
        return guess
    if unit in _LENGTHS and not _plausible(known * _LENGTHS[unit]):
        guesses = ("nanometers", "micrometers")
        guess = next((length for length in guesses if _plausible(known * _LENGTHS[length])), unit)
        if guess != unit:
            notes.append(
                f"the wavelengths, {span}, cannot be in the unit {shown!r} and are taken as {guess}"
            )
        return guess
    if _spelt_wrong(text):
        notes.append(f"the unit {shown!r} of the wavelengths is read as {unit}")
    return unit


def _understood(text: str) -> str | None:
    plain = _plain(text)
    for word in (plain, *filter(None, _WORDS.split(plain))):
        compact = re.sub(r"[\s_.^*]+", "", word)
        if compact in _SHORT:
            return _SHORT[compact]
        if compact in _LONG or compact in _NO_UNIT:
            known = compact.replace("metres", "meters")
            return "unknown" if compact in _NO_UNIT else known
    near = get_close_matches(re.sub(r"[^a-z]+", "", plain), _LONG, n=1, cutoff=0.8)
    return near[0].replace("metres", "meters") if near else None


def _spelt_wrong(text: str) -> bool:
    compact = re.sub(r"[^a-z]+", "", _plain(text))
    singular = {unit.removesuffix("s") for unit in _LONG}
    in_other_words = any(
        re.sub(r"[\s_.^*]+", "", word) in _SHORT for word in _WORDS.split(_plain(text))
    )
    return not in_other_words and compact not in {*_LONG, *singular}


def _plain(text: str) -> str:
    # Micro sign and Greek mu, Angstrom sign and letter, superscripts and minus signs become one.
    folded = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    return folded.strip().strip("\"'").lower()[:80]


def _counts(array: NDArray[Any]) -> bool:
    steps = np.arange(len(array))
    return any(np.array_equal(array, steps + first) for first in (0, 1))


def _guess(known: NDArray[Any]) -> str | None:
    low, high = known.min(), known.max()
    if low >= 100 and high <= 100_000:
        return "nanometers"
    return "micrometers" if low >= 0.1 and high < 100 else None


def _plausible(nanometers: NDArray[Any]) -> bool:
    return bool(nanometers.min() >= _LEAST_NM and nanometers.max() <= _GREATEST_NM)
