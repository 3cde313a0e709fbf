"""Transform each source of a stacked cube by steps of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hsvlm._data.channels import Channels
from hsvlm._data.sources import describe_sources, source_sizes, source_slices
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.preprocessing._spectral import (
    KeepInputKind,
    SpectralBase,
    SpectralPCA,
    SpectralTransformer,
)
from hsvlm.samples import PixelSamples
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "SourceTransformer",
    "sources_after",
    "sources_before",
    "spectral_steps",
    "steps_of",
]


class SourceTransformer(KeepInputKind, SpectralBase):
    """Transform the channels of each source by a transformer of its own.

    Heights in meters would dominate the principal components of reflectances, and a normalization
    of whole spectra would mix both: each source is transformed by itself, and the results are
    stacked in the same order.

    Parameters
    ----------
    transformers : dict of scikit-learn transformers, default=None
        ``{name: transformer}``. A source without one gets principal components (`SpectralPCA`) if
        it is the first, and is standardized if it is another. They are cloned, never changed.
    sources : dict of int, default=None
        ``{name: number of channels}``, in order, for arrays. None: the samples or the scene know
        their sources.

    Attributes
    ----------
    transformer_ : dict of transformers
        The fitted clone for each source.
    sources_ : dict of int
        Number of channels of each source seen during fit.
    sources_out_ : dict of int
        Number of transformed channels of each source.
    n_features_in_ : int
        Number of all channels seen during fit.

    See Also
    --------
    SpectralTransformer : One transformer for all channels.
    hsvlm.Scene : Its `auxiliary` adds sources.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import numpy as np
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.preprocessing import SourceTransformer, SpectralPCA
    >>> heights = np.random.default_rng(0).normal(size=(32, 32))
    >>> scene = replace(make_synthetic_scene(random_state=0), auxiliary={"lidar": heights})
    >>> X, y = scene.samples()
    >>> SourceTransformer({"spectra": SpectralPCA(5)}).fit_transform(X).sources
    {'spectra': slice(0, 5, None), 'lidar': slice(5, 6, None)}
    """

    _combines_bands = True

    def __init__(
        self,
        transformers: Mapping[str, Any] | None = None,
        sources: Mapping[str, int] | None = None,
    ) -> None:
        self.transformers = transformers
        self.sources = sources

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the transformer of each source.

        Parameters
        ----------
        X : PixelSamples, Scene, or array of shape (n_spectra, n_channels), (height, width, \
n_channels) or (n_windows, size, size, n_channels)
            See :class:`SpectralTransformer`.
        y : array of shape (n_samples,), default=None
            Labels, for transformers that use them.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        DataError
            If the sources of `X` are not known, or the data contain NaN, infinite or extreme
            values.
        ParameterError
            If a transformer belongs to no source.
        """
        known = X.sources if isinstance(X, (PixelSamples, Scene)) else None
        sizes = self.sources if known is None else source_sizes(known)
        if sizes is None:
            raise DataError(
                "X has no named sources. Pass samples of Scene(..., auxiliary={...}), or state "
                'them: SourceTransformer(sources={"spectra": 144, "lidar": 1}).'
            )
        unknown = [name for name in self.transformers or {} if name not in sizes]
        if unknown:
            raise ParameterError(
                f"There is no source {unknown[0]!r} to be transformed. The sources are "
                f"{describe_sources(sizes)}."
            )
        self.sources_ = dict(sizes)
        return super().fit(X, y)

    def _fitted_transformer(self, spectra: NDArray[Any], y: Any) -> Any:
        n_channels = sum(self.sources_.values())
        if spectra.shape[1] != n_channels:
            raise DataError(
                f"X has {spectra.shape[1]} channels, the sources {describe_sources(self.sources_)} "
                f"have {n_channels}."
            )
        fitted = {}
        for number, (name, channels) in enumerate(source_slices(self.sources_).items()):
            default = SpectralTransformer(StandardScaler()) if number else SpectralPCA()
            stated = (self.transformers or {}).get(name, default)
            fitted[name] = clone(stated).fit(spectra[:, channels], y)
        self.sources_out_ = {
            name: int(np.shape(fitted[name].transform(spectra[:1, channels]))[1])
            for name, channels in source_slices(self.sources_).items()
        }
        return fitted

    def _apply(self, spectra: NDArray[Any]) -> NDArray[Any]:
        if spectra.dtype.kind in "biu":
            spectra = spectra.astype(np.float64)
        with config_context(transform_output="default"):
            parts = [
                np.asarray(self.transformer_[name].transform(spectra[:, channels]))
                for name, channels in source_slices(self.sources_).items()
            ]
        return np.concatenate(parts, axis=1)

    def transform(self, X: Any) -> Any:
        """Transform each source and keep the kind of the input.

        Parameters
        ----------
        X : PixelSamples, Scene, or array of shape (n_spectra, n_channels), (height, width, \
n_channels) or (n_windows, size, size, n_channels)
            Data with the sources seen during fit.

        Returns
        -------
        PixelSamples, Scene, ndarray or masked cube
            The same kind as `X`; samples and scenes with their new sources.

        Raises
        ------
        DataError
            If the sources are not those of the fit, or an array contains NaN, infinite or extreme
            values.
        """
        known = X.sources if isinstance(X, (PixelSamples, Scene)) else None
        if known is not None and list(source_sizes(known).items()) != list(self.sources_.items()):
            raise DataError(
                f"X has the sources {describe_sources(source_sizes(known))}, but "
                f"{type(self).__name__} was fitted to {describe_sources(self.sources_)}. Give the "
                "same sources in the same order."
            )
        result = super().transform(X)
        sources = source_slices(self.sources_out_)
        if isinstance(result, Scene):
            return replace(result, sources=sources)
        if isinstance(result, PixelSamples):
            result.channels = Channels(sources=sources, reach=X.reach, details=X.channels.details)
        return result


def sources_after(preprocessing: Pipeline) -> dict[str, int] | None:
    """Return the number of channels of each source after fitted steps; None for spectra alone."""
    last = preprocessing.steps[-1][1]
    return dict(last.sources_out_) if isinstance(last, SourceTransformer) else None


def sources_before(preprocessing: Pipeline) -> dict[str, int] | None:
    """Return the number of channels of each source before fitted steps; None for spectra alone."""
    first = preprocessing.steps[0][1]
    return dict(first.sources_) if isinstance(first, SourceTransformer) else None


def spectral_steps(preprocessing: Pipeline) -> list[tuple[str, Any]]:
    """Return the steps that the spectra pass, without those of other sources."""
    step = preprocessing.steps[0][1]
    if not isinstance(step, SourceTransformer):
        return list(preprocessing.steps)
    return steps_of(next(iter(step.transformer_.values())))


def steps_of(transformer: Any) -> list[tuple[str, Any]]:
    """Return the steps of a pipeline, or a transformer as the only step."""
    return list(transformer.steps) if isinstance(transformer, Pipeline) else [("", transformer)]
