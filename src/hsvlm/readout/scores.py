"""Class scores of any input: window by window, or read out of their scene."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from hsvlm._data.label_maps import no_label
from hsvlm._inputs.kinds import predict_inputs
from hsvlm._inputs.scenes import cube_of_scene
from hsvlm._prediction.windows import window_scores
from hsvlm._training_record import warn_if_unlike
from hsvlm.exceptions import HSVLMWarning
from hsvlm.readout.tiles import SceneTiles
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["ScoreReader", "class_scores", "predicted_labels"]


class ScoreReader:
    """Class scores of pixels, window by window or read out of their scene."""

    def __init__(self, clf: Any) -> None:
        check_is_fitted(clf, "net_")
        self._clf = clf
        self._scenes: list[tuple[Any, SceneTiles | None]] = []

    def __call__(self, X: Any) -> NDArray[np.float32]:
        """Compute them.

        Shape: (n_samples, n_classes) or (height, width, n_classes).
        """
        # The parameter, so that it can be switched off without another fit.
        if self._clf.spatial is None or self._clf.readout_ is None:
            return window_scores(self._clf, X)
        samples, shape, valid = predict_inputs(self._clf, X)
        if not isinstance(samples, PixelSamples):
            self._warn()
            return window_scores(self._clf, X)
        values = np.empty((len(samples), len(self._clf.classes_)), dtype=np.float32)
        for number in np.unique(samples.scene_ids):
            here = samples.scene_ids == number
            tiles = self._tiles(samples.cubes[number])
            values[here] = (
                window_scores(self._clf, samples[here])
                if tiles is None
                else tiles.scores(samples.coords[here])
            )
        if valid is None:
            return values.reshape(*shape, -1)
        everywhere = np.full((*shape, values.shape[1]), np.nan, dtype=np.float32)
        everywhere[valid] = values
        return everywhere

    def _tiles(self, cube: Any) -> SceneTiles | None:
        for known, tiles in self._scenes:
            if known is cube:
                return tiles
        readout = self._clf.readout_
        scene = next((one for one in readout.scenes if one.matches(cube)), None)
        found = None if scene is None else SceneTiles(self._clf, cube, readout, scene)
        if found is None:
            self._warn()
        self._scenes.append((cube, found))
        return found

    def _warn(self) -> None:
        warning = HSVLMWarning(
            "These samples are not of a scene that the classifier was fitted on: every window is "
            "predicted by itself, without the read-out over the scene.",
            "Fit with spatial=None to do so everywhere.",
            option_hint='Train with "fit" --set spatial=none to do so everywhere.',
        )
        warnings.warn(warning, stacklevel=4)


def class_scores(clf: Any, X: Any) -> NDArray[np.float32]:
    """Class scores of inputs; see :class:`ClassScores`."""
    X = cube_of_scene(clf, X)
    scores = ScoreReader(clf)(X)
    warn_if_unlike(clf, X)
    return scores


def predicted_labels(clf: Any, X: Any) -> NDArray[Any]:
    """Label of the class with the highest score.

    Shape: (n_samples,) or (height, width).
    """
    scores = class_scores(clf, X)
    labels = np.asarray(clf.classes_[scores.argmax(axis=-1)])
    missing = np.isnan(scores).all(axis=-1)
    if not missing.any():
        return labels
    value = no_label(clf.classes_, clf.unlabeled)
    labels = labels.astype(np.promote_types(labels.dtype, np.min_scalar_type(value)))
    labels[missing] = value
    return labels
