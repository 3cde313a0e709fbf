"""Mean and standard deviation of the spectra of every class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ClassSpectra", "class_spectra", "only_classes", "spectral_breaks"]

# A step between neighbouring bands of more than this many usual ones is a gap.
_GAP_STEPS = 3.0
# Spectra are read in pieces of this many.
_CHUNK = 2**14


class ClassSpectra(NamedTuple):
    """Labels, and means and standard deviations (n_classes, n_bands), NaN where nothing counts."""

    labels: list[Any]
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]


def class_spectra(X: Any, y: NDArray[Any], bad_bands: NDArray[np.bool_] | None) -> ClassSpectra:
    """Average the spectra (n_samples, n_bands) of every label; values not finite do not count."""
    labels, targets = np.unique(y, return_inverse=True)
    moments = np.zeros((3, len(labels), X.shape[1]))
    for start in range(0, len(y), _CHUNK):
        spectra = np.asarray(X[start : start + _CHUNK], dtype=np.float64)
        part = targets[start : start + _CHUNK]
        for target in np.unique(part):
            _add(moments[:, target], spectra[part == target])
    counts, means, squares = moments
    nothing = counts == 0
    if bad_bands is not None:
        nothing |= bad_bands
    counts[nothing] = means[nothing] = np.nan
    return ClassSpectra(labels.tolist(), means, np.sqrt(squares / counts))


def _add(moments: NDArray[np.float64], spectra: NDArray[np.float64]) -> None:
    # Means and sums of squares around them are merged (Chan, Golub and LeVeque, "Updating formulae
    # and a pairwise algorithm for computing sample variances", 1979): sums of plain squares lose
    # the deviations of large values.
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
    known = spectra.labels
    missing = [one for one in classes if one not in known]
    if missing or not len(classes):
        raise ParameterError(
            f"There are no samples of classes {missing}. Pass some of {known}."
            if missing
            else f"classes={classes!r} leaves nothing to draw. Pass some of {known}, or None."
        )
    places = [known.index(one) for one in classes]
    return ClassSpectra(
        [known[one] for one in places], spectra.means[places], spectra.deviations[places]
    )


def spectral_breaks(wavelengths_nm: NDArray[np.float64]) -> NDArray[np.intp]:
    """Find the bands before which a line over wavelengths has to break."""
    steps = np.diff(wavelengths_nm)
    if not steps.size:
        return np.empty(0, dtype=np.intp)
    # Some files list their bands from long to short waves.
    usual = np.median(steps)
    onwards = steps * np.sign(usual)
    return np.flatnonzero((onwards <= 0) | (onwards > _GAP_STEPS * abs(usual))) + 1
