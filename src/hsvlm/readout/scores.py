"""Class scores of any input: window by window, or read out of their scene."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.label_maps import no_label
from hsvlm._prediction.windows import window_scores
from hsvlm._training_record import warn_if_unlike
from hsvlm.exceptions import HSVLMWarning
from hsvlm.readout.tiles import SceneTiles
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm._inputs.kinds import PredictInputs
    from hsvlm._prediction.model import FittedModel
    from hsvlm._training_record import Readout


__all__ = ["ScoreReader", "class_scores", "predicted_labels"]


class ScoreReader:
    """Class scores of samples, window by window or read out of their scene."""

    def __init__(self, model: FittedModel, *, spatial: str | None) -> None:
        self._model = model
        # The parameter, so that it can be switched off without another fit.
        self._readout = None if spatial is None else model.readout
        self._scenes: list[tuple[Any, SceneTiles | None]] = []

    def __call__(self, samples: PixelSamples | NDArray[Any]) -> NDArray[np.float32]:
        """Return scores of samples, (n_samples, n_classes)."""
        if self._readout is None:
            return window_scores(self._model, samples)
        if not isinstance(samples, PixelSamples):
            self._warn()
            return window_scores(self._model, samples)
        values = np.empty((len(samples), len(self._model.classes)), dtype=np.float32)
        for number in np.unique(samples.scene_ids):
            in_scene = samples.scene_ids == number
            tiles = self._tiles(samples.cubes[number], self._readout)
            values[in_scene] = (
                window_scores(self._model, samples[in_scene])
                if tiles is None
                else tiles.scores(samples.coords[in_scene])
            )
        return values

    def _tiles(self, cube: Any, readout: Readout) -> SceneTiles | None:
        for known, tiles in self._scenes:
            if known is cube:
                return tiles
        # A scene that was given in several parts, such as in two sets of samples, is one.
        parts = [scene for scene in readout.scenes if scene.matches(cube)]
        result = SceneTiles(self._model, cube, readout, parts) if parts else None
        if result is None:
            self._warn()
        self._scenes.append((cube, result))
        return result

    def _warn(self) -> None:
        warning = HSVLMWarning(
            "These samples are not of a scene that the classifier was fitted on: every window is "
            "predicted by itself, without the read-out over the scene.",
            "Fit with spatial=None to do so everywhere.",
            option_hint='Train with "fit" --set spatial=none to do so everywhere.',
        )
        warnings.warn(warning, stacklevel=4)


def class_scores(
    model: FittedModel, inputs: PredictInputs, spatial: str | None
) -> NDArray[np.float32]:
    """Return class scores, (n_samples, n_classes) or (height, width, n_classes)."""
    scores = inputs.placed(ScoreReader(model, spatial=spatial)(inputs.samples))
    warn_if_unlike(model.training, model.preprocessing, inputs.samples, is_cube=inputs.is_cube)
    return scores


def predicted_labels(
    model: FittedModel, inputs: PredictInputs, spatial: str | None, unlabeled: Any
) -> NDArray[Any]:
    """Return the label of the highest score, (n_samples,) or (height, width)."""
    scores = class_scores(model, inputs, spatial)
    labels = np.asarray(model.classes[scores.argmax(axis=-1)])
    missing = np.isnan(scores).all(axis=-1)
    if not missing.any():
        return labels
    value = no_label(model.classes, unlabeled)
    labels = labels.astype(np.promote_types(labels.dtype, np.min_scalar_type(value)))
    labels[missing] = value
    return labels
