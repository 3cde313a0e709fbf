"""Whatever holds numbers, brought to arrays of NumPy, or refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NotNumbersError", "as_array", "as_scale", "check_numbers", "native", "refuse_masked"]


class NotNumbersError(DataError, TypeError):
    """The values are of a type that is no number; scikit-learn asks for a TypeError here."""


def as_array(values: Any, name: str = "X") -> NDArray[Any]:
    """Bring values to an array of real numbers."""
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
        return _from_objects(array, name)
    check_numbers(array.dtype, name)
    return array


def as_scale(values: Any, n_bands: int) -> NDArray[np.float64]:
    """Return factor and offset of each band, of shape (n_bands, 2)."""
    array = as_array(values, "scale").astype(np.float64)
    if array.shape == (2,):
        array = np.tile(array, (n_bands, 1))
    if array.shape != (n_bands, 2) or not (np.isfinite(array).all() and array[:, 0].all()):
        raise DataError(
            (
                f"scale must be a factor other than 0 and an offset, both finite, for each of the "
                f"{n_bands} bands or for all, got an array of shape {np.shape(values)}."
            ),
            "Give an array of shape (n_bands, 2), or None.",
        )
    return array


def check_numbers(dtype: Any, name: str = "X") -> None:
    """Refuse types that are no real numbers."""
    if np.dtype(dtype).kind in "biuf":
        return
    message = f"{name} has dtype {dtype}. Pass real numbers."
    if np.dtype(dtype).kind == "c":
        message += " Complex data not supported: pass the real part or the magnitude."
    raise DataError(message)


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Bring an array to the byte order of the machine."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def refuse_masked(values: Any, name: str) -> None:
    """Refuse masked arrays that hide a value."""
    if not isinstance(values, np.ma.MaskedArray):
        return
    missing = int(np.ma.getmaskarray(values).sum())
    if missing:
        raise DataError(
            f"{missing} of {values.size} values of {name} are masked, and what lies under the mask "
            "would be taken for data. Leave these samples out, or fill in values that stand for "
            "the missing ones. In a cube, masked pixels are pixels without data."
        )


def _from_tensor(tensor: Any) -> NDArray[Any]:
    tensor = tensor.detach().cpu()
    try:
        return np.asarray(tensor.numpy())
    except TypeError:  # such as bfloat16, which NumPy does not know and single precision holds
        return np.asarray(tensor.float().numpy())


def _from_objects(array: NDArray[Any], name: str) -> NDArray[Any]:
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise NotNumbersError(
            f"{name} has dtype object and holds what is no number ({error}). Pass numbers."
        ) from error
