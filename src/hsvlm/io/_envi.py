"""ENVI files: a header in text, and the values in a file beside it."""

from __future__ import annotations

import math
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._files import existing_file, unreadable
from hsvlm._lazy import MappedCube
from hsvlm._runtime import import_optional
from hsvlm.exceptions import MissingFileError
from hsvlm.io._classes import label_map
from hsvlm.io._common import Found, LabelMap
from hsvlm.io._map_info import read_map_info
from hsvlm.io._variables import native, reading, to_nanometres
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

__all__ = ["data_files", "header_beside", "is_utf8", "read_cube", "read_label_map"]

_SUFFIXES = (".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin", ".hyspex")
_REQUIRED = {
    "samples": "the number of columns",
    "lines": "the number of rows",
    "bands": "the number of bands",
    "data type": "a number for the type of the values, such as 4 for float32",
    "interleave": "bsq, bil or bip",
    "byte order": "0 for little endian or 1 for big endian",
}
# Axes of the file, as those of (height, width, n_bands).
_AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
_IMAGES = ("", "envi standard", "envi classification", "envi", "envi fft result")
_LARGEST_HEADER = 2**23
_TOO_MANY = 2**62
_BOM = b"\xef\xbb\xbf"
_COPY_AGAIN = "Copy both files again, or correct the header."


class _Native:
    """Brings values to the byte order of the machine; a class, so that cubes can be pickled."""

    def __call__(self, spectra: NDArray[Any]) -> NDArray[Any]:
        return spectra.astype(native(spectra.dtype))


def read_cube(path: str | PathLike[str], variable: str | None = None) -> Found:
    """Read a cube in ENVI's format.

    Parameters
    ----------
    path : path
        The header (.hdr) or the data file beside it, which has the name of the header without its
        suffix or with another (.img, .dat, .raw, .bsq, .bil, .bip, ...). The values are mapped
        into memory, whatever their interleave.
    variable : str, default=None
        Not for this format, which holds one array.

    Returns
    -------
    Found
        The cube of shape (height, width, n_bands) in the type of the file, in its own numbers:
        ``reflectance scale factor`` and ``data gain values`` are not applied. Wavelengths, names
        of bands, bad bands (``bbl``) and georeference (``map info``, ``coordinate system string``)
        are those of the header, as is the value for "no data" (``data ignore value``).

    Raises
    ------
    MissingFileError
        If the header or the data file is not there.
    FileError
        If the header is none or contradicts itself or the size of the data file, or the values
        are complex, compressed or no image.
    MissingDependencyError
        If spectral is not installed, or rasterio and the file is georeferenced.
    """
    header, data, fields = _open(path, variable)
    cube = _mapped(header, data, fields)
    n_bands = cube.shape[2]
    good = _numbers(header, fields, "bbl", n_bands)
    crs, transform = read_map_info(header, fields)
    scene = Scene(
        cube=cube,
        wavelengths_nm=_wavelengths(header, fields, n_bands),
        name=data.stem,
        band_names=tuple(_per_band(header, fields, "band names", n_bands) or ()),
        bad_bands=None if good is None else good == 0,
        crs=crs,
        transform=transform,
    )
    return Found(scene, _nodata(header, fields))


def read_label_map(path: str | PathLike[str], variable: str | None = None) -> LabelMap:
    """Read a label map in ENVI's format.

    Parameters
    ----------
    path : path
        The header (.hdr) or the data file beside it, of one band.
    variable : str, default=None
        Not for this format, which holds one array.

    Returns
    -------
    LabelMap
        Integers of shape (height, width); class 0, ENVI's "unclassified", and the value for "no
        data" are 0. Names and colours are those of ``class names`` and ``class lookup``.

    Raises
    ------
    MissingFileError
        If the header or the data file is not there.
    FileError
        As for :func:`read_cube`; or if there are several bands, or labels with a fraction.
    MissingDependencyError
        If spectral is not installed, or rasterio and the file is georeferenced.
    """
    header, data, fields = _open(path, variable)
    cube = _mapped(header, data, fields)
    if cube.shape[2] != 1:
        wrong = f"it has {cube.shape[2]} bands, but a label map has one"
        raise unreadable(header, wrong, "Give the file of the label map.")
    names = dict(enumerate(_listed(fields, "class names") or ()))
    lookup = _numbers(header, fields, "class lookup", 3 * len(names)) if names else None
    colors = {}
    if lookup is not None:
        parts = np.clip(lookup, 0, 255).astype(np.uint8).reshape(-1, 3).tolist()
        colors = {one: "#{:02X}{:02X}{:02X}".format(*parts[one]) for one in names}
    place = read_map_info(header, fields)
    values = np.asarray(cube[:, :, 0])
    return label_map(header, values, names, colors, _nodata(header, fields), *place)


def header_beside(path: Path) -> Path | None:
    """Find the ENVI header that belongs to a data file.

    Parameters
    ----------
    path : Path
        A data file, or a header, which is given back.

    Returns
    -------
    Path or None
        None if there is no header beside it.
    """
    if path.suffix.lower() == ".hdr":
        return path
    named = (f"{path.name}.hdr", f"{path.name}.HDR", f"{path.stem}.hdr", f"{path.stem}.HDR")
    return next((path.with_name(one) for one in named if path.with_name(one).is_file()), None)


def is_utf8(path: Path) -> bool:
    """Tell whether the header of an ENVI file is UTF-8; others are read as Latin-1."""
    header = header_beside(path)
    try:
        (header or path).read_bytes()[:_LARGEST_HEADER].decode()
    except UnicodeDecodeError:
        return False
    return True


def data_files(header: Path) -> list[Path]:
    """Find the files that a header could belong to.

    Parameters
    ----------
    header : Path
        A path with the suffix .hdr.

    Returns
    -------
    list of Path
        Those beside it that share its name without the suffix, or with one of a data file.
    """
    suffixes = ["", *(case for one in _SUFFIXES for case in (one, one.upper()))]
    named = [header.with_name(header.stem + suffix) for suffix in suffixes]
    return [one for one in named if one.is_file()]


def _open(path: Any, variable: str | None) -> tuple[Path, Path, dict[str, Any]]:
    given = existing_file(path)
    if variable is not None:
        wrong = f"an ENVI file holds one array, but variable={variable!r} is asked for"
        raise unreadable(given, wrong, "Leave out `variable`.")
    header = header_beside(given)
    if header is None:
        message = (
            f"{given} needs an ENVI header, but neither {given.name}.hdr nor {given.stem}.hdr lies "
            "beside it. Put the header there."
        )
        raise MissingFileError(message)
    fields = _parsed(header)
    _check_fields(header, fields)
    return header, _data_beside(header, fields) if given == header else given, fields


def _parsed(header: Path) -> dict[str, Any]:
    envi = import_optional("spectral.io.envi", "geo")
    with header.open("rb") as stream:
        raw = stream.read(_LARGEST_HEADER + 1).removeprefix(_BOM)
    if len(raw) > _LARGEST_HEADER:
        wrong = f"it has more than {_LARGEST_HEADER:,} bytes, which no ENVI header needs"
        raise unreadable(header, wrong, "Give the header of an ENVI file, or its data file.")
    if not raw.startswith(b"ENVI"):
        wrong = 'it is no ENVI header, for it does not begin with "ENVI"'
        raise unreadable(header, wrong, "Give the header of an ENVI file, or its data file.")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    # The parser reads files alone, and in the encoding of the platform.
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are not in lower case
        copy = Path(folder) / "copy.hdr"
        copy.write_text(text, errors="replace")
        try:
            return dict(envi.read_envi_header(str(copy)))
        except envi.EnviHeaderParsingError as error:
            wrong = "its fields cannot be told apart, perhaps because a brace is never closed"
            raise unreadable(header, wrong, _COPY_AGAIN) from error


def _check_fields(header: Path, fields: dict[str, Any]) -> None:
    for name, meaning in _REQUIRED.items():
        if name not in fields:
            remedy = f"Add the line `{name} = ...`: {meaning}."
            raise unreadable(header, f"the header lacks the field `{name}`", remedy)
    kind = str(fields.get("file type", "")).strip()
    if kind.lower() not in _IMAGES:
        wrong = f"its field `file type` is {kind!r}, which is no image with values of its own"
        raise unreadable(header, wrong, "Export it from ENVI as an image of type ENVI Standard.")
    fields["interleave"] = str(fields["interleave"]).lower()
    if fields["interleave"] not in _AXES:
        wrong = f"its field `interleave` is {fields['interleave']!r}"
        raise unreadable(header, wrong, "Correct it to bsq, bil or bip.")
    if str(fields.get("file compression", "0")).strip() != "0":
        wrong = "its data file is compressed, so it cannot be mapped into memory"
        remedy = "Decompress it with gunzip and set `file compression = 0`."
        raise unreadable(header, wrong, remedy)
    envi = import_optional("spectral.io.envi", "geo")
    try:
        envi.check_compatibility(fields)
    except (envi.EnviException, TypeError, ValueError) as error:
        wrong = "its frames lie apart (`major frame offsets`, `minor frame offsets`)"
        raise unreadable(header, wrong, "Export it from ENVI without frame offsets.") from error


def _mapped(header: Path, data: Path, fields: dict[str, Any]) -> Any:
    dtype, offset = _dtype(header, fields), _whole(header, fields, "header offset", 0)
    shape = _shape(header, fields)
    needed, size = offset + math.prod(shape) * dtype.itemsize, data.stat().st_size
    if size != needed:
        wrong = (
            f"{data.name} has {size:,} bytes, but {shape[0]} lines x {shape[1]} samples x "
            f"{shape[2]} bands of {dtype.name} after {offset} bytes make {needed:,}"
        )
        cut = "The file was cut off or the header is another's. " if size < needed else ""
        raise unreadable(header, wrong, cut + _COPY_AGAIN)
    axes = _AXES[fields["interleave"]]
    stored = tuple(shape[axis] for axis in axes)
    with reading(data, "the data of an ENVI file"):
        values = np.memmap(data, dtype=dtype, mode="r", offset=offset, shape=stored)
    cube = np.moveaxis(values, range(3), axes)
    return cube if dtype.isnative else MappedCube(cube, _Native())


def _dtype(header: Path, fields: dict[str, Any]) -> np.dtype[Any]:
    envi = import_optional("spectral.io.envi", "geo")
    number, order = str(fields["data type"]).strip(), str(fields["byte order"]).strip()
    dtype: np.dtype[Any] = np.dtype(envi.envi_to_dtype.get(number, "V1"))
    if dtype.kind not in "iuf":
        what = "complex values" if dtype.kind == "c" else "no type of ENVI's"
        wrong = f"its field `data type` is {number}, {what}"
        raise unreadable(header, wrong, "Convert it to integers or floats.")
    if order not in ("0", "1"):
        wrong = f"its field `byte order` is {order}"
        raise unreadable(header, wrong, f"Correct it: {_REQUIRED['byte order']}.")
    return dtype.newbyteorder("<" if order == "0" else ">")


def _shape(header: Path, fields: dict[str, Any]) -> tuple[int, int, int]:
    height, width, n_bands = (
        _whole(header, fields, name, 1) for name in ("lines", "samples", "bands")
    )
    return height, width, n_bands


def _whole(header: Path, fields: dict[str, Any], name: str, least: int) -> int:
    value = fields.get(name, "0")
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if not least <= number < _TOO_MANY:
        wrong = f"its field `{name}` is {str(value)[:20]}"
        raise unreadable(header, wrong, f"It must be a whole number from {least} on. {_COPY_AGAIN}")
    return number


def _data_beside(header: Path, fields: dict[str, Any]) -> Path:
    found = data_files(header)
    if not found:
        message = (
            f"{header} is a header, but its data file is not beside it: {header.stem}, or "
            f"{header.stem} with one of the suffixes {', '.join(_SUFFIXES)}. Put it there, or give "
            "the path of the data file."
        )
        raise MissingFileError(message)
    itemsize, offset = _dtype(header, fields).itemsize, _whole(header, fields, "header offset", 0)
    size = offset + itemsize * math.prod(_shape(header, fields))
    return next((one for one in found if one.stat().st_size == size), found[0])


def _listed(fields: dict[str, Any], name: str) -> list[str] | None:
    value = fields.get(name)
    listed = [value] if isinstance(value, str) else value
    return None if listed in (None, [""]) else listed


def _per_band(header: Path, fields: dict[str, Any], name: str, count: int) -> list[str] | None:
    listed = _listed(fields, name)
    if listed is not None and len(listed) != count:
        wrong = f"its field `{name}` has {len(listed)} entries, but there must be {count}"
        raise unreadable(header, wrong, "Correct the field, or delete it.")
    return listed


def _numbers(header: Path, fields: dict[str, Any], name: str, count: int) -> Any:
    listed = _per_band(header, fields, name, count)
    if listed is None:
        return None
    try:
        numbers = np.array([float(one) for one in listed])
    except ValueError:
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        wrong = f"its field `{name}` does not hold numbers alone"
        raise unreadable(header, wrong, "Correct the field, or delete it.")
    return numbers


def _wavelengths(header: Path, fields: dict[str, Any], n_bands: int) -> Any:
    numbers = _numbers(header, fields, "wavelength", n_bands)
    unit = str(fields.get("wavelength units", ""))
    return None if numbers is None else to_nanometres(numbers, unit)


def _nodata(header: Path, fields: dict[str, Any]) -> float | None:
    value = fields.get("data ignore value")
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError) as error:
        wrong = f"its field `data ignore value` is {value!r}"
        raise unreadable(header, wrong, "Correct the field, or delete it.") from error
