"""From a scene of any size to a map, block by block."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.class_table import ClassTable, match_classes
from hsvlm._data.cubes import as_cubes
from hsvlm._data.lazy import is_mapped, read_through, source_of, valid_pixels
from hsvlm._data.palette import distinct_colors
from hsvlm._inputs.scenes import check_bands
from hsvlm._prediction.windows import BLOCK_SIZE
from hsvlm.exceptions import DataError
from hsvlm.io import read_scene, write_map, write_raster
from hsvlm.mapping._fingerprint import fingerprint
from hsvlm.mapping._map import SceneMap, class_codes
from hsvlm.mapping._partial import FileWork
from hsvlm.mapping._predictor import BlockPredictor, final_step, normalised_entropy
from hsvlm.mapping._reading import PixelBlocks, RecentRows
from hsvlm.mapping._targets import Targets
from hsvlm.mapping._training import TrainingLookup, check_likeness
from hsvlm.mapping._work import Layer, MemoryWork
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.mapping._targets import Target

__all__ = ["as_scene", "predict_scene", "scene_blocks"]

_MAP, _PROBABILITIES, _ENTROPY = "map", "probabilities", "entropy"


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

    The scene is read from top to bottom, each row once or nearly so, and predicted in blocks of
    pixels; memory does not grow with its length. Labels and probabilities are those that
    ``clf.predict`` and ``clf.predict_proba`` give for all valid pixels at once, to the last bit.

    Parameters
    ----------
    clf : classifier
        Fitted: an HSIPromptClassifier, a pipeline ending in one, or any other classifier in
        scikit-learn's form that takes spectra or PixelSamples. It is asked for a block of pixels
        at a time, over the whole scene, so that it may look at their neighbours.
    scene : Scene, path or array of shape (height, width, n_bands)
        What to map; a path is read by :func:`hsvlm.io.read_scene`.
    out : path, default=None
        File of the class map: ``.tif`` for GeoTIFF, ``.hdr`` for ENVI. Labels that are whole
        numbers from 1 to 65535 are written as they are, others as 1, 2, 3, ... in the order of
        ``classes_``; pixels without data are 0. None keeps the map in memory.
    probabilities : path or bool, default=None
        File of the class probabilities, a band each, float32, NaN for pixels without data. True
        keeps them in memory; they are left out by default.
    entropy : path or bool, default=None
        The same for the Shannon entropy of the probabilities over its maximum, the logarithm of
        the number of classes: 0 where one class is certain, 1 where all are equally probable.
    class_names : dict, default=None
        ``{label: name}``; for other classes the names are those of the classifier; those of the
        scene, if the classifier has none; then the labels.
    class_colors : dict, default=None
        ``{label: colour}`` as ``"#rrggbb"``; for other classes the colours are those of the class
        of the same name in the scene, then those of a palette.
    resume : bool, default=True
        Go on where an earlier call with the same arguments was stopped. What is done is kept in a
        folder beside the first file that is to be written, its name with ``.partial`` added, and
        removed at the end. What belongs to another classifier, scene or other options is
        discarded with a warning.
    verbose : int, default=0
        Above 0, show the progress and the time left.

    Returns
    -------
    SceneMap
        The map or its path, with counts, mean confidences and a report of areas.

    Raises
    ------
    ParameterError
        If `clf` is no classifier, has no probabilities and they are asked for, files would
        overwrite each other or the scene, or a format cannot hold the georeference.
    DataError
        If the scene has other bands than the classifier was fitted on, by their number or by the
        wavelengths of a classifier that was saved with them; no valid pixel; values that
        cannot be computed with; or values that are many times larger or smaller than those of the
        training, where the classifier does not normalize them.
    FileError, MissingFileError
        If a file or a folder is not there, cannot be read or written, a suffix stands for no
        format, or another process works on the same map.
    MissingDependencyError
        If the library that reads or writes a format is not installed.

    Warns
    -----
    HSVLMWarning
        If partial work is there that does not belong to this call or is damaged; or the spectra
        look unlike those of the training, as in another scale, unit or order of bands.

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
    >>> found = predict_scene(GaussianNB().fit(X, y), scene, entropy=True)
    >>> found
    SceneMap(32 x 32 pixels, 1,024 predicted, 4 of 4 classes)
    >>> found.label_map.shape, found.entropy.dtype
    ((32, 32), dtype('float32'))
    """
    clf = getattr(clf, "best_estimator_", clf)
    scene, sources = as_scene(scene)
    check_bands(final_step(clf), scene)
    targets = Targets.checked(out, probabilities, entropy, scene, sources)
    blocks = scene_blocks(scene)
    rows, cube = _row_cache(scene)
    pixel = blocks.coordinates(blocks.positions(0)[:1])
    wanted = targets.probabilities.wanted or targets.entropy.wanted
    predictor = BlockPredictor(clf, cube, pixel, probabilities=wanted)
    ahead = nullcontext if rows is None else rows.ahead
    with ahead():
        check_likeness(predictor)
    layers = _layers(predictor.classes, targets)
    work: MemoryWork | FileWork
    if targets.folder is None:
        work = MemoryWork(layers, scene.shape, len(predictor.classes))
    else:
        # The rows that were just looked at are not read again.
        seen = None if rows is None else read_through(scene.cube, lambda _: rows)
        with ahead():
            mark = fingerprint(clf, scene, sources, (BLOCK_SIZE, layers), seen)
        sizes = scene.shape, len(predictor.classes)
        work = FileWork(targets.folder, layers, *sizes, fingerprint=mark, resume=resume)
    names, colors = _legend(final_step(clf), scene, predictor.classes, class_names, class_colors)
    is_text = bool(getattr(final_step(clf), "text_classes_", False))
    result = SceneMap(
        scene,
        predictor.classes,
        names,
        colors,
        {},
        None,
        text_classes=is_text,
        training=TrainingLookup.of(predictor),
    )
    with work:
        _fill(work, predictor, blocks, rows, verbose=verbose)
        result = _written(work, targets, result)
    if rows is not None:
        rows.clear()
    labels = predictor.classes.tolist()
    known = predictor.gives_probabilities
    return replace(
        result,
        counts=dict(zip(labels, work.tally.counts, strict=True)),
        mean_confidence=dict(zip(labels, work.tally.means(), strict=True)) if known else None,
    )


def as_scene(scene: Any) -> tuple[Scene, list[Path]]:
    """Bring what is to be mapped to a Scene.

    Shapes: `scene` (height, width, n_bands).
    """
    sources = []
    if isinstance(scene, (str, os.PathLike)):
        sources.append(Path(scene).expanduser())
        scene = read_scene(scene)
    elif not isinstance(scene, Scene):
        cube = as_cubes(scene)[0]
        scene = Scene(cube, valid=valid_pixels(cube))
    source = source_of(scene.cube)
    known = getattr(source, "filename", None) or getattr(source, "path", None)
    if known is not None and Path(known) not in sources:
        sources.append(Path(known))
    return scene, sources


def scene_blocks(scene: Scene) -> PixelBlocks:
    """Divide a scene as the classifier does, whose last bits depend on it."""
    blocks = PixelBlocks(scene.shape, scene.valid, BLOCK_SIZE)
    if not blocks.n_pixels:
        raise DataError("No pixel of the scene is valid, so there is nothing to map.")
    return blocks


def _row_cache(scene: Scene) -> tuple[RecentRows | None, Any]:
    source = source_of(scene.cube)
    if isinstance(source, np.ndarray) and not is_mapped(source):
        return None, scene.masked_cube()
    rows = RecentRows(source)
    return rows, read_through(scene.masked_cube(), lambda _: rows)


def _layers(classes: NDArray[Any], targets: Targets) -> list[Layer]:
    dtype = np.dtype(np.uint8 if class_codes(classes).max() < 2**8 else np.uint16)
    real = np.dtype(np.float32)
    layers = [Layer(_MAP, dtype, 1, 0)]
    if targets.probabilities.wanted:
        layers.append(Layer(_PROBABILITIES, real, len(classes), np.nan))
    if targets.entropy.wanted:
        layers.append(Layer(_ENTROPY, real, 1, np.nan))
    return layers


def _legend(
    clf: Any,
    scene: Scene,
    classes: NDArray[Any],
    class_names: Mapping[Any, str] | None,
    class_colors: Mapping[Any, str] | None,
) -> tuple[dict[Any, str], dict[Any, str]]:
    labels = classes.tolist()
    own = getattr(clf, "class_names_", None) or getattr(clf, "class_names", None) or {}
    # Numbers that were assigned to text say nothing to a classifier with labels of its own, and
    # prompts of single classes say what these are.
    is_told = scene.text_classes or isinstance(getattr(clf, "prompts", None), Mapping)
    borrowed = not own and not (is_told and hasattr(clf, "class_names_"))
    names = {**(scene.class_names if borrowed else {}), **own, **(class_names or {})}
    palette = dict(zip(labels, distinct_colors(len(labels)), strict=True))
    colors = {**palette, **_scene_colors(scene, labels, names), **(class_colors or {})}
    return (
        {label: str(names.get(label, label)) for label in labels},
        {label: colors[label] for label in labels},
    )


def _scene_colors(scene: Scene, labels: list[Any], names: Mapping[Any, str]) -> dict[Any, str]:
    """Take the colors that the scene has for classes of the same name, or number."""
    known = scene.class_colors
    theirs = ClassTable.of(
        "the scene", known, scene.class_names, known, numbered=not scene.text_classes
    )
    try:
        pairs = match_classes(ClassTable.of("the classifier", labels, names), theirs).pairs
    except DataError:
        return {}
    return {label: str(entry.color) for label, entry in pairs.items()}


def _fill(
    work: MemoryWork | FileWork,
    predictor: BlockPredictor,
    blocks: PixelBlocks,
    rows: RecentRows | None,
    *,
    verbose: int,
) -> None:
    from tqdm.auto import tqdm

    bar = tqdm(
        total=blocks.n_pixels,
        initial=min(work.tally.blocks * BLOCK_SIZE, blocks.n_pixels),
        desc="mapping",
        unit="px",
        unit_scale=True,
        disable=verbose <= 0,
    )
    numbers = class_codes(predictor.classes)
    with bar:
        for block in range(work.tally.blocks, len(blocks)):
            positions = blocks.positions(block)
            found = predictor(blocks.coordinates(positions))
            values: dict[str, NDArray[Any]] = {_MAP: numbers[found.classes, None]}
            confidence = None
            if found.probabilities is not None:
                values[_PROBABILITIES] = found.probabilities
                values[_ENTROPY] = normalised_entropy(found.probabilities)[:, None]
                confidence = found.probabilities[np.arange(len(positions)), found.classes]
            last = block == len(blocks) - 1
            stop = blocks.n_positions if last else int(positions[-1]) + 1
            work.add(work.tally.after(stop, found.classes, confidence), positions, values)
            if rows is not None:
                rows.forget_unused()
            bar.update(len(positions))


def _written(work: MemoryWork | FileWork, targets: Targets, result: SceneMap) -> SceneMap:
    scene = result.scene
    values = np.asarray(work.result(_MAP))[..., 0]
    results: dict[str, Any] = {"values": values}
    if targets.map.path is not None:
        names = _by_number(result, result.class_names)
        colors = _by_number(result, result.class_colors)
        path = write_map(
            targets.map.path, values, scene=scene, class_names=names, class_colors=colors
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
            )
        elif target.wanted:
            kept = np.asarray(work.result(name))
            results[name] = kept if name == _PROBABILITIES else kept[..., 0]
    return replace(result, **results)


def _by_number(result: SceneMap, described: Mapping[Any, str]) -> dict[int, str]:
    return {result.numbers[label]: text for label, text in described.items()}
