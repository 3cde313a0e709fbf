"""Pictures as label maps: each color is a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io import _geo as geo
from hsvlm.io._common import LabelMap
from hsvlm.io._gdal import place_of
from hsvlm.io._notes import listed, warn_caller
from hsvlm.io._sizes import check_memory, check_stated

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_MOST_COLORS = 256
_SHOWN = 8
_BLACK, _WHITE = 0, 0xFFFFFF
_LOSSY = {"JPEG"}
HINT_CUT_GRID = "Cut it to the grid of the scene first."
_SAVE_MAP = "Save the map of classes as PNG or GeoTIFF, with one number or color per class."


def read_color_map(file: Path, dataset: Any) -> LabelMap | None:
    """Read a picture of 3 bands of bytes, and perhaps alpha; None if the raster is another."""
    # Classes are numbered from 1 in the order of their colors, which are their names. Black and
    # transparent pixels have no label. A warning says which color became which number, or that
    # the palette of a map of numbers gives 0 a color.
    if dataset.driver in _LOSSY:
        problem = f"its format, {dataset.driver}, mixes the colors and numbers of classes"
        raise file_error(file, problem, _SAVE_MAP)
    alpha = geo.rasterio.enums.ColorInterp.alpha
    bands = [band for band in dataset.indexes if dataset.colorinterp[band - 1] != alpha]
    if len(bands) != 3 or set(dataset.dtypes) != {"uint8"}:
        _warn_of_palette(file, dataset)
        return None
    check_stated(file, (*dataset.shape, dataset.count), np.dtype(np.uint8))
    # The bands, colors as one number, and their ranks.
    check_memory(file, dataset.shape, np.uint8, HINT_CUT_GRID, copies=24)
    red, green, blue = (band.astype(np.uint32) for band in dataset.read(bands))
    valid = dataset.dataset_mask() > 0
    crs, transform = place_of(dataset)
    if (red == green).all() and (green == blue).all():
        # A map of numbers that was saved in color.
        gray = np.where(valid, red, 0).astype(np.uint8)
        return LabelMap(gray, crs=crs, transform=transform)
    colors = np.where(valid, red << 16 | green << 8 | blue, _BLACK)
    values, ranks, counts = np.unique(colors, return_inverse=True, return_counts=True)
    if len(values) > _MOST_COLORS:
        problem = (
            f"it has {len(values):,} colors, and {_MOST_COLORS} are the most of a map of classes: "
            "it is a photograph, or its colors were mixed when it was scaled or compressed"
        )
        raise file_error(file, problem, _SAVE_MAP)
    numbers = np.arange(len(values)) + (0 if values[0] == _BLACK else 1)
    labels = numbers[ranks.reshape(colors.shape)]
    pairs = zip(numbers.tolist(), values.tolist(), strict=True)
    names = {number: f"#{value:06X}" for number, value in pairs if number}
    _warn_of_legend(file, names, counts[values != _BLACK])
    labels = labels.astype(np.uint8 if len(names) < 256 else np.uint16)
    return LabelMap(labels, names, dict(names), crs, transform, text_classes=True)


def _warn_of_legend(file: Path, names: dict[int, str], counts: NDArray[Any]) -> None:
    classes = [
        f"{number} = {name} ({count:,} pixels)"
        for (number, name), count in zip(names.items(), counts.tolist(), strict=True)
    ]
    warn_caller(
        f"{file}: its {len(names)} colors are read as classes, black as no label: "
        f"{listed(classes, _SHOWN)}.",
        "Give class_names with these colors as names to choose the numbers.",
        'Prompt files describe them by color: value: "#FF0000".',
    )


def _warn_of_palette(file: Path, dataset: Any) -> None:
    """Warn if 0, which stands for no label, has a color and pixels."""
    if dataset.count != 1 or dataset.nodata == 0 or dataset.dtypes[0] != "uint8":
        return
    red, green, blue, alpha = palette(dataset).get(0, (0, 0, 0, 0))
    value = red << 16 | green << 8 | blue
    if alpha and value not in (_BLACK, _WHITE) and (dataset.read(1) == 0).any():
        warn_caller(
            f"{file}: 0 has the color #{value:06X} in its palette, but stands for no label here.",
            "If it is a class, number the classes from 1.",
        )


def palette(dataset: Any) -> dict[int, tuple[int, int, int, int]]:
    """Return the colors of values in the first band."""
    try:
        colors: dict[int, tuple[int, int, int, int]] = dataset.colormap(1)
    except ValueError:
        return {}
    return colors
