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
    """Bring values to an array of real numbers.

    Parameters
    ----------
    values : array-like
        An array, a nested list, a tensor on any device, or what else NumPy can convert. Objects
        become floats.
    name : str, default="X"
        What the values are called in the error.

    Returns
    -------
    ndarray
        Booleans, integers or floats; a plain array is returned as it is.

    Raises
    ------
    DataError
        If the values are no real numbers, lists of several lengths, sparse, or partly masked.
    """
    refuse_masked(values, name)
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        message = f"{name} is sparse. Sparse data are not supported: pass {name}.toarray()."
        raise NotNumbersError(message)
    try:
        array = _from_tensor(values) if hasattr(values, "detach") else np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        message = (
            f"{name}, of type {type(values).__name__}, cannot be turned into an array "
            f"({error}). Pass one array of numbers."
        )
        raise NotNumbersError(message) from error
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
        message = (
            f"scale must be a factor other than 0 and an offset, both finite, for each of the "
            f"{n_bands} bands or for all, got an array of shape {np.shape(values)}."
        )
        raise DataError(message, "Give an array of shape (n_bands, 2), or None.")
    return array


def check_numbers(dtype: Any, name: str = "X") -> None:
    """Refuse types that are no real numbers.

    Parameters
    ----------
    dtype : dtype
        Of the values.
    name : str, default="X"
        What the values are called in the error.

    Raises
    ------
    DataError
        If the type is none of booleans, integers and floats.
    """
    if np.dtype(dtype).kind in "biuf":
        return
    message = f"{name} has dtype {dtype}. Pass real numbers."
    if np.dtype(dtype).kind == "c":
        message += " Complex data not supported: pass the real part or the magnitude."
    raise DataError(message)


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Bring an array to the byte order of the machine.

    Parameters
    ----------
    array : ndarray
        Of any byte order, in which libraries compute with other code and other rounding.

    Returns
    -------
    ndarray
        The same values; the same array if its byte order is that of the machine.
    """
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def refuse_masked(values: Any, name: str) -> None:
    """Refuse masked arrays that hide a value.

    Parameters
    ----------
    values : object
        A masked array, or anything else.
    name : str
        What the values are called in the error.

    Raises
    ------
    DataError
        If a value is masked.
    """
    if not isinstance(values, np.ma.MaskedArray):
        return
    missing = int(np.ma.getmaskarray(values).sum())
    if missing:
        message = (
            f"{missing} of {values.size} values of {name} are masked, and what lies under the mask "
            "would be taken for data. Leave these samples out, or fill in values that stand for "
            "the missing ones. In a cube, masked pixels are pixels without data."
        )
        raise DataError(message)


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
        message = f"{name} has dtype object and holds what is no number ({error}). Pass numbers."
        raise NotNumbersError(message) from error
