"""Check cheaply whether data for prediction resemble those of the training."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import is_in_memory, valid_pixels
from hsvlm._data.spectra import usable_values
from hsvlm._training_record.likeness import MIN_SPECTRA, compare_spectra
from hsvlm._training_record.summary import spread_evenly
from hsvlm.exceptions import HSVLMWarning
from hsvlm.preprocessing.centers import center_spectra
from hsvlm.preprocessing.default import normalization_of
from hsvlm.samples import PixelSamples, pixels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from hsvlm._training_record.likeness import Mismatch
    from hsvlm._training_record.record import TrainingRecord

_MAX_SPECTRA = 1000
# Resumed predictions are recognized by as many: both read the same rows of a file.
_MAX_ROWS = 8
_MAX_ROWS_IN_MEMORY = 64


def warn_if_unlike(
    record: TrainingRecord | None,
    preprocessing: Pipeline,
    X: PixelSamples | NDArray[Any],
    *,
    is_cube: bool,
) -> None:
    """Warn of data that look unlike the training data by mistake."""
    if record is None:
        return
    for part in _parts(X, is_cube=is_cube):
        if (mismatch := find_mismatch(record, preprocessing, part)) is not None:
            warning = HSVLMWarning(
                mismatch.problem, mismatch.hint, option_hint=mismatch.option_hint
            )
            warnings.warn(warning, stacklevel=5)  # at the call of a method


def find_mismatch(
    record: TrainingRecord | None, preprocessing: Pipeline, X: PixelSamples | NDArray[Any]
) -> Mismatch | None:
    """Compare samples of one scene, or plain spectra, with the training spectra."""
    if record is None or len(X) < MIN_SPECTRA:
        return None
    cube, spectra = _sample(X)
    usable = usable_values(spectra)
    if usable is not None:
        spectra = spectra[usable.all(axis=1)]
    normalization = normalization_of(preprocessing)
    mismatch = compare_spectra(spectra, record.spectra, normalization)
    if mismatch is None or cube is None:
        return mismatch
    # Labels may cover a small part of what a training scene shows.
    return None if any(scene.matches(cube) for scene in record.scenes or ()) else mismatch


def _parts(
    X: PixelSamples | NDArray[Any], *, is_cube: bool
) -> Iterator[PixelSamples | NDArray[Any]]:
    if not isinstance(X, PixelSamples):
        yield X
    elif is_cube:
        cube = X.cubes[0]
        yield pixels_of(cube, spread_pixels(cube))
    else:
        for number in np.unique(X.scene_ids):
            yield X[X.scene_ids == number]


def spread_pixels(cube: Any) -> NDArray[np.intp]:
    """Choose valid pixels (n_pixels, 2) in some rows; fewer rows if read from a file."""
    height, width, _ = cube.shape
    valid = valid_pixels(cube)
    n_rows = _MAX_ROWS_IN_MEMORY if is_in_memory(cube) else _MAX_ROWS
    rows = spread_evenly(height, n_rows)
    if valid is not None and np.count_nonzero(valid[rows]) < MIN_SPECTRA:
        rows = np.flatnonzero(valid.any(axis=1))
        rows = rows[spread_evenly(len(rows), n_rows)]
    per_row = max(1, _MAX_SPECTRA // max(1, len(rows)))
    coords = []
    for row in rows:
        cols = np.arange(width) if valid is None else np.flatnonzero(valid[row])
        chosen = cols[spread_evenly(len(cols), per_row)]
        coords.append(np.column_stack([np.full(len(chosen), row), chosen]))
    return np.concatenate(coords)


def _sample(X: PixelSamples | NDArray[Any]) -> tuple[Any, NDArray[Any]]:
    """Return the cube of samples, if they have one, and some of their spectra."""
    cube = None
    if isinstance(X, PixelSamples):
        cube = X.cubes[X.scene_ids[0]]
        if not is_in_memory(cube):
            rows = np.unique(X.coords[:, 0])
            X = X[np.isin(X.coords[:, 0], rows[spread_evenly(len(rows), _MAX_ROWS)])]
    return cube, center_spectra(X[spread_evenly(len(X), _MAX_SPECTRA)])
