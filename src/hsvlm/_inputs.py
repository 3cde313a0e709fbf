"""What the classifier accepts as X and y, brought to samples and label vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from hsvlm._cubes import n_dimensions
from hsvlm._lazy import LazyCube, valid_pixels
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.preprocessing import check_band_count
from hsvlm.samples import PixelSamples, pixel_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "class_targets",
    "fit_inputs",
    "is_cube",
    "merge_repeated",
    "predict_inputs",
    "score_inputs",
]

_KINDS = (
    "Pass PixelSamples, a cube (height, width, n_bands), spectra (n_samples, n_bands) or windows "
    "(n_samples, size, size, n_bands). Several cubes: pixel_samples([...], [...])."
)


def is_cube(X: Any) -> bool:
    """Tell whether `X` is a cube, whose labels and predictions are maps."""
    return not isinstance(X, PixelSamples) and n_dimensions(X) == 3


def fit_inputs(
    estimator: Any, X: Any, y: Any, sample_weight: Any
) -> tuple[PixelSamples | NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """Validate what `fit` was given; set ``n_features_in_``.

    Parameters
    ----------
    estimator : HSIPromptClassifier
        Provides `unlabeled`, receives ``n_features_in_``.
    X : PixelSamples or array
        One of the four kinds.
    y : array-like
        Label vector, or label map for a cube.
    sample_weight : array-like or None
        In the shape of `y`.

    Returns
    -------
    X : PixelSamples or ndarray of 2 or 4 dimensions
        Samples of positive weight.
    y : ndarray of shape (n_samples,)
        Their labels.
    sample_weight : ndarray of shape (n_samples,), float64
        Their weights.

    Raises
    ------
    DataError, ValueError
        If shapes or types do not fit.
    """
    if is_cube(X):
        cube = _numeric(X)
        X, y, sample_weight = score_inputs(cube, y, sample_weight, estimator.unlabeled)
    elif isinstance(X, PixelSamples) or n_dimensions(X) == 4:
        X = X if isinstance(X, PixelSamples) else _windows(X)
        y = column_or_1d(_required(y), warn=True)
        check_consistent_length(X, y)
    else:
        X, y = validate_data(estimator, X, y, dtype="numeric", ensure_all_finite=False)
    if not len(y):
        message = f"X holds no samples. {_KINDS}"
        raise DataError(message)
    check_classification_targets(y)
    estimator.n_features_in_ = X.shape[-1]
    weights = _check_sample_weight(
        sample_weight, np.empty((len(y), 1)), ensure_non_negative=True, dtype=np.float64
    )
    if not weights.any():
        message = "Sample weights must contain at least one non-zero number."
        raise ValueError(message)
    if not weights.all():
        X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
    return X, y, weights


def score_inputs(
    X: Any, y: Any, sample_weight: Any, unlabeled: Any
) -> tuple[PixelSamples, NDArray[Any], NDArray[Any] | None]:
    """Take the labelled pixels of a cube, with their labels and weights.

    Parameters
    ----------
    X : array of shape (height, width, n_bands)
        The cube.
    y : array of shape (height, width)
        Its label map.
    sample_weight : array of shape (height, width) or None
        Weights of the pixels.
    unlabeled : int, float, str or None
        Value of the map that stands for "no label".

    Returns
    -------
    X : PixelSamples
        The labelled pixels.
    y : ndarray of shape (n_samples,)
        Their labels.
    sample_weight : ndarray of shape (n_samples,) or None
        Their weights.

    Raises
    ------
    DataError
        If the shapes do not fit.
    """
    cube = _numeric(X)
    samples, labels = pixel_samples(cube, _label_map(cube, y), unlabeled)
    if sample_weight is None:
        return samples, labels, None
    if np.shape(sample_weight) != np.shape(y):
        message = (
            f"sample_weight has shape {np.shape(sample_weight)}, the label map {np.shape(y)}. "
            "Give one weight per pixel of the map."
        )
        raise DataError(message)
    return samples, labels, np.asarray(sample_weight)[tuple(samples.coords.T)]


def class_targets(
    y: NDArray[Any], before: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Find the classes and the class index of every label.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.
    before : ndarray of shape (n_classes,) or None
        Classes of the fit that a warm start continues.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    targets : ndarray of shape (n_samples,)
        Index into `classes` of every label.

    Raises
    ------
    DataError
        If there is only one class.
    ParameterError
        If the classes differ from those of the fit to be continued.
    """
    classes, targets = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        message = (
            f"There is only one class in y: {classes.tolist()[0]!r}. Classification needs labels "
            "of at least two classes."
        )
        raise DataError(message)
    if before is not None and not np.array_equal(before, classes):
        message = (
            "warm_start=True continues with the classes of the previous fit, "
            f"{before.tolist()}, but y holds {classes.tolist()}. "
            "Pass samples of the same classes, or set warm_start=False."
        )
        raise ParameterError(message)
    return classes, targets


def merge_repeated(
    X: PixelSamples | NDArray[Any], targets: NDArray[np.intp], weights: NDArray[np.float64]
) -> tuple[PixelSamples | NDArray[Any], NDArray[np.intp], NDArray[np.float64]]:
    """Join samples that occur more than once and bring all into one order.

    A repeated sample becomes one sample with the sum of the weights, so that repeating and
    weighting are the same to the last bit, and the order of the samples does not matter.

    Parameters
    ----------
    X : PixelSamples or ndarray of 2 or 4 dimensions
        The samples. Ready-made windows are returned as they are: comparing them costs more than
        repeated windows are worth.
    targets : ndarray of shape (n_samples,)
        Class indices.
    weights : ndarray of shape (n_samples,)
        Sample weights.

    Returns
    -------
    X, targets, weights
        The distinct samples.
    """
    if X.ndim == 4:
        return X, targets, weights
    key = (
        np.column_stack([X.scene_ids, X.coords, targets])
        if isinstance(X, PixelSamples)
        else np.column_stack([X, targets])
    )
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    summed = np.zeros(len(first))
    np.add.at(summed, group.reshape(-1), weights)
    return X[first], targets[first], summed


def predict_inputs(estimator: Any, X: Any) -> tuple[Any, tuple[int, ...], NDArray[np.bool_] | None]:
    """Validate what a fitted estimator is asked to predict.

    Parameters
    ----------
    estimator : HSIPromptClassifier
        Fitted.
    X : PixelSamples or array
        One of the four kinds.

    Returns
    -------
    X : PixelSamples or ndarray of 2 or 4 dimensions
        A cube becomes the samples of all its valid pixels.
    shape : tuple of int
        Leading shape of the predictions: (n_samples,) or (height, width).
    valid : ndarray of shape (height, width), dtype bool, or None
        Where the samples of a cube lie if some of its pixels hold no data.

    Raises
    ------
    DataError, ParameterError, ValueError
        If the kind, the band count or the window size do not fit.
    """
    if is_cube(X):
        cube = _numeric(X)
        valid = valid_pixels(cube)
        grid = np.argwhere(np.ones(cube.shape[:2], dtype=bool) if valid is None else valid)
        if not len(grid):
            message = "No pixel of the cube is valid, so there is nothing to predict."
            raise DataError(message)
        X, shape = PixelSamples(cube, grid), cube.shape[:2]
    else:
        if not isinstance(X, PixelSamples):
            X = (
                _windows(X)
                if n_dimensions(X) == 4
                else validate_data(
                    estimator, X, dtype="numeric", ensure_all_finite=False, reset=False
                )
            )
        shape, valid = (len(X),), None
        if not len(X):
            message = f"X holds no samples. {_KINDS}"
            raise DataError(message)
    check_band_count(estimator, X.shape[-1], estimator.n_features_in_)
    size = estimator.window_size_
    given = X.shape[1] if X.ndim == 4 else 1
    if not isinstance(X, PixelSamples) and given != size:
        what = f"windows of {given} x {given} pixels" if X.ndim == 4 else "single spectra"
        message = (
            f"The classifier was fitted with windows of {size} x {size} pixels and got {what}. "
            "Pass the same kind of data as in fit, or PixelSamples or a cube, from which windows "
            "of the right size are cut."
        )
        raise ParameterError(message)
    return X, shape, valid


def _required(y: Any) -> Any:
    if y is None:
        message = "HSIPromptClassifier requires y to be passed, but the target y is None."
        raise DataError(message)
    return y


def _label_map(cube: NDArray[Any], y: Any) -> NDArray[Any]:
    # A masked map keeps its mask: masked pixels are unlabelled.
    labels = y if isinstance(y, np.ma.MaskedArray) else np.asarray(_required(y))
    if labels.ndim != 2:
        message = (
            f"A cube of shape {cube.shape} needs a label map of shape {cube.shape[:2]}, got y of "
            f"shape {labels.shape}. {_KINDS}"
        )
        raise DataError(message)
    return labels


def _numeric(X: Any) -> Any:
    array: Any = X if isinstance(X, (np.ndarray, LazyCube)) else np.asarray(X)
    if array.dtype.kind not in "biuf":
        message = f"X has dtype {array.dtype}. Pass real numbers. {_KINDS}"
        raise DataError(message)
    return array


def _windows(X: Any) -> NDArray[Any]:
    array: NDArray[Any] = _numeric(X)
    side = array.shape[1]
    if array.shape[2] != side or side % 2 == 0:
        message = f"Windows must be square with an odd side, got shape {array.shape}. {_KINDS}"
        raise DataError(message)
    return array
