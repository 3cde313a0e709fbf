"""Fit the default steps from spectra to channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hsvlm._data.spectra import check_finite, check_variation
from hsvlm.preprocessing._normalization import StandardNormalVariate
from hsvlm.preprocessing._spectral import SpectralPCA, SpectralTransformer

if TYPE_CHECKING:
    from numpy.typing import NDArray

# With fewer bands, the shape of a spectrum says too little. Without n_components, the data may
# have been reduced before, and are then not spectra.
_MIN_NORMALIZED_BANDS = 16


def fit_preprocessing(
    spectra: NDArray[Any], normalize: str | None, n_components: int | float | str | None
) -> Pipeline:
    """Fit the default steps to training spectra of shape (n_spectra, n_bands)."""
    check_finite(spectra)
    check_variation(spectra)
    scale = ("scale", SpectralTransformer(StandardScaler()))
    reduce = [] if n_components is None else [("pca", SpectralPCA(n_components))]
    are_spectra = n_components is not None and spectra.shape[1] >= _MIN_NORMALIZED_BANDS
    if normalize == "snv" or (normalize == "auto" and are_spectra):
        # Components keep their variances: equal ones would give the last as much weight as the
        # first.
        snv = ("snv", SpectralTransformer(StandardNormalVariate()))
        steps: list[tuple[str, Any]] = [snv, scale, *reduce]
    else:
        steps = [*reduce, scale]
    return Pipeline(steps).set_output(transform="default").fit(spectra)
