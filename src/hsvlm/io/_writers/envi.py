"""ENVI files, written row block by row block."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsvlm._data.lazy import row_blocks
from hsvlm._system.files import file_error
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import FileError
from hsvlm.io._gdal import opened_raster
from hsvlm.io._map_info import write_map_info
from hsvlm.io._readers.envi import HEADER_SUFFIXES, data_files, describes
from hsvlm.io._writers.output import SIDECARS, Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hsvlm.io._writers.output import Output
    from hsvlm.io.classes import ClassCodes


def _write_envi(folder: Path, target: Path, output: Output) -> list[Path]:
    """Write a header and the data file beside it, interleaved by pixel."""
    envi = import_optional("spectral.io.envi", "geo")
    height, width, n_bands = output.shape
    dtype = output.dtype.newbyteorder("<")
    fields: dict[str, Any] = {}
    if output.title:
        fields["description"] = f"{{{_plain(output.title)}}}"
    fields |= {
        "file type": "ENVI Standard",
        "lines": height,
        "samples": width,
        "bands": n_bands,
        "header offset": 0,
        "data type": envi.dtype_to_envi[output.dtype.char],
        "interleave": "bip",
        "byte order": 0,
        **write_map_info(folder, output.crs, output.transform),
    }
    if output.nodata is not None:
        fields["data ignore value"] = output.nodata
    if output.band_names:
        fields["band names"] = _plain_list(output.band_names)
    if output.wavelengths_nm is not None:
        fields["wavelength units"] = "Nanometers"
        fields["wavelength"] = output.wavelengths_nm.tolist()
    if output.bad_bands is not None:
        fields["bbl"] = [int(not is_bad) for is_bad in output.bad_bands]
    if output.scale is not None:
        fields["data gain values"], fields["data offset values"] = output.scale.T.tolist()
    if output.classes is not None:
        fields |= _class_fields(output.classes)
    header, data = (folder / f"{target.stem}{suffix}" for suffix in (".hdr", ".img"))
    with data.open("wb") as file:
        for start, stop in row_blocks(output.shape):
            file.write(output.read(start, stop).astype(dtype, order="C", copy=False).data)
    header.write_bytes(_header_text(fields).encode(errors="replace"))
    return [data, header]


def _header_text(fields: dict[str, Any]) -> str:
    # spectral writes in the encoding of the platform, which need not have all characters.
    lines = ["ENVI"]
    for name, value in fields.items():
        text = f"{{{', '.join(map(str, value))}}}" if isinstance(value, list) else str(value)
        lines.append(f"{name} = {text}")
    return "\n".join(lines) + "\n"


def _checked_target(target: Path) -> Path:
    """Refuse names under which a header and the data of another file would meet."""
    target = target.with_suffix(target.suffix.lower())
    data = target.with_suffix(".img")
    for other in data_files(target.with_suffix(".hdr")):
        if not (data.is_file() and other.samefile(data)):
            problem = f"{other.name} lies beside it and would be taken for the data of its header"
            raise file_error(target, problem, "Choose another name, or move that file away.")
    headers = [target.with_suffix(suffix) for suffix in HEADER_SUFFIXES]
    if target.suffix == ".hdr" and not any(map(Path.is_file, headers)) and _is_image(data):
        problem = f"{data.name} lies there and is not an ENVI file of this name"
        raise file_error(target, problem, "Choose another name, or move that file away.")
    # Headers also belong to data files of any suffix, to GeoTIFFs and to files of Esri.
    for header in headers:
        if header.is_file() and not describes(header, data):
            problem = f"{header.name} lies there and is the header of a file other than {data.name}"
            raise file_error(target, problem, "Choose another name, or move that file away.")
    return target


def _is_image(data: Path) -> bool:
    """Tell whether a file describes itself, or has a header of another name."""
    # Values alone may be those of a map whose writing was interrupted.
    if not data.is_file():
        return False
    try:
        with opened_raster(data):
            return True
    except FileError:
        return False


def _class_fields(classes: ClassCodes) -> dict[str, Any]:
    names = classes.listed_names()
    colors = [classes.colors.get(number, "#000000") for number in range(len(names))]
    fields = {
        "file type": "ENVI Classification",
        "classes": len(names),
        "class names": _plain_list(name or f"Class {number}" for number, name in enumerate(names)),
        "class lookup": [part for color in colors for part in bytes.fromhex(color[1:])],
    }
    if classes.renumbered:
        labels = {number: str(label) for label, number in classes.codes.items()}
        fields["class labels"] = _plain_list(labels.get(number, "") for number in range(len(names)))
    return fields


def _plain_list(texts: Iterable[str]) -> list[str]:
    # Commas end an entry.
    return [_plain(text).replace(",", ";") for text in texts]


def _plain(text: str) -> str:
    """Make a text that cannot be taken for the end of its field."""
    return re.sub(r"\s+", " ", text).translate(str.maketrans("{}", "()")).strip()


WRITER = Writer(
    (".hdr", ".img"),
    _write_envi,
    files=("{stem}.hdr", "{stem}.img"),
    sidecars=(*SIDECARS, "{name}.hdr", "{stem}.sta"),
    check_target=_checked_target,
)
