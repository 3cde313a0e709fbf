"""Rasters that GDAL opens, GeoTIFF above all."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np

from hsvlm._files import existing_file, unreadable
from hsvlm._lazy import LazyCube
from hsvlm._runtime import import_optional
from hsvlm.io._classes import label_map
from hsvlm.io._common import Found, LabelMap
from hsvlm.io._gdal import (
    CACHE_BYTES,
    gdal,
    open_local,
    real_crs,
    real_transform,
    ungeoreferenced,
)
from hsvlm.io._sizes import check_memory, check_stated
from hsvlm.io._variables import CUT, to_nanometres
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from os import PathLike

    from numpy.typing import NDArray

__all__ = ["RasterCube", "read_cube", "read_label_map"]

_COPY_AGAIN = "The file is damaged or of another kind: copy it again, or correct its suffix."
# A row of tiles of this size is kept whole, for several blocks of rows are read from it.
_LARGEST_CACHE = 512_000_000
_SHOWN = 8
_CUT_GRID = "Cut it to the grid of the scene first."
# GDAL takes time by the square of this number to read a row of pixel-interleaved bands.
_MOST_BANDS = 2**14


class RasterCube(LazyCube):
    """A raster file, read where it is indexed; threads take turns, processes reopen it.

    Parameters
    ----------
    path : path
        Of a file that GDAL opens.
    shape : tuple of int
        Height, width and number of bands of its raster.
    dtype : dtype
        Of its values.
    tile_rows : int, default=1
        Rows that GDAL reads at once.
    """

    def __init__(
        self, path: str | PathLike[str], shape: tuple[int, ...], dtype: Any, tile_rows: int = 1
    ) -> None:
        super().__init__(shape, dtype)
        self.path = os.fspath(path)
        row_of_tiles = tile_rows * self.shape[1] * self.shape[2] * self.dtype.itemsize
        fits = row_of_tiles + CACHE_BYTES <= _LARGEST_CACHE
        self._cache_bytes = CACHE_BYTES + (row_of_tiles if fits else 0)
        self._dataset: Any = None
        self._process = 0
        self._lock = threading.Lock()

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        if stop <= start:
            return np.empty((0, *self.shape[1:]), dtype=self.dtype)
        check_memory(self.path, (stop - start, *self.shape[1:]), self.dtype, CUT)
        with self._lock, _reading(self.path, self._cache_bytes) as rasterio:
            # A dataset that was opened before a fork shares its place in the file with it.
            if self._dataset is None or self._process != os.getpid():
                self._dataset, self._process = self._opened(), os.getpid()
            window = rasterio.windows.Window(0, start, self.shape[1], stop - start)
            values: NDArray[Any] = self._dataset.read(window=window)
        return np.moveaxis(values, 0, 2)

    def _opened(self) -> Any:
        with ungeoreferenced():
            dataset = open_local(Path(self.path))
        if (dataset.height, dataset.width, dataset.count) != self.shape:
            wrong = f"it was {self.shape[0]} x {self.shape[1]} x {self.shape[2]}, and has changed"
            raise unreadable(self.path, wrong, "Read the scene again.")
        return dataset

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_lock": None, "_dataset": None, "_process": 0}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


def read_cube(path: str | PathLike[str], variable: str | None = None) -> Found:
    """Read a cube from a raster file.

    Parameters
    ----------
    path : path
        A GeoTIFF, or any other raster that GDAL opens. Its cube is read where it is indexed.
    variable : str, default=None
        Not for this format, which holds one raster.

    Returns
    -------
    Found
        The cube of shape (height, width, n_bands) in the type of the file, in its own numbers:
        scale and offset are not applied. Names of bands are their descriptions. Wavelengths are
        the tags ``wavelength`` and ``wavelength_units`` of the bands, or else
        ``CENTRAL_WAVELENGTH_UM`` in the domain IMAGERY, if all bands have them; the tag ``bbl`` is
        0 for bad bands. Pixels under a mask of the file are invalid.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If GDAL does not open it, it holds no raster or complex values, or its bands differ in
        type or in their value for "no data".
    MissingDependencyError
        If rasterio is not installed.

    Notes
    -----
    GDAL's cache of blocks is limited to 64 MB, and to what one row of tiles takes if that is no
    more than half a gigabyte. Above, tiles are decoded more than once: a file whose tiles are
    lower, or in strips, is faster.
    """
    file = existing_file(path)
    with _opened(file, variable) as dataset:
        nodata = _nodata(file, dataset)
        bands = range(1, dataset.count + 1)
        names = _text(lambda: dataset.descriptions, ())
        names = names if any(names) else ()
        marks = [_tags(dataset, band).get("bbl", "") for band in bands]
        shape = (dataset.height, dataset.width, dataset.count)
        _check_size(file, dataset)
        tile_rows = dataset.block_shapes[0][0]
        scene = Scene(
            cube=RasterCube(file.resolve(), shape, _dtype(file, dataset), tile_rows),
            wavelengths_nm=_wavelengths(dataset),
            name=file.stem,
            band_names=tuple(
                name or f"Band {band}" for name, band in zip(names, bands, strict=bool(names))
            ),
            bad_bands=np.array([one == "0" for one in marks]) if all(marks) else None,
            crs=real_crs(dataset.crs),
            transform=real_transform(dataset.transform),
            valid=_unmasked(file, dataset),
        )
    return Found(scene, nodata)


def read_label_map(path: str | PathLike[str], variable: str | None = None) -> LabelMap:
    """Read a label map from a raster file.

    Parameters
    ----------
    path : path
        A GeoTIFF, or any other raster that GDAL opens, of one band.
    variable : str, default=None
        Not for this format, which holds one raster.

    Returns
    -------
    LabelMap
        Integers of shape (height, width); the value for "no data" becomes 0. Names are those that
        :func:`hsvlm.io.write_map` left in the file, or else GDAL's category names; colours are
        those of the palette.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        As for :func:`read_cube`; or if there are several bands, or labels with a fraction.
    MissingDependencyError
        If rasterio is not installed.
    """
    file = existing_file(path)
    with _opened(file, variable) as dataset:
        if dataset.count != 1:
            wrong = f"it has {dataset.count} bands, but a label map has one"
            raise unreadable(file, wrong, "Give the file of the label map.")
        _check_size(file, dataset)
        check_memory(file, dataset.shape, _dtype(file, dataset), _CUT_GRID)
        nodata = _nodata(file, dataset)
        names = _tagged(dataset, "CLASS_NAMES") or _category_names(dataset)
        colors = _tagged(dataset, "CLASS_COLORS") or _palette(dataset)
        place = real_crs(dataset.crs), real_transform(dataset.transform)
        try:
            values = dataset.read(1)
        except (MemoryError, ValueError) as error:
            wrong = f"{dataset.height} x {dataset.width} labels do not fit into memory"
            raise unreadable(file, wrong, _CUT_GRID) from error
    return label_map(file, values, names, colors, nodata, *place)


def _reading(path: Any, cache_bytes: int = CACHE_BYTES) -> AbstractContextManager[Any]:
    return gdal(path, "GDAL cannot read it", _COPY_AGAIN, cache_bytes)


@contextmanager
def _opened(path: Path, variable: str | None) -> Iterator[Any]:
    if variable is not None:
        wrong = f"it is read as one raster, but variable={variable!r} is asked for"
        raise unreadable(path, wrong, "Leave out `variable`.")
    with (
        _reading(path),
        ungeoreferenced(),
        open_local(path) as dataset,
    ):
        if not dataset.count:
            raise unreadable(path, "it holds no raster of its own", _extract(dataset))
        yield dataset


def _extract(dataset: Any) -> str:
    parts = ", ".join(dataset.subdatasets[:_SHOWN])
    return f"Extract one with gdal_translate: {parts}." if parts else _COPY_AGAIN


def _dtype(path: Any, dataset: Any) -> np.dtype[Any]:
    kinds = sorted(set(dataset.dtypes))
    remedy = "Convert it to integers or floats of one type, for example with gdal_translate -ot."
    # GDAL has types that NumPy lacks, and all of them are complex.
    if any(one.startswith("complex") for one in kinds):
        raise unreadable(path, "it holds complex values", remedy)
    if len(kinds) > 1:
        raise unreadable(path, f"its bands are of different types: {', '.join(kinds)}", remedy)
    dtype: np.dtype[Any] = np.dtype(kinds[0])
    return dtype


def _check_size(path: Path, dataset: Any) -> None:
    if dataset.count > _MOST_BANDS:
        wrong = f"it has {dataset.count:,} bands, and {_MOST_BANDS:,} are the most that are read"
        raise unreadable(path, wrong, "Cut it into files of fewer bands.")
    # A virtual raster holds no values itself.
    if dataset.driver != "VRT":
        check_stated(path, (*dataset.shape, dataset.count), _dtype(path, dataset))


def _nodata(path: Any, dataset: Any) -> float | None:
    declared = {str(one): one for one in dataset.nodatavals}
    if len(declared) > 1:
        wrong = f"its bands declare different values for no data: {', '.join(sorted(declared))}"
        remedy = "Unify them, for example with gdalwarp -dstnodata VALUE."
        raise unreadable(path, wrong, remedy)
    value = next(iter(declared.values()))
    return None if value is None else float(value)


def _text(read: Callable[[], Any], otherwise: Any) -> Any:
    # rasterio takes all text for UTF-8, and what is none is not worth the file.
    try:
        return read()
    except UnicodeDecodeError:
        return otherwise


def _tags(dataset: Any, *band: int, **domain: str) -> dict[str, str]:
    tags: dict[str, str] = _text(lambda: dataset.tags(*band, **domain), {})
    return tags


def _unmasked(path: Path, dataset: Any) -> NDArray[np.bool_] | None:
    flags = import_optional("rasterio.enums", "geo").MaskFlags
    found = dataset.mask_flag_enums[0]
    if flags.per_dataset not in found or flags.alpha in found:
        return None
    check_memory(path, dataset.shape, np.dtype(bool), CUT, copies=2)
    valid: NDArray[np.bool_] = dataset.read_masks(1) > 0
    return valid


def _wavelengths(dataset: Any) -> Any:
    bands = range(1, dataset.count + 1)
    tags = [{name.lower(): text for name, text in _tags(dataset, one).items()} for one in bands]
    unit = _tags(dataset).get("wavelength_units", "")
    values = [one.get("wavelength") for one in tags]
    units = {one.get("wavelength_units", unit) for one in tags}
    if None in values:
        imagery = [_tags(dataset, one, ns="IMAGERY") for one in bands]
        values, units = [one.get("CENTRAL_WAVELENGTH_UM") for one in imagery], {"um"}
    if None in values or len(units) > 1:
        return None
    found = to_nanometres(values, units.pop())
    return found if found is not None and np.isfinite(found).all() else None


def _tagged(dataset: Any, name: str) -> dict[int, str]:
    # Anybody may have written anything under this name.
    try:
        found = json.loads(_tags(dataset).get(name, "{}"))
        return {int(one): str(text) for one, text in found.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}


def _palette(dataset: Any) -> dict[int, str]:
    try:
        table = dataset.colormap(1)
    except ValueError:
        return {}
    return {one: "#{:02X}{:02X}{:02X}".format(*color[:3]) for one, color in table.items()}


def _category_names(dataset: Any) -> dict[int, str]:
    # rasterio does not tell them, but GDAL writes them down in a virtual raster.
    copy_dataset = import_optional("rasterio.shutil", "geo").copy
    with import_optional("rasterio.io", "geo").MemoryFile(ext=".vrt") as copy:
        copy_dataset(dataset, copy.name, driver="VRT")
        written = copy.read().decode(errors="replace")
    try:
        described = ET.fromstring(written)  # noqa: S314 (GDAL has just written it)
    except ET.ParseError:
        # GDAL writes down what the file says, control characters included.
        return {}
    return {one: found.text or "" for one, found in enumerate(described.iter("Category"))}
