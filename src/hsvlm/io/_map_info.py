"""The georeference in headers of ENVI, understood and phrased by GDAL."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from hsvlm._files import unreadable
from hsvlm._runtime import import_optional
from hsvlm.exceptions import ParameterError
from hsvlm.io._gdal import gdal, parsed_crs, real_crs, real_transform, ungeoreferenced

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["read_map_info", "write_map_info"]

_FIELDS = ("map info", "projection info", "coordinate system string")
_REMEDY = "Correct the field `map info`, or delete it to do without a georeference."
# Of pixels: the step from one to the next, and the place of the first.
_TOLERANCES = np.array([1e-6, 1e-6, 1e-3, 1e-6, 1e-6, 1e-3])
# GDAL takes a raster of at least two bytes.
_HEADER = """ENVI
samples = 2
lines = 1
bands = 1
header offset = 0
data type = 1
interleave = bsq
byte order = 0
"""


def read_map_info(
    header: Path, fields: Mapping[str, Any]
) -> tuple[str | None, tuple[float, ...] | None]:
    """Find CRS and transform in the fields of a header.

    Parameters
    ----------
    header : Path
        What errors call it.
    fields : dict
        Fields of the header; values in braces are lists of str.

    Returns
    -------
    crs : str or None
        WKT; None for arbitrary coordinates.
    transform : tuple of 6 floats, or None
        Affine coefficients, as in a Scene. None without ``map info``.

    Raises
    ------
    FileError
        If ``map info`` does not hold the numbers it has to.
    MissingDependencyError
        If there is ``map info`` and rasterio is not installed.

    Notes
    -----
    The reference pixel is counted from 1, and 1, 1 is the upper left corner of the first pixel.
    ``rotation`` turns the grid counter-clockwise by degrees. 180 stands for rows that run north,
    as in GDAL.
    """
    info = fields.get("map info")
    if info is None:
        return None, None
    column, row = _reference_pixel(header, info)
    # What the units do to coordinates is easier to follow from the first pixel.
    texts = {name: fields[name] for name in _FIELDS if name in fields}
    texts["map info"] = [info[0], "1", "1", *info[3:]]
    text = _HEADER + "".join(f"{name} = {{{_joined(value)}}}\n" for name, value in texts.items())
    memory_file = import_optional("rasterio.io", "geo").MemoryFile
    place = uuid4().hex
    with (
        gdal(header, "its georeference cannot be read", _REMEDY),
        ungeoreferenced(),
        memory_file(text.encode(), dirname=place, filename="grid.hdr"),
        memory_file(b"\0\0", dirname=place, filename="grid.img") as pixels,
        pixels.open(driver="ENVI") as dataset,
    ):
        # A rotation by nothing leaves negative zeros.
        crs, transform = real_crs(dataset.crs), tuple(0.0 + one for one in dataset.transform[:6])
    if not np.isfinite(transform).all():
        raise unreadable(header, f"its field `map info` is {{{_joined(info)}}}", _REMEDY)
    a, b, c, d, e, f = transform
    c, f = c - (column - 1) * a - (row - 1) * b, f - (column - 1) * d - (row - 1) * e
    return crs, (a, b, c, d, e, f)


def write_map_info(
    folder: Path, crs: str | None, transform: tuple[float, ...] | None
) -> dict[str, str]:
    """Phrase CRS and transform as fields of a header.

    Parameters
    ----------
    folder : Path
        Where a file may be written and deleted.
    crs : str or None
        WKT or the like.
    transform : tuple of 6 floats, or None
        Affine coefficients, as in a Scene.

    Returns
    -------
    dict of str
        None without a transform: ENVI has no place for a CRS alone.

    Raises
    ------
    ParameterError
        If PROJ does not know the CRS, or the grid is skewed, which ENVI cannot express.
    """
    grid = None if transform is None else import_optional("affine", "geo").Affine(*transform)
    if grid is None or real_transform(grid) is None:
        return {}
    header = folder / "grid.hdr"
    with gdal(header, "the georeference cannot be written", _REMEDY) as rasterio, ungeoreferenced():
        rasterio.open(
            header.with_suffix(".img"), "w", driver="ENVI", width=2, height=1, count=1,
            dtype="uint8", crs=parsed_crs(crs), transform=grid,
        ).close()  # fmt: skip
    envi = import_optional("spectral.io.envi", "geo")
    fields = envi.read_envi_header(str(header))
    header.unlink()
    header.with_suffix(".img").unlink()
    kept = {name: fields[name] for name in _FIELDS if name in fields}
    said = read_map_info(header, kept)[1]
    if said is None or not _alike(said, grid[:6]):
        message = (
            f"transform={transform} is skewed or mirrored, which the header of an ENVI file cannot "
            "say. Write a GeoTIFF (.tif), or bring the scene to a grid of square pixels."
        )
        raise ParameterError(message)
    return {name: f"{{{_joined(value)}}}" for name, value in kept.items()}


def _reference_pixel(header: Path, info: Any) -> tuple[float, float]:
    try:
        column, row, _, _, width, height = numbers = [float(one) for one in info[1:7]]
        if width > 0 and height > 0 and all(map(math.isfinite, numbers)):
            return column, row
    except ValueError:
        pass
    wrong = (
        f"its field `map info` is {{{_joined(info)}}}, but needs the name of a projection, the "
        "reference pixel (2 numbers), its coordinates (2) and the size of a pixel (2)"
    )
    raise unreadable(header, wrong, _REMEDY)


def _alike(said: tuple[float, ...], meant: tuple[float, ...]) -> bool:
    off = np.abs(np.subtract(said, meant)) / math.hypot(meant[0], meant[3])
    return bool((off <= _TOLERANCES).all())


def _joined(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(value)
