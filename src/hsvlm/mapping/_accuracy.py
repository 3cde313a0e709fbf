"""Accuracies and error-adjusted areas of a map, from a sample of reference pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Half-width of a 95 % interval in standard errors, rounded as in the reference.
Z_95 = 1.96


@dataclass(frozen=True, eq=False)
class MapAccuracy:
    """Accuracies of a map and error-adjusted shares of its area, with standard errors.

    Attributes
    ----------
    confusion : ndarray of shape (n_classes, n_classes), dtype int64
        Number of reference pixels; rows are the classes of the map, columns those of the
        reference.
    overall, overall_error : float
        Overall accuracy in [0, 1] and its standard error.
    users, users_error : ndarray of shape (n_classes,), float64
        User's accuracies: the share of the pixels mapped as a class that belong to it.
    producers, producers_error : ndarray of shape (n_classes,), float64
        Producer's accuracies: the share of the pixels of a class that are mapped as it.
    shares, shares_error : ndarray of shape (n_classes,), float64
        Share of the mapped area that each class covers, adjusted for the errors of the map.

    See Also
    --------
    map_accuracy : Computes them.

    Examples
    --------
    >>> from hsvlm.mapping import map_accuracy
    >>> map_accuracy([[8, 2], [0, 10]], [50.0, 50.0]).users.tolist()
    [0.8, 1.0]
    """

    confusion: NDArray[np.int64]
    overall: float
    overall_error: float
    users: NDArray[np.float64]
    users_error: NDArray[np.float64]
    producers: NDArray[np.float64]
    producers_error: NDArray[np.float64]
    shares: NDArray[np.float64]
    shares_error: NDArray[np.float64]


def map_accuracy(confusion: ArrayLike, mapped: ArrayLike) -> MapAccuracy:
    """Estimate accuracies and areas with the stratified estimator.

    The classes of the map are the strata. The estimates are unbiased and the standard errors
    correct if the reference pixels are a random sample of the pixels of each mapped class, drawn
    for this purpose: stratified by the map, or at random over the scene. Fields that were labeled
    because they are large, pure or close to a road are not such a sample; nor are pixels that the
    classifier was trained on. The figures then describe these pixels, not the scene.

    Parameters
    ----------
    confusion : array-like of shape (n_classes, n_classes)
        Number of reference pixels; rows are the classes of the map, columns those of the
        reference.
    mapped : array-like of shape (n_classes,)
        Area of each class in the map, in any unit.

    Returns
    -------
    MapAccuracy
        NaN where the sample does not suffice: all figures that involve a mapped class without a
        reference pixel, and standard errors that involve one with a single pixel.

    Raises
    ------
    DataError
        If the shapes do not fit, a number is negative or not finite, or nothing is mapped.

    References
    ----------
    .. [1] P. Olofsson, G. M. Foody, M. Herold, S. V. Stehman, C. E. Woodcock and M. A. Wulder,
       "Good practices for estimating area and assessing accuracy of land change", Remote Sensing
       of Environment 148, 42-57, 2014: equation 4 for the shares of the cells, 5 to 7 for the
       standard errors of the accuracies, 9 and 10 for shares of the area.

    Examples
    --------
    The example of the reference: 10 million pixels, and an area of deforestation that the map
    puts at 200,000 of them.

    >>> from hsvlm.mapping import map_accuracy
    >>> counts = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
    >>> result = map_accuracy(counts, [200_000, 150_000, 3_200_000, 6_450_000])
    >>> print(f"{result.shares[0] * 1e7:.0f} +- {1.96 * result.shares_error[0] * 1e7:.0f}")
    235086 +- 68418
    """
    counts, areas = _checked_counts(confusion, mapped)
    weights = areas / areas.sum()
    sampled = counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = counts / sampled[:, None]
        variances = rates * (1 - rates) / np.where(sampled > 1, sampled - 1, np.nan)[:, None]
        users = np.diagonal(rates)
        # A class without mapped pixels cannot be sampled, and adds no error.
        absent = weights == 0
        cells = np.where(absent[:, None], 0, weights[:, None] * rates)
        spread = np.where(absent[:, None], 0, weights[:, None] ** 2 * variances)
        shares = cells.sum(axis=0)
        producers = np.diagonal(cells) / shares
        own = (1 - producers) ** 2 * np.diagonal(spread)
        others = producers**2 * (spread.sum(axis=0) - np.diagonal(spread))
        return MapAccuracy(
            confusion=counts,
            overall=float(np.trace(cells)),
            overall_error=float(np.sqrt(np.trace(spread))),
            users=users,
            users_error=np.sqrt(np.diagonal(variances)),
            producers=producers,
            producers_error=np.sqrt(own + others) / shares,
            shares=shares,
            shares_error=np.sqrt(spread.sum(axis=0)),
        )


def _checked_counts(
    confusion: ArrayLike, mapped: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    counts, areas = np.asarray(confusion), np.asarray(mapped, dtype=np.float64)
    if counts.ndim != 2 or counts.shape != (len(counts),) * 2 or areas.shape != counts.shape[:1]:
        raise DataError(
            f"confusion has shape {counts.shape} and mapped {areas.shape}. Give a square matrix, "
            "its rows the classes of the map, and one area per class."
        )
    usable = np.isfinite(areas) & (areas >= 0)
    if (counts < 0).any() or not usable.all() or not areas.any():
        raise DataError(
            "Counts and areas must be finite and 0 or more, and some area must be mapped; got "
            f"counts from {counts.min()} to {counts.max()} and areas {areas.tolist()}."
        )
    return counts.astype(np.int64), areas
