"""A scene to be mapped, compared with the training data of the classifier."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from hsvlm._training_record import find_mismatch, spread_pixels
from hsvlm.exceptions import DataError, HSVLMWarning
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hsvlm._training_record import TrainingRecord
    from hsvlm._training_record.likeness import Mismatch
    from hsvlm.mapping._predictor import BlockPredictor


def check_likeness(predictor: BlockPredictor) -> None:
    """Refuse a scene that is certainly in another scale than the training; warn if it may be."""
    mismatch = check_pixels(predictor, spread_pixels(predictor.cube))
    if mismatch is not None:
        warning = HSVLMWarning(mismatch.problem, mismatch.hint, option_hint=mismatch.option_hint)
        warnings.warn(warning, stacklevel=3)


def check_pixels(predictor: BlockPredictor, coords: NDArray[np.intp]) -> Mismatch | None:
    """Refuse pixels that are certainly in another scale; return an uncertain mismatch."""
    record, preprocessing = (
        getattr(predictor.classifier, name, None) for name in ("training_", "preprocessing_")
    )
    samples = PixelSamples(predictor.cube, coords)
    mismatch = None if record is None else find_mismatch(record, preprocessing, samples)
    if mismatch is not None and mismatch.is_certain:
        raise DataError(mismatch.problem, mismatch.hint, option_hint=mismatch.option_hint)
    return mismatch


class TrainingLookup(NamedTuple):
    """Record of a training and a scene, whose training pixels are found on request."""

    record: TrainingRecord
    cube: Any

    @classmethod
    def for_scene(cls, predictor: BlockPredictor) -> TrainingLookup | None:
        """Make the look-up for a scene; None if the classifier has no training record."""
        record = getattr(predictor.classifier, "training_", None)
        return None if record is None else cls(record, predictor.cube)

    def trained_pixels(self) -> NDArray[np.int64] | None:
        """See :meth:`TrainingRecord.trained_pixels`."""
        return self.record.trained_pixels(self.cube)
