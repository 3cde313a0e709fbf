"""The classes of samples, and which of them a split leaves out."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._labels import as_labels
from hsvlm.exceptions import DataError, SplitWarning
from hsvlm.model_selection._positions import check_not_empty

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["class_numbers", "warn_of_classes"]


def class_numbers(y: Any, n_samples: int, splitter: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Number the classes of the samples.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        The labels.
    n_samples : int
        How many there have to be.
    splitter : str
        Who asks, for the error.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The labels that occur, sorted.
    y_index : ndarray of shape (n_samples,), dtype intp
        Index into them for every sample.

    Raises
    ------
    DataError
        If y is missing or has another shape, holds what cannot name classes, or is empty.
    """
    if y is None:
        message = f"{splitter} balances classes and needs y. Pass the label of every sample."
        raise DataError(message)
    labels = np.asarray(y)
    if labels.shape != (n_samples,):
        column = labels.shape == (n_samples, 1)
        remedy = (
            "Pass its only column: numpy.ravel(y)."
            if column
            else "Turn the cube and its label map into samples: X, y = pixel_samples(cube, labels)."
            if labels.ndim == 2
            else "Give one label per sample."
        )
        message = f"y has shape {labels.shape}, but there are {n_samples} samples. {remedy}"
        raise DataError(message)
    check_not_empty(n_samples, splitter)
    labels = as_labels(labels)
    classes, y_index = np.unique(labels, return_inverse=True)
    return classes, y_index.astype(np.intp)


def warn_of_classes(
    classes: NDArray[Any],
    y_index: NDArray[np.intp],
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
) -> None:
    """Say which classes some split does not train on, and which no split tests.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels.
    y_index : ndarray of shape (n_samples,)
        Index into them for every sample.
    splits : list of (train, test)
        Indices of the samples of each side.

    Warns
    -----
    SplitWarning
        For every class that is left out.
    """
    every = range(len(classes))
    untrained = [set(every) - set(y_index[train]) for train, _ in splits]
    for number in sorted(set().union(*untrained)):
        where = ", ".join(str(n) for n, one in enumerate(untrained) if number in one)
        message = (
            f"Class {classes[number]} has no training sample in split {where}: its pixels lie in "
            "too few blocks. Use smaller blocks, or leave the class out."
        )
        warnings.warn(message, SplitWarning, stacklevel=3)
    untested = sorted(set(every) - set().union(*(set(y_index[test]) for _, test in splits)))
    if untested:
        names = ", ".join(str(classes[number]) for number in untested)
        message = (
            f"No split tests {'class' if len(untested) == 1 else 'the classes'} {names}: all "
            "pixels are training pixels or lie within the buffer. Averages over classes leave "
            "them out. Use other blocks or a smaller buffer to have them tested."
        )
        warnings.warn(message, SplitWarning, stacklevel=3)
