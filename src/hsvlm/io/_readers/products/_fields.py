"""Fields of HDF5 products, checked where they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.exceptions import HSVLMError
from hsvlm.io import _geo as geo
from hsvlm.io._gdal import parsed_crs
from hsvlm.io._notes import warn_of_file
from hsvlm.io._readers.hdf5 import as_text, loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# Among so many names of a group, that of a product is looked for.
MOST_NAMES = 100
_HINT = (
    "The file was changed or cut after its delivery: get it again. `variable` with the path of an "
    "array reads that array as it is stored."
)
_OPTION_HINT = (
    "The file was changed or cut after its delivery: get it again. --variable with the path of an "
    "array reads that array as it is stored."
)


def hdf5_product(find: Callable[[Any], str | None]) -> Callable[[Path], bool]:
    """Make a test whether an HDF5 file has what `find` looks for in it."""

    def matches(file: Path) -> bool:
        try:
            with geo.h5py.File(file) as opened:
                return find(opened) is not None
        except (ImportError, OSError, RuntimeError, KeyError, ValueError):
            # Classic NetCDF, no h5py, or a damaged file: the reader of the format says more.
            return False

    return matches


def holds(group: Any, path: str) -> bool:
    """Tell whether a path lies in the file itself; links to other files are not followed."""
    hard_link = geo.h5py.HardLink
    for part in path.split("/"):
        if not hasattr(group, "get") or not isinstance(group.get(part, getlink=True), hard_link):
            return False
        group = group[part]
    return True


def _values_of(path: Path, attributes: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    """Return the numbers of an attribute, or say which attribute is missing."""
    if name not in attributes:
        raise file_error(path, f"its attribute {name} is missing", _HINT, _OPTION_HINT)
    try:
        return np.asarray(_plain(attributes[name]), dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise file_error(
            path, f"its attribute {name} is not numeric", _HINT, _OPTION_HINT
        ) from error


def band_list(
    path: Path, attributes: Mapping[str, Any], name: str, n_bands: int
) -> NDArray[np.float64]:
    """Return an attribute that has one number per band."""
    return per_band(path, _values_of(path, attributes, name), f"attribute {name}", n_bands)


def band_dataset(file: Path, opened: Any, name: str, n_bands: int) -> NDArray[np.float64]:
    """Read a dataset of one number per band."""
    return per_band(file, loaded(file, opened[name]), f"dataset {name}", n_bands)


def per_band(path: Path, values: NDArray[Any], name: str, n_bands: int) -> NDArray[np.float64]:
    """Refuse a list that is not as long as there are bands."""
    if values.shape != (n_bands,):
        problem = f"its {name} has shape {values.shape}, but the cube has {n_bands} bands"
        raise file_error(path, problem, _HINT, _OPTION_HINT)
    return values.astype(np.float64)


def first_number(attributes: Mapping[str, Any], *names: str) -> float | None:
    """Return the first number of the first attribute that is there and holds one."""
    for name in names:
        if name in attributes:
            try:
                return float(np.ravel(np.asarray(_plain(attributes[name]), dtype=np.float64))[0])
            except (TypeError, ValueError, IndexError):
                continue
    return None


def epsg_text(code: Any) -> str | None:
    """Return a code such as ``"EPSG:32632"``, or None if PROJ does not know it."""
    try:
        text = f"EPSG:{int(float(np.ravel(np.asarray(_plain(code)))[0]))}"
        return None if parsed_crs(text) is None else text
    except (TypeError, ValueError, IndexError, OverflowError, HSVLMError):
        return None


def warn_of_product(path: Path, notes: list[str]) -> None:
    """Warn once of all that a product does not state as it should."""
    hint = "Get the file again, or correct the scene: dataclasses.replace(scene, ...)."
    warn_of_file(path, notes, hint, "Get the file again.")


def text_of(path: Path, dataset: Any) -> str:
    """Return the text of a dataset."""
    return as_text(np.ravel(np.asarray(loaded(path, dataset), dtype=object))[0])


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
