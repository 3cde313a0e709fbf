"""What the classifier accepts as X and y, brought to samples and label vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from hsvlm._data.arrays import NotNumbersError, as_array, check_numbers, native, refuse_masked
from hsvlm._data.background import stated_names
from hsvlm._data.cubes import as_cube, check_band_count, n_dimensions
from hsvlm._data.label_maps import as_label_map
from hsvlm._data.labels import (
    aligned_labels,
    as_labels,
    label_vector,
    sample_weights,
    warn_of_lost_classes,
    warn_of_unlabeled_class,
)
from hsvlm._data.lazy import valid_pixels
from hsvlm._data.named_labels import agreed_names
from hsvlm._inputs.scenes import (
    as_scenes,
    check_bands,
    cube_of_scene,
    scene_samples,
    weights_at,
    with_wavelengths,
)
from hsvlm._inputs.sources import check_sources, with_absent_sources
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.io.named_arrays import named_inputs, named_scene
from hsvlm.samples import (
    PixelSamples,
    labeled_samples,
    pixels_of,
    remembered_names,
)
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

__all__ = [
    "PredictInputs",
    "class_targets",
    "cube_samples",
    "fit_inputs",
    "is_cube",
    "is_map",
    "merge_duplicates",
    "predict_inputs",
    "score_inputs",
]

_ACCEPTED_KINDS = (
    "Pass PixelSamples, a Scene, a cube (height, width, n_bands), spectra (n_samples, n_bands) or "
    "windows (n_samples, size, size, n_bands). Several cubes: pixel_samples([...], [...])."
)


def is_cube(X: Any) -> bool:
    """Tell whether `X` is a cube, whose labels and predictions are maps."""
    _refuse_cubes(X)
    return not isinstance(X, PixelSamples) and n_dimensions(X) == 3


def _refuse_cubes(X: Any) -> None:
    """Refuse cubes of different sizes; those of one size look like windows."""
    shapes = [np.shape(item) for item in X] if _holds_cubes(X) else []
    if len(set(shapes)) > 1:
        raise DataError(
            f"X is a list of {len(shapes)} cubes. For fit and score, join their labeled pixels: "
            "X, y = pixel_samples(cubes, label_maps). Predict cubes in turn: "
            "[clf.predict(cube) for cube in cubes]."
        )


def _holds_cubes(X: Any) -> bool:
    return isinstance(X, (list, tuple)) and all(getattr(item, "ndim", 0) == 3 for item in X)


def is_map(X: Any) -> bool:
    """Tell whether predictions of `X` are maps."""
    return isinstance(X, Scene) or is_cube(X)


def fit_inputs(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any
) -> tuple[PixelSamples | NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """Validate what `fit` was given; set ``n_features_in_``."""
    scenes = as_scenes(X)
    if scenes is not None:
        estimator.metadata_ = with_wavelengths(getattr(estimator, "metadata_", {}), scenes)
        X, y, sample_weight = scene_samples(scenes, y, sample_weight, estimator.unlabeled)
    elif is_cube(X):
        names = stated_names(estimator.prompts, estimator.class_names)
        X, y, sample_weight = cube_samples(X, y, sample_weight, estimator.unlabeled, names)
    elif not isinstance(X, PixelSamples):
        X = _windows(X) if n_dimensions(X) == 4 else _spectra(estimator, X, reset=True)
    if not len(X):
        raise DataError(f"X holds no samples. {_ACCEPTED_KINDS}")
    y = label_vector(y, len(X))
    warn_of_unlabeled_class(y, estimator.unlabeled)
    estimator.n_features_in_ = X.shape[-1]
    weights = sample_weights(sample_weight, len(y))
    if not weights.all():
        warn_of_lost_classes(y, weights)
        X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
    return X, y, weights


def cube_samples(
    X: Any,
    y: Any,
    sample_weight: Any,
    unlabeled: Any,
    class_names: Mapping[Any, str] | None = None,
) -> tuple[PixelSamples, NDArray[Any], NDArray[Any] | None]:
    """Take the labeled pixels of a cube, with their labels and weights.

    Shapes: `X` (height, width, n_bands), `y` (height, width), `sample_weight` (height, width);
    returns `X` (n_samples, n_bands), `y` (n_samples,), `sample_weight` (n_samples,).
    """
    cube = as_cube(X)
    label_map = _label_map(cube, aligned_labels(y, X))
    samples, labels = labeled_samples((cube,), [label_map], unlabeled, class_names)
    return samples, as_labels(labels), weights_at(samples, sample_weight, np.shape(y))


def score_inputs(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
    """Validate what a fitted estimator is scored on; take the labeled pixels of a cube."""
    check_is_fitted(estimator, "net_")
    X, y, sample_weight = named_inputs(X, y, sample_weight)
    scenes = as_scenes(X)
    if scenes is not None:
        scenes = [with_absent_sources(estimator, scene) for scene in scenes]
        for scene in scenes:
            check_sources(estimator, scene)
            check_bands(getattr(estimator, "metadata_", {}), scene)
        X, y, sample_weight = scene_samples(scenes, y, sample_weight, estimator.unlabeled)
    elif is_cube(X):
        # What the fit took for a class is one.
        names = {label: f"class {label}" for label in estimator.classes_.tolist()}
        X, y, sample_weight = cube_samples(X, y, sample_weight, estimator.unlabeled, names)
    labels = label_vector(y, X.shape[0] if hasattr(X, "shape") else len(X))
    texts, known = (isinstance(one[:1].tolist()[0], str) for one in (labels, estimator.classes_))
    if texts != known:
        names = {True: "strings", False: "numbers"}
        raise DataError(
            f"y holds {names[texts]}, but the classes of the classifier are {names[known]}. Pass "
            "labels as in fit."
        )
    named = remembered_names(X, labels)
    if named is not None:
        agreed_names(named, estimator.class_names_)
    if sample_weight is None:
        return X, labels, None
    return X, labels, sample_weights(sample_weight, len(labels))


def class_targets(
    y: NDArray[Any], before: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Find the classes and the class index of every label."""
    classes, targets = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise DataError(
            f"There is only one class in y: {classes.tolist()[0]!r}. Classification needs labels "
            "of at least two classes."
        )
    if before is not None and not np.array_equal(before, classes):
        raise ParameterError(
            "warm_start=True continues with the classes of the previous fit, "
            f"{before.tolist()}, but y holds {classes.tolist()}. "
            "Pass samples of the same classes, or set warm_start=False."
        )
    return classes, targets


def merge_duplicates(
    X: PixelSamples | NDArray[Any], targets: NDArray[np.intp], weights: NDArray[np.float64]
) -> tuple[PixelSamples | NDArray[Any], NDArray[np.intp], NDArray[np.float64]]:
    """Join samples that occur more than once and bring all into one order."""
    # A repeated sample becomes one sample with the sum of the weights, so that repeating and
    # weighting are the same to the last bit, and the order of the samples does not matter.
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


class PredictInputs(NamedTuple):
    """Samples to predict, and the place of their predictions."""

    samples: PixelSamples | NDArray[Any]
    shape: tuple[int, ...]  # (n_samples,), or (height, width) of a cube
    valid: NDArray[np.bool_] | None  # pixels of a cube that are samples; None if all are

    @property
    def is_cube(self) -> bool:
        """Whether predictions are maps."""
        return len(self.shape) == 2

    def placed(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring values (n_samples, n) to (n_samples, n) or (height, width, n), with NaN between."""
        if self.valid is None:
            return values.reshape(*self.shape, -1)
        everywhere = np.full((*self.shape, values.shape[1]), np.nan, dtype=np.float32)
        everywhere[self.valid] = values
        return everywhere


def predict_inputs(estimator: BaseEstimator, X: Any) -> PredictInputs:
    """Validate what a fitted estimator is asked to predict."""
    X = named_scene(X)
    X = with_absent_sources(estimator, X)
    check_sources(estimator, X)
    X = cube_of_scene(getattr(estimator, "metadata_", {}), X)
    if is_cube(X):
        cube = as_cube(X)
        _check_band_axis(cube, estimator.n_features_in_)
        valid = valid_pixels(cube)
        grid = np.argwhere(np.ones(cube.shape[:2], dtype=bool) if valid is None else valid)
        if not len(grid):
            raise DataError(
                "No pixel of the cube is valid, so there is nothing to predict. Check the mask or "
                "the no-data value."
            )
        X, shape = pixels_of(cube, grid), cube.shape[:2]
    else:
        if not isinstance(X, PixelSamples):
            X = _windows(X) if n_dimensions(X) == 4 else _spectra(estimator, X, reset=False)
        shape, valid = (len(X),), None
        if not len(X):
            raise DataError(f"X holds no samples. {_ACCEPTED_KINDS}")
    check_band_count(estimator, X.shape[-1], estimator.n_features_in_)
    size = estimator.window_size_
    given = X.shape[1] if X.ndim == 4 else 1
    if not isinstance(X, PixelSamples) and given != size:
        what = f"windows of {given} x {given} pixels" if X.ndim == 4 else "single spectra"
        arrays = (
            ""
            if X.ndim == 4
            else (
                " Tools that turn samples into arrays, such as permutation_importance, need a "
                "classifier fitted on arrays: clf.fit(np.asarray(X), y)."
            )
        )
        raise ParameterError(
            f"The classifier was fitted with windows of {size} x {size} pixels and got {what}. "
            "Pass the same kind of data as in fit, or PixelSamples or a cube, from which windows "
            f"of the right size are cut.{arrays}"
        )
    return PredictInputs(X, shape, valid)


def _label_map(cube: Any, y: Any) -> NDArray[Any]:
    if y is None:
        raise DataError(
            "HSIPromptClassifier requires y to be passed, but the target y is None. Pass the label "
            f"map of the cube, of shape {cube.shape[:2]}."
        )
    labels = as_label_map(y)
    if labels.ndim != 2:
        raise DataError(
            f"A cube of shape {cube.shape} needs a label map of shape {cube.shape[:2]}, got y of "
            f"shape {labels.shape}. {_ACCEPTED_KINDS}"
        )
    return labels


def _check_band_axis(cube: Any, n_bands: int) -> None:
    if cube.shape[2] == n_bands or n_bands not in cube.shape[:2]:
        return
    axis = cube.shape.index(n_bands)
    raise DataError(
        f"The cube has shape {tuple(cube.shape)} and the classifier was fitted on {n_bands} bands: "
        f"the bands seem to come {('first', 'second')[axis]}. Pass np.moveaxis(cube, {axis}, -1)."
    )


def _spectra(estimator: BaseEstimator, X: Any, *, reset: bool) -> NDArray[Any]:
    if n_dimensions(X) not in (1, 2):
        raise DataError(f"X is {_describe_kind(X)}. {_ACCEPTED_KINDS}")
    refuse_masked(X, "X")
    if hasattr(X, "detach") or getattr(getattr(X, "dtype", None), "kind", "f") in "cmMSUV":
        X = as_array(X)
    try:
        spectra = validate_data(estimator, X, dtype="numeric", ensure_all_finite=False, reset=reset)
    except TypeError as error:
        raise NotNumbersError(str(error)) from error
    except ValueError as error:
        raise DataError(str(error)) from error
    check_numbers(spectra.dtype)
    return native(spectra)


def _windows(X: Any) -> NDArray[Any]:
    array = native(as_array(X))
    side = array.shape[1]
    if array.shape[2] != side or side % 2 == 0:
        raise DataError(
            f"Windows must be square with an odd side, got shape {array.shape}. {_ACCEPTED_KINDS}"
        )
    if not array.shape[3]:
        raise DataError(f"X has no bands, its shape is {array.shape}. {_ACCEPTED_KINDS}")
    return array


def _describe_kind(X: Any) -> str:
    dimensions = n_dimensions(X)
    return f"an array of {dimensions} dimensions" if dimensions else f"of type {type(X).__name__}"
