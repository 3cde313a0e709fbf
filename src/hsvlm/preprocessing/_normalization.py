"""Normalisation of every spectrum by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StandardNormalVariate"]


class StandardNormalVariate(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Shift and scale every spectrum to mean zero and standard deviation one [1]_.

    What slopes, shadows and overall brightness do to a spectrum is mostly a factor and an offset,
    and goes away; so does what brightness tells of a class. A spectrum without variation becomes
    zero. Nothing is learned from the data.

    References
    ----------
    .. [1] R. J. Barnes, M. S. Dhanoa and S. J. Lister, "Standard normal variate transformation and
       de-trending of near-infrared diffuse reflectance spectra", Applied Spectroscopy 43, 1989.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.preprocessing import SpectralTransformer, StandardNormalVariate
    >>> cube = np.array([[[1.0, 3.0], [2.0, 10.0]]])
    >>> SpectralTransformer(StandardNormalVariate()).fit_transform(cube)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Look at the number of bands only.

        Parameters
        ----------
        X : array of shape (n_spectra, n_bands)
            Spectra.
        y : None
            Ignored.

        Returns
        -------
        StandardNormalVariate
            Itself.

        Raises
        ------
        ValueError
            If the spectra are no finite numbers in two dimensions.
        """
        validate_data(self, X)
        return self

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Normalise spectra.

        Parameters
        ----------
        X : array of shape (n_spectra, n_bands)
            Spectra with the bands seen during fit.

        Returns
        -------
        ndarray of shape (n_spectra, n_bands), floating
            Normalised spectra; single precision stays single.

        Raises
        ------
        NotFittedError
            If it was not fitted.
        ValueError
            If the spectra are no finite numbers, or have other bands than during fit.
        """
        check_is_fitted(self)
        spectra = validate_data(self, X, reset=False, dtype=(np.float64, np.float32))
        # In double precision: the mean of a spectrum may be large beside its variation.
        centred = spectra - spectra.mean(axis=1, keepdims=True, dtype=np.float64)
        spread = centred.std(axis=1, keepdims=True)
        # What is left of a spectrum without variation is rounding.
        spread[spread == 0] = np.inf
        return np.asarray((centred / spread).astype(spectra.dtype))
