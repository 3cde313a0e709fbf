"""How far class scores are carried over a scene, chosen inside the training labels."""

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
from hsvlm.exceptions import (
    DeviceMemoryError,
    HSVLMWarning,
    ParameterError,
    TrainingDivergedError,
)
from hsvlm.model_selection import distance_matched_folds
from hsvlm.model_selection.matched_folds import draw_map
from hsvlm.readout import steps_until
from hsvlm.readout.scene import fit_readout
from hsvlm.readout.tiles import SceneTiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hsvlm._prediction.model import FittedModel
    from hsvlm._training_record import Readout
    from hsvlm.samples import PixelSamples

    Bounds = tuple[tuple[int, int], tuple[int, int]]

__all__ = ["choose_restart"]

# From far to nowhere: with 1, every pixel is predicted by its own window.
_CANDIDATES = (0.0005, 0.002, 0.01, 0.05, 0.2, 1.0)
# Where nothing can be held out: carried a little.
_DEFAULT = 0.02
_N_FOLDS = 3
# Scores to choose by need fewer digits than those to predict by.
_TOLERANCE = 1e-3
# The choice looks at so many pixels per fold. In a larger scene it reads out the patches that hold
# the most held-out labels, so that its cost does not grow with the scene.
_MAX_PIXELS = 2**16
_PATCH, _MARGIN = 32, 16
_TEMPERATURES = (0.25, 4.0)


def choose_restart(
    readout: Readout,
    X: PixelSamples,
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    fit_part: Callable[[NDArray[np.intp]], FittedModel],
    seed: int,
) -> tuple[Readout, bool]:
    """Choose restart probability and temperature of a read-out by nested validation.

    Shapes: `X` (n_samples, n_bands), `targets` (n_samples,), `weights` (n_samples,).
    """
    # Short trainings leave out one fold of the training labels each. Folds are as far from the
    # other labels as the pixels of the map are from all of them. The largest restart probability
    # whose Brier score on the left-out labels is as good as the lowest is taken, and the
    # temperature under which they are most probable. Labels outside of the training are not looked
    # at.
    # Returned with it: whether Ctrl-C ended the choice.
    params = {name: getattr(readout, name) for name in ("contrast", "agreement", "n_steps")}
    interrupted = False
    held_out: list[_HeldOut] = []
    try:
        for fold in _folds(X, targets, seed):
            kept = np.flatnonzero(~fold)
            # What is left of a class that is held out as a whole cannot be right.
            held = np.flatnonzero(fold & np.isin(targets, targets[kept]))
            if not len(held) or len(np.unique(targets[kept])) < 2:
                continue
            other = fit_part(kept)
            known = fit_readout(params, X[kept], targets[kept], weights[kept])
            seen, scores = _log_probabilities(other, known, X[held])
            held = held[seen]
            held_out.append(_HeldOut(scores, targets[held], weights[held]))
    except (KeyboardInterrupt, TrainingDivergedError, DeviceMemoryError, MemoryError) as error:
        # The network is trained: whatever happens here must not lose it.
        interrupted = isinstance(error, KeyboardInterrupt)
        message = (
            f"The restart probability could not be chosen ({type(error).__name__}); {_DEFAULT} is "
            "taken. The network is trained and can be used."
        )
        warnings.warn(message, HSVLMWarning, stacklevel=2)
        held_out = []
    return _chosen(readout, held_out), interrupted


class _HeldOut(NamedTuple):
    log_probabilities: NDArray[np.float32]  # of every candidate, (n_candidates, n_samples, ...)
    targets: NDArray[np.intp]
    weights: NDArray[np.float64]


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


def _chosen(readout: Readout, held_out: list[_HeldOut]) -> Readout:
    if not sum(len(each.targets) for each in held_out):
        return replace(readout, restart=_DEFAULT)
    log_probabilities = np.concatenate([each.log_probabilities for each in held_out], axis=1)
    targets = np.concatenate([each.targets for each in held_out])
    weights = np.concatenate([each.weights for each in held_out])
    losses = _brier_scores(log_probabilities, targets) * (weights / weights.mean())
    best, scores = _least_carried(losses), losses.mean(axis=1)
    return replace(
        readout,
        restart=_CANDIDATES[best],
        temperature=_temperature(log_probabilities[best], targets, weights),
        brier_scores=dict(zip(_CANDIDATES, scores.tolist(), strict=True)),
    )


def _brier_scores(
    log_probabilities: NDArray[np.float32], targets: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Of every candidate and sample: squared distance of the probabilities from the truth."""
    wrong = np.exp(log_probabilities, dtype=np.float64)
    wrong[:, np.arange(len(targets)), targets] -= 1
    return np.asarray(np.square(wrong).sum(axis=2))


def _least_carried(losses: NDArray[np.float64]) -> int:
    """The candidate nearest to windows alone among those as good as the best.

    Shape: `losses` (n_candidates, n_samples).
    """
    # As good: within one standard error of the difference, the rule of Breiman et al.,
    # "Classification and regression trees", 1984, for the simplest model.
    above = losses - losses[losses.mean(axis=1).argmin()]
    errors = above.std(axis=1) / math.sqrt(losses.shape[1])
    return int(np.flatnonzero(above.mean(axis=1) <= errors)[-1])


def _temperature(
    log_probabilities: NDArray[np.float32], targets: NDArray[np.intp], weights: NDArray[np.float64]
) -> float:
    """The temperature under which held-out labels are most probable (Guo et al., ICML 2017)."""
    samples = np.arange(len(targets))

    def loss(exponent: float) -> float:
        scaled = log_softmax(log_probabilities / math.exp(exponent), axis=1)
        return float(-weights @ scaled[samples, targets])

    bounds = tuple(math.log(one) for one in _TEMPERATURES)
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)


def _log_probabilities(
    model: FittedModel, readout: Readout, X: PixelSamples
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Read out held-out samples, or as many as the patches that are looked at hold.

    Shapes: their numbers (n_seen,), and (n_candidates, n_seen, n_classes).
    """
    numbers: list[NDArray[np.intp]] = []
    values: list[NDArray[np.float32]] = []
    scenes = np.unique(X.scene_ids)
    for number in scenes:
        cube, chosen = X.cubes[number], np.flatnonzero(X.scene_ids == number)
        scene = next((each for each in readout.scenes if each.matches(cube)), None)
        if scene is None:  # all its labels are held out
            continue
        tiles = SceneTiles(model, cube, readout, scene)
        for bounds, here in _patches(X.coords[chosen], cube.shape, _MAX_PIXELS // len(scenes)):
            region = tiles.region(*bounds)
            within = X.coords[chosen[here]] - (region.rows[0], region.cols[0])
            numbers.append(chosen[here])
            values.append(
                np.stack(
                    [
                        region.log_probabilities(
                            restart, min(readout.n_steps, steps_until(_TOLERANCE, restart))
                        )[within[:, 0], within[:, 1]]
                        for restart in _CANDIDATES
                    ]
                )
            )
    if not numbers:
        return np.arange(0), np.empty((len(_CANDIDATES), 0, len(model.classes)), dtype=np.float32)
    return np.concatenate(numbers), np.concatenate(values, axis=1)


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
