"""What is written, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import read_rows, row_blocks
from hsvlm._system.files import unreadable
from hsvlm.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.exceptions import FileError
    from hsvlm.io.classes import ClassCodes
    from hsvlm.scene import Scene

__all__ = ["ROOM", "Output", "checked_nodata", "scene_nodata", "stored_type", "unwritable"]

ROOM = "Make sure that there is room on the disk and that the folder may be written to."

# What not all formats have is written in the next larger type.
_INSTEAD = {"bool": "uint8", "int8": "int16", "float16": "float32"}


@dataclass(frozen=True)
class Output:
    """Values, read row block by row block, and what is said of them.

    Parameters
    ----------
    shape : tuple of int
        Height, width and number of bands.
    dtype : dtype
        Of the values.
    read : callable
        ``read(start, stop)`` gives rows as an array of shape (stop - start, width, n_bands) and
        of `dtype`.
    crs : str, default=None
        As in a Scene.
    transform : tuple of 6 floats, default=None
        As in a Scene.
    nodata : float, default=None
        Value for "no data".
    band_names : tuple of str, default=()
        One per band, or none.
    wavelengths_nm : ndarray of shape (n_bands,), default=None
        In nanometres.
    bad_bands : ndarray of shape (n_bands,), dtype bool, default=None
        True for bands not to be used.
    scale : ndarray of shape (n_bands, 2), default=None
        As in a Scene.
    title : str, default=""
        What it shows.
    classes : ClassCodes, default=None
        For label maps.
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


def unwritable(path: Path, reason: object) -> FileError:
    """Build the error for a file that could not be written.

    Parameters
    ----------
    path : Path
        Of the file.
    reason : object
        What the operating system says.

    Returns
    -------
    FileError
        Ready to be raised.
    """
    return unreadable(path, f"it cannot be written ({reason})", ROOM)


def stored_type(dtype: Any) -> np.dtype[Any]:
    """Choose the type of values in a file.

    Parameters
    ----------
    dtype : dtype
        Of the values.

    Returns
    -------
    dtype
        The same in the byte order of the machine; the next larger one for booleans, int8 and
        float16, and float64 for longer floats.

    Raises
    ------
    DataError
        If the values are no real numbers.
    """
    if dtype.kind not in "biuf":
        message = (
            f"The values are of type {dtype}, but a raster holds real numbers. "
            "Convert them to integers or floats; write labels with write_map."
        )
        raise DataError(message)
    name = "float64" if dtype.itemsize > np.dtype(np.float64).itemsize else dtype.name
    return np.dtype(_INSTEAD.get(name, name))


def checked_nodata(nodata: float | None, dtype: np.dtype[Any]) -> float | None:
    """Refuse a value for "no data" that the type of the values cannot hold.

    Parameters
    ----------
    nodata : float or None
        The value.
    dtype : dtype
        Of the values in the file.

    Returns
    -------
    float or None
        The same.

    Raises
    ------
    ParameterError
        If it does not fit.
    """
    if nodata is None or dtype.kind == "f":
        return nodata
    low, high = _range(dtype)
    if nodata == nodata and low <= nodata <= high and nodata == int(nodata):
        return nodata
    message = (
        f"nodata={nodata!r} cannot be a value of type {dtype}. Give a whole number from {low} to "
        f"{high}, or convert the values to floats."
    )
    raise ParameterError(message)


def scene_nodata(scene: Scene, dtype: np.dtype[Any]) -> float | None:
    """Find a value that marks the invalid pixels of a scene.

    Parameters
    ----------
    scene : Scene
        Its cube is read once if it holds integers and has invalid pixels.
    dtype : dtype
        Of the values in the file.

    Returns
    -------
    float or None
        NaN for floats; else the least or the greatest number of the type up to 2**53, whichever no
        valid pixel holds. None if all pixels are valid.

    Raises
    ------
    DataError
        If valid pixels hold both.
    """
    if scene.valid is None or scene.valid.all():
        return None
    if dtype.kind == "f":
        return float("nan")
    ends = list(_range(dtype))
    for start, stop in row_blocks(scene.cube.shape):
        held = read_rows(scene.cube, start, stop)[scene.valid[start:stop]]
        ends = [one for one in ends if not (held == one).any()]
    if not ends:
        message = (
            f"The scene has invalid pixels, but its valid ones hold both the least and the "
            f"greatest {dtype}, so no value is left for them. Convert the cube to a larger type, "
            "or give valid=None."
        )
        raise DataError(message)
    return ends[0]


def _range(dtype: np.dtype[Any]) -> tuple[int, int]:
    # Headers keep this value as a float, which tells whole numbers apart up to 2**53.
    info = np.iinfo(dtype)
    return max(int(info.min), -(2**53)), min(int(info.max), 2**53)
