"""Maps of Dask arrays, computed by Dask on one machine or many."""

from __future__ import annotations

import copy
import warnings
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from hsvlm._data.label_maps import no_label
from hsvlm._data.lazy import MaskedCube, read_through, source_of
from hsvlm._data.stacked import StackedCube
from hsvlm._inputs.scenes import check_bands
from hsvlm._inputs.sources import check_sources, with_absent_sources
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError, HSVLMWarning
from hsvlm.io.named_arrays import named_scene
from hsvlm.mapping._legend import label_dtype
from hsvlm.mapping._predict import as_scene, scene_blocks
from hsvlm.mapping._predictor import BlockPredictor, check_classifier, final_step
from hsvlm.mapping._training import check_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hsvlm.mapping._reading import PixelBlocks
    from hsvlm.scene import Scene


def predict_dask(clf: Any, scene: Any, *, probabilities: bool = False) -> Any:
    """Map a Dask array with a fitted classifier, on any scheduler of Dask.

    Nothing is predicted until the result is computed or written. Each task predicts some rows of
    the map, in the same blocks of pixels as :func:`predict_scene`, from these rows of the scene
    and the rows above and below that their windows cover. The result equals that of
    :func:`predict_scene` to the last bit on processors of one kind with one thread of torch in
    each process, however the array is divided; otherwise rounding may differ.

    Parameters
    ----------
    clf : classifier
        Fitted: an HSIPromptClassifier, a pipeline ending in one, a search whose best estimator is
        one, or another classifier of scikit-learn. Transformers before a classifier must treat
        each spectrum by itself. Classifiers without ``window_size_``, the side of their window,
        get spectra (n_pixels, n_bands).
    scene : Scene or array of shape (height, width, n_bands)
        A Dask array, an array of xarray with one, or a scene with one as its cube. An array of
        xarray is read once before, for pixels without data, if it declares them or holds floats. A
        task holds as many rows as a chunk, over the full width and all bands; fewer if these exceed
        Dask's ``array.chunk-size``, but at least as many as hold 16,384 valid pixels.
    probabilities : bool, default=False
        Whether to return probabilities as well.

    Returns
    -------
    labels : Dask array of shape (height, width)
        Labels from ``clf.classes_``, and :attr:`SceneMap.unlabeled` for pixels without data. Its
        chunks are rows of full width.
    probabilities : Dask array of shape (height, width, n_classes), float32
        In the order of ``clf.classes_``, NaN for pixels without data. Only with
        ``probabilities=True``; `labels` is then the first of two. Compute or store both together,
        so that nothing is predicted twice.

    Warns
    -----
    HSVLMWarning
        If the classifier has a read-out fitted to its scene: a task has only a part of the scene,
        so that windows are predicted one by one.

    Raises
    ------
    ParameterError
        If `clf` is not a classifier, or has no probabilities and they are requested.
    DataError
        If the scene is not a Dask array, its bands differ from those of the fit, or no pixel is
        valid. NaN and infinite values are only noticed when the result is computed.
    MissingDependencyError
        If Dask is not installed.

    See Also
    --------
    predict_scene : Makes a map in one process, and resumes after an interruption.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.mapping import predict_dask
    >>> scene = make_synthetic_scene(random_state=0)
    >>> X, y = scene.samples()
    >>> labels = predict_dask(GaussianNB().fit(X, y), da.from_array(scene.cube, chunks=(8, -1, -1)))
    >>> labels.compute(scheduler="threads").shape
    (32, 32)
    """
    dask = import_optional("dask", "scale")
    clf = _window_by_window(getattr(clf, "best_estimator_", clf))
    scene, _ = as_scene(named_scene(scene))
    scene = with_absent_sources(final_step(clf), scene)
    array = _dask_array(scene)
    check_sources(clf, scene)
    check_classifier(clf, scene.n_bands, probabilities=probabilities)
    check_bands(getattr(final_step(clf), "metadata_", {}), scene)
    blocks = scene_blocks(scene)
    n_rows = _rows_per_task(array, blocks)
    strips = list(_strips(blocks, scene, n_rows, _window_radius(clf)))
    classes = np.asarray(clf.classes_)
    # The functions that compute spectra are sent to each task, and must not hold the array itself.
    spectra = read_through(scene.cube, lambda _: np.zeros((1, 1, array.shape[2]), array.dtype))
    clf = clf if _is_windowed(clf) else _SpectraClassifier(clf)
    # A node of the graph, which a worker gets once and, unlike scattered data, gets again from
    # there when another worker was lost.
    shared = dask.delayed(
        _Shared(clf, spectra, scene.shape[1], blocks.size, probabilities), traverse=False
    )
    predict = dask.delayed(_predict_strip, nout=2)
    parts = [
        predict(shared, rows, strip)
        for rows, strip in zip(_read_rows(array, strips), strips, strict=True)
    ]
    labels, values = zip(*parts, strict=True)
    grid = strips, scene.shape, n_rows
    label_map = _join_on_grid(labels, *grid, label_dtype(classes))
    if not probabilities:
        return label_map
    return label_map, _join_on_grid(values, *grid, np.dtype(np.float32), len(classes))


class _Strip(NamedTuple):
    """Part of a scene that is predicted by one task.

    Rows from `top` to `bottom` are read, flat positions from `start` to `stop` predicted.
    """

    top: int
    bottom: int
    start: int
    stop: int
    valid: NDArray[np.uint8] | None  # bits, of the rows that are read


def _strips(blocks: PixelBlocks, scene: Scene, n_rows: int, radius: int) -> Iterator[_Strip]:
    height, width = scene.shape
    ends = [blocks.positions(number)[[0, -1]].tolist() for number in range(len(blocks))]
    start = 0
    for _, group in groupby(ends, lambda end: end[0] // width // n_rows):
        members = list(group)
        first, last = members[0][0], members[-1][1]
        top, bottom = max(0, first // width - radius), min(height, last // width + radius + 1)
        stop = blocks.n_positions if last == ends[-1][1] else last + 1
        valid = None if scene.valid is None else np.packbits(scene.valid[top:bottom], axis=1)
        yield _Strip(top, bottom, start, stop, valid)
        start = stop


class _Shared(NamedTuple):
    """Classifier and settings that all tasks need."""

    clf: Any
    spectra: Any
    width: int
    size: int
    probabilities: bool


def _predict_strip(
    shared: _Shared, rows: NDArray[Any], strip: _Strip
) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    cube = read_through(shared.spectra, lambda _: rows)
    positions = np.arange(strip.start, strip.stop)
    if strip.valid is not None:
        valid = np.unpackbits(strip.valid, axis=1, count=shared.width).view(bool)
        cube = MaskedCube(cube, valid)
        positions = np.flatnonzero(valid) + strip.top * shared.width
        positions = positions[(positions >= strip.start) & (positions < strip.stop)]
    coords = np.stack(np.divmod(positions, shared.width), axis=1) - [strip.top, 0]
    predictor = BlockPredictor(shared.clf, cube, coords[:1], probabilities=shared.probabilities)
    check_pixels(predictor, coords)
    classes = predictor.classes
    n_positions = strip.stop - strip.start
    labels = np.full(n_positions, no_label(classes), dtype=label_dtype(classes))
    probabilities = None
    if shared.probabilities:
        probabilities = np.full((n_positions, len(classes)), np.nan, dtype=np.float32)
    for first in range(0, len(positions), shared.size):
        block = slice(first, first + shared.size)
        prediction = predictor(coords[block])
        places = positions[block] - strip.start
        labels[places] = classes[prediction.classes]
        if probabilities is not None:
            probabilities[places] = prediction.probabilities
    return labels, probabilities


class _SpectraClassifier:
    """Passes spectra on without their scene: at the border of a strip, neighbors are missing."""

    def __init__(self, clf: Any) -> None:
        self._clf = clf
        self.classes_ = clf.classes_

    def predict(self, X: Any) -> Any:
        return self._clf.predict(np.asarray(X))

    def predict_proba(self, X: Any) -> Any:
        return self._clf.predict_proba(np.asarray(X))


def _dask_array(scene: Scene) -> Any:
    da = import_optional("dask.array", "scale")
    source = source_of(scene.cube)
    parts = source.parts if isinstance(source, StackedCube) else (source,)
    arrays: list[Any] = []
    for part in parts:
        array = getattr(part, "array", part)
        if hasattr(array, "dims") and (array.chunks or arrays):  # of xarray
            array = array.data
        if arrays and isinstance(array, np.ndarray):
            array = _divided(array, arrays[0].chunks[0])
        if not isinstance(array, da.Array):
            raise DataError(
                f"The cube is not a Dask array but of type {type(array).__name__}. Convert it, "
                "such as by dask.array.from_array(cube, chunks=(256, -1, -1)), or use "
                "predict_scene."
            )
        arrays.append(array.astype(source.dtype))
    return da.concatenate(arrays, axis=2) if len(arrays) > 1 else array


def _divided(array: NDArray[Any], rows: tuple[int, ...]) -> Any:
    da = import_optional("dask.array", "scale")
    chunks = (rows, -1, -1)
    if array.strides[:2] != (0, 0):
        return da.from_array(array, chunks=chunks)
    # A spectrum repeated over the scene: a graph would hold every repetition.
    pixel = da.from_array(array[:1, :1].copy())
    return da.broadcast_to(pixel, array.shape, chunks=(rows, array.shape[1], array.shape[2]))


def _window_by_window(clf: Any) -> Any:
    last = final_step(clf)
    if getattr(last, "readout_", None) is None or last.spatial is None:
        return clf
    message = (
        "With Dask, each window is predicted by itself, without the read-out over the scene. "
        "Use predict_scene for it, or set_params(spatial=None) to do without."
    )
    warnings.warn(message, HSVLMWarning, stacklevel=3)
    return _replace_final_step(clf, copy.copy(last).set_params(spatial=None))


def _replace_final_step(clf: Any, last: Any) -> Any:
    if not isinstance(clf, Pipeline):
        return last
    name, step = clf.steps[-1]
    return Pipeline([*clf.steps[:-1], (name, _replace_final_step(step, last))])


def _is_windowed(clf: Any) -> bool:
    return hasattr(final_step(clf), "window_size_")


def _window_radius(clf: Any) -> int:
    return int(final_step(clf).window_size_) // 2 if _is_windowed(clf) else 0


def _rows_per_task(array: Any, blocks: PixelBlocks) -> int:
    in_memory = max(array.rechunk({0: "auto", 1: -1, 2: -1}).chunks[0])
    return int(max(min(in_memory, max(array.chunks[0])), -(-blocks.size // array.shape[1])))


def _read_rows(array: Any, strips: list[_Strip]) -> Any:
    da = import_optional("dask.array", "scale")
    heights = tuple(strip.bottom - strip.top for strip in strips)
    overlapping = da.concatenate([array[strip.top : strip.bottom] for strip in strips])
    return overlapping.rechunk((heights, -1, -1)).to_delayed().ravel()


def _join_on_grid(
    parts: Sequence[Any],
    strips: list[_Strip],
    shape: tuple[int, int],
    n_rows: int,
    dtype: np.dtype[Any],
    *bands: int,
) -> Any:
    da = import_optional("dask.array", "scale")
    flat = da.concatenate(
        [
            da.from_delayed(part, shape=(strip.stop - strip.start, *bands), dtype=dtype)
            for part, strip in zip(parts, strips, strict=True)
        ]
    )
    return flat.rechunk({0: n_rows * shape[1]}).reshape(*shape, *bands)
