"""Points, lines and polygons with classes, drawn onto the grid of a scene."""

from __future__ import annotations

from hsvlm.io._readers.features._encodings import check_encoding, encoding_warning
from hsvlm.io._readers.features._read import (
    VECTOR_SUFFIXES,
    is_feature_file,
    read_features,
    refuse_other_formats,
)
from hsvlm.io._readers.features._source import FeatureQuery

__all__ = [
    "VECTOR_SUFFIXES",
    "FeatureQuery",
    "check_encoding",
    "encoding_warning",
    "is_feature_file",
    "read_features",
    "refuse_other_formats",
]
