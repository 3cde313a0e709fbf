"""Splits of hyperspectral samples that respect the positions of the pixels.

The splitters have scikit-learn's interface and can be passed as its ``cv=``: ``GridSearchCV``,
``cross_validate``, ``learning_curve``. Positions come from the samples themselves
(:class:`hsvlm.PixelSamples`) or, for plain spectra and windows, from ``groups=``: one row
``(row, column)`` or ``(scene, row, column)`` per sample.
"""

from __future__ import annotations

from hsvlm.model_selection._blocks import SpatialBlockKFold, SpatialBlockShuffleSplit
from hsvlm.model_selection._distance_matched import DistanceMatchedKFold
from hsvlm.model_selection._fields import FieldKFold, field_numbers
from hsvlm.model_selection._holdout import spatial_holdout
from hsvlm.model_selection._maps import MapSplit
from hsvlm.model_selection._per_class import PerClassShareSplit, PerClassShuffleSplit
from hsvlm.model_selection._positions import nearest_distance
from hsvlm.model_selection.groups import GroupMapKFold
from hsvlm.model_selection.matched_folds import distance_gap, distance_matched_folds

__all__ = [
    "DistanceMatchedKFold",
    "FieldKFold",
    "GroupMapKFold",
    "MapSplit",
    "PerClassShareSplit",
    "PerClassShuffleSplit",
    "SpatialBlockKFold",
    "SpatialBlockShuffleSplit",
    "distance_gap",
    "distance_matched_folds",
    "field_numbers",
    "nearest_distance",
    "spatial_holdout",
]
