"""Maps of scenes of any size, predicted block by block."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.cubes import as_cubes
from hsvlm._data.lazy import files_of, is_in_memory, read_through, source_of, valid_pixels
from hsvlm._data.palette import label_colors
from hsvlm._inputs.scenes import check_bands
from hsvlm._inputs.sources import check_sources, with_absent_sources
from hsvlm._prediction.legend import known_colors
from hsvlm._prediction.windows import BLOCK_SIZE
from hsvlm._system.paths import expand_home
from hsvlm._system.progress import progress_bar
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.io import read_scene, write_map, write_raster
from hsvlm.io.named_arrays import named_scene
from hsvlm.mapping._fingerprint import fingerprint
from hsvlm.mapping._legend import class_codes
from hsvlm.mapping._map import SceneMap
from hsvlm.mapping._model import ModelSummary
from hsvlm.mapping._partial import FileWork
from hsvlm.mapping._predictor import BlockPredictor, final_step, normalized_entropy
from hsvlm.mapping._reading import PixelBlocks, RecentRows
from hsvlm.mapping._targets import Targets
from hsvlm.mapping._training import TrainingLookup, check_likeness
from hsvlm.mapping._work import Layer, MemoryWork
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.mapping._targets import Target

_MAP, _PROBABILITIES, _ENTROPY = "map", "probabilities", "entropy"
_COLOR = re.compile("#[0-9A-Fa-f]{6}")


def predict_scene(
    clf: Any,
    scene: Any,
    out: str | os.PathLike[str] | None = None,
    *,
    probabilities: str | os.PathLike[str] | bool | None = None,
    entropy: str | os.PathLike[str] | bool | None = None,
    class_names: Mapping[Any, str] | None = None,
    class_colors: Mapping[Any, str] | None = None,
    resume: bool = True,
    verbose: int = 0,
) -> SceneMap:
    """Map a scene of any size with a fitted classifier.

    The scene is read from top to bottom, each row about once, and predicted in blocks of pixels;
    memory does not grow with its length. Labels and probabilities equal those of ``clf.predict``
    and ``clf.predict_proba`` for all valid pixels at once, to the last bit.

    Parameters
    ----------
    clf : classifier
        Fitted: an HSIPromptClassifier, a pipeline ending in one, or any other classifier with the
        interface of scikit-learn that takes spectra or PixelSamples. It predicts a block of pixels
        at a time, given the whole scene, so that it can use their neighbors.
    scene : Scene, path or array of shape (height, width, n_bands)
        What to map; a path or an array of xarray is read by :func:`hsvlm.io.read_scene`.
    out : path, default=None
        File of the class map: ``.tif`` for GeoTIFF, ``.hdr`` for ENVI. Labels that are whole
        numbers from 1 to 65535 are written as they are, others as 1, 2, 3, ... in the order of
        ``classes_``; pixels without data are 0. None keeps the map in memory.
    probabilities : path or bool, default=None
        File of the class probabilities, a band each, float32, NaN for pixels without data. True
        keeps them in memory; by default they are left out.
    entropy : path or bool, default=None
        The same for the Shannon entropy of the probabilities over its maximum, the logarithm of
        the number of classes: 0 where one class is certain, 1 where all are equally probable.
    class_names : dict, default=None
        ``{label: name}``. Other classes have the names of the classifier; those of the scene, if
        the classifier has none; then the labels.
    class_colors : dict, default=None
        ``{label: color}`` as ``"#rrggbb"``. Other classes have the color that was saved with the
        classifier, that of the class of the same name in the scene, that of the prompt set, or
        one of :func:`hsvlm.plotting.class_palette`.
    resume : bool, default=True
        Continue an earlier call with the same arguments that was stopped. Partial work is kept in
        a folder next to the first file to be written, its name with ``.partial`` added, and
        removed at the end. That of another classifier, scene or other options is discarded with
        a warning.
    verbose : int, default=0
        Above 0, show the progress and the remaining time.

    Returns
    -------
    SceneMap
        The map or its path, with counts, mean confidences and a report of areas.

    Raises
    ------
    ParameterError
        If `clf` is not a classifier, has no probabilities and they are requested, files would
        overwrite each other or the scene, a format cannot hold the georeference, a color is not
        ``"#rrggbb"``, or a label of the legend is written in another type than in ``classes_``.
    DataError
        If the bands of the scene differ from those of the fit, by their number or by the
        wavelengths saved with the classifier; if no pixel is valid; if the classifier predicts
        something else than its classes; if values are NaN or infinite, or many times larger or
        smaller than those of the training, unless the classifier was fitted with
        ``normalize="snv"``.
    FileError, MissingFileError
        If a file or a folder is missing, cannot be read or written, a suffix belongs to no
        format, or another process works on the same map.
    MissingDependencyError
        If the library that reads or writes a format is not installed.

    Warns
    -----
    HSVLMWarning
        If partial work does not belong to this call or is damaged; or the spectra look unlike
        those of the training, as in another scale, unit or order of bands.

    See Also
    --------
    SceneMap.area_report : Areas and accuracies of the map.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.mapping import predict_scene
    >>> scene = make_synthetic_scene(random_state=0)
    >>> X, y = scene.samples()
    >>> scene_map = predict_scene(GaussianNB().fit(X, y), scene, entropy=True)
    >>> scene_map
    SceneMap(32 x 32 pixels, 1,024 predicted, 4 of 4 classes)
    >>> scene_map.label_map.shape, scene_map.entropy.dtype
    ((32, 32), dtype('float32'))
    """
    clf = getattr(clf, "best_estimator_", clf)
    scene, sources = as_scene(named_scene(scene))
    scene = with_absent_sources(final_step(clf), scene)
    check_sources(clf, scene)
    check_bands(getattr(final_step(clf), "metadata_", {}), scene)
    targets = Targets.checked(out, probabilities, entropy, scene, sources)
    blocks = scene_blocks(scene)
    rows, cube = _row_cache(scene)
    pixel = blocks.coordinates(blocks.positions(0)[:1])
    is_soft = targets.probabilities.is_requested or targets.entropy.is_requested
    predictor = BlockPredictor(clf, cube, pixel, probabilities=is_soft)
    read_ahead = nullcontext if rows is None else rows.ahead
    with read_ahead():
        check_likeness(predictor)
    names, colors = map_legend(final_step(clf), scene, predictor.classes, class_names, class_colors)
    layers = _layers(predictor.classes, targets)
    sizes = scene.shape, len(predictor.classes)
    work: MemoryWork | FileWork
    if targets.folder is None:
        work = MemoryWork(layers, *sizes)
    else:
        # Through the cache, so that the rows that were just checked are not read again.
        cached = None if rows is None else read_through(scene.cube, lambda _: rows)
        with read_ahead():
            mark = fingerprint(clf, scene, sources, (BLOCK_SIZE, layers), cached)
        work = FileWork(targets.folder, layers, *sizes, fingerprint=mark, resume=resume)
    result = SceneMap(
        scene,
        predictor.classes,
        names,
        colors,
        {},
        None,
        text_classes=bool(getattr(final_step(clf), "text_classes_", False)),
        training=TrainingLookup.for_scene(predictor),
        model=None if targets.folder is None else ModelSummary.of(clf),
    )
    with work:
        _predict_blocks(work, predictor, blocks, rows, verbose=verbose)
        result = _write_results(work, targets, result)
    if rows is not None:
        rows.clear()
    labels = predictor.classes.tolist()
    means = dict(zip(labels, work.tally.means(), strict=True))
    return replace(
        result,
        counts=dict(zip(labels, work.tally.counts, strict=True)),
        mean_confidence=means if predictor.gives_probabilities else None,
    )


def as_scene(scene: Any) -> tuple[Scene, list[Path]]:
    """Convert a path or cube to a Scene; also return the files that it is read from."""
    sources = []
    if isinstance(scene, (str, os.PathLike)):
        sources.append(expand_home(scene))
        scene = read_scene(scene)
    elif not isinstance(scene, Scene):
        cube = as_cubes(scene)[0]
        scene = Scene(cube, valid=valid_pixels(cube))
    sources.extend(path for path in files_of(scene.cube) if path not in sources)
    return scene, sources


def scene_blocks(scene: Scene) -> PixelBlocks:
    """Divide a scene into the blocks of the classifier, on which its rounding depends."""
    blocks = PixelBlocks(scene.shape, scene.valid, BLOCK_SIZE)
    if not blocks.n_pixels:
        raise DataError("No pixel of the scene is valid, so there is nothing to map.")
    return blocks


def _row_cache(scene: Scene) -> tuple[RecentRows | None, Any]:
    if is_in_memory(scene.cube):
        return None, scene.masked_cube()
    rows = RecentRows(source_of(scene.cube))
    return rows, read_through(scene.masked_cube(), lambda _: rows)


def _layers(classes: NDArray[Any], targets: Targets) -> list[Layer]:
    dtype = np.dtype(np.uint8 if class_codes(classes).max() < 2**8 else np.uint16)
    real = np.dtype(np.float32)
    layers = [Layer(_MAP, dtype, 1, 0)]
    if targets.probabilities.is_requested:
        layers.append(Layer(_PROBABILITIES, real, len(classes), np.nan))
    if targets.entropy.is_requested:
        layers.append(Layer(_ENTROPY, real, 1, np.nan))
    return layers


def map_legend(
    clf: Any,
    scene: Scene,
    classes: NDArray[Any],
    class_names: Mapping[Any, str] | None,
    class_colors: Mapping[Any, str] | None,
) -> tuple[dict[Any, str], dict[Any, str]]:
    """Return name and color of each label of a map."""
    labels = classes.tolist()
    _check_legend(labels, class_names, class_colors)
    own = getattr(clf, "class_names_", None) or getattr(clf, "class_names", None) or {}
    # The numbers that a reader assigned to text are unrelated to the labels of a classifier; and
    # a classifier with prompts by class does not need the names of the scene.
    is_told = scene.text_classes or isinstance(getattr(clf, "prompts", None), Mapping)
    is_borrowed = not own and not (is_told and hasattr(clf, "class_names_"))
    names = {**(scene.class_names if is_borrowed else {}), **own, **(class_names or {})}
    colors = {**known_colors(clf, scene, labels, names), **(class_colors or {})}
    given = {label: color for label, color in colors.items() if label in labels}
    return {label: str(names.get(label, label)) for label in labels}, label_colors(labels, given)


def _check_legend(
    labels: list[Any],
    class_names: Mapping[Any, str] | None,
    class_colors: Mapping[Any, str] | None,
) -> None:
    for argument, values in {"class_names": class_names, "class_colors": class_colors}.items():
        texts = {str(label): label for label in labels}
        for key in values or {}:
            if key not in labels and str(key) in texts:
                label = texts[str(key)]
                raise ParameterError(
                    f"{argument} has the key {key!r}, but that label of the classifier is "
                    f"{label!r}. Write the labels as they are in classes_."
                )
    for label, color in (class_colors or {}).items():
        if not (isinstance(color, str) and _COLOR.fullmatch(color)):
            raise ParameterError(
                f"class_colors[{label!r}]={color!r} is not a color that map files can hold. Write "
                'it as "#rrggbb", such as "#009E73".'
            )


def _predict_blocks(
    work: MemoryWork | FileWork,
    predictor: BlockPredictor,
    blocks: PixelBlocks,
    rows: RecentRows | None,
    *,
    verbose: int,
) -> None:
    bar = progress_bar(
        total=blocks.n_pixels,
        initial=min(work.tally.blocks * BLOCK_SIZE, blocks.n_pixels),
        desc="mapping",
        unit="px",
        unit_scale=True,
        disable=verbose <= 0,
    )
    codes = class_codes(predictor.classes)
    with bar:
        for block in range(work.tally.blocks, len(blocks)):
            positions = blocks.positions(block)
            classes, probabilities = predictor(blocks.coordinates(positions))
            values: dict[str, NDArray[Any]] = {_MAP: codes[classes, None]}
            confidence = None
            if probabilities is not None:
                values[_PROBABILITIES] = probabilities
                values[_ENTROPY] = normalized_entropy(probabilities)[:, None]
                confidence = probabilities[np.arange(len(positions)), classes]
            is_last = block == len(blocks) - 1
            stop = blocks.n_positions if is_last else int(positions[-1]) + 1
            work.add(work.tally.add_block(stop, classes, confidence), positions, values)
            if rows is not None:
                rows.forget_unused()
            bar.update(len(positions))


def _write_results(work: MemoryWork | FileWork, targets: Targets, result: SceneMap) -> SceneMap:
    scene = result.scene
    values = np.asarray(work.result(_MAP))[..., 0]
    results: dict[str, Any] = {"values": values}
    if targets.map.path is not None:
        numbers = result.numbers
        path = write_map(
            targets.map.path,
            values,
            scene=scene,
            class_names={numbers[label]: name for label, name in result.class_names.items()},
            class_colors={numbers[label]: color for label, color in result.class_colors.items()},
        )
        results = {"path": path}
    bands = {_PROBABILITIES: list(result.class_names.values()), _ENTROPY: [_ENTROPY]}
    for name, band_names in bands.items():
        target: Target = getattr(targets, name)
        if target.path is not None:
            results[f"{name}_path"] = write_raster(
                target.path,
                work.result(name),
                scene=scene,
                band_names=band_names,
                nodata=float("nan"),
                value_range=(0, 1),
            )
        elif target.is_requested:
            raster = np.asarray(work.result(name))
            results[name] = raster if name == _PROBABILITIES else raster[..., 0]
    return replace(result, **results)
