"""Confidence and entropy of the pixels of a map, and whether they are calibrated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import entr

from hsvlm._data.lazy import read_rows, row_blocks
from hsvlm.estimator import HSIPromptClassifier
from hsvlm.exceptions import DataError
from hsvlm.io import read_scene
from hsvlm.plotting._raster import thinning
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LABELS = {
    "confidence": "probability of the mapped class",
    "entropy": "entropy of the class probabilities\n(0: one class is certain, 1: all are equal)",
}


def certainty(probabilities: NDArray[Any], kind: str) -> NDArray[Any]:
    """Reduce probabilities (..., n_classes) to confidence or normalized entropy."""
    if kind == "confidence":
        return np.asarray(probabilities.max(axis=-1))
    entropy = entr(probabilities).sum(axis=-1) / np.log(probabilities.shape[-1])
    return np.asarray(entropy)


def certainty_of_map(scene_map: Any, kind: str) -> tuple[NDArray[Any], int]:
    """Return thinned values of a SceneMap (height, width), and the step from one to the next."""
    step = thinning(scene_map.scene.shape)
    if kind == "entropy":
        for values in (scene_map.entropy, scene_map.entropy_path):
            if values is not None:
                return _thinned(values, step, lambda rows: rows[..., 0]), step
    for values in (scene_map.probabilities, scene_map.probabilities_path):
        if values is not None:
            return _thinned(values, step, lambda rows: certainty(rows, kind)), step
    wanted = "probabilities=True" if kind == "confidence" else "entropy=True"
    raise DataError(
        f"The map was made without what its {kind} is drawn from. Make it with "
        f"predict_scene(..., {wanted}), or with the path of a file in place of True."
    )


def _thinned(
    values: Any, step: int, reduce: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[np.float32]:
    """Reduce an array or a file to one value per pixel, by blocks of rows."""
    if isinstance(values, np.ndarray):
        cube = values if values.ndim == 3 else values[..., None]
    else:
        cube = read_scene(values).cube
    blocks = []
    for start, stop in row_blocks(cube.shape):
        # The first row of the block that is a multiple of the step.
        rows = read_rows(cube, start, stop)[-start % step :: step, ::step]
        blocks.append(reduce(np.asarray(rows)).astype(np.float32))
    return np.ma.masked_invalid(np.concatenate(blocks))


def calibration(estimator: Any, cube: Any) -> str:
    """Say whether the probabilities of a cube are calibrated; empty for other classifiers."""
    clf = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(clf, HSIPromptClassifier):
        return ""
    readout = getattr(clf, "readout_", None) if clf.spatial is not None else None
    # Only held-out labels give another temperature than 1.
    if readout is None or readout.temperature == 1.0:
        return "not calibrated"
    if isinstance(cube, Scene):
        cube = cube.masked_cube()
    if not any(scene.matches(cube) for scene in readout.scenes):
        return "not calibrated: not a scene of the training"
    return "calibrated on training pixels that were held out"
