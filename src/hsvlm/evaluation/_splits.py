"""Make and check the splits of an evaluation."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import check_cv

from hsvlm._data.coordinates import as_whole_numbers
from hsvlm._data.labels import warn_of_spellings
from hsvlm.exceptions import DataError, HSVLMError, ParameterError, SplitWarning
from hsvlm.model_selection import MapSplit
from hsvlm.model_selection.base import Splitter
from hsvlm.model_selection.ground import describe_shared, repeated_pixels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples

_MAX_LISTED = 6


def make_splits(
    cv: Any, X: PixelSamples, y: NDArray[Any]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Make all splits, with sorted test sides; raise if one cannot be fitted."""
    if cv is None:
        raise ParameterError("There is no cv. Pass a splitter, such as SpatialBlockShuffleSplit().")
    if isinstance(cv, type):
        raise ParameterError(
            f"cv is the class {cv.__name__}, not a splitter.", f"Pass {cv.__name__}(...)."
        )
    classes, y_index = np.unique(y, return_inverse=True)
    check_two_classes(y, {})
    warn_of_spellings(classes)
    try:
        # Sorted test sides let McNemar's test pair the hits of estimators from different runs.
        splits = [
            (_as_indices(train, len(y)), np.sort(_as_indices(test, len(y))))
            for train, test in check_cv(cv, y, classifier=True).split(X, y)
        ]
    except ValueError as error:
        if isinstance(error, HSVLMError):
            raise
        if "groups" in str(error):
            raise DataError(
                f"cv cannot split these samples: {str(error).rstrip('.')}.",
                "Pass its splits: cv=list(cv.split(X, y, groups)), with the group of every sample.",
            ) from error
        counts = np.bincount(y_index)
        smallest = np.argsort(counts, kind="stable")[:_MAX_LISTED]
        listed = ", ".join(f"{classes[n]}: {counts[n]}" for n in smallest.tolist())
        raise DataError(
            f"cv cannot split these samples: {str(error).rstrip('.')}. The smallest classes have "
            f"these numbers of samples: {listed}.",
            "Leave classes out, or use a splitter of hsvlm.model_selection.",
        ) from error
    if not splits:
        raise ParameterError(
            "cv makes no split. Pass a splitter, or at least one pair (train, test)."
        )
    for number, (train, test) in enumerate(splits):
        indices = np.concatenate([train, test])
        if len(indices) and not -len(y) <= indices.min() <= indices.max() < len(y):
            raise DataError(
                f"Split {number} has the index {indices.max()}, but there are {len(y)} samples. "
                "Make the splits from the same samples."
            )
        trained = np.unique(y_index[train])
        # The leakage report raises for empty sides.
        if len(trained) == 1 and len(test):
            raise DataError(
                f"Split {number} trains on one class only, {classes[trained[0]]} ({len(train)} "
                "samples).",
                "Use a splitter that keeps two classes on the training side, such as "
                "SpatialBlockShuffleSplit.",
            )
    # Splitters of this package warn themselves, except MapSplit, which does not need labels.
    if not isinstance(cv, Splitter) or isinstance(cv, MapSplit):
        _warn_of_untrained(classes, y_index, splits)
    if not isinstance(cv, Splitter):
        _warn_of_shared(X, splits)
    return splits


def check_two_classes(y: NDArray[Any], class_names: Mapping[Any, str]) -> None:
    """Raise if all labels are of one class."""
    classes = np.unique(y).tolist()
    if len(classes) == 1:
        raise DataError(
            f"All {len(y):,} labels are of one class, {class_names.get(classes[0], classes[0])}.",
            "Classification needs labels of at least two classes.",
            option_hint="Give labels of at least two classes as --labels; perhaps another "
            "--label-column has them, or --unlabeled hides them.",
        )


def _warn_of_untrained(
    classes: NDArray[Any],
    y_index: NDArray[np.intp],
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
) -> None:
    untrained: dict[int, list[int]] = {}
    for number, (train, test) in enumerate(splits):
        for label in np.setdiff1d(y_index[test], y_index[train]).tolist():
            untrained.setdefault(label, []).append(number)
    for label, numbers in sorted(untrained.items()):
        message = (
            f"Class {classes[label]} has test samples and no training sample in split "
            f"{', '.join(map(str, numbers))}. They count as errors: leave the class out, or use "
            "another splitter."
        )
        warnings.warn(message, SplitWarning, stacklevel=4)


def _warn_of_shared(
    X: PixelSamples, splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
) -> None:
    pixel = repeated_pixels(X)
    # The sides may still share samples.
    pixel = np.arange(len(X)) if pixel is None else pixel
    for number, sides in enumerate(splits):
        message = describe_shared(pixel, *sides, number)
        if message:
            warnings.warn(message, SplitWarning, stacklevel=4)
            break


def _as_indices(side: Any, n_samples: int) -> NDArray[np.intp]:
    indices = np.asarray(side)
    is_mask = indices.dtype == bool
    if indices.ndim != 1 or (is_mask and len(indices) != n_samples):
        raise DataError(
            f"A side of a split has shape {indices.shape}, but there are {n_samples} samples. Give "
            "numbers of samples, or a mask with a value per sample; MapSplit takes maps."
        )
    return np.flatnonzero(indices) if is_mask else as_whole_numbers(indices, "A side of a split")
