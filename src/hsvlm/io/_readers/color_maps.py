"""Pictures as label maps: each color is a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.exceptions import HSVLMWarning
from hsvlm.io._common import LabelMap
from hsvlm.io._gdal import gdal, open_local, real_crs, real_transform, ungeoreferenced
from hsvlm.io._sizes import check_memory, check_stated

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_color_map"]

_MOST_COLORS = 256
_SHOWN = 8
_BLACK, _WHITE = 0, 0xFFFFFF
_COPY_AGAIN = "The file is damaged or of another kind: copy it again, or correct its suffix."
_LOSSY = {"JPEG"}
_CUT_GRID = "Cut it to the grid of the scene first."
_SAVE_MAP = "Save the map of classes as PNG or GeoTIFF, with one number or color per class."


def read_color_map(file: Path) -> tuple[LabelMap | None, list[HSVLMWarning]]:
    """Read a picture of 3 bands of bytes, and perhaps alpha; None if the raster is another."""
    # Classes are numbered from 1 in the order of their colors, which are their names. Black and
    # transparent pixels have no label. The warnings say which color became which number, and
    # whether the palette of a map of numbers gives 0 a color.
    with (
        gdal(file, "GDAL cannot read it", _COPY_AGAIN) as rasterio,
        ungeoreferenced(),
        open_local(file) as dataset,
    ):
        if dataset.driver in _LOSSY:
            raise file_error(
                file,
                f"its format, {dataset.driver}, mixes the colors and numbers of classes",
                _SAVE_MAP,
            )
        alpha = rasterio.enums.ColorInterp.alpha
        bands = [band for band in dataset.indexes if dataset.colorinterp[band - 1] != alpha]
        if len(bands) != 3 or set(dataset.dtypes) != {"uint8"}:
            return None, _palette_warnings(file, dataset)
        check_stated(file, (*dataset.shape, dataset.count), np.dtype(np.uint8))
        # The bands, colors as one number, and their ranks.
        check_memory(file, dataset.shape, np.dtype(np.uint8), _CUT_GRID, copies=24)
        red, green, blue = (band.astype(np.uint32) for band in dataset.read(bands))
        valid = dataset.dataset_mask() > 0
        crs, transform = real_crs(dataset.crs), real_transform(dataset.transform)
    if (red == green).all() and (green == blue).all():
        # A map of numbers that was saved in color.
        gray = np.where(valid, red, 0).astype(np.uint8)
        return LabelMap(gray, crs=crs, transform=transform), []
    colors = np.where(valid, red << 16 | green << 8 | blue, _BLACK)
    values, ranks, counts = np.unique(colors, return_inverse=True, return_counts=True)
    if len(values) > _MOST_COLORS:
        raise file_error(
            file,
            (
                f"it has {len(values):,} colors, and {_MOST_COLORS} are the most of a map of "
                "classes: "
                "it is a photograph, or its colors were mixed when it was scaled or compressed"
            ),
            _SAVE_MAP,
        )
    numbers = np.arange(len(values)) + (0 if values[0] == _BLACK else 1)
    labels = numbers[ranks.reshape(colors.shape)]
    names = {
        int(number): f"#{value:06X}"
        for number, value in zip(numbers, values.tolist(), strict=True)
        if number
    }
    label_map = LabelMap(
        labels.astype(np.uint8 if len(names) < 256 else np.uint16),
        names,
        dict(names),
        crs,
        transform,
        text_classes=True,
    )
    return label_map, [_legend(file, names, counts[values != _BLACK])]


def _legend(file: Path, names: dict[int, str], counts: NDArray[Any]) -> HSVLMWarning:
    listed = [
        f"{number} = {name} ({count:,} pixels)"
        for (number, name), count in list(zip(names.items(), counts.tolist(), strict=True))[:_SHOWN]
    ]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return HSVLMWarning(
        f"{file}: its {len(names)} colors are read as classes, black as no label: "
        f"{', '.join(listed)}{more}.",
        "Give class_names with these colors as names to choose the numbers.",
        option_hint='Prompt files describe them by color: value: "#FF0000".',
    )


def _palette_warnings(file: Path, dataset: Any) -> list[HSVLMWarning]:
    """Warn if 0, which stands for no label, has a color and pixels."""
    if dataset.count != 1 or dataset.nodata == 0 or dataset.dtypes[0] != "uint8":
        return []
    try:
        color = dataset.colormap(1).get(0)
    except ValueError:
        return []
    if color is None or color[3] == 0:
        return []
    value = color[0] << 16 | color[1] << 8 | color[2]
    if value in (_BLACK, _WHITE) or not (dataset.read(1) == 0).any():
        return []
    return [
        HSVLMWarning(
            f"{file}: 0 has the color #{value:06X} in its palette, but stands for no label here.",
            "If it is a class, number the classes from 1.",
        )
    ]
