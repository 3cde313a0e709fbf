"""Libraries of the extra "geo", imported on first use: ``geo.h5py``, ``geo.rasterio.shutil``."""

from __future__ import annotations

from typing import Any

from hsvlm._system.optional import import_optional

_LIBRARIES = (
    "affine",
    "geopandas",
    "h5py",
    "pandas",
    "pyogrio",
    "pyproj",
    "rasterio",
    "shapely",
    "xarray",
)
# Parts that do not come with their library.
_PARTS = {"rasterio": ("rasterio.features", "rasterio.shutil", "rasterio.warp")}


def __getattr__(name: str) -> Any:
    if name not in _LIBRARIES:  # pytest and inspect ask modules for attributes of their own
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    library = import_optional(name, "geo")
    for part in _PARTS.get(name, ()):
        import_optional(part, "geo")
    return library
