"""Transform the band axis of any kind of hyperspectral input."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import Normalizer
from sklearn.utils.validation import check_is_fitted, check_memory, validate_data

from hsvlm._data.arrays import as_array, is_whole_number, native, refuse_masked
from hsvlm._data.channels import Channels
from hsvlm._data.cubes import as_cube, check_band_count, n_dimensions
from hsvlm._data.lazy import MaskedCube, valid_pixels
from hsvlm._data.sources import describe_sources, source_sizes
from hsvlm._data.spectra import check_finite, usable_values
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.preprocessing._brightness import ShapeAndBrightness
from hsvlm.preprocessing._normalization import StandardNormalVariate
from hsvlm.preprocessing.centers import center_spectra
from hsvlm.samples import PixelSamples
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["SpectralPCA", "SpectralTransformer", "component_count"]

_DEFAULT_COMPONENTS = 40
# Transformers that divide a spectrum by a measure of all of its values.
_ROW_BY_ROW = (Normalizer, ShapeAndBrightness, StandardNormalVariate)


class SpectralBase(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """Fit a 2-D transformer to spectra; set_output applies to its `transform`."""

    transformer_: Any
    n_features_in_: int

    @abstractmethod
    def _fitted_transformer(self, spectra: NDArray[Any], y: Any) -> Any:
        """Fit a new 2-D transformer to spectra."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit along the bands.

        Parameters
        ----------
        X : PixelSamples, Scene, or array of shape (n_spectra, n_bands), (height, width, n_bands) \
or (n_windows, size, size, n_bands)
            Samples and windows are represented by their center spectra, a scene by its labeled
            pixels, a cube and a scene without labels by all pixels.
        y : array of shape (n_samples,), default=None
            Labels, for transformers that use them. Ignored for a cube, whose unlabeled pixels
            would count as a class.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        DataError
            If the data contain NaN, infinite or extreme values, or a normalization of spectra
            would mix them with another source.
        ParameterError
            If `memory` is neither None, a folder nor a joblib.Memory.
        """
        if isinstance(X, (PixelSamples, Scene)) and X.sources is not None:
            self._check_sources(X.sources)
        if isinstance(X, Scene):
            X, y = (X.masked_cube(), None) if X.labels is None else X.samples()
        if _is_plain(X):
            refuse_masked(X, "X")
            spectra = validate_data(
                self, X, dtype="numeric", ensure_all_finite=False, ensure_min_samples=2
            )
        else:
            spectra = center_spectra(X)
            self.n_features_in_ = spectra.shape[1]
        check_finite(spectra)
        # The output of the inner transformer has to be an array, whatever container is configured.
        with config_context(transform_output="default"):
            labels = None if n_dimensions(X) == 3 else y
            self.transformer_ = self._fitted_transformer(spectra, labels)
        self._n_features_out = self._apply(spectra[:1]).shape[1]
        return self

    def transform(self, X: Any) -> Any:
        refuse_masked(X, "X")
        spectra = validate_data(self, X, dtype="numeric", ensure_all_finite=False, reset=False)
        check_finite(spectra)
        return self._apply(spectra)

    def _check_sources(self, sources: Mapping[str, slice]) -> None:
        """Refuse samples of several sources that may not be transformed together."""

    def _apply(self, spectra: NDArray[Any]) -> NDArray[Any]:
        # Differences of integers would wrap around where they are negative or large.
        if spectra.dtype.kind in "biu":
            spectra = spectra.astype(np.float64)
        with config_context(transform_output="default"):
            return np.asarray(self.transformer_.transform(spectra))

    def _apply_where_usable(self, spectra: NDArray[Any]) -> NDArray[Any]:
        usable = usable_values(spectra)
        if usable is None:
            return self._apply(spectra)
        is_usable = usable.all(axis=1)
        dtype = np.promote_types(spectra.dtype, np.float32)
        result = np.full((len(spectra), self._n_features_out), np.nan, dtype=dtype)
        if is_usable.any():
            result[is_usable] = self._apply(spectra[is_usable])
        return result


class KeepInputKind:
    """Transform every kind of input into the same kind."""

    # Not a TransformerMixin, so that set_output does not wrap cubes and samples.

    _combines_bands = False

    def fit_transform(self: Any, X: Any, y: Any = None) -> Any:
        """Fit to `X` and transform it. See :meth:`fit` and :meth:`transform`."""
        return self.fit(X, y).transform(X)

    def transform(self: Any, X: Any) -> Any:
        """Transform each spectrum and keep the kind of the input.

        Parameters
        ----------
        X : PixelSamples, Scene, or array of shape (n_spectra, n_bands), (height, width, n_bands) \
or (n_windows, size, size, n_bands)
            Data with the bands seen during fit.

        Returns
        -------
        PixelSamples, Scene, ndarray or masked cube
            The same kind as `X`, with components or transformed bands on the last axis; plain
            spectra in the container chosen by ``set_output``. Pixels without data remain so.
            Unusable pixels of samples become NaN, since windows may never touch them.

        Raises
        ------
        DataError
            If an array contains NaN, infinite or extreme values, or the band count differs from
            fit.
        """
        check_is_fitted(self)
        if isinstance(X, Scene):
            # The bands have changed, so their descriptions are left out.
            cube = self.transform(X.masked_cube())
            kept = None if self._combines_bands or cube.shape[2] != X.n_bands else X.sources
            described: dict[str, Any] = dict.fromkeys(("wavelengths_nm", "bad_bands", "scale"))
            return replace(X, cube=cube, band_names=(), sources=kept, **described)
        if _is_plain(X):
            return super().transform(X)  # type: ignore[misc]
        if isinstance(X, PixelSamples):
            check_band_count(self, X.shape[1], self.n_features_in_)
            samples = X.map_spectra(self._apply_where_usable)
            if self._combines_bands:
                samples.channels = Channels(reach=X.reach)
            return samples
        array = as_cube(X) if n_dimensions(X) == 3 else as_array(X)
        check_band_count(self, array.shape[-1], self.n_features_in_)
        valid = valid_pixels(array)
        spectra = native(np.asarray(array)).reshape(-1, array.shape[-1])
        if valid is None:
            check_finite(spectra)
            return self._apply(spectra).reshape(*array.shape[:-1], -1)
        check_finite(spectra[valid.ravel()])
        return MaskedCube(self._apply(spectra).reshape(*array.shape[:-1], -1), valid)


class SpectralTransformer(KeepInputKind, SpectralBase):
    """Apply any scikit-learn transformer along the band axis.

    Parameters
    ----------
    transformer : scikit-learn transformer
        Transforms arrays of shape (n_samples, n_features) row by row, for example
        ``StandardScaler()`` or ``FunctionTransformer(...)``. It is cloned, never changed.
    memory : path, joblib.Memory or None, default=None
        Folder that caches fitted transformers as pickles, so that a search over the parameters of
        other steps fits each of them once. The key is the values of the spectra and labels;
        samples and cubes are not written.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone.
    n_features_in_ : int
        Number of bands seen during fit.

    See Also
    --------
    SpectralPCA : Principal components of the spectra.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from hsvlm import SpectralTransformer
    >>> cube = np.random.default_rng(0).normal(5, 2, (8, 8, 4))
    >>> scaled = SpectralTransformer(StandardScaler()).fit_transform(cube)
    >>> scaled.shape, bool(abs(scaled.mean()) < 1e-9)
    ((8, 8, 4), True)
    """

    def __init__(self, transformer: Any, memory: Any = None) -> None:
        self.transformer = transformer
        self.memory = memory

    def _check_sources(self, sources: Mapping[str, slice]) -> None:
        if len(sources) > 1 and isinstance(self.transformer, _ROW_BY_ROW):
            raise DataError(
                f"{type(self.transformer).__name__} normalizes each spectrum by all of its values, "
                f"but X holds the sources {describe_sources(source_sizes(sources))}, which it "
                "would mix. Use SourceTransformer({"
                f"{next(iter(sources))!r}: {type(self).__name__}(...)}})."
            )

    def _fitted_transformer(self, spectra: NDArray[Any], y: Any) -> Any:
        return _cached(self.memory, _fit_clone)(self.transformer, spectra, y)


class SpectralPCA(KeepInputKind, SpectralBase):
    """Principal components along the band axis.

    Parameters
    ----------
    n_components : "auto", int, float or None, default="auto"
        ``"auto"`` keeps 40 components, or fewer if the spectra span fewer. An int keeps that many,
        a float in (0, 1) as many as explain that share of variance, None all.
    whiten : bool, default=False
        Scale each component to unit variance.
    memory : path, joblib.Memory or None, default=None
        See :class:`SpectralTransformer`.

    Attributes
    ----------
    transformer_ : sklearn.decomposition.PCA
        The fitted decomposition.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of bands seen during fit.

    See Also
    --------
    SpectralTransformer : The same for any scikit-learn transformer.

    Notes
    -----
    Components along which the spectra of `fit` do not vary are zero for all data.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import SpectralPCA
    >>> cube = np.random.default_rng(0).normal(size=(8, 8, 30))
    >>> SpectralPCA(n_components=5).fit_transform(cube).shape
    (8, 8, 5)
    """

    n_components_: int
    _combines_bands = True

    def __init__(
        self,
        n_components: int | float | str | None = "auto",
        whiten: bool = False,
        memory: Any = None,
    ) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.memory = memory

    def _fitted_transformer(self, spectra: NDArray[Any], y: Any) -> Any:
        count = component_count(self.n_components, *spectra.shape)
        shrink = self.n_components == "auto"
        pca = _cached(self.memory, _fit_pca)(spectra, count, self.whiten, shrink)
        self.n_components_ = int(pca.n_components_)
        return pca

    def _apply(self, spectra: NDArray[Any]) -> NDArray[Any]:
        dtype = np.float32 if spectra.dtype == np.float32 else np.float64
        return super()._apply(spectra).astype(dtype, copy=False)


def component_count(
    n_components: int | float | str | None, n_spectra: int, n_bands: int
) -> int | float | None:
    """Return what PCA takes as `n_components`; raise if spectra cannot give as many."""
    count = n_components
    if count == "auto":
        return min(_DEFAULT_COMPONENTS, n_bands, n_spectra)
    if count is None:
        return None
    if isinstance(count, (float, np.floating)) and 0 < count < 1:
        return float(count)
    if not is_whole_number(count) or count < 1:
        raise ParameterError(
            f"n_components={count!r} is not understood. Use a positive int, "
            'a share of variance between 0 and 1, "auto" or None.'
        )
    if count > n_bands:
        raise ParameterError(
            f"n_components={count} is above the number of bands, {n_bands}. Use at most "
            f'{n_bands}, a share of variance between 0 and 1, "auto" or None.'
        )
    if count > n_spectra:
        raise ParameterError(
            f"n_components={count} needs at least {count} spectra to fit, got {n_spectra}. "
            'Give more samples or fewer components, or use "auto".'
        )
    return int(count)


def _cached(memory: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    folder = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
    if not (folder is None or isinstance(folder, str) or hasattr(folder, "cache")):
        raise ParameterError(f"memory={memory!r} must be None, a folder or a joblib.Memory.")
    cached: Callable[..., Any] = check_memory(folder).cache(function)
    return cached


def _fit_clone(transformer: Any, spectra: NDArray[Any], y: Any) -> Any:
    return clone(transformer).fit(spectra, y)


def _fit_pca(spectra: NDArray[Any], count: int | float | None, whiten: bool, shrink: bool) -> PCA:
    # In single precision, the mean of the spectra, which is much larger than their differences,
    # would hide their covariance.
    spectra = spectra.astype(np.float64, copy=False)
    # The randomized solver that scikit-learn would choose is neither exact nor faster here.
    solver = "covariance_eigh" if spectra.shape[0] > spectra.shape[1] else "full"
    with np.errstate(invalid="ignore"):  # the ratio of two zero variances
        pca = PCA(count, whiten=whiten, svd_solver=solver).fit(spectra)
    variances = pca.explained_variance_
    spanned = int((variances > variances[0] * np.finfo(np.float32).eps).sum())
    if not np.ptp(spectra, axis=0).any():
        spanned = 0  # any variance comes from the rounding of the mean
    if shrink and 0 < spanned < pca.n_components_:
        pca = PCA(spanned, whiten=whiten, svd_solver=solver).fit(spectra)
    # Directions in which the training spectra do not vary have rounding noise only, which a later
    # scaling would amplify.
    pca.components_[spanned:] = 0
    return pca


def _is_plain(X: Any) -> bool:
    return not isinstance(X, PixelSamples) and n_dimensions(X) not in (3, 4)
