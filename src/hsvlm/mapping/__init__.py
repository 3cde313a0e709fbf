"""Maps from scenes of any size, with areas and accuracies."""

from __future__ import annotations

from hsvlm.mapping._accuracy import MapAccuracy, map_accuracy
from hsvlm.mapping._dask import predict_dask
from hsvlm.mapping._map import SceneMap
from hsvlm.mapping._predict import predict_scene
from hsvlm.mapping._report import AreaReport, ClassArea, ReferenceUse

__all__ = [
    "AreaReport",
    "ClassArea",
    "MapAccuracy",
    "ReferenceUse",
    "SceneMap",
    "map_accuracy",
    "predict_dask",
    "predict_scene",
]
