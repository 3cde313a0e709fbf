"""One file per format that scenes, label maps or features are read from, each with a READER."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hsvlm.io._common import Reader

# Imported when the first file is read. The first that fits a file reads it; `raster` also reads
# files of all other suffixes.
_READERS = (
    "products.prisma", "products.emit", "products.neon", "products.enmap",
    "envi", "raster", "matlab", "npy", "netcdf",
    "features.rois", "features.vector_files", "features.archives", "features.tables",
)  # fmt: skip


@cache
def readers() -> tuple[Reader, ...]:
    """Import the readers."""
    return tuple(import_module(f"{__name__}.{name}").READER for name in _READERS)


def feature_reader(file: Path) -> Reader | None:
    """Return the reader of a file of points, polygons or regions; None if it holds none."""
    return next((each for each in readers() if each.read_features and each.reads(file)), None)


def list_scene_suffixes() -> list[str]:
    """List the suffixes of the files that :func:`read_scene` knows by their suffix.

    Files of other suffixes are opened by GDAL, or read as ENVI data if a header lies beside them.

    Returns
    -------
    list of str
        In lower case, with the dot.

    Examples
    --------
    >>> from hsvlm.io import list_scene_suffixes
    >>> ".hdr" in list_scene_suffixes()
    True
    """
    return [suffix for reader in readers() if reader.read_label_map for suffix in reader.suffixes]


def list_feature_suffixes() -> list[str]:
    """List the suffixes of the files of points, polygons and regions that are read as labels.

    Returns
    -------
    list of str
        In alphabetical order and lower case, with the dot.

    Examples
    --------
    >>> from hsvlm.io import list_feature_suffixes
    >>> ".gpkg" in list_feature_suffixes()
    True
    """
    return sorted({suffix for each in readers() if each.read_features for suffix in each.suffixes})
