"""Fit estimators and baselines on the same splits, and report all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from hsvlm._data.labels import as_labels, check_unmasked
from hsvlm._data.named_labels import agreed_names
from hsvlm._system.progress import progress_bar
from hsvlm.estimator import HSIPromptClassifier
from hsvlm.evaluation._baselines import BASELINES
from hsvlm.evaluation._encoders import with_encoders
from hsvlm.evaluation._folds import (
    FoldResult,
    Store,
    failed_fold,
    run_fold,
    with_random_state,
)
from hsvlm.evaluation._keys import data_digest, fit_key
from hsvlm.evaluation._leakage import leakage_report
from hsvlm.evaluation._pretraining import pretraining_shares
from hsvlm.evaluation._report import EvaluationReport
from hsvlm.evaluation._splits import make_splits
from hsvlm.evaluation._windows import largest_window
from hsvlm.evaluation._work import warn_of_heavy_networks
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError
from hsvlm.samples import PixelSamples, pixel_samples, remembered_names
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from numpy.typing import NDArray


def evaluate(
    estimators: Any,
    X: Any,
    y: Any = None,
    cv: Any = None,
    *,
    window_size: int | None = None,
    baselines: Sequence[str] = tuple(BASELINES),
    class_names: Mapping[Any, str] | None = None,
    groups: Any = None,
    unlabeled: Any = 0,
    random_state: int | None = None,
    error_score: float | str = "raise",
    store: str | PathLike[str] | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> EvaluationReport:
    """Measure estimators and baselines on the splits of `cv`, and report the leakage.

    Parameters
    ----------
    estimators : estimator, dict of {name: estimator}, or list of names
        Classifiers for PixelSamples: this package's, or any of scikit-learn's, which see the
        spectrum of every pixel. They are cloned, never fitted themselves. Names of vision encoders,
        or ``"default"``, stand for a :class:`~hsvlm.HSIPromptClassifier` with that encoder, see
        :func:`with_encoders`.
    X : PixelSamples of shape (n_samples, n_bands), cube (height, width, n_bands), or Scene
        The samples, or the scene they are taken from.
    y : array-like of shape (n_samples,), or label map of shape (height, width), default=None
        Their labels. None takes those of a Scene.
    cv : splitter, int or iterable of (train, test)
        How to split, in any form that scikit-learn takes: one of
        :mod:`hsvlm.model_selection`, or of scikit-learn. Every estimator sees the same splits.
    window_size : int, default=None
        Side in pixels of the window for which leakage is reported. None takes the largest
        `window_size` among the estimators, or 1; pre-trained weights may decide on it.
    baselines : sequence of {"coordinates", "spectral-svm", "smoothed-svm", "majority"}
        Baselines to measure in addition to the estimators; all by default. See
        :class:`CoordinateNeighbors`, :func:`spectral_svm`, :class:`SmoothedSVM` and
        :class:`sklearn.dummy.DummyClassifier`.
    class_names : dict, default=None
        ``{label: name}`` for the report. None takes those of a Scene.
    groups : array of shape (height, width), default=None
        Group of every pixel, such as the polygon it lies in, or 0. The report then states the share
        of test pixels with training pixels in their group. None takes those of a Scene.
    unlabeled : int, float, str, list of these, or None, default=0
        Values of a label map that stand for "no label". Label vectors hold none.
    random_state : int or None, default=None
        Seed given to every estimator that takes one: this number plus the number of the split.
        None leaves the estimators as they are.
    error_score : "raise" or NaN, default="raise"
        What to do if an estimator fails on a split: raise the error, or report it without
        accuracies and continue with the others.
    store : path, default=None
        Folder for the result of every fit, one small JSON file each, whose name begins with
        estimator and split. What is there already is not measured again, so an evaluation that was
        stopped continues where it was. A file is found by class, settings, data and split, and by
        the contents or the revision of models that the settings name; delete the folder after
        changing your own code.
    n_jobs : int, default=None
        Number of processes; each is told to use its share of the cores.
    verbose : int, default=0
        From 1 on, show progress on standard error.

    Returns
    -------
    EvaluationReport
        Accuracies, times and sizes per split and on average, and the leakage of every split.

    Raises
    ------
    DataError
        If the samples have no positions, labels do not fit, are missing or of a single class, or
        `cv` cannot split them, names no samples of `X` or trains on a single class.
    ParameterError
        If an estimator has the name of a baseline, `cv` makes no split, or `error_score` is
        neither ``"raise"`` nor NaN.
    UnknownNameError
        If there is no such baseline or vision encoder.

    Warns
    -----
    SplitWarning
        If a class has no training samples in a split, or a split tests pixels that it trains on.
    HSVLMWarning
        If networks that are to be trained will take more than ten times as long as the default, by
        their multiply-adds or by a short trial.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.evaluation import evaluate
    >>> from hsvlm.model_selection import SpatialBlockKFold
    >>> from sklearn.linear_model import LogisticRegression
    >>> scene = make_synthetic_scene(random_state=0)
    >>> report = evaluate(
    ...     {"logistic": LogisticRegression()},
    ...     scene.cube,
    ...     scene.labels,
    ...     SpatialBlockKFold(2, block_size=10, buffer=2),
    ...     window_size=5,
    ... )
    >>> report.names[:2]
    ('logistic', '1-NN on (row, col), no spectra')
    >>> [leakage.share_containing for leakage in report.leakage]
    [0.0, 0.0]
    """
    _check_error_score(error_score)
    if isinstance(X, Scene):
        class_names = X.class_names if class_names is None else class_names
        groups = X.groups if groups is None else groups
    samples, labels = _as_samples(X, y, unlabeled)
    sample_names = remembered_names(samples, labels)
    if sample_names is not None:
        class_names = agreed_names(sample_names, class_names).names
    # Samples that remember names pass them on to the classifier themselves.
    own_names = class_names if sample_names is None and class_names else None
    named = _named(estimators, baselines, HSIPromptClassifier(class_names=own_names))
    splits = make_splits(cv, samples, labels)
    size = largest_window(named.values()) if window_size is None else window_size
    leakage = tuple(leakage_report(samples[a], samples[b], size, groups) for a, b in splits)
    tasks = [
        (name, number, with_random_state(estimator, random_state, number))
        for name, estimator in named.items()
        for number in range(len(splits))
    ]
    tests = [test for _, test in splits]
    read = {name: pretraining_shares(each, samples, tests) for name, each in named.items()}
    results = _measure(tasks, samples, labels, splits, Store(store), error_score, n_jobs, verbose)
    return EvaluationReport(
        results=tuple(results),
        leakage=leakage,
        names=tuple(named),
        window_size=leakage[0].window_size if leakage else size,
        protocol=" ".join(repr(cv).split()) if hasattr(cv, "split") else f"{len(splits)} splits",
        class_names=dict(class_names or {}),
        disjoint=_are_disjoint(tests),
        pretraining_shares={name: shares for name, shares in read.items() if shares is not None},
    )


def _as_samples(X: Any, y: Any, unlabeled: Any) -> tuple[PixelSamples, NDArray[Any]]:
    if isinstance(X, Scene):
        return X.samples(y, unlabeled)
    if isinstance(X, PixelSamples):
        check_unmasked(y)
        labels = np.asarray(y)
        if labels.shape != (len(X),):
            raise DataError(
                f"y has shape {labels.shape}, but there are {len(X)} samples. "
                "Give one label per sample."
            )
        return X, as_labels(labels)
    first_cube, first_map = (
        values[0]
        if isinstance(values, (list, tuple)) and len(values) and np.ndim(values[0]) > 1
        else values
        for values in (X, y)
    )
    if np.ndim(first_cube) != 3 or np.ndim(first_map) != 2:
        raise DataError(
            "evaluate needs the positions of the samples to report leakage. Pass a cube with its "
            "label map, or PixelSamples: X, y = pixel_samples(cube, labels)."
        )
    return pixel_samples(X, y, unlabeled=unlabeled)


def _check_error_score(error_score: Any) -> None:
    is_nan = isinstance(error_score, float) and np.isnan(error_score)
    if not (is_nan or (isinstance(error_score, str) and error_score == "raise")):
        raise ParameterError(
            f'error_score={error_score!r} is neither "raise" nor NaN. Pass "raise" to stop at the '
            "first error, or float('nan') to report it and continue."
        )


def _as_dict(estimators: Any, clf: HSIPromptClassifier) -> dict[str, Any]:
    """Name the estimators; names of encoders become variants of `clf`."""
    if isinstance(estimators, Mapping):
        return dict(estimators)
    if isinstance(estimators, str):
        return with_encoders(estimators, clf)
    if not isinstance(estimators, (list, tuple)):
        return {type(estimators).__name__: estimators}
    others = [item for item in estimators if not isinstance(item, str)]
    if others:
        raise ParameterError(
            f"estimators is a list with a {type(others[0]).__name__}. Pass a dict of "
            '{name: estimator}, or a list of names of vision encoders, such as ["vit", "default"].'
        )
    return with_encoders(estimators, clf)


def _named(estimators: Any, baselines: Sequence[str], clf: HSIPromptClassifier) -> dict[str, Any]:
    named = _as_dict(estimators, clf)
    keys = [baselines] if isinstance(baselines, str) else baselines
    for key in dict.fromkeys(keys):
        if key not in BASELINES:
            raise UnknownNameError.for_name("baseline", key, BASELINES)
        name, make = BASELINES[key]
        if name in named:
            raise ParameterError(
                f"{name!r} is the name of a baseline. Call your estimator something else."
            )
        named[name] = make()
    return named


def _are_disjoint(tests: list[NDArray[np.intp]]) -> bool:
    together = np.concatenate(tests)
    return len(np.unique(together)) == len(together)


def _measure(
    tasks: list[tuple[str, int, Any]],
    X: PixelSamples,
    y: NDArray[Any],
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    store: Store,
    error_score: float | str,
    n_jobs: int | None,
    verbose: int,
) -> list[FoldResult]:
    data = data_digest(X, y) if store.folder else ""
    keys = [
        fit_key(estimator, data, *splits[number]) if store.folder else ""
        for _, number, estimator in tasks
    ]
    results: dict[int, FoldResult] = {}
    for place, ((name, number, _), key) in enumerate(zip(tasks, keys, strict=True)):
        stored = store.load(key, name, number)
        if stored is not None:
            results[place] = stored
    open_places = [place for place in range(len(tasks)) if place not in results]
    warn_of_heavy_networks({tasks[place][0]: tasks[place][2] for place in open_places}, X.shape[1])
    pool = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    done = pool(
        joblib.delayed(_run_and_save)(
            place,
            *tasks[place],
            X,
            y,
            *splits[tasks[place][1]],
            store,
            keys[place],
            keep_failures=error_score != "raise",
        )
        for place in open_places
    )
    progress = progress_bar(
        done, desc="evaluating", total=len(open_places), unit="fit", disable=not verbose
    )
    results.update(progress)
    return [results[place] for place in range(len(tasks))]


def _run_and_save(
    place: int,
    name: str,
    number: int,
    estimator: Any,
    X: PixelSamples,
    y: NDArray[Any],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    store: Store,
    key: str,
    *,
    keep_failures: bool,
) -> tuple[int, FoldResult]:
    try:
        result = run_fold(name, number, estimator, X, y, train, test)
    except Exception as error:
        if not keep_failures:
            raise
        result = failed_fold(name, number, error, len(train), len(test))
    store.save(key, result)
    return place, result
