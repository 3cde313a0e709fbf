"""Transformations along the band axis, for every kind of hyperspectral input."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted, check_memory, validate_data

from hsvlm._data.arrays import as_array, native, refuse_masked
from hsvlm._data.cubes import as_cube, check_band_count, n_dimensions
from hsvlm._data.lazy import MaskedCube, valid_pixels
from hsvlm._data.spectra import check_finite, usable_values
from hsvlm.exceptions import ParameterError
from hsvlm.preprocessing.centers import center_spectra
from hsvlm.samples import PixelSamples
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["SpectralPCA", "SpectralTransformer"]

_DEFAULT_COMPONENTS = 40


class _SpectralBase(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """Fit a 2-D transformer to spectra; scikit-learn wraps what `transform` gives in containers."""

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
            Samples and windows are represented by their centre spectra, a scene by its labeled
            pixels, a cube and a scene without labels by all pixels.
        y : array of shape (n_samples,), default=None
            Labels, for transformers that use them. They are not passed on with a cube, whose
            unlabelled pixels would count as a class.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        DataError
            If the data hold NaN, infinite or extreme values.
        ParameterError
            If `memory` is neither None, a folder nor a joblib.Memory.
        """
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
        # What the inner transformer gives is computed with, whatever the caller wants to see.
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
        whole = usable.all(axis=1)
        dtype = np.promote_types(spectra.dtype, np.float32)
        result = np.full((len(spectra), self._n_features_out), np.nan, dtype=dtype)
        if whole.any():
            result[whole] = self._apply(spectra[whole])
        return result


class _KeepInputKind:
    """Transform every kind of input into the same kind."""

    # Data frames hold plain spectra alone. scikit-learn wraps methods of its own subclasses, so
    # this is none of them, and passes on what may be wrapped.

    def fit_transform(self: Any, X: Any, y: Any = None) -> Any:
        """Fit to `X` and transform it; see `fit` and `transform`."""
        return self.fit(X, y).transform(X)

    def transform(self: Any, X: Any) -> Any:
        """Transform every spectrum and keep the kind of the input.

        Parameters
        ----------
        X : PixelSamples, Scene, or array of shape (n_spectra, n_bands), (height, width, n_bands) \
or (n_windows, size, size, n_bands)
            Data with the bands seen during fit.

        Returns
        -------
        PixelSamples, Scene, ndarray or masked cube
            The same kind as `X`, with (n_components or transformed) bands on the last axis; plain
            spectra in the container chosen by ``set_output``. Pixels without data stay without.
            Pixels of a scene that cannot be used become NaN, since windows may never touch them.

        Raises
        ------
        DataError
            If an array holds NaN, infinite or extreme values, or the band count differs from fit.
        """
        check_is_fitted(self)
        if isinstance(X, Scene):
            # The bands are others now, so what described them is left out.
            cube = self.transform(X.masked_cube())
            return replace(X, cube=cube, wavelengths_nm=None, bad_bands=None, band_names=())
        if _is_plain(X):
            return super().transform(X)  # type: ignore[misc]
        if isinstance(X, PixelSamples):
            check_band_count(self, X.shape[1], self.n_features_in_)
            return X.map_spectra(self._apply_where_usable)
        array = as_cube(X) if n_dimensions(X) == 3 else as_array(X)
        check_band_count(self, array.shape[-1], self.n_features_in_)
        valid = valid_pixels(array)
        spectra = native(np.asarray(array)).reshape(-1, array.shape[-1])
        if valid is None:
            check_finite(spectra)
            return self._apply(spectra).reshape(*array.shape[:-1], -1)
        check_finite(spectra[valid.ravel()])
        return MaskedCube(self._apply(spectra).reshape(*array.shape[:-1], -1), valid)


class SpectralTransformer(_KeepInputKind, _SpectralBase):
    """Apply any scikit-learn transformer along the band axis.

    Parameters
    ----------
    transformer : scikit-learn transformer
        Works on arrays of shape (n_samples, n_features), row by row, for example
        ``StandardScaler()`` or ``FunctionTransformer(...)``. It is cloned, never changed.
    memory : path, joblib.Memory or None, default=None
        Folder in which fitted transformers are kept, as pickles, so that a search over the
        parameters of other steps fits each of them once. What is looked up are the values of the
        spectra (and labels) themselves; samples and cubes are not written.

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

    def _fitted_transformer(self, spectra: NDArray[Any], y: Any) -> Any:
        return _cached(self.memory, _fit_clone)(self.transformer, spectra, y)


class SpectralPCA(_KeepInputKind, _SpectralBase):
    """Principal components along the band axis.

    Parameters
    ----------
    n_components : "auto", int, float or None, default="auto"
        ``"auto"`` keeps 40 components, or as many as the spectra span where that is fewer. An int
        keeps that many, a float in (0, 1) as many as explain that share of variance, None all.
    whiten : bool, default=False
        Scale every component to unit variance.
    memory : path, joblib.Memory or None, default=None
        Folder in which fitted decompositions are kept, as for `SpectralTransformer`.

    Attributes
    ----------
    transformer_ : sklearn.decomposition.PCA
        The fitted decomposition.
    n_components_ : int
        Number of components kept.
    n_features_in_ : int
        Number of bands seen during fit.

    See Also
    --------
    SpectralTransformer : The same for any scikit-learn transformer.

    Notes
    -----
    Components along which the spectra of `fit` do not vary are zero, whatever is transformed.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import SpectralPCA
    >>> cube = np.random.default_rng(0).normal(size=(8, 8, 30))
    >>> SpectralPCA(n_components=5).fit_transform(cube).shape
    (8, 8, 5)
    """

    n_components_: int

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
        count, shrink = self._checked_count(spectra), self.n_components == "auto"
        pca = _cached(self.memory, _fit_pca)(spectra, count, self.whiten, shrink)
        self.n_components_ = int(pca.n_components_)
        return pca

    def _apply(self, spectra: NDArray[Any]) -> NDArray[Any]:
        dtype = np.float32 if spectra.dtype == np.float32 else np.float64
        return super()._apply(spectra).astype(dtype, copy=False)

    def _checked_count(self, spectra: NDArray[Any]) -> int | float | None:
        n_spectra, n_bands = map(int, spectra.shape)
        count = self.n_components
        if count == "auto":
            return min(_DEFAULT_COMPONENTS, n_bands, n_spectra)
        if count is None:
            return None
        if isinstance(count, (float, np.floating)) and 0 < count < 1:
            return float(count)
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
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
    kept: Callable[..., Any] = check_memory(folder).cache(function)
    return kept


def _fit_clone(transformer: Any, spectra: NDArray[Any], y: Any) -> Any:
    return clone(transformer).fit(spectra, y)


def _fit_pca(spectra: NDArray[Any], count: int | float | None, whiten: bool, shrink: bool) -> PCA:
    # In single precision the mean of the spectra, large against their differences, would
    # drown their covariance.
    spectra = spectra.astype(np.float64, copy=False)
    # The randomised solver that scikit-learn would pick is neither exact nor, here, faster.
    solver = "covariance_eigh" if spectra.shape[0] > spectra.shape[1] else "full"
    with np.errstate(invalid="ignore"):  # the share of no variance in no variance
        pca = PCA(count, whiten=whiten, svd_solver=solver).fit(spectra)
    variances = pca.explained_variance_
    spanned = int((variances > variances[0] * np.finfo(np.float32).eps).sum())
    if not np.ptp(spectra, axis=0).any():
        spanned = 0  # what variance there is comes from the rounding of the mean
    if shrink and 0 < spanned < pca.n_components_:
        pca = PCA(spanned, whiten=whiten, svd_solver=solver).fit(spectra)
    # Along directions in which the training spectra do not vary there is rounding noise alone,
    # which whatever scales the components afterwards would blow up.
    pca.components_[spanned:] = 0
    return pca


def _is_plain(X: Any) -> bool:
    return not isinstance(X, PixelSamples) and n_dimensions(X) not in (3, 4)
