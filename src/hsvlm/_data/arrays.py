"""Convert array-likes to NumPy arrays, with clear errors."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class NotNumbersError(DataError, TypeError):
    """Raised for non-numeric values; also a TypeError, as scikit-learn expects."""


def as_array(values: Any, name: str = "X") -> NDArray[Any]:
    """Convert values to an array of real numbers."""
    refuse_masked(values, name)
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise NotNumbersError(
            f"{name} is sparse. Sparse data are not supported: pass {name}.toarray()."
        )
    try:
        array = _from_tensor(values) if hasattr(values, "detach") else np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NotNumbersError(
            f"{name}, of type {type(values).__name__}, cannot be turned into an array "
            f"({error}). Pass one array of numbers."
        ) from error
    if array.dtype.kind == "O":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise NotNumbersError(
                f"{name} has dtype object and contains non-numeric values ({error}). Pass numbers."
            ) from error
    check_numbers(array.dtype, name)
    return array


def as_coefficients(transform: Iterable[float]) -> tuple[float, ...]:
    """Return the six affine coefficients of a transform."""
    values = tuple(as_array(tuple(transform), "transform").astype(float).tolist())
    if len(values) not in (6, 9):
        raise DataError(
            f"transform has {len(values)} numbers. Give the six affine coefficients "
            "(a, b, c, d, e, f), or an affine.Affine."
        )
    return values[:6]


def as_scale(values: Any, n_bands: int) -> NDArray[np.float64]:
    """Return factor and offset of each band, of shape (n_bands, 2)."""
    array = as_array(values, "scale").astype(np.float64)
    if array.shape == (2,):
        array = np.tile(array, (n_bands, 1))
    if array.shape != (n_bands, 2) or not (np.isfinite(array).all() and array[:, 0].all()):
        raise DataError(
            "scale must be a factor other than 0 and an offset, both finite, for each of the "
            f"{n_bands} bands or for all, got an array of shape {np.shape(values)}.",
            "Give an array of shape (n_bands, 2), or None.",
        )
    return array


def check_numbers(dtype: Any, name: str = "X") -> None:
    """Raise unless a dtype is real-valued."""
    kind = np.dtype(dtype).kind
    if kind not in "biuf":
        hint = " Complex data not supported: pass the real part or the magnitude."
        raise DataError(
            f"{name} has dtype {dtype}. Pass real numbers.{hint if kind == 'c' else ''}"
        )


def is_whole_number(value: Any) -> TypeGuard[int]:
    """Tell whether a value is an integer of any type, and not a boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Convert an array to the byte order of the machine."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def refuse_masked(values: Any, name: str) -> None:
    """Raise if an array hides a value under a mask."""
    n_masked = int(np.ma.getmaskarray(values).sum()) if np.ma.isMaskedArray(values) else 0
    if n_masked:
        raise DataError(
            f"{n_masked} of {values.size} values of {name} are masked, and the values under the "
            "mask would be used as data. Leave these samples out, or fill in values for the "
            "missing ones. In a cube, masked pixels are pixels without data."
        )


def _from_tensor(tensor: Any) -> NDArray[Any]:
    tensor = tensor.detach().cpu()
    try:
        return np.asarray(tensor.numpy())
    except TypeError:  # such as bfloat16, which NumPy lacks and single precision represents
        return np.asarray(tensor.float().numpy())
