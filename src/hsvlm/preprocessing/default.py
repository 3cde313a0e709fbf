"""The default steps from spectra to channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hsvlm._data.spectra import check_finite, check_variation
from hsvlm.preprocessing._normalization import StandardNormalVariate
from hsvlm.preprocessing._spectral import SpectralPCA, SpectralTransformer

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_preprocessing"]


# With fewer bands, a spectrum has too little shape to be told by that alone. What is not reduced
# here may have been reduced before, and is no spectrum any more.
_LEAST_BANDS = 16


def fit_preprocessing(clf: Any, spectra: NDArray[Any]) -> Pipeline:
    """Fit the default steps to training spectra of shape (n_spectra, n_bands)."""
    check_finite(spectra)
    check_variation(spectra)
    scale = ("scale", SpectralTransformer(StandardScaler()))
    reduce = [] if clf.n_components is None else [("pca", SpectralPCA(clf.n_components))]
    whole = clf.n_components is not None and spectra.shape[1] >= _LEAST_BANDS
    if clf.normalize == "snv" or (clf.normalize == "auto" and whole):
        # Components keep their variances: equal ones would give the last as much say as the first.
        normalize = ("snv", SpectralTransformer(StandardNormalVariate()))
        steps: list[tuple[str, Any]] = [normalize, scale, *reduce]
    else:
        steps = [*reduce, scale]
    pipeline = Pipeline(steps).set_output(transform="default")
    return pipeline.fit(spectra)
