"""What is written, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import read_rows, row_blocks
from hsvlm._system.files import file_error
from hsvlm.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.exceptions import FileError
    from hsvlm.io.classes import ClassCodes
    from hsvlm.scene import Scene

HINT_DISK_SPACE = "Make sure that there is room on the disk and that the folder may be written to."

# Where readers look for statistics, overviews and masks of a data file.
SIDECARS = ("{name}.aux.xml", "{name}.ovr", "{name}.msk")

# What not all formats have is written in the next larger type.
_INSTEAD = {"bool": "uint8", "int8": "int16", "float16": "float32"}


@dataclass(frozen=True)
class Output:
    """Values, read row block by row block, and what is said of them.

    Shapes: `wavelengths_nm` (n_bands,), `bad_bands` (n_bands,), `scale` (n_bands, 2).
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    read: Callable[[int, int], NDArray[Any]]
    crs: str | None = None
    transform: tuple[float, ...] | None = None
    nodata: float | None = None
    band_names: tuple[str, ...] = ()
    wavelengths_nm: NDArray[np.float64] | None = None
    bad_bands: NDArray[np.bool_] | None = None
    scale: NDArray[np.float64] | None = None
    title: str = ""
    classes: ClassCodes | None = None
    value_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Writer:
    """A format: suffixes of its files, and the function that writes them."""

    # write(folder, target, output) returns the files written, that of the values first. `files`
    # are their names, and `sidecars` those under which readers look for what describes them.
    suffixes: tuple[str, ...]
    write: Callable[[Path, Path, Output], list[Path]]
    files: tuple[str, ...] = ("{name}",)
    sidecars: tuple[str, ...] = ()
    check_target: Callable[[Path], Path] = field(default=lambda target: target)


def unwritable(path: Path, reason: object) -> FileError:
    """Build the error for a file that could not be written."""
    return file_error(path, f"it cannot be written ({reason})", HINT_DISK_SPACE)


def stored_type(dtype: Any) -> np.dtype[Any]:
    """Choose the type of values in a file."""
    if dtype.kind not in "biuf":
        raise DataError(
            f"The values are of type {dtype}, but a raster holds real numbers. "
            "Convert them to integers or floats; write labels with write_map."
        )
    name = "float64" if dtype.itemsize > np.dtype(np.float64).itemsize else dtype.name
    return np.dtype(_INSTEAD.get(name, name))


def checked_nodata(nodata: Any, dtype: np.dtype[Any]) -> float | None:
    """Refuse a value for "no data" that the type of the values cannot hold."""
    if nodata is None:
        return None
    is_number = isinstance(nodata, Real) and not isinstance(nodata, bool)
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        if is_number and (not abs(nodata) > largest or abs(nodata) == np.inf):
            return float(nodata)
        allowed, larger = f"NaN or a number from {-largest} to {largest}", "float64"
    else:
        low, high = _range(dtype)
        if is_number and low <= nodata <= high and nodata == int(nodata):
            return int(nodata)
        allowed, larger = f"a whole number from {low} to {high}", "floats"
    raise ParameterError(
        f"nodata={nodata!r} cannot be a value of type {dtype}. Give {allowed}, or convert the "
        f"values to {larger}."
    )


def scene_nodata(scene: Scene, dtype: np.dtype[Any]) -> float | None:
    """Find a value that marks the invalid pixels of a scene."""
    if scene.valid is None or scene.valid.all():
        return None
    if dtype.kind == "f":
        return float("nan")
    ends = list(_range(dtype))
    for start, stop in row_blocks(scene.cube.shape):
        values = read_rows(scene.cube, start, stop)[scene.valid[start:stop]]
        ends = [end for end in ends if not (values == end).any()]
    if not ends:
        raise DataError(
            f"The scene has invalid pixels, but its valid ones hold both the least and the "
            f"greatest {dtype}, so no value is left for them. Convert the cube to a larger type, "
            "or give valid=None."
        )
    return ends[0]


def _range(dtype: np.dtype[Any]) -> tuple[int, int]:
    # Headers keep this value as a float, which tells whole numbers apart up to 2**53.
    info = np.iinfo(dtype)
    return max(int(info.min), -(2**53)), min(int(info.max), 2**53)
