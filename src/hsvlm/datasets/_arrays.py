"""Read cubes and label maps, and compare them with the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.datasets._cache import RemoteFile


def read_cube(path: Path, file: RemoteFile, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Read a cube of shape (height, width, n_bands)."""
    # In C order a spectrum is contiguous, as windows read it.
    return np.ascontiguousarray(_read_checked(_read_raster, path, file, shape))


def read_label_map(
    path: Path, file: RemoteFile, shape: tuple[int, int], counts: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Read a label map of shape (height, width) with `counts` pixels per class."""
    # Some providers write -1 where a pixel has no label.
    labels = np.maximum(_read_checked(_read_image, path, file, shape), 0)
    expected = dict(enumerate(counts, start=1))
    values, occurrences = np.unique(labels, return_counts=True)
    actual = dict(zip(values.tolist(), occurrences.tolist(), strict=True))
    for label in sorted((expected.keys() | actual.keys()) - {0}):
        if actual.get(label, 0) != expected.get(label, 0):
            raise DataError(
                f"{path} has {actual.get(label, 0)} pixels of class {label}, expected "
                f"{expected.get(label, 0)}. It is another label map. {file.hint}"
            )
    return np.ascontiguousarray(labels, dtype=np.uint8)


def _read_checked(
    read_tiff: Callable[[Path], NDArray[Any]], path: Path, file: RemoteFile, shape: tuple[int, ...]
) -> NDArray[Any]:
    try:
        array = _read_mat(path, file.variable) if file.variable else read_tiff(path)
    except MissingDependencyError:
        raise
    except Exception as error:  # readers raise all kinds of errors for damaged files
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {error}). {file.hint}"
        ) from error
    if array.shape != shape or array.dtype.kind not in "iuf":
        raise DataError(
            f"{path} holds {array.dtype} of shape {array.shape}, expected real numbers of shape "
            f"{shape}. {file.hint}"
        )
    return array


def read_source(path: Path, file: RemoteFile, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Read further channels, of shape (height, width, n_channels)."""
    return np.ascontiguousarray(_read_checked(_read_raster, path, file, shape))


def _read_mat(path: Path, variable: str) -> NDArray[Any]:
    """Read a variable; ``"name.field.0"`` is the first entry of a field of a structure."""
    from scipy.io import loadmat

    name, *parts = variable.split(".")
    # Without squeezing, structures are arrays of one entry at every level.
    value: Any = loadmat(
        path, variable_names=[name], squeeze_me=bool(parts), struct_as_record=not parts
    )[name]
    for part in parts:
        value = value[int(part)] if part.isdigit() else getattr(value, part)
    return np.asarray(value)


def _read_image(path: Path) -> NDArray[Any]:
    image = import_optional("PIL.Image", "data")
    with image.open(path) as file:
        return np.asarray(file)


def _read_raster(path: Path) -> NDArray[Any]:
    # Pillow reads images of up to four bands.
    rasterio = import_optional("rasterio", "geo")
    with rasterio.open(path) as file:
        return np.moveaxis(file.read(), 0, -1)
