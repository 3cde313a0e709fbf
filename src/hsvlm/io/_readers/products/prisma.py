"""PRISMA of the Italian Space Agency: levels 1, 2B, 2C and 2D in HDF-EOS5."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io._common import Reader, ReadResult
from hsvlm.io._declared import scale_of
from hsvlm.io._readers import hdf5
from hsvlm.io._readers.products._cubes import JoinedBandsCube
from hsvlm.io._readers.products._fields import (
    MOST_NAMES,
    band_list,
    epsg_text,
    first_number,
    hdf5_product,
    holds,
    warn_of_product,
)
from hsvlm.io._variables import is_path_end
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_SWATHS = "HDFEOS/SWATHS"
# Coregistered cubes come first; in those of an HRC swath, VNIR and SWIR show other ground.
_SWATH = re.compile(r"PRS_L(1|2B|2C|2D)_HCO")
_DETECTORS = ("VNIR", "SWIR")
_MOST_COUNTS = 65535
_PIXEL_M = 30.0
_TOLERANCE_PX = 0.4
_CORNER = "Product_ULcorner_easting", "Product_ULcorner_northing"
_OPPOSITE = "Product_LRcorner_easting", "Product_LRcorner_northing"


def read_cube(file: Path, variable: str | None = None) -> ReadResult:
    """Read the hyperspectral cube of a PRISMA file."""
    detectors = _DETECTORS if variable is None else (variable.upper(),)
    if detectors[0] not in _DETECTORS:
        return _as_stored(file, str(variable))
    notes: list[str] = []
    with hdf5.opened_hdf5(file, "a PRISMA file") as opened:
        swath = _swath_of(opened)
        names = {
            detector: f"{_SWATHS}/{swath}/Data Fields/{detector}_Cube" for detector in detectors
        }
        names = {detector: name for detector, name in names.items() if holds(opened, name)}
        if not names:
            problem = f"its swath {swath} holds no {' or '.join(detectors)} cube"
            raise file_error(file, problem, "Read the other detector, or get the file again.")
        scene = _joined(file, opened, names, notes)
        if swath == "PRS_L2D_HCO":
            crs, transform = _georeference(opened.attrs, scene.shape, notes)
            scene = replace(scene, crs=crs, transform=transform)
    warn_of_product(file, notes)
    return ReadResult(scene, *_nodata(swath))


def _as_stored(file: Path, variable: str) -> ReadResult:
    with hdf5.opened_hdf5(file, "a PRISMA file") as opened:
        swath = _swath_of(opened)
        attributes = dict(opened.attrs)
    fields = f"{_SWATHS}/{swath}/Data Fields"
    paths = {f"{fields}/{detector}_Cube": detector for detector in _DETECTORS}
    path = next((path for path in paths if is_path_end(path, variable)), variable)
    result = hdf5.read_cube(file, path)
    if path not in paths:
        return result
    notes: list[str] = []
    scale = _scale(attributes, {paths[path]: result.scene.n_bands}, notes)
    scene = replace(result.scene, scale=scale)
    if swath == "PRS_L2D_HCO":
        crs, transform = _georeference(attributes, scene.shape, notes)
        scene = replace(scene, crs=crs, transform=transform)
    warn_of_product(file, notes)
    return ReadResult(scene, *_nodata(swath))


def _swath_of(opened: Any) -> str | None:
    if not holds(opened, _SWATHS):
        return None
    # A group is listed by name, and a file of another kind may have any number of them.
    names = itertools.islice(opened[_SWATHS], MOST_NAMES)
    return next((name for name in names if _SWATH.fullmatch(name)), None)


def _nodata(swath: str | None) -> tuple[float | None, str]:
    # Counts of level 1 may be 0; at levels 2 single bands fail, and all outside the footprint.
    return (None if swath == "PRS_L1_HCO" else 0.0), "all"


def _joined(file: Path, opened: Any, names: Mapping[str, str], notes: list[str]) -> Scene:
    cubes, centers, acquired = [], [], []
    labels: list[str] = []
    for detector, name in names.items():
        cube = hdf5.HDF5Cube(file.resolve(), name, opened[name], (0, 2, 1))
        wavelengths = band_list(file, opened.attrs, f"List_Cw_{detector.title()}", cube.shape[2])
        flag = f"List_Cw_{detector.title()}_Flags"
        flagged = (
            band_list(file, opened.attrs, flag, cube.shape[2]) == 0
            if flag in opened.attrs
            else np.zeros(len(wavelengths), dtype=bool)
        )
        cubes.append(cube)
        centers.append(wavelengths)
        acquired.append((wavelengths > 0) & ~flagged)
        labels.extend(f"{detector} {number}" for number in range(1, cube.shape[2] + 1))
    if len({cube.shape[:2] for cube in cubes}) > 1:
        sizes = " and ".join(f"{cube.shape[0]} x {cube.shape[1]}" for cube in cubes)
        problem = f"its VNIR and SWIR cubes have {sizes} pixels and cannot be joined"
        hint = 'Read one of them: variable="VNIR" or "SWIR".'
        raise file_error(file, problem, hint, "Read one of them: --variable VNIR or SWIR.")
    wavelengths = np.concatenate(centers)
    bands = np.flatnonzero(np.concatenate(acquired))
    if not bands.size:
        problem = "its attributes List_Cw_* and List_Cw_*_Flags mark no band as acquired"
        raise file_error(file, problem, "Get the file again.")
    bands = bands[np.argsort(wavelengths[bands], kind="stable")]
    counts = {detector: cube.shape[2] for detector, cube in zip(names, cubes, strict=True)}
    scale = _scale(opened.attrs, counts, notes)
    return Scene(
        JoinedBandsCube(cubes, bands),
        wavelengths_nm=wavelengths[bands],
        band_names=tuple(labels[band] for band in bands),
        scale=None if scale is None else scale[bands],
    )


def _scale(
    attributes: Mapping[str, Any], counts: Mapping[str, int], notes: list[str]
) -> NDArray[np.float64] | None:
    """Return factor and offset of each band, of shape (n_bands, 2), if all are stated."""
    factors: list[float] = []
    offsets: list[float] = []
    for detector, n_bands in counts.items():
        arm = detector.title()
        low, high, divisor, offset = (
            first_number(attributes, name)
            for name in (
                f"L2Scale{arm}Min", f"L2Scale{arm}Max", f"ScaleFactor_{arm}", f"Offset_{arm}"
            )
        )  # fmt: skip
        if low is not None and high is not None:
            factors += [(high - low) / _MOST_COUNTS] * n_bands
            offsets += [low] * n_bands
        elif divisor is not None:
            factors += [1 / divisor if divisor else np.nan] * n_bands
            offsets += [0.0 if offset is None else -offset] * n_bands
        else:
            return None
    return scale_of(factors, offsets, len(factors), notes)


def _georeference(
    attributes: Mapping[str, Any], shape: tuple[int, int], notes: list[str]
) -> tuple[str | None, tuple[float, ...] | None]:
    """Return CRS and transform of level 2D; note if they are not understood."""
    x, y = (first_number(attributes, name) for name in _CORNER)
    code = attributes.get("Epsg_Code")
    crs = None if code is None else epsg_text(code)
    if code is None and x is None and y is None:
        return None, None
    unclear = [
        *(name for name, value in zip(_CORNER, (x, y), strict=True) if value is None),
        *(["Epsg_Code"] * (crs is None)),
    ]
    note = f"its attributes {', '.join(unclear)} are missing or unknown" if unclear else ""
    if x is not None and y is not None and not unclear:
        shift = _half_pixels(attributes, x, y, shape)
        if shift is not None:
            return crs, (
                _PIXEL_M, 0.0, x - shift * _PIXEL_M, 0.0, -_PIXEL_M, y + shift * _PIXEL_M
            )  # fmt: skip
        note = f"its corners do not span {shape[0]} x {shape[1]} pixels of {_PIXEL_M:g} m"
    notes.append(f"it is read without a georeference, because {note}")
    return None, None


def _half_pixels(
    attributes: Mapping[str, Any], x: float, y: float, shape: tuple[int, int]
) -> float | None:
    """Return how far the first pixel begins before the corner, in pixels, or None if unclear."""
    right, bottom = (first_number(attributes, name) for name in _OPPOSITE)
    # Corners of the product specification are the centers of the corner pixels.
    if right is None or bottom is None:
        return 0.5
    spans = np.array([y - bottom, right - x]) / _PIXEL_M - shape
    for shift in (0.5, 0.0):
        if (np.abs(spans + 2 * shift) <= _TOLERANCE_PX).all():
            return shift
    return None


READER = Reader("PRISMA", hdf5.SUFFIXES, read_cube, matches=hdf5_product(_swath_of))
