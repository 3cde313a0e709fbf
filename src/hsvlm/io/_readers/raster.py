"""Rasters that GDAL opens, GeoTIFF above all."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import LazyCube
from hsvlm._system.files import file_error
from hsvlm.io import _geo as geo
from hsvlm.io._common import LabelMap, Reader, ReadResult, hex_color
from hsvlm.io._declared import declared_unit
from hsvlm.io._gdal import (
    CACHE_BYTES,
    CANNOT_READ,
    doubtful_ellipsoid,
    gdal,
    open_local,
    opened_raster,
    place_of,
)
from hsvlm.io._notes import warn_of_file
from hsvlm.io._readers.raster_bands import (
    note_unused_georeference,
    read_band_metadata,
    spectral_bands,
    tags_of,
)
from hsvlm.io._readers.raster_classes import (
    HINT_CUT_GRID,
    palette,
    read_category_table,
    read_color_map,
)
from hsvlm.io._sizes import check_memory, check_stated
from hsvlm.io._variables import HINT_COPY_AGAIN
from hsvlm.io.classes import label_map
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    from numpy.typing import NDArray

# A row of tiles of this size is kept whole, for several blocks of rows are read from it.
_LARGEST_CACHE = 512_000_000
_SHOWN = 8
_HINT = "Correct the file, for example with gdal_edit, to be sure."
# GDAL takes time by the square of this number to read a row of pixel-interleaved bands.
_MOST_BANDS = 2**14


class RasterCube(LazyCube):
    """A raster file, read where it is indexed; threads take turns, processes reopen it."""

    def __init__(
        self,
        path: str | PathLike[str],
        shape: tuple[int, ...],
        dtype: Any,
        tile_rows: int = 1,
        bands: tuple[int, ...] = (),
    ) -> None:
        super().__init__(shape, dtype)
        self.path = os.fspath(path)
        self._bands = bands
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
        check_memory(self.path, (stop - start, *self.shape[1:]), self.dtype)
        reading = gdal(self.path, CANNOT_READ, HINT_COPY_AGAIN, self._cache_bytes)
        with self._lock, reading:
            # A dataset that was opened before a fork shares its place in the file with it.
            if self._dataset is None or self._process != os.getpid():
                self._dataset, self._process = self._opened(), os.getpid()
            window = geo.rasterio.windows.Window(0, start, self.shape[1], stop - start)
            # All bands of pixels that lie together are read faster without a list.
            bands = {"indexes": list(self._bands)} if self._bands else {}
            values: NDArray[Any] = self._dataset.read(window=window, **bands)
        return np.moveaxis(values, 0, 2)

    def _opened(self) -> Any:
        dataset = open_local(Path(self.path))
        n_bands = len(self._bands) or dataset.count
        n_bands = n_bands if max(self._bands, default=0) <= dataset.count else 0
        if (dataset.height, dataset.width, n_bands) != self.shape:
            problem = f"it was {self.shape[0]} x {self.shape[1]} x {self.shape[2]}, and has changed"
            raise file_error(self.path, problem, "Read the scene again.")
        return dataset

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_lock": None, "_dataset": None, "_process": 0}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


def read_cube(file: Path, variable: str | None = None) -> ReadResult:
    """Read a cube from a raster file."""
    notes: list[str] = []
    with _opened(file, variable) as dataset:
        _check_size(file, dataset)
        bands, valid = spectral_bands(file, dataset, notes)
        dtype = _dtype(file, dataset, bands)
        told = read_band_metadata(file, dataset, bands, notes)
        nodata = [dataset.nodatavals[band - 1] for band in bands]
        units = {dataset.units[band - 1] for band in bands}
        note_unused_georeference(dataset, notes)
        crs, transform = place_of(dataset)
        doubt = doubtful_ellipsoid(crs)
        cube = RasterCube(
            file.resolve(),
            (dataset.height, dataset.width, len(bands)),
            dtype,
            dataset.block_shapes[0][0],
            bands=() if len(bands) == dataset.count else tuple(bands),
        )
        told |= {"crs": crs, "transform": transform}
    warn_of_file(file, [*notes, doubt] if doubt else notes, _HINT)
    beside = told.pop("nodata")
    scene = Scene(cube=cube, name=file.stem, valid=valid, **told)
    unit = declared_unit({"unit": units.pop() or ""}) if len(units) == 1 else ""
    if len({str(value) for value in nodata}) > 1:
        return ReadResult(scene, beside, band_nodata=nodata, unit=unit)
    return ReadResult(scene, beside if nodata[0] is None else float(nodata[0]), unit=unit)


def read_label_map(file: Path, variable: str | None = None) -> LabelMap:
    """Read a label map, of numbers or of colors, from a raster file."""
    with opened_raster(file) as dataset:
        colored = read_color_map(file, dataset)
    if colored is not None:
        return colored
    notes: list[str] = []
    with _opened(file, variable) as dataset:
        bands, valid = spectral_bands(file, dataset, notes)
        if len(bands) != 1:
            problem = f"it has {len(bands)} bands, but a label map has one"
            raise file_error(file, problem, "Give the file of the label map.")
        _check_size(file, dataset)
        check_memory(file, dataset.shape, _dtype(file, dataset, bands), HINT_CUT_GRID)
        nodata = dataset.nodatavals[bands[0] - 1]
        listed = read_category_table(dataset)
        names = _tagged(dataset, "CLASS_NAMES") or listed.names
        colors = (
            _tagged(dataset, "CLASS_COLORS")
            or {value: hex_color(*color[:3]) for value, color in palette(dataset).items()}
            or listed.colors
        )
        note_unused_georeference(dataset, notes)
        place = place_of(dataset)
        try:
            values = dataset.read(bands[0])
        except (MemoryError, ValueError) as error:
            problem = f"{dataset.height} x {dataset.width} labels do not fit into memory"
            raise file_error(file, problem, HINT_CUT_GRID) from error
    warn_of_file(file, notes, _HINT)
    return label_map(file, values, names, colors, nodata, *place, valid=valid)


@contextmanager
def _opened(path: Path, variable: str | None) -> Iterator[Any]:
    if variable is not None:
        problem = f"it is read as one raster, but variable={variable!r} is asked for"
        raise file_error(path, problem, "Leave out `variable`.")
    with opened_raster(path) as dataset:
        if not dataset.count:
            raise file_error(path, "it holds no raster of its own", _extract(dataset))
        yield dataset


def _extract(dataset: Any) -> str:
    parts = ", ".join(dataset.subdatasets[:_SHOWN])
    return f"Extract one with gdal_translate: {parts}." if parts else HINT_COPY_AGAIN


def _dtype(path: Any, dataset: Any, bands: Sequence[int]) -> np.dtype[Any]:
    kinds = sorted({dataset.dtypes[band - 1] for band in bands})
    hint = "Convert it to integers or floats of one type, for example with gdal_translate -ot."
    # GDAL has types that NumPy lacks, and all of them are complex.
    if any(kind.startswith("complex") for kind in kinds):
        raise file_error(path, "it holds complex values", hint)
    if len(kinds) > 1:
        raise file_error(path, f"its bands are of different types: {', '.join(kinds)}", hint)
    dtype: np.dtype[Any] = np.dtype(kinds[0])
    return dtype


def _check_size(path: Path, dataset: Any) -> None:
    if dataset.count > _MOST_BANDS:
        problem = f"it has {dataset.count:,} bands, and {_MOST_BANDS:,} are the most that are read"
        raise file_error(path, problem, "Cut it into files of fewer bands.")
    # A virtual raster holds no values itself.
    if dataset.driver != "VRT":
        check_stated(path, (*dataset.shape, dataset.count), _dtype(path, dataset, [1]))


def _tagged(dataset: Any, name: str) -> dict[int, str]:
    # Anybody may have written anything under this name.
    try:
        entries = json.loads(tags_of(dataset).get(name, "{}"))
        return {int(value): str(text) for value, text in entries.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}


READER = Reader("GeoTIFF and other formats of GDAL", (".tif", ".tiff"), read_cube, read_label_map)
