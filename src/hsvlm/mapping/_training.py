"""What a classifier remembers of its training, compared with a scene to be mapped."""

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
    from hsvlm.mapping._predictor import BlockPredictor

__all__ = ["TrainingLookup", "check_likeness", "refuse_unlike"]


def check_likeness(predictor: BlockPredictor) -> None:
    """Refuse a scene that is certainly in another scale than the training, warn of the rest."""
    samples = PixelSamples(predictor.cube, spread_pixels(predictor.cube))
    mismatch = find_mismatch(predictor.classifier, samples)
    if mismatch is None:
        return
    if mismatch.is_certain:
        raise DataError(mismatch.problem, mismatch.hint, option_hint=mismatch.option_hint)
    warning = HSVLMWarning(mismatch.problem, mismatch.hint, option_hint=mismatch.option_hint)
    warnings.warn(warning, stacklevel=3)


def refuse_unlike(predictor: BlockPredictor, coords: NDArray[np.intp]) -> None:
    """Refuse a part of a scene, (n_pixels, 2) coordinates, that is certainly in another scale."""
    mismatch = find_mismatch(predictor.classifier, PixelSamples(predictor.cube, coords))
    if mismatch is not None and mismatch.is_certain:
        raise DataError(mismatch.problem, mismatch.hint, option_hint=mismatch.option_hint)


class TrainingLookup(NamedTuple):
    """What it takes to find the pixels of a scene that were trained on, when somebody asks.

    Shapes: `cube` (height, width, n_bands).
    """

    record: TrainingRecord
    cube: Any

    @classmethod
    def of(cls, predictor: BlockPredictor) -> TrainingLookup | None:
        """Make it for a scene; None if the classifier does not know its training data."""
        record = getattr(predictor.classifier, "training_", None)
        return None if record is None else cls(record, predictor.cube)

    def trained_pixels(self) -> NDArray[np.int64] | None:
        """See :meth:`TrainingRecord.trained_pixels`."""
        return self.record.trained_pixels(self.cube)
