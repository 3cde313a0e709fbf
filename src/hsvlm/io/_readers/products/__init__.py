"""Sensor products: files whose layout a mission defines, recognized by what they hold."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hsvlm._system.optional import import_optional

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["product_reader"]

_HDF5_SUFFIXES = (".he5", ".h5", ".hdf5", ".nc", ".nc4")
# Each module says with `matches` whether a file is its product, and has `read_cube` as every
# format has. Those of HDF5 get the open file, the others its path.
_HDF5_PRODUCTS = {"PRISMA": "_prisma", "EMIT": "_emit", "NEON": "_neon"}
_FILE_PRODUCTS = {"EnMAP and DESIS": "_enmap"}


def product_reader(file: Path) -> Any:
    """Return the module that reads the product, or None if the file is not a known one."""
    if file.suffix.lower() in _HDF5_SUFFIXES:
        return _hdf5_reader(file)
    modules = map(_module, _FILE_PRODUCTS.values())
    return next((module for module in modules if module.matches(file)), None)


def _hdf5_reader(file: Path) -> Any:
    modules = map(_module, _HDF5_PRODUCTS.values())
    try:
        h5py = import_optional("h5py", "geo")
        with h5py.File(file) as opened:
            return next((module for module in modules if module.matches(opened)), None)
    except (ImportError, OSError, RuntimeError, KeyError, ValueError):
        # Classic NetCDF, no h5py, or a damaged file: the reader of the format says more.
        return None


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")
