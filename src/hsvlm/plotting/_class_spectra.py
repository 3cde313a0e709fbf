"""Mean and standard deviation of the spectra of every class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


# A step between neighboring bands of more than this many median steps is a gap.
_GAP_STEPS = 3.0
_CHUNK_SIZE = 2**14


class ClassSpectra(NamedTuple):
    """Labels, with means and deviations of shape (n_classes, n_bands); NaN without values."""

    labels: list[Any]
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]


def class_spectra(X: Any, y: NDArray[Any], bad_bands: NDArray[np.bool_] | None) -> ClassSpectra:
    """Average the spectra (n_samples, n_bands) of every label, without non-finite values."""
    labels, targets = np.unique(y, return_inverse=True)
    moments = np.zeros((3, len(labels), X.shape[1]))
    for start in range(0, len(y), _CHUNK_SIZE):
        spectra = np.asarray(X[start : start + _CHUNK_SIZE], dtype=np.float64)
        part = targets[start : start + _CHUNK_SIZE]
        for target in np.unique(part):
            _add_spectra(moments[:, target], spectra[part == target])
    counts, means, squares = moments
    missing = counts == 0
    if bad_bands is not None:
        missing |= bad_bands
    counts[missing] = means[missing] = np.nan
    return ClassSpectra(labels.tolist(), means, np.sqrt(squares / counts))


def _add_spectra(moments: NDArray[np.float64], spectra: NDArray[np.float64]) -> None:
    # Merging means and sums of squares around them (Chan, Golub and LeVeque, "Updating formulae and
    # a pairwise algorithm for computing sample variances", 1979) keeps the deviations of large
    # values, which sums of plain squares lose.
    counts, means, squares = moments
    finite = np.isfinite(spectra)
    added = finite.sum(axis=0)
    mean = np.where(finite, spectra, 0.0).sum(axis=0) / np.maximum(added, 1)
    around = np.where(finite, spectra - mean, 0.0)
    apart = np.where(added > 0, mean - means, 0.0)
    total = np.maximum(counts + added, 1)
    squares += (around**2).sum(axis=0) + apart**2 * counts * added / total
    means += apart * added / total
    counts += added


def only_classes(spectra: ClassSpectra, classes: Sequence[Any] | None) -> ClassSpectra:
    """Choose some of the classes, in an order; None keeps all."""
    if classes is None:
        return spectra
    labels = spectra.labels
    missing = [label for label in classes if label not in labels]
    if missing or not len(classes):
        raise ParameterError(
            f"There are no samples of classes {missing}. Pass some of {labels}."
            if missing
            else f"classes={classes!r} leaves nothing to draw. Pass some of {labels}, or None."
        )
    rows = [labels.index(label) for label in classes]
    return ClassSpectra(
        [labels[row] for row in rows], spectra.means[rows], spectra.deviations[rows]
    )


def spectral_breaks(wavelengths_nm: NDArray[np.float64]) -> NDArray[np.intp]:
    """Find the bands before which a line over wavelengths breaks."""
    steps = np.diff(wavelengths_nm)
    if not steps.size:
        return np.empty(0, dtype=np.intp)
    # Some files list their bands from long to short waves.
    median = np.median(steps)
    forward = steps * np.sign(median)
    return np.flatnonzero((forward <= 0) | (forward > _GAP_STEPS * abs(median))) + 1
