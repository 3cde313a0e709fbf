"""What a fitted classifier remembers of its training data, and comparisons with other data."""

from __future__ import annotations

from hsvlm._training_record.adapter import TrainedAdapter
from hsvlm._training_record.checks import find_mismatch, spread_pixels, warn_if_unlike
from hsvlm._training_record.readout import Discriminant, DisputedLabels, FittedScene, Readout
from hsvlm._training_record.record import TrainingRecord, make_record
from hsvlm._training_record.scenes import TrainingScene, reference_indices, training_scenes
from hsvlm._training_record.summary import (
    LEVELS,
    MAX_EXAMPLES,
    SpectraSummary,
    summarize_spectra,
)

__all__ = [
    "LEVELS",
    "MAX_EXAMPLES",
    "Discriminant",
    "DisputedLabels",
    "FittedScene",
    "Readout",
    "SpectraSummary",
    "TrainedAdapter",
    "TrainingRecord",
    "TrainingScene",
    "find_mismatch",
    "make_record",
    "reference_indices",
    "spread_pixels",
    "summarize_spectra",
    "training_scenes",
    "warn_if_unlike",
]
