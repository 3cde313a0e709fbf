"""Spectra to channels: normalization and principal components along the bands."""

from hsvlm.preprocessing._brightness import ShapeAndBrightness
from hsvlm.preprocessing._normalization import StandardNormalVariate
from hsvlm.preprocessing._spectral import SpectralPCA, SpectralTransformer
from hsvlm.preprocessing.rasters import BackscatterFeatures, ElevationFeatures
from hsvlm.preprocessing.sources import SourceTransformer

__all__ = [
    "BackscatterFeatures",
    "ElevationFeatures",
    "ShapeAndBrightness",
    "SourceTransformer",
    "SpectralPCA",
    "SpectralTransformer",
    "StandardNormalVariate",
]
