"""What training labels that are held out say: whom to believe, and which labels are wrong."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.utils import check_random_state

from hsvlm._data.lazy import valid_pixels
from hsvlm._prediction.windows import window_scores
from hsvlm.exceptions import (
    DeviceMemoryError,
    HSVLMWarning,
    ParameterError,
    TrainingDivergedError,
)
from hsvlm.model_selection import distance_matched_folds
from hsvlm.model_selection.matched_folds import draw_map
from hsvlm.readout import fit_pool, pool_opinions
from hsvlm.readout.discriminant import fit_discriminant
from hsvlm.readout.regions import PixelLabels, SceneRegions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hsvlm._prediction.model import FittedModel
    from hsvlm._training_record import Readout
    from hsvlm.samples import PixelSamples

    Bounds = tuple[tuple[int, int], tuple[int, int]]

__all__ = ["Findings", "hold_out"]

_N_FOLDS = 3
# The walks look at so many pixels per fold. In a larger scene they read out the patches that hold
# the most held-out labels, so that the cost does not grow with the scene.
_MAX_PIXELS = 2**16
_PATCH, _MARGIN = 32, 16
_TEMPERATURES = (0.25, 8.0)
# Of a temperature twice too high or low, in labels: few of them do not change it much.
_STRENGTH = 5.0


class Findings(NamedTuple):
    """What held-out labels say.

    Attributes
    ----------
    readout : Readout
        With the temperature of the windows, and the weights of walks, windows and spectra.
    trust : ndarray of shape (n_samples,), float64
        Probability that a training label is right; 1 where nothing is known.
    suggested : ndarray of shape (n_samples,), intp
        The most probable of the other classes; its own where nothing is known.
    """

    readout: Readout
    trust: NDArray[np.float64]
    suggested: NDArray[np.intp]


class _Fold(NamedTuple):
    """A model that was trained without some labels.

    Shapes: `held` (n_held,), the numbers of those that it can predict; `half` (n_samples,), which
    half of the held-out labels a sample is in, -1 if it is not held out; `share` (n_samples,), of
    the labels of its class that are not held out.
    """

    model: FittedModel
    held: NDArray[np.intp]
    half: NDArray[np.intp]
    share: NDArray[np.float64]


class _Opinions(NamedTuple):
    """What is said about held-out labels.

    Shapes: `seen` (n_seen,), their numbers; `share` (n_seen,), as in `_Fold`; logarithms of
    probabilities (n_seen, n_classes) of walks that know no label of the fold, of walks that know
    half of them, of windows and of spectra.
    """

    seen: NDArray[np.intp]
    share: NDArray[np.float64]
    far: NDArray[np.float32]
    near: NDArray[np.float32]
    windows: NDArray[np.float32]
    spectral: NDArray[np.float32]


def hold_out(
    readout: Readout,
    X: PixelSamples,
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    fit_part: Callable[[NDArray[np.intp]], FittedModel],
    seed: int,
) -> Findings:
    """Train without a part of the labels, and ask what knows nothing of it about it.

    Shapes: `X` (n_samples, n_bands), `targets` (n_samples,), `weights` (n_samples,).
    """
    # Folds are as far from the other labels as the pixels of the map are from all of them. Labels
    # outside of the training are not looked at.
    findings = Findings(readout, np.ones(len(targets)), targets.copy())
    try:
        folds = list(_trained(X, targets, fit_part, seed))
        if not folds:
            return findings
        readout = replace(readout, temperature=_window_temperature(folds, X, targets, weights))
        parts = [_opinions(fold, readout, X, targets, weights) for fold in folds]
    except (TrainingDivergedError, DeviceMemoryError, MemoryError) as error:
        warnings.warn(
            f"The weights of the read-out could not be found ({type(error).__name__}): walks and "
            "windows count the same.",
            HSVLMWarning,
            stacklevel=2,
        )
        return findings
    found = _Opinions(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    seen = found.seen
    if not len(seen):
        return findings
    # Labels nearby know best which label is wrong.
    opinions = found.near, found.windows, found.spectral
    doubt = fit_pool(opinions, targets[seen], weights[seen], readout.weights)
    findings.trust[seen], findings.suggested[seen] = doubt.trust, doubt.suggested
    agreed = _weights(found, targets[seen], weights[seen], readout.weights)
    return findings._replace(readout=replace(readout, weights=agreed, noise=doubt.noise))


def _weights(
    found: _Opinions,
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    usual: tuple[float, float, float],
) -> tuple[float, float, float]:
    """Of walks, windows and spectra.

    Shapes: `targets` and `weights` (n_seen,).
    """
    opinions = (
        np.concatenate([found.far, found.near]),
        *(np.tile(one, (2, 1)) for one in (found.windows, found.spectral)),
    )
    labels = np.tile(targets, 2)
    # Every class counts the same: a large one that is held out nearly as a whole would decide. And
    # what has seen little of a class says little about what has seen all of it.
    balanced = found.share * weights / np.bincount(targets, weights=weights)[targets]
    pool = fit_pool(opinions, labels, np.tile(balanced, 2), usual)
    # How sure the map may be is asked of the labels as they are.
    pooled = pool_opinions(opinions, pool.weights)
    softness = _temperature(pooled, labels, np.tile(weights / weights.mean(), 2) * pool.trust)
    walks, windows, spectral = (one / softness for one in pool.weights)
    return walks, windows, spectral


def _trained(
    X: PixelSamples,
    targets: NDArray[np.intp],
    fit_part: Callable[[NDArray[np.intp]], FittedModel],
    seed: int,
) -> Iterator[_Fold]:
    for fold in _folds(X, targets, seed):
        kept = np.flatnonzero(~fold)
        # What is left of a class that is held out as a whole cannot be right.
        held = np.flatnonzero(fold & np.isin(targets, targets[kept]))
        if len(held) and len(np.unique(targets[kept])) > 1:
            before, after = (
                np.bincount(one, minlength=targets.max() + 1) for one in (targets, targets[kept])
            )
            share = after[targets] / before[targets]
            yield _Fold(fit_part(kept), held, _halves(fold, targets, seed), share)


def _halves(fold: NDArray[np.bool_], targets: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """Divide the labels of every class in a fold."""
    order = check_random_state(seed).permutation(np.flatnonzero(fold))
    order = order[np.argsort(targets[order], kind="stable")]
    half = np.full(len(fold), -1, dtype=np.intp)
    half[order] = np.arange(len(order)) % 2
    return half


def _folds(X: PixelSamples, targets: NDArray[np.intp], seed: int) -> Iterator[NDArray[np.bool_]]:
    """Masks of the samples of each fold; none if there are too few samples."""
    rng = check_random_state(seed)
    positions = np.column_stack([X.scene_ids, X.coords])
    scenes = np.unique(X.scene_ids).tolist()
    maps = [draw_map(one, X.cubes[one].shape, valid_pixels(X.cubes[one]), rng) for one in scenes]
    try:
        folds = distance_matched_folds(
            positions, np.concatenate(maps), _N_FOLDS, y=targets, random_state=rng
        )
    except ParameterError:
        return
    for number in np.unique(folds):
        yield folds == number


def _window_temperature(
    folds: list[_Fold],
    X: PixelSamples,
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> float:
    scores = np.concatenate([window_scores(fold.model, X[fold.held]) for fold in folds])
    held = np.concatenate([fold.held for fold in folds])
    counts = weights[held] * np.concatenate([fold.share[fold.held] for fold in folds])
    return _temperature(scores, targets[held], counts * (len(held) / counts.sum()))


def _temperature(
    scores: NDArray[np.floating], targets: NDArray[np.intp], counts: NDArray[np.float64]
) -> float:
    """The temperature under which labels are most probable (Guo et al., ICML 2017).

    Shapes: `scores` (n_labels, n_classes), `targets` and `counts` (n_labels,).
    """
    rows = np.arange(len(targets))

    def loss(exponent: float) -> float:
        scaled = log_softmax(scores / math.exp(exponent), axis=1)
        return float(_STRENGTH * exponent**2 - counts @ scaled[rows, targets])

    bounds = tuple(math.log(one) for one in _TEMPERATURES)
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)


def _opinions(
    fold: _Fold,
    readout: Readout,
    X: PixelSamples,
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> _Opinions:
    """Read out held-out samples, or as many as the patches that are looked at hold."""
    # The map has labels as far away as the ones and as dense as the others.
    n_classes = len(fold.model.classes)
    none = np.empty((0, n_classes), dtype=np.float32)
    numbers, opinions = [np.empty(0, dtype=np.intp)], [(none,) * 4]
    kept = np.flatnonzero(fold.half == -1)
    without = fit_discriminant(X[kept], targets[kept], weights[kept], n_classes)
    readout = replace(readout, discriminant=without)
    scenes = np.unique(X.scene_ids[fold.held])
    for scene in scenes:
        regions = SceneRegions(fold.model, X.cubes[scene], readout)
        labeled = np.flatnonzero(X.scene_ids == scene)
        known = [
            PixelLabels(X.coords[index], targets[index], weights[index])
            for index in (
                labeled[fold.half[labeled] == -1],
                *(labeled[fold.half[labeled] != half] for half in (0, 1)),
            )
        ]
        held = fold.held[X.scene_ids[fold.held] == scene]
        shape = X.cubes[scene].shape
        for bounds, here in _patches(X.coords[held], shape, _MAX_PIXELS // len(scenes)):
            region = regions.region(*bounds, only=X.coords[held[here]])
            within = X.coords[held[here]] - (region.rows[0], region.cols[0])
            usable = region.usable[tuple(within.T)]
            seen, place = held[here[usable]], tuple(within[usable].T)
            far, *by_half = (region.walks(labels)[place] for labels in known)
            near = np.where(fold.half[seen][:, None] == 0, *by_half)
            numbers.append(seen)
            opinions.append((far, near, region.windows()[place], region.spectral[place]))
    seen = np.concatenate(numbers)
    return _Opinions(
        seen, fold.share[seen], *(np.concatenate(one) for one in zip(*opinions, strict=True))
    )


def _patches(
    coords: NDArray[np.intp], shape: tuple[int, ...], max_pixels: int
) -> Iterator[tuple[Bounds, NDArray[np.intp]]]:
    """Parts of a scene, with margins, and the numbers of the pixels in each.

    Shapes: `coords` (n_pixels, 2); yields row and column bounds, and (n_inside,).
    """
    height, width = shape[:2]
    if height * width <= max_pixels:
        yield ((0, height), (0, width)), np.arange(len(coords))
        return
    patches, group, counts = np.unique(
        coords // _PATCH, axis=0, return_inverse=True, return_counts=True
    )
    n_patches = max(1, max_pixels // (_PATCH + 2 * _MARGIN) ** 2)
    for patch in np.argsort(-counts, kind="stable")[:n_patches].tolist():
        (top, left), (bottom, right) = (
            np.maximum(patches[patch] * _PATCH - _MARGIN, 0).tolist(),
            np.minimum((patches[patch] + 1) * _PATCH + _MARGIN, (height, width)).tolist(),
        )
        yield ((top, bottom), (left, right)), np.flatnonzero(group.reshape(-1) == patch)
