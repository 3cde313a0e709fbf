"""Cloud-optimized GeoTIFF files, written row block by row block."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import row_blocks
from hsvlm.io import _geo as geo
from hsvlm.io._gdal import gdal, parsed_crs, ungeoreferenced
from hsvlm.io._writers.output import HINT_DISK_SPACE, SIDECARS, Writer, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hsvlm.io._writers.output import Output
    from hsvlm.io.classes import ClassCodes

# Tiles of many bands are smaller, for a row of them is what a reader keeps in memory.
_TILE_SIDES = (512, 256, 128)
_LARGEST_TILE = 2**24
# Tiles of the draft lie several to a tile of the file, and blocks of rows end where they end.
_DRAFT_ROWS = 16


def _write_geotiff(folder: Path, target: Path, output: Output) -> list[Path]:
    """Write a cloud-optimized GeoTIFF."""
    n_bands = output.shape[2]
    tile_bytes = n_bands * output.dtype.itemsize
    fitting = [side for side in _TILE_SIDES if side * side * tile_bytes <= _LARGEST_TILE]
    full_side = max(fitting, default=_TILE_SIDES[-1])
    # The rest of a tile that is larger than the scene is compressed and read like the scene itself.
    side = min(full_side, -(-max(output.shape[:2]) // _DRAFT_ROWS) * _DRAFT_ROWS)
    path, draft = folder / target.name, folder / f"draft of {target.name}"
    with gdal(target, "it cannot be written", HINT_DISK_SPACE), ungeoreferenced():
        sums = _write_draft(draft, output, side)
        geo.rasterio.shutil.copy(
            draft,
            path,
            driver="COG",
            COMPRESS="DEFLATE",
            PREDICTOR="NO" if output.classes else "YES",
            BLOCKSIZE=side,
            BIGTIFF="IF_SAFER",
            # With many bands, overviews take several times as long as all the rest.
            OVERVIEWS="AUTO" if full_side == _TILE_SIDES[0] else "NONE",
            OVERVIEW_RESAMPLING="NEAREST" if output.classes else "AVERAGE",
        )
        # What fails while a file is closed, such as the last block on a full disk, GDAL does not
        # tell.
        if _sums_of(path, sums, side) != sums:
            raise unwritable(target, "it does not hold what was written")
    draft.unlink()
    return [path]


def _write_draft(draft: Path, output: Output, side: int) -> dict[Any, int]:
    height, width, n_bands = output.shape
    profile = {
        "driver": "GTiff", "height": height, "width": width, "count": n_bands,
        "dtype": output.dtype, "nodata": output.nodata, "crs": parsed_crs(output.crs),
        "tiled": True, "blockxsize": side, "blockysize": _DRAFT_ROWS, "interleave": "band",
        "BIGTIFF": "IF_NEEDED",
    }  # fmt: skip
    if n_bands > 1:
        # Four bands of 8 bits would be taken for red, green, blue and a mask.
        profile["photometric"] = "MINISBLACK"
    if output.transform is not None:
        profile["transform"] = geo.affine.Affine(*output.transform)
    sums: dict[Any, int] = {}
    with geo.rasterio.open(draft, "w", **profile) as dataset:
        _describe(dataset, output)
        for start, stop in _blocks_within_tiles(output.shape, side):
            rows = output.read(start, stop)
            window = geo.rasterio.windows.Window(0, start, width, stop - start)
            dataset.write(np.moveaxis(rows, 2, 0), window=window)
            for left in range(0, width, side):
                tile = start // side * side, left
                part = np.ascontiguousarray(rows[:, left : left + side]).data
                sums[tile] = zlib.crc32(part, sums.get(tile, 0))
    return sums


def _sums_of(path: Path, tiles: Iterable[Any], side: int) -> dict[Any, int]:
    sums = {}
    with geo.rasterio.open(path) as dataset:
        for top, left in tiles:
            window = geo.rasterio.windows.Window(
                left, top, min(side, dataset.width - left), min(side, dataset.height - top)
            )
            values = dataset.read(window=window)
            sums[top, left] = zlib.crc32(np.ascontiguousarray(np.moveaxis(values, 0, 2)).data)
    return sums


def _blocks_within_tiles(shape: tuple[int, ...], side: int) -> Iterator[tuple[int, int]]:
    """Divide rows like row_blocks, but into tiles of the draft, within those of the file."""
    height, width, n_bands = shape
    for top in range(0, height, side):
        last = -(-min(top + side, height) // _DRAFT_ROWS)
        strips = row_blocks((last, width * _DRAFT_ROWS, n_bands), top // _DRAFT_ROWS)
        for first, end in strips:
            yield first * _DRAFT_ROWS, min(end * _DRAFT_ROWS, height)


def _describe(dataset: Any, output: Output) -> None:
    if output.title:
        dataset.update_tags(TIFFTAG_IMAGEDESCRIPTION=output.title)
    if output.scale is not None:
        dataset.scales, dataset.offsets = output.scale.T.tolist()
    for band in range(output.shape[2]):
        tags: dict[str, Any] = {}
        if output.band_names:
            dataset.set_band_description(band + 1, output.band_names[band])
        if output.wavelengths_nm is not None:
            wavelength = float(output.wavelengths_nm[band])
            tags |= {"wavelength": repr(wavelength), "wavelength_units": "Nanometers"}
            # GDAL's own name for it, since 3.10.
            dataset.update_tags(
                band + 1, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=f"{wavelength / 1e3:.7g}"
            )
        if output.bad_bands is not None:
            tags["bbl"] = str(int(not output.bad_bands[band]))
        if tags:
            dataset.update_tags(band + 1, **tags)
    if output.classes is not None:
        _describe_classes(dataset, output.classes)


def _describe_classes(dataset: Any, classes: ClassCodes) -> None:
    tags = {"CLASS_NAMES": classes.names}
    if classes.renumbered:
        tags["CLASS_LABELS"] = {number: str(label) for label, number in classes.codes.items()}
    if classes.dtype == np.uint8:
        table = {
            number: (*bytes.fromhex(color[1:]), 255) for number, color in classes.colors.items()
        }
        dataset.write_colormap(1, {0: (0, 0, 0, 0), **table})
    else:
        # Palettes of more than 256 entries are more than most readers of TIFF expect.
        tags["CLASS_COLORS"] = classes.colors
    dataset.update_tags(**{name: json.dumps(tag, ensure_ascii=False) for name, tag in tags.items()})


WRITER = Writer((".tif", ".tiff"), _write_geotiff, sidecars=(*SIDECARS, "{stem}.tfw"))
