"""Class numbers of samples, and warnings about classes that a split leaves out."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.labels import as_labels, check_unmasked
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection._positions import check_not_empty

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_LISTED = 5
_UNTRAINED = {
    "blocks": (
        ": its pixels lie in too few blocks",
        "Use smaller blocks, or leave the class out.",
    ),
    "buffered blocks": (
        ": its other pixels lie in the same blocks or within the buffer",
        "Use smaller blocks or a smaller buffer, or leave the class out.",
    ),
    "groups": (": its pixels lie in too few groups", "Use fewer splits, or leave the class out."),
    "fields": (": its pixels lie in too few fields", "Use fewer splits, or leave the class out."),
    "pixels": ("", "All its test samples count as errors. Leave the class out."),
}
_UNTESTED = {
    "blocks": (
        ": all pixels are training pixels or lie within the buffer",
        " Use other blocks or a smaller buffer to have them tested.",
    ),
    "groups": ("", ""),
    "fields": ("", ""),
}


def class_codes(y: Any, n_samples: int, splitter: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Number the classes of the samples."""
    if y is None:
        raise DataError(f"{splitter} balances classes and needs y. Pass the label of every sample.")
    check_unmasked(y)
    labels = np.asarray(y)
    if labels.shape != (n_samples,):
        hint = (
            "Pass its only column: numpy.ravel(y)."
            if labels.shape == (n_samples, 1)
            else "Turn the cube and its label map into samples: X, y = pixel_samples(cube, labels)."
            if labels.ndim == 2
            else "Give one label per sample."
        )
        raise DataError(f"y has shape {labels.shape}, but there are {n_samples} samples. {hint}")
    check_not_empty(n_samples, splitter)
    labels = as_labels(labels)
    classes, y_index = np.unique(labels, return_inverse=True)
    return classes, y_index.astype(np.intp)


def warn_of_classes(
    classes: NDArray[Any],
    y_index: NDArray[np.intp],
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    *,
    unit: str = "blocks",
    tested: NDArray[np.intp] | None = None,
) -> None:
    """Warn about classes that a split does not train on, or that no split tests."""
    numbers = set(range(len(classes)))
    untrained = [numbers - set(y_index[train]) for train, _ in splits]
    for number in sorted(set().union(*untrained)):
        where = ", ".join(str(n) for n, missing in enumerate(untrained) if number in missing)
        reason, hint = _UNTRAINED[unit]
        message = f"Class {classes[number]} has no training sample in split {where}{reason}. {hint}"
        warnings.warn(message, SplitWarning, stacklevel=4)
    expected = numbers if tested is None else set(tested.tolist())
    untested = sorted(expected - set().union(*(set(y_index[test]) for _, test in splits)))
    if untested:
        names = ", ".join(str(classes[number]) for number in untested)
        reason, hint = _UNTESTED[unit]
        message = (
            f"No split tests {'class' if len(untested) == 1 else 'the classes'} {names}{reason}. "
            f"Averages over classes leave them out.{hint}"
        )
        warnings.warn(message, SplitWarning, stacklevel=4)


def check_single_samples(classes: NDArray[Any], counts: NDArray[np.intp]) -> None:
    """Warn about classes of a single sample; raise if no class has more."""
    single = classes[counts == 1]
    if len(single) == len(classes):
        raise ParameterError(
            f"Each of the {len(classes)} classes has a single sample, so none can be tested.",
            "Label more pixels.",
        )
    if len(single):
        message = (
            f"{listed_classes(single)} with a single sample: trained on in every split and never "
            "tested. Averages over classes leave them out. Label more pixels to have them tested."
        )
        warnings.warn(message, SplitWarning, stacklevel=4)


def listed_classes(classes: NDArray[Any]) -> str:
    """Join the names of classes for a sentence."""
    names = ", ".join(map(str, classes[:_MAX_LISTED]))
    more = f" and {len(classes) - _MAX_LISTED} more" if len(classes) > _MAX_LISTED else ""
    return f"{'Class' if len(classes) == 1 else 'Classes'} {names}{more}"
