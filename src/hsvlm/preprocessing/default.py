"""Fit the default steps from spectra to channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hsvlm._data.sources import source_sizes
from hsvlm._data.spectra import check_finite, check_variation
from hsvlm.preprocessing._brightness import ShapeAndBrightness
from hsvlm.preprocessing._normalization import StandardNormalVariate
from hsvlm.preprocessing._spectral import SpectralPCA, SpectralTransformer, component_count
from hsvlm.preprocessing.sources import SourceTransformer, spectral_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# With fewer bands, the shape of a spectrum says too little. Without n_components, the data may
# have been reduced before, and are then not spectra.
_MIN_NORMALIZED_BANDS = 16


def fit_preprocessing(
    spectra: NDArray[Any],
    normalize: str | None,
    n_components: int | float | str | None,
    *,
    are_bands: bool = False,
    sources: Mapping[str, slice] | None = None,
) -> Pipeline:
    """Fit the default steps to training spectra of shape (n_spectra, n_bands).

    `are_bands`: the channels are bands and have to remain what they are. `sources`: of a stack,
    whose first source is spectra; the others are standardized.
    """
    check_finite(spectra)
    if sources is not None and len(sources) > 1:
        first = next(iter(sources))
        own = spectra[:, sources[first]]
        inner = fit_preprocessing(own, normalize, n_components, are_bands=are_bands)
        by_source = SourceTransformer({first: inner}, source_sizes(sources))
        pipeline = Pipeline([("sources", by_source)])
        return pipeline.set_output(transform="default").fit(spectra)
    check_variation(spectra)
    if normalize == "auto" and are_bands:
        normalize = "snv" if spectra.shape[1] >= _MIN_NORMALIZED_BANDS else None
    elif normalize == "auto":
        are_spectra = n_components is not None and spectra.shape[1] >= _MIN_NORMALIZED_BANDS
        normalize = "snv-brightness" if are_spectra else None
    scale = ("scale", SpectralTransformer(StandardScaler()))
    reduce = [] if n_components is None else [("pca", SpectralPCA(n_components))]
    # Components of normalized spectra keep their variances: equal ones would give the last as much
    # weight as the first.
    steps: list[tuple[str, Any]] = [*reduce, scale]
    if normalize == "snv":
        steps = [("snv", SpectralTransformer(StandardNormalVariate())), scale, *reduce]
    elif normalize == "snv-brightness":
        component_count(n_components, *spectra.shape)  # more columns than bands come to the PCA
        steps = [("normalize", SpectralTransformer(ShapeAndBrightness())), *reduce]
    return Pipeline(steps).set_output(transform="default").fit(spectra)


def expected_channels(n_components: int | float | str | None, n_bands: int) -> int:
    """Return how many channels the default steps make of bands, if the spectra span as many."""
    if n_components is None:
        return n_bands
    # How many explain a share of the variance follows from the spectra.
    count = "auto" if isinstance(n_components, float) else n_components
    return int(component_count(count, n_bands, n_bands) or n_bands)


def normalization_of(preprocessing: Pipeline) -> str | None:
    """Return the value of `normalize` that fitted steps belong to."""
    first = spectral_steps(preprocessing)[0][1].transformer_
    if isinstance(first, StandardNormalVariate):
        return "snv"
    return "snv-brightness" if isinstance(first, ShapeAndBrightness) else None
