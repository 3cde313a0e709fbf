"""Libraries of the extra "geo", imported on first use: ``geo.h5py``, ``geo.rasterio.shutil``."""

from __future__ import annotations

from typing import Any

from hsvlm._system.optional import import_optional

# Parts that do not come with their library.
_PARTS = {"rasterio": ("rasterio.features", "rasterio.shutil")}


def __getattr__(name: str) -> Any:
    library = import_optional(name, "geo")
    for part in _PARTS.get(name, ()):
        import_optional(part, "geo")
    return library
