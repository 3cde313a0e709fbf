"""Check label vectors and sample weights."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from hsvlm._data.arrays import as_array, native
from hsvlm._data.texts import normalize_text
from hsvlm.exceptions import DataError, HSVLMWarning, UnusedSettingWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_LISTED_NAMES = 3
_ALLOWED = "Labels are whole numbers, booleans or strings."
_NO_LABELS = ("c", "m", "M", "S", "V")  # complex numbers, times, bytes and records


def label_vector(y: Any, n_samples: int) -> NDArray[Any]:
    """Convert the labels of samples to a vector."""
    if y is None:
        raise DataError("HSIPromptClassifier requires y to be passed, but the target y is None.")
    check_unmasked(y)
    from sklearn.utils.validation import column_or_1d

    if getattr(getattr(y, "dtype", None), "kind", "") in _NO_LABELS:
        refuse_label_type(y.dtype)
    try:
        vector = column_or_1d(y.detach().cpu() if hasattr(y, "detach") else y, warn=True)
    except (TypeError, ValueError) as error:
        raise DataError(str(error)) from error
    if len(vector) != n_samples:
        raise DataError(
            f"X holds {n_samples} samples and y {len(vector)} labels. Give one label per sample."
        )
    return as_labels(vector)


def check_unmasked(y: Any) -> None:
    """Raise if labels of samples are masked."""
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        raise DataError(
            f"{int(np.ma.getmaskarray(y).sum())} of {y.size} labels are masked. Leave these "
            "samples out of X and y."
        )


def as_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Convert labels to common types; raise if they cannot name classes."""
    labels = np.asarray(labels)
    if labels.dtype.kind == "O" and labels.size:
        labels = _from_objects(labels)
    if labels.dtype.kind == "T":
        labels = labels.astype(str)
    if labels.dtype.kind in _NO_LABELS:
        refuse_label_type(labels.dtype)
    if labels.dtype.kind == "f":
        _check_whole(labels)
        if labels.dtype.itemsize > np.dtype(np.float64).itemsize:
            labels = labels.astype(np.float64)
    return native(labels)


def sample_weights(sample_weight: Any, n_samples: int) -> NDArray[np.float64]:
    """Convert sample weights to a vector."""
    if sample_weight is None:
        return np.ones(n_samples)
    weights = as_array(sample_weight, "sample_weight").astype(np.float64)
    if weights.ndim == 0:
        weights = np.full(n_samples, weights)
    if weights.shape != (n_samples,):
        raise DataError(
            f"sample_weight has shape {weights.shape}, but there are {n_samples} samples. Give one "
            "weight per sample."
        )
    n_broken = int((~np.isfinite(weights)).sum())
    n_negative = int((weights < 0).sum())
    if n_broken or n_negative:
        raise DataError(
            f"sample_weight holds {n_broken} NaN or infinite and {n_negative} negative values. "
            "Weights are finite numbers of at least 0; 0 leaves a sample out."
        )
    if not weights.any():
        raise DataError(
            "Sample weights must contain at least one non-zero number. Raise the weights of the "
            "samples that count, or pass sample_weight=None."
        )
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise DataError(
                "The sum of sample_weight is infinite. Divide all weights by the largest."
            )
    return weights


def warn_of_lost_classes(y: NDArray[Any], weights: NDArray[np.float64]) -> None:
    """Warn of classes whose samples all have weight 0."""
    trained = np.unique(y[weights > 0])
    lost = np.setdiff1d(y, trained).tolist()
    # With fewer than two classes left, an error follows.
    if lost and len(trained) > 1:
        message = (
            f"All samples of {'class' if len(lost) == 1 else 'classes'} "
            f"{', '.join(map(repr, lost))} have weight 0, so the classifier does not know them."
        )
        warnings.warn(message, HSVLMWarning, stacklevel=2)


def warn_of_unlabeled_class(y: NDArray[Any], unlabeled: Any) -> None:
    """Warn if a vector contains the value that means "no label" in maps."""
    marks = unlabeled if isinstance(unlabeled, (list, tuple)) else [unlabeled]
    trained = [mark for mark in marks if mark is not None and mark != 0 and (y == mark).any()]
    if not trained:
        return
    problem = (
        f"y is a label vector, where every value is a class, so unlabeled={unlabeled!r} has no "
        f"effect and class {trained[0]!r} is trained."
    )
    hint = "Leave these samples out of X and y."
    warnings.warn(UnusedSettingWarning(problem, hint), stacklevel=2)


def refuse_label_type(dtype: Any) -> NoReturn:
    """Raise the error for labels of an unusable dtype."""
    raise DataError(f"y has dtype {dtype}. {_ALLOWED} Convert it: y.astype(str).")


def _from_objects(labels: NDArray[Any]) -> NDArray[Any]:
    values = labels.tolist()
    missing = sum(map(is_missing, values))
    if missing:
        raise DataError(f"{missing} of {len(values)} labels are missing. Leave these samples out.")
    if all(isinstance(value, str) for value in values):
        return labels
    if all(isinstance(value, (Real, np.bool_)) for value in values):
        numbers = np.array(values)
        if numbers.dtype.kind in "biuf":
            return numbers
    kinds = sorted({type(value).__name__ for value in values})
    raise DataError(
        f"y holds objects of {'type' if len(kinds) == 1 else 'types'} {', '.join(kinds)}. "
        f"{_ALLOWED} Convert all of them to one of these."
    )


def is_missing(value: Any) -> bool:
    """Tell whether a value stands for a missing one."""
    if isinstance(value, Real):
        return bool(np.isnan(float(value)))
    # Missing values of pandas equal nothing and have no truth value.
    return value is None or type(value).__name__ in {"NAType", "NaTType"}


def _check_whole(labels: NDArray[Any]) -> None:
    finite = np.isfinite(labels)
    if not finite.all():
        raise DataError(
            f"y holds {int((~finite).sum())} NaN or infinite labels. Leave these samples out; in a "
            "label map, give them the value of the parameter `unlabeled`."
        )
    wide = labels.astype(np.promote_types(labels.dtype, np.float64))
    # Beyond this, a type merges neighboring whole numbers, and thus classes.
    bits = min(53, np.finfo(labels.dtype).nmant + 1)
    broken = labels[(wide != np.rint(wide)) | (np.abs(wide) > 2**bits)]
    if broken.size:
        floats = "Floats" if bits == 53 else f"Floats of type {labels.dtype}"
        raise DataError(
            f"Unknown label type: continuous, such as {broken[0]}. {_ALLOWED} {floats} may stand "
            f"for whole numbers up to 2**{bits}."
        )


def aligned_labels(labels: Any, cube: Any) -> Any:
    """Transpose a label map with named axes, as in xarray, to the order of its cube."""
    axes, order = getattr(labels, "dims", None), getattr(cube, "dims", None)
    if not (isinstance(axes, tuple) and isinstance(order, tuple)) or len(axes) != 2:
        return labels
    shared = [axis for axis in order if axis in axes]
    return labels.transpose(*shared) if len(shared) == len(axes) else labels


def warn_of_spellings(classes: NDArray[Any]) -> None:
    """Warn if text classes differ in case, spacing or invisible characters only."""
    spellings: dict[str, list[str]] = {}
    for name in classes.tolist():
        if isinstance(name, str):
            spellings.setdefault(normalize_text(name), []).append(name)
    alike = [names for names in spellings.values() if len(names) > 1]
    if not alike:
        return
    groups = "; ".join(" and ".join(map(repr, names)) for names in alike[:_MAX_LISTED_NAMES])
    n_more = len(alike) - _MAX_LISTED_NAMES
    more = f"; and {n_more} more" if n_more > 0 else ""
    problem = f"Labels that differ only in case or spacing count as classes: {groups}{more}."
    hint = "Give each class one spelling, for example with numpy.strings.strip."
    warnings.warn(HSVLMWarning(problem, hint), stacklevel=3)
