"""Splits of hyperspectral samples that respect where the pixels lie.

The splitters have scikit-learn's interface and go wherever it takes a ``cv=``: ``GridSearchCV``,
``cross_validate``, ``learning_curve``. Positions come from the samples themselves
(:class:`hsvlm.PixelSamples`) or, for plain spectra and windows, from ``groups=``: one row
``(row, column)`` or ``(scene, row, column)`` per sample.
"""

from __future__ import annotations

from hsvlm.model_selection._blocks import SpatialBlockKFold, SpatialBlockShuffleSplit
from hsvlm.model_selection._holdout import spatial_holdout
from hsvlm.model_selection._pixels import MapSplit, PerClassShuffleSplit
from hsvlm.model_selection._positions import nearest_distance
from hsvlm.model_selection._shares import PerClassShareSplit
from hsvlm.model_selection.groups import GroupMapKFold

__all__ = [
    "GroupMapKFold",
    "MapSplit",
    "PerClassShareSplit",
    "PerClassShuffleSplit",
    "SpatialBlockKFold",
    "SpatialBlockShuffleSplit",
    "nearest_distance",
    "spatial_holdout",
]
