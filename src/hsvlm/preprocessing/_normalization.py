"""Normalize each spectrum by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StandardNormalVariate", "normal_variates"]


class StandardNormalVariate(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Shift and scale every spectrum to mean zero and standard deviation one [1]_.

    This removes the factor and the offset that slopes, shadows and overall brightness cause, and
    with them the information that brightness has about a class. A spectrum without variation
    becomes zero. Nothing is learned from the data.

    See Also
    --------
    ShapeAndBrightness : The same with some of the brightness of each spectrum.

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
        """Record the number of bands.

        Parameters
        ----------
        X : array of shape (n_spectra, n_bands)
            Spectra.
        y : None
            Ignored.

        Returns
        -------
        StandardNormalVariate
            The transformer.

        Raises
        ------
        ValueError
            If the spectra are not finite numbers in two dimensions.
        """
        validate_data(self, X)
        return self

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Normalize spectra.

        Parameters
        ----------
        X : array of shape (n_spectra, n_bands)
            Spectra with the bands seen during fit.

        Returns
        -------
        ndarray of shape (n_spectra, n_bands), floating
            Normalized spectra; single precision stays single.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        ValueError
            If the spectra are not finite numbers, or have other bands than during fit.
        """
        check_is_fitted(self)
        spectra = validate_data(self, X, reset=False, dtype=(np.float64, np.float32))
        return normal_variates(spectra)[0].astype(spectra.dtype)


def normal_variates(
    spectra: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Normalize spectra; return them with means and deviations, both (n_spectra, 1)."""
    # In double precision: the mean of a spectrum may be much larger than its variation.
    mean = spectra.mean(axis=1, keepdims=True, dtype=np.float64)
    centered = spectra - mean
    deviation = centered.std(axis=1, keepdims=True)
    # The remainder of a spectrum without variation is rounding.
    divisor = np.where(deviation == 0, np.inf, deviation)
    return centered / divisor, mean, deviation
