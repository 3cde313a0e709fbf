"""One file per format that scenes and label maps are read from.

A reader is a module of this folder, listed below, with

- ``NAME``, the name of the format, and ``SUFFIXES``, those of its files in lower case;
- ``read_cube(path, variable)``, which returns a ReadResult;
- ``read_label_map(path, variable)``, which returns a LabelMap;
- ``TAKES_SIZE = True`` if `read_cube` takes the size of a cube that is stored as a table;
- ``is_utf8(file)`` if class names of the format may be in another encoding.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["readers", "readers_by_suffix"]

# Imported when the first file is read. `raster` also reads files of all other suffixes.
_READERS = ("envi", "raster", "matlab", "npy", "netcdf")


@cache
def readers() -> tuple[ModuleType, ...]:
    """Import the readers."""
    return tuple(import_module(f"{__name__}.{name}") for name in _READERS)


@cache
def readers_by_suffix() -> dict[str, ModuleType]:
    """Return the reader of each suffix."""
    return {suffix: reader for reader in readers() for suffix in reader.SUFFIXES}
