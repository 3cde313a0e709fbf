"""Features of heights and of radar backscatter, from the pixels around each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import ndimage
from sklearn.base import BaseEstimator, TransformerMixin

from hsvlm._data.arrays import is_whole_number
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.scene import Raster

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["BackscatterFeatures", "ElevationFeatures"]


class _RasterFeatures(TransformerMixin, BaseEstimator, ABC):
    """Compute channels from windows of several sizes around each pixel; nothing is learned."""

    sizes: Sequence[int]

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the sizes; nothing is learned from the data.

        Parameters
        ----------
        X : Raster or array of shape (height, width) or (height, width, n_channels)
            Ignored.
        y : None
            Ignored.

        Returns
        -------
        self
            The transformer.

        Raises
        ------
        ParameterError
            If a size is not an odd number of pixels from 3.
        """
        for size in self.sizes:
            if not is_whole_number(size) or size < 3 or size % 2 == 0:
                raise ParameterError(
                    f"sizes={self.sizes!r} holds {size!r}. Use odd numbers of pixels from 3, such "
                    "as (3, 9)."
                )
        return self

    def transform(self, X: Any) -> Raster:
        """Compute the features of each channel.

        Parameters
        ----------
        X : Raster or array of shape (height, width) or (height, width, n_channels)
            Values. Windows are mirrored at the border; a pixel without data counts as its nearest
            neighbor with data, and stays without data itself.

        Returns
        -------
        Raster
            The features, float32, one after the other for each channel, with their names and their
            reach.

        Raises
        ------
        DataError
            If no pixel has data.
        """
        raster = X if isinstance(X, Raster) else Raster(X)
        self.fit(raster)
        values = _filled(raster)
        # A single channel needs no name to be told from others.
        names = ("",) if raster.n_channels == 1 else raster.names
        names = names or tuple(map(str, range(raster.n_channels)))
        channels = [
            (f"{name} {what}".strip(), feature.astype(np.float32))
            for band, name in zip(np.moveaxis(values, 2, 0), names, strict=True)
            for what, feature in self._features(band, raster)
        ]
        return replace(
            raster,
            values=np.stack([feature for _, feature in channels], axis=2),
            names=tuple(name for name, _ in channels),
            reach=raster.reach + max(self.sizes, default=1) // 2,
            unit="",  # those of the features differ
        )

    @abstractmethod
    def _features(
        self, band: NDArray[np.float64], raster: Raster
    ) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """Yield names and features (height, width) of a channel."""


class ElevationFeatures(_RasterFeatures):
    """Heights above their surroundings, slopes and roughness of a surface model.

    Heights above the sea differ between scenes and within them, where the ground is not level;
    what tells a roof or a tree is how high it stands above the ground around it. The features are
    the height itself, and for each size the height above the lowest pixel, the slope of the plane
    of least squares, and the standard deviation of the heights in the window.

    Parameters
    ----------
    sizes : sequence of int, default=(3, 9, 31)
        Sides of the windows in pixels, odd. The largest should be wider than the largest roof.

    See Also
    --------
    BackscatterFeatures : The same for radar images.

    Notes
    -----
    Slopes are in units of height per unit of the transform of the raster, or per pixel without
    one. Values look half of the largest size beyond their pixel, so that training and test pixels
    need as much more distance: ``raster.reach`` says so, and splits with a buffer follow it.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.preprocessing import ElevationFeatures
    >>> ramp = np.tile(2.0 * np.arange(8), (8, 1))
    >>> features = ElevationFeatures(sizes=(3,)).fit_transform(ramp)
    >>> features
    Raster(8 x 8 pixels, height, above 3, slope 3, roughness 3, float32)
    >>> features.values[4, 4].round(2)
    array([8.  , 2.  , 2.  , 1.63], dtype=float32)
    """

    def __init__(self, sizes: Sequence[int] = (3, 9, 31)) -> None:
        self.sizes = sizes

    def _features(
        self, band: NDArray[np.float64], raster: Raster
    ) -> Iterator[tuple[str, NDArray[np.float64]]]:
        yield "height", band
        for size in self.sizes:
            yield f"above {size}", band - ndimage.minimum_filter(band, size, mode="mirror")
            yield f"slope {size}", _slope(band, size, raster.transform)
            yield f"roughness {size}", _mean_and_deviation(band, size)[1]


class BackscatterFeatures(_RasterFeatures):
    """Decibels and texture of radar backscatter in linear power.

    Speckle multiplies the backscatter: in decibels it is added, and means of several pixels have
    less of it. The features are the decibels of the value, and for each size the decibels of the
    mean and the coefficient of variation, the standard deviation divided by the mean.

    Parameters
    ----------
    sizes : sequence of int, default=(3, 7)
        Sides of the windows in pixels, odd.
    floor : float, default=1e-4
        Power below which values count as this, -40 dB: that of the noise of the instrument.

    See Also
    --------
    ElevationFeatures : The same for heights.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.preprocessing import BackscatterFeatures
    >>> features = BackscatterFeatures(sizes=(3,)).fit_transform(np.full((4, 4), 0.01))
    >>> features
    Raster(4 x 4 pixels, decibels, decibels 3, variation 3, float32)
    >>> features.values[0, 0].tolist()
    [-20.0, -20.0, 0.0]
    """

    def __init__(self, sizes: Sequence[int] = (3, 7), floor: float = 1e-4) -> None:
        self.sizes = sizes
        self.floor = floor

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the settings; see the base class."""
        if not self.floor > 0:
            raise ParameterError(
                f"floor={self.floor!r} is not positive. Use a power, such as 1e-4 for -40 dB."
            )
        return super().fit(X, y)

    def _features(
        self, band: NDArray[np.float64], raster: Raster
    ) -> Iterator[tuple[str, NDArray[np.float64]]]:
        band = np.maximum(band, self.floor)
        yield "decibels", 10 * np.log10(band)
        for size in self.sizes:
            mean, deviation = _mean_and_deviation(band, size)
            yield f"decibels {size}", 10 * np.log10(mean)
            yield f"variation {size}", deviation / mean


def _filled(raster: Raster) -> NDArray[np.float64]:
    """Return the values with those of the nearest pixel where there are none."""
    values = np.asarray(raster.values, dtype=np.float64)
    if raster.valid is None:
        return values
    if not raster.valid.any():
        raise DataError("No pixel of the raster has data.", "Check its mask or no-data value.")
    nearest = ndimage.distance_transform_edt(
        ~raster.valid, return_distances=False, return_indices=True
    )
    filled: NDArray[np.float64] = values[tuple(nearest)]
    return filled


def _mean_and_deviation(
    band: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Squares of heights above the sea would leave few digits for those of the ground.
    offset = band.mean()
    mean = ndimage.uniform_filter(band - offset, size, mode="mirror")
    square = ndimage.uniform_filter((band - offset) ** 2, size, mode="mirror")
    return mean + offset, np.sqrt(np.maximum(square - mean**2, 0))


def _slope(
    band: NDArray[np.float64], size: int, transform: tuple[float, ...] | None
) -> NDArray[np.float64]:
    steps = np.arange(size) - size // 2
    weights = steps / (size * np.square(steps).sum())
    down, right = (
        ndimage.correlate1d(
            ndimage.correlate1d(band, weights, axis=axis, mode="mirror"),
            np.ones(size),
            axis=1 - axis,
            mode="mirror",
        )
        for axis in (0, 1)
    )
    if transform is not None:
        a, b, _, d, e, _ = transform
        right, down = right / np.hypot(a, d), down / np.hypot(b, e)
    return np.asarray(np.hypot(down, right))
