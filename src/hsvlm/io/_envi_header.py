"""Headers of ENVI files, as lenient as ENVI and GDAL are; the rest is said."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from hsvlm._system.files import file_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.exceptions import FileError

_ESSENTIAL = ("samples", "lines", "bands", "data type", "interleave", "header offset", "byte order")
# Fields of ENVI, of GDAL and of the library spectral.
_KNOWN = {
    *_ESSENTIAL,
    "acquisition time", "band names", "bbl", "class lookup", "class names", "class values",
    "classes", "cloud cover", "complex function", "coordinate system string", "correction factors",
    "data gain values", "data ignore value", "data offset values", "data reflectance gain values",
    "data reflectance offset values", "data units", "default bands", "default stretch",
    "dem band", "dem file", "description", "errors", "file compression", "file type", "fwhm",
    "geo points", "major frame offsets", "map info", "minor frame offsets", "pixel size",
    "product type", "projection info", "read procedures", "reflectance scale factor", "rpc info",
    "security tag", "sensor type", "smoothing factors", "solar irradiance", "spectra names",
    "sun azimuth", "sun elevation", "timestamp", "wavelength", "wavelength units", "x start",
    "y start", "z plot average", "z plot range", "z plot titles",
}  # fmt: skip
# Those that are read here, and so are worth a look at names that nearly match.
_USED = (
    *_ESSENTIAL, "band names", "bbl", "class lookup", "class names", "coordinate system string",
    "data gain values", "data ignore value", "data offset values", "file compression",
    "file type", "map info", "projection info", "reflectance scale factor", "wavelength",
    "wavelength units",
)  # fmt: skip
_OTHER_NAMES = {
    "no data": "data ignore value",
    "nodata": "data ignore value",
    "no data value": "data ignore value",
    "nodata value": "data ignore value",
    "bad bands list": "bbl",
    "bad band list": "bbl",
}
# Their values are free texts, in which a semicolon need not begin a comment.
_TEXTS = {"description", "band names", "class names", "spectra names", "coordinate system string"}
_LEAST_LIKENESS = 0.85
MAX_HEADER_BYTES = 2**23
_MAX_SHOWN = 30
# Nobody writes so many by hand, and a comparison takes a millisecond.
_MAX_UNKNOWN_NAMES = 200
_WHOLE_LIMIT = 2**62
_CLOSING = {"{": "}", "[": "]"}
_NAN = re.compile(r"[+-]?(nan(\(\w*\))?|1\.?#\w+)", re.IGNORECASE)
_PIECES = re.compile(r'"[^"]*"|\([^()]*\)|[^,"()]+|[,"()]')
_WORDS = {
    "true": 1.0, "yes": 1.0, "good": 1.0, "on": 1.0, "t": 1.0, "y": 1.0,
    "false": 0.0, "no": 0.0, "bad": 0.0, "off": 0.0, "f": 0.0, "n": 0.0,
}  # fmt: skip
_GIVE_HEADER = "Give the header of an ENVI file, or its data file."
HINT_COPY_AGAIN = "Copy both files again, or correct the header."


@dataclass(frozen=True)
class EnviHeader:
    """Fields of a header as text, and what has to be said of them."""

    path: Path
    fields: dict[str, str]
    uncut: dict[str, str]
    notes: list[str]

    def text(self, name: str) -> str:
        """Return a value as a line, without quotes; empty if there is none."""
        return " ".join(self.fields.get(name, "").split()).strip("\"' ")

    def whole(self, name: str, least: int, default: str = "") -> int:
        """Return a whole number of at least `least`."""
        value = self.text(name) or default
        try:
            number = int(value)
        except ValueError:
            whole = re.fullmatch(r"(\d{1,18})\.0*", value)
            number = int(whole[1]) if whole else least - 1
        if not least <= number < _WHOLE_LIMIT:
            problem = f"its field `{name}` is {value[:20]}"
            hint = f"It must be a whole number from {least} on. {HINT_COPY_AGAIN}"
            raise file_error(self.path, problem, hint)
        return number

    def numbers(self, name: str, count: int | None = None) -> NDArray[np.float64] | None:
        """Return a list of `count` numbers; None, with a note, if it cannot be understood."""
        reason = ""
        for text in (self.fields.get(name, ""), self.uncut.get(name, "").replace(";", " ")):
            parts = [part.strip("\"'") for part in re.split(r"[\s,{}\[\]]+", text)]
            parts = [part for part in parts if part]
            values = [parse_number(part) for part in parts]
            if None in values:
                reason = reason or f"holds {parts[values.index(None)][:_MAX_SHOWN]!r}"
            elif values and count in (None, len(values)):
                return np.array(values, dtype=np.float64)
            elif values:
                reason = reason or f"has {len(values)} entries, not {count},"
        if reason:
            self.notes.append(f"`{name}` {reason} and is not used")
        return None

    def names(self, name: str, count: int | None) -> tuple[str, ...]:
        """Return a list of `count` texts; empty, with a note, if it cannot be told apart."""
        text = self.fields.get(name, "").strip()
        if not text:
            return ()
        first = None
        for parts in _ways_to_divide(text):
            entries = [" ".join(part.split()).strip("\"'") for part in parts]
            if not entries[-1] and (count is None or len(entries) == count + 1):
                entries.pop()
            if count in (None, len(entries)):
                return tuple(entries)
            first = first or entries
        self.notes.append(f"`{name}` has {len(first or ())} entries, not {count}, and is not used")
        return ()


def read_header(path: Path) -> EnviHeader:
    """Read the fields of a header."""
    with path.open("rb") as stream:
        raw = stream.read(MAX_HEADER_BYTES + 4)
    if len(raw) > MAX_HEADER_BYTES:
        problem = f"it has more than {MAX_HEADER_BYTES:,} bytes, which no ENVI header needs"
        raise file_error(path, problem, _GIVE_HEADER)
    lines = _decoded(raw).splitlines()
    if not lines or not lines[0].strip().upper().startswith("ENVI"):
        problem = 'it is not an ENVI header: it does not begin with "ENVI"'
        raise file_error(path, problem, _GIVE_HEADER)
    notes: list[str] = []
    fields: dict[str, str] = {}
    uncut: dict[str, str] = {}
    for name, clean, whole in _stated(lines[1:], notes):
        before = fields.get(name)
        if before is not None and _compact(before) != _compact(clean):
            if name in _ESSENTIAL:
                raise _contradiction(path, name, before, clean)
            notes.append(f"`{name}` is there twice, and the last one counts")
        fields[name], uncut[name] = clean, whole
    _adopt_near_names(fields, uncut, notes)
    return EnviHeader(path, fields, uncut, notes)


def parse_number(text: str) -> float | None:
    """Read a number as ENVI, IDL, C and Python write them; words for true and false are 1 and 0."""
    try:
        return float(text)
    except ValueError:
        pass
    lower = text.strip().lower()
    if _NAN.fullmatch(lower):
        return float("nan")
    if re.fullmatch(r"[+-]?[\d.]+d[+-]?\d+", lower):  # double precision in IDL
        try:
            return float(lower.replace("d", "e"))
        except ValueError:
            return None
    return _WORDS.get(lower)


def _decoded(raw: bytes) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _stated(lines: list[str], notes: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and value with comments of every field."""
    place, closes = 0, True
    while place < len(lines):
        line = lines[place]
        name, sign, first = line.partition("=")
        place += 1
        if not sign or line.lstrip().startswith(";"):
            continue
        name = _plain_name(name)
        opening = first.strip()[:1]
        stop = place
        if opening in _CLOSING:
            stop = _end_of_braces(lines, place, opening, name) if closes else -1
            if stop < 0:
                # Once a brace stays open to the end, no later one is followed that far.
                closes = False
                stop, is_closed = _end_before_next(lines, place, opening)
                if not is_closed:
                    notes.append(f"the brace of `{name}` is never closed")
        else:
            while stop < len(lines) and _continues(lines[stop - 1], lines[stop]):
                stop += 1
        whole = [first, *lines[place:stop]]
        clean = [_uncommented(line, name) for line in whole]
        yield name, _unbraced("\n".join(clean)), _unbraced("\n".join(whole))
        place = stop


def _plain_name(text: str) -> str:
    return re.sub(r"[\s_]+", " ", text).strip().lower()


def _compact(text: str) -> str:
    return "".join(text.split())


def _uncommented(line: str, name: str) -> str:
    if line.lstrip().startswith(";"):
        return ""
    if name in _TEXTS:
        line = re.sub(r"([,{])\s*;.*$", r"\1", line)
        return re.sub(r"(\})\s*;.*$", r"\1", line)
    return line.partition(";")[0]


def _end_of_braces(lines: list[str], place: int, opening: str, name: str) -> int:
    """Return the line after the one that closes a brace opened in the line before `place`."""
    closing, depth = _CLOSING[opening], 0
    for number in range(place - 1, len(lines)):
        line = lines[number] if number >= place else lines[number].partition("=")[2]
        line = _uncommented(line, name)
        depth += line.count(opening) - line.count(closing)
        if depth <= 0:
            return number + 1
    return -1


def _end_before_next(lines: list[str], place: int, opening: str) -> tuple[int, bool]:
    """Return where a field ends whose braces do not match, and whether it is closed there."""
    closing = _CLOSING[opening]
    if closing in lines[place - 1]:
        return place, True
    for number in range(place, len(lines)):
        name, sign, _ = lines[number].partition("=")
        if sign and _plain_name(name) in _KNOWN:
            return number, False
        if closing in lines[number]:
            return number + 1, True
    return len(lines), False


def _continues(line: str, following: str) -> bool:
    rest = following.strip()
    if not rest or "=" in rest or rest.startswith(";"):
        return False
    return line.rstrip().endswith(",") or re.fullmatch(r"[\d\s.,eE+-]+", rest) is not None


def _unbraced(text: str) -> str:
    text = text.strip()
    closing = _CLOSING.get(text[:1])
    if closing is None:
        return text
    head, brace, _ = text[1:].rpartition(closing)
    return (head if brace else text[1:]).strip()


def _ways_to_divide(text: str) -> Iterator[list[str]]:
    yield text.split(",")
    # Names may contain commas: in quotes, in brackets, or where each has a line of its own.
    parts = [""]
    for piece in _PIECES.findall(text):
        if piece == ",":
            parts.append("")
        else:
            parts[-1] += piece
    yield parts
    yield re.split(r",?\s*\n\s*", text)


def _adopt_near_names(fields: dict[str, str], uncut: dict[str, str], notes: list[str]) -> None:
    """Read fields under the known names that they nearly have."""
    unknown = [name for name in fields if name not in _KNOWN]
    for name in unknown[:_MAX_UNKNOWN_NAMES]:
        near = get_close_matches(name[:60], _USED, n=1, cutoff=_LEAST_LIKENESS)
        known = _OTHER_NAMES.get(name) or (near[0] if near else None)
        if known is None:
            continue
        if known not in fields:
            notes.append(f"`{name[:60]}` is read as `{known}`")
            fields[known], uncut[known] = fields[name], uncut[name]
        elif _compact(fields[known]) != _compact(fields[name]):
            notes.append(f"`{name[:60]}` is not used, for `{known}` is there too")


def _contradiction(path: Path, name: str, before: str, after: str) -> FileError:
    problem = (
        f"its field `{name}` is there twice, as {before[:_MAX_SHOWN]} and as {after[:_MAX_SHOWN]}"
    )
    return file_error(path, problem, "Delete the wrong one.")
