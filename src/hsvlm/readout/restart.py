"""How far class scores are carried over a scene, chosen inside the training labels."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from hsvlm.exceptions import (
    DeviceMemoryError,
    HSVLMWarning,
    ParameterError,
    TrainingDivergedError,
)
from hsvlm.model_selection import spatial_holdout
from hsvlm.readout.scene import fit_readout
from hsvlm.readout.tiles import SceneTiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hsvlm._prediction.model import FittedModel
    from hsvlm._training_record import Readout
    from hsvlm.samples import PixelSamples

__all__ = ["choose_restart"]

_CANDIDATES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)
_DEFAULT = 0.001
# Side of held-out blocks in pixels: people draw labels as patches.
_BLOCK_SIZE = 8
_N_HOLDOUTS = 3
# Held-out labels of few blocks say little: the usual value stays unless they speak clearly.
_N_STANDARD_ERRORS = 2.0
_TEMPERATURES = (0.25, 4.0)


def choose_restart(
    readout: Readout,
    X: PixelSamples,
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    fit_part: Callable[[NDArray[np.intp]], FittedModel],
    seed: int,
) -> tuple[Readout, bool]:
    """Choose restart probability and temperature of a read-out by nested spatial validation.

    Shapes: `X` (n_samples, n_bands), `targets` (n_samples,), `weights` (n_samples,).
    """
    # Networks are trained, in half the epochs, without a third of the training labels, in whole
    # blocks. The value with the lowest Brier score [1]_ on those is taken, if it is lower than that
    # of the usual value by more than two standard errors over the blocks, and the temperature under
    # which they are most probable. Labels outside of the training are not looked at.
    # Returned with it: whether Ctrl-C ended the choice.
    params = {name: getattr(readout, name) for name in ("contrast", "agreement", "n_steps")}
    interrupted = False
    found: list[_HeldOut] = []
    try:
        for number in range(_N_HOLDOUTS):
            random_state = np.random.RandomState((seed + number) % 2**32)
            try:
                kept, held = spatial_holdout(X, targets, 1 / 3, _BLOCK_SIZE, random_state)
            except ParameterError:
                # Too few labels to do without some of them.
                break
            other = fit_part(kept)
            known = fit_readout(params, X[kept], targets[kept], weights[kept])
            scores = _log_probabilities(other, known, X[held])
            positions = np.column_stack([X.scene_ids[held], X.coords[held]])
            # The same block has the same number in every hold-out.
            blocks = positions // (1, _BLOCK_SIZE, _BLOCK_SIZE)
            found.append(_HeldOut(scores, targets[held], weights[held], blocks))
    except (KeyboardInterrupt, TrainingDivergedError, DeviceMemoryError, MemoryError) as error:
        # The network is trained: whatever happens here must not lose it.
        interrupted = isinstance(error, KeyboardInterrupt)
        message = (
            f"The restart probability could not be chosen ({type(error).__name__}); {_DEFAULT} is "
            "taken. The network is trained and can be used."
        )
        warnings.warn(message, HSVLMWarning, stacklevel=2)
        found = []
    return _chosen(readout, found), interrupted


class _HeldOut(NamedTuple):
    log_probabilities: NDArray[np.float32]  # of every candidate, (n_candidates, n_samples, ...)
    targets: NDArray[np.intp]
    weights: NDArray[np.float64]
    blocks: NDArray[np.intp]  # (n_samples, 3): scene, row and column


def _chosen(readout: Readout, found: list[_HeldOut]) -> Readout:
    if not found:
        return replace(readout, restart=_DEFAULT)
    log_probabilities = np.concatenate([one.log_probabilities for one in found], axis=1)
    targets = np.concatenate([one.targets for one in found])
    weights = np.concatenate([one.weights for one in found])
    blocks = np.concatenate([one.blocks for one in found])
    losses = _brier_scores(log_probabilities, targets) * weights
    best = _clearly_best(losses, np.unique(blocks, axis=0, return_inverse=True)[1].reshape(-1))
    scores = losses.sum(axis=1) / weights.sum()
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


def _clearly_best(losses: NDArray[np.float64], block: NDArray[np.intp]) -> int:
    """The candidate whose gain on the usual one is largest, among those that gain clearly.

    Shapes: `losses` (n_candidates, n_samples), `block` (n_samples,).
    """
    # Pixels of a block go together, so its sum is what varies [1]_.
    usual = _CANDIDATES.index(_DEFAULT)
    gains = np.stack([np.bincount(block, losses[usual] - one) for one in losses])
    n_blocks = gains.shape[1]
    errors = gains.std(axis=1) * n_blocks / math.sqrt(max(n_blocks - 1, 1))
    total = gains.sum(axis=1)
    total[total <= _N_STANDARD_ERRORS * errors] = 0
    return usual if not (total > 0).any() or n_blocks == 1 else int(total.argmax())


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
) -> NDArray[np.float32]:
    """What each candidate makes of held-out samples, (n_candidates, n_samples, n_classes)."""
    n_classes = len(model.classes)
    values = np.full((len(_CANDIDATES), len(X), n_classes), -math.log(n_classes), dtype=np.float32)
    for number in np.unique(X.scene_ids):
        cube, chosen = X.cubes[number], np.flatnonzero(X.scene_ids == number)
        scene = next((one for one in readout.scenes if one.matches(cube)), None)
        if scene is None:
            continue
        tiles = SceneTiles(model, cube, readout, scene)
        for place, here in tiles.by_tile(X.coords[chosen]):
            region = tiles.region(place)
            within = X.coords[chosen[here]] - (region.rows[0], region.cols[0])
            for candidate, restart in enumerate(_CANDIDATES):
                found = region.log_probabilities(restart, readout.n_steps)
                values[candidate, chosen[here]] = found[within[:, 0], within[:, 1]]
    return values
