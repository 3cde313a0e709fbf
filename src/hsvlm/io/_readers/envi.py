"""ENVI files: a header in text, and the values in a file beside it."""

from __future__ import annotations

import glob
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.class_table import repeats_number
from hsvlm._data.lazy import MappedCube
from hsvlm._system.files import file_error
from hsvlm.exceptions import FileError, MissingFileError
from hsvlm.io._common import LabelMap, Reader, ReadResult, hex_color
from hsvlm.io._declared import declared_unit, scale_of
from hsvlm.io._envi_header import (
    HINT_COPY_AGAIN,
    MAX_HEADER_BYTES,
    EnviHeader,
    parse_number,
    read_header,
)
from hsvlm.io._map_info import read_map_info
from hsvlm.io._notes import warn_of_file
from hsvlm.io._strangers import check_content
from hsvlm.io._variables import reading
from hsvlm.io._wavelengths import to_nanometers, wavelengths_in_names
from hsvlm.io.classes import label_map
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEADER_SUFFIXES = (".hdr", ".HDR", ".Hdr")
_SUFFIXES = (".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin", ".hyspex")
_REQUIRED = {
    "samples": "the number of columns",
    "lines": "the number of rows",
    "bands": "the number of bands",
    "data type": "a number for the type of the values, such as 4 for float32",
    "interleave": "bsq, bil or bip",
}
_BYTE_ORDERS = "0 for little endian or 1 for big endian"
# Axes of the file, as those of (height, width, n_bands).
_AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
_DTYPES = {
    "1": "u1", "2": "i2", "3": "i4", "4": "f4", "5": "f8", "6": "c8", "9": "c16",
    "12": "u2", "13": "u4", "14": "i8", "15": "u8",
}  # fmt: skip
_NO_IMAGE = re.compile(r".*(librar|mosaic|meta|tiff|jpe?g|nitf|hdf|series|roi|vector)", re.I | re.S)
_HINT = "Correct these fields of the header to be sure, or delete them."


class _Native:
    """Brings values to the byte order of the machine; a class, so that cubes can be pickled."""

    def __call__(self, spectra: NDArray[Any]) -> NDArray[Any]:
        return spectra.astype(spectra.dtype.newbyteorder("="))


def read_cube(file: Path, variable: str | None = None) -> ReadResult:
    """Read a cube in ENVI's format."""
    header, data = _open(file, variable)
    cube = _mapped(header, data)
    fields = band_fields(header, cube.shape[2])
    crs, transform = read_map_info(header.path, header.fields, header.notes)
    nodata = fields.pop("nodata")
    warn_of_file(header.path, header.notes, _HINT)
    return ReadResult(
        Scene(cube=cube, name=data.stem, crs=crs, transform=transform, **fields),
        nodata,
        unit=declared_unit({"unit": header.text("data units")}),
    )


def read_label_map(file: Path, variable: str | None = None) -> LabelMap:
    """Read a label map in ENVI's format."""
    header, data = _open(file, variable)
    cube = _mapped(header, data)
    if cube.shape[2] != 1:
        problem = f"it has {cube.shape[2]} bands, but a label map has one"
        raise file_error(header.path, problem, "Give the file of the label map.")
    # Python converts no more than 4,300 digits.
    stated = header.text("classes")
    count = int(stated) if stated.isdecimal() and len(stated) < 10 else None
    names = dict(enumerate(header.names("class names", count)))
    lookup = header.numbers("class lookup", 3 * len(names)) if names else None
    colors = {}
    if lookup is not None:
        parts = np.nan_to_num(np.clip(lookup, 0, 255)).astype(np.uint8).reshape(-1, 3).tolist()
        colors = {value: hex_color(*parts[value]) for value in names}
    place = read_map_info(header.path, header.fields, header.notes)
    nodata = _nodata(header)
    warn_of_file(header.path, header.notes, _HINT)
    labels = np.asarray(cube[:, :, 0])
    names = _without_gaps(names, labels)
    return label_map(header.path, labels, names, colors, nodata, *place)


def _without_gaps(names: dict[int, str], labels: NDArray[Any]) -> dict[int, str]:
    """Leave out what a header without gaps calls the numbers between its classes."""
    unnamed = {value for value, name in names.items() if repeats_number(name, value)}
    gaps = unnamed.difference(np.unique(labels).tolist()) if unnamed else unnamed
    return {value: name for value, name in names.items() if value not in gaps}


def band_fields(header: EnviHeader, n_bands: int) -> dict[str, Any]:
    """Read what a header tells of the bands: fields of a Scene, and `nodata`."""
    good = header.numbers("bbl", n_bands)
    if good is not None and (np.isnan(good).any() or not good.any()):
        reason = "marks every band as bad" if not good.any() else "holds NaN"
        header.notes.append(f"`bbl` {reason} and is not used")
        good = None
    band_names = header.names("band names", n_bands)
    return {
        "wavelengths_nm": _wavelengths(header, band_names, n_bands),
        "band_names": band_names,
        "bad_bands": None if good is None else good == 0,
        "scale": _scale(header, n_bands),
        "nodata": _nodata(header),
    }


def _wavelengths(header: EnviHeader, band_names: tuple[str, ...], n_bands: int) -> Any:
    text = header.text("wavelength")
    # Some software writes the unit behind each number, or both into the names of the bands only.
    values, units = wavelengths_in_names(text.strip(", ").split(",") if text else band_names)
    if len(values) == n_bands and None not in values and len(units) == 1:
        return to_nanometers(values, units.pop(), header.notes)
    numbers = header.numbers("wavelength", n_bands)
    unit = header.text("wavelength units")
    return None if numbers is None else to_nanometers(numbers, unit, header.notes)


def header_beside(path: Path) -> Path | None:
    """Find the ENVI header that belongs to a data file."""
    if path.suffix.lower() == ".hdr":
        return path
    names = [f"{name}{suffix}" for name in (path.name, path.stem) for suffix in HEADER_SUFFIXES]
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _is_utf8(path: Path) -> bool:
    """Tell whether the header of an ENVI file is UTF-8; others are read as Latin-1."""
    header = header_beside(path)
    try:
        (header or path).read_bytes()[:MAX_HEADER_BYTES].decode()
    except UnicodeDecodeError:
        return False
    return True


def data_files(header: Path) -> list[Path]:
    """Find the files that a header could belong to."""
    suffixes = ["", *(case for suffix in _SUFFIXES for case in (suffix, suffix.upper()))]
    paths = [header.with_name(header.stem + suffix) for suffix in suffixes]
    return [path for path in paths if path.is_file()]


def describes(header: Path, data: Path) -> bool:
    """Tell whether a header states the size that a data file has."""
    try:
        return data.stat().st_size == _stated_size(read_header(header))
    except (FileError, OSError):
        return False


def states_type(header: EnviHeader, dtype: Any) -> bool:
    """Tell whether values of a type are those of a header; any are if it states none."""
    number = header.text("data type")
    return not number or np.dtype(_DTYPES.get(number, "V1")) == dtype


def _open(file: Path, variable: str | None) -> tuple[EnviHeader, Path]:
    if variable is not None:
        problem = f"an ENVI file holds one array, but variable={variable!r} is asked for"
        raise file_error(file, problem, "Leave out `variable`.")
    beside = header_beside(file)
    if beside is None:
        raise MissingFileError(
            f"{file} needs an ENVI header, but neither {file.name}.hdr nor {file.stem}.hdr lies "
            "beside it. Put the header there."
        )
    header = read_header(beside)
    _check_fields(header)
    data = _data_beside(header) if file == beside else file
    _settle_interleave(header, data)
    return header, data


def _check_fields(header: EnviHeader) -> None:
    for name, meaning in _REQUIRED.items():
        if not header.text(name) and name != "interleave":
            hint = f"Add the line `{name} = ...`: {meaning}."
            raise file_error(header.path, f"the header lacks the field `{name}`", hint)
    kind = header.text("file type")
    if _NO_IMAGE.match(kind):
        problem = f"its field `file type` is {kind!r}, not an image with values of its own"
        raise file_error(
            header.path, problem, "Export it from ENVI as an image of type ENVI Standard."
        )
    if header.text("file compression") not in ("", "0"):
        problem = "its data file is compressed, so it cannot be mapped into memory"
        hint = "Decompress it with gunzip and set `file compression = 0`."
        raise file_error(header.path, problem, hint)
    for name in ("major frame offsets", "minor frame offsets"):
        if re.search(r"[1-9]", header.fields.get(name, "")):
            problem = "its frames lie apart (`major frame offsets`, `minor frame offsets`)"
            hint = "Export it from ENVI without frame offsets."
            raise file_error(header.path, problem, hint)


def _settle_interleave(header: EnviHeader, data: Path) -> None:
    interleave = header.text("interleave").lower()
    if not interleave:
        # What GDAL does.
        suffix = data.suffix.lower()[1:]
        if suffix not in _AXES and header.text("bands") != "1":
            hint = f"Add the line `interleave = ...`: {_REQUIRED['interleave']}."
            raise file_error(header.path, "the header lacks the field `interleave`", hint)
        interleave = suffix if suffix in _AXES else "bsq"
        header.notes.append(f"there is no `interleave`, so {interleave} is assumed")
    if interleave not in _AXES:
        problem = f"its field `interleave` is {interleave!r}"
        raise file_error(header.path, problem, "Correct it to bsq, bil or bip.")
    header.fields["interleave"] = interleave


def _mapped(header: EnviHeader, data: Path) -> Any:
    dtype, offset, shape = _dtype(header), header.whole("header offset", 0, "0"), _shape(header)
    needed, size = offset + math.prod(shape) * dtype.itemsize, data.stat().st_size
    if size != needed:
        check_content(data)
        problem = (
            f"{data.name} has {size:,} bytes, but {shape[0]} lines x {shape[1]} samples x "
            f"{shape[2]} bands of {dtype.name} after {offset} bytes make {needed:,}"
        )
        cut = "The file was cut off or the header is another's. " if size < needed else ""
        raise file_error(header.path, problem, cut + HINT_COPY_AGAIN)
    if not header.text("byte order") and dtype.itemsize > 1:
        header.notes.append("there is no `byte order`, so 0 (little endian) is assumed")
    axes = _AXES[header.fields["interleave"]]
    stored = tuple(shape[axis] for axis in axes)
    with reading(data, "the data of an ENVI file"):
        values = np.memmap(data, dtype=dtype, mode="r", offset=offset, shape=stored)
    cube = np.moveaxis(values, range(3), axes)
    return cube if dtype.isnative else MappedCube(cube, _Native())


def _dtype(header: EnviHeader) -> np.dtype[Any]:
    number, order = header.text("data type"), header.text("byte order") or "0"
    dtype: np.dtype[Any] = np.dtype(_DTYPES.get(number, "V1"))
    if dtype.kind not in "iuf":
        what = "complex values" if dtype.kind == "c" else "not a type of ENVI"
        problem = f"its field `data type` is {number[:20]}, {what}"
        raise file_error(header.path, problem, "Convert it to integers or floats.")
    if order not in ("0", "1"):
        problem = f"its field `byte order` is {order[:20]}"
        raise file_error(header.path, problem, f"Correct it: {_BYTE_ORDERS}.")
    return dtype.newbyteorder("<" if order == "0" else ">")


def _shape(header: EnviHeader) -> tuple[int, int, int]:
    height, width, n_bands = (header.whole(name, 1) for name in ("lines", "samples", "bands"))
    return height, width, n_bands


def _stated_size(header: EnviHeader) -> int:
    values = math.prod(_shape(header)) * _dtype(header).itemsize
    return header.whole("header offset", 0, "0") + values


def _data_beside(header: EnviHeader) -> Path:
    path = header.path
    size = _stated_size(header)
    likely = data_files(path)
    # GDAL takes a data file of any suffix; here its size has to agree.
    others = sorted(path.parent.glob(f"{glob.escape(path.stem)}.*"))
    fitting = (
        path for path in [*likely, *others] if path.is_file() and path.stat().st_size == size
    )
    data = next(fitting, None) or (likely[0] if likely else None)
    if data is None or data == path:
        raise MissingFileError(
            f"{path} is a header, but its data file is not beside it: {path.stem}, or "
            f"{path.stem} with one of the suffixes {', '.join(_SUFFIXES)}. Put it there, or give "
            "the path of the data file."
        )
    return data


def _scale(header: EnviHeader, n_bands: int) -> NDArray[np.float64] | None:
    gains, offsets = (
        header.numbers(f"data {name} values", n_bands)
        if header.text(f"data {name} values")
        else header.numbers(f"data reflectance {name} values", n_bands)
        for name in ("gain", "offset")
    )
    if gains is None and offsets is None:
        factor = header.numbers("reflectance scale factor", 1)
        if factor is not None and factor[0] > 0:
            gains = 1 / factor
    return scale_of(gains, offsets, n_bands, header.notes)


def _nodata(header: EnviHeader) -> float | tuple[float, ...] | None:
    text = header.text("data ignore value")
    parts = [part for part in re.split(r"[\s,{}\[\]]+", text) if part]
    values = [parse_number(part) for part in parts]
    if None in values:
        header.notes.append(f"`data ignore value` is {text[:30]!r} and is not used")
        return None
    numbers = tuple(value for value in values if value is not None)
    return numbers if len(numbers) > 1 else next(iter(numbers), None)


READER = Reader("ENVI", (".hdr",), read_cube, read_label_map, is_utf8=_is_utf8)
