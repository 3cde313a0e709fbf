"""Evaluation protocols for scenes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.background import check_background
from hsvlm._data.label_maps import as_label_map, check_label_map, labeled_pixels
from hsvlm.datasets import fetch_indian_pines_split, load_indian_pines
from hsvlm.evaluation._splits import check_two_classes, make_splits
from hsvlm.exceptions import DataError, ParameterError, SplitWarning, UnknownNameError
from hsvlm.model_selection import (
    GroupMapKFold,
    MapSplit,
    PerClassShareSplit,
    PerClassShuffleSplit,
    SpatialBlockShuffleSplit,
)

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples
    from hsvlm.scene import Scene

PROTOCOLS = {
    "random-10": "10 % of every class for training, drawn at random, the rest for the test",
    "map-695": "the standard maps of 695 training and 9,671 test pixels",
    "blocks": "10 % for training in blocks of 8 x 8 pixels, test pixels more than 7 pixels away",
    "ten-per-class": "10 of every class for training, drawn at random, the rest for the test",
}

SCENE_PROTOCOLS = {
    **{name: text for name, text in PROTOCOLS.items() if name != "map-695"},
    "groups": "whole groups, such as polygons, left out, every group once",
    "test-map": "training on the labels of the scene, test on a second label map",
}


@dataclass(frozen=True)
class Protocol:
    """Samples of a scene and how they are split.

    Attributes
    ----------
    name : str
        One of `PROTOCOLS` or `SCENE_PROTOCOLS`.
    X : PixelSamples of shape (n_samples, n_bands)
        The samples.
    y : ndarray of shape (n_samples,)
        Their labels.
    cv : splitter
        Makes the splits.
    class_names : dict
        ``{label: name}``.
    groups : ndarray of shape (height, width), or None, default=None
        Group of every pixel, for :func:`evaluate`.
    """

    name: str
    X: PixelSamples
    y: NDArray[Any]
    cv: Any
    class_names: dict[Any, str]
    groups: NDArray[Any] | None = None

    def make_splits(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Make the splits that :func:`evaluate` measures on, as a check before long trainings.

        Returns
        -------
        list of (train, test)
            Indices of the samples on both sides, each an ndarray of int.

        Raises
        ------
        DataError, ParameterError
            If the samples cannot be split in this way, or a split trains on a single class.

        Examples
        --------
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> from hsvlm.evaluation import scene_protocol
        >>> protocol = scene_protocol(make_synthetic_scene(random_state=0), "blocks", n_splits=2)
        >>> len(protocol.make_splits())
        2
        """
        return make_splits(self.cv, self.X, self.y)


def indian_pines_protocol(
    name: str, n_splits: int = 4, *, data_home: str | PathLike[str] | None = None
) -> Protocol:
    """Set up Indian Pines for one of the protocols in use.

    ``"random-10"`` is the protocol of most papers; its test windows overlap training windows.
    ``"map-695"`` is the published split, whose regions touch. ``"blocks"`` leaves no training pixel
    in any test window of 15 pixels. ``"ten-per-class"`` also draws single pixels, but few of them.

    Parameters
    ----------
    name : {"random-10", "map-695", "blocks", "ten-per-class"}
        The protocol.
    n_splits : int, default=4
        Number of draws; for the maps, how often the one split is repeated.
    data_home : path, default=None
        Folder of the maps of ``"map-695"``, see
        :func:`hsvlm.datasets.fetch_indian_pines_split`.

    Returns
    -------
    Protocol
        Samples, labels and splitter, ready for :func:`evaluate`.

    Raises
    ------
    UnknownNameError
        If there is no such protocol.
    DataError
        If the maps are neither in the folder nor available from the network.
    MissingDependencyError
        If the scene's package is not installed.

    Examples
    --------
    >>> from hsvlm.evaluation import indian_pines_protocol
    >>> protocol = indian_pines_protocol("blocks", n_splits=1)
    >>> protocol.X.shape
    (10249, 200)
    """
    scene = load_indian_pines()
    if name != "map-695":
        return scene_protocol(scene, name, n_splits)
    maps = fetch_indian_pines_split(data_home=data_home)
    cv = MapSplit(maps.train_map, maps.test_map, n_repeats=n_splits)
    return Protocol(name, *scene.samples(maps.labels), cv, scene.class_names)


def scene_protocol(
    scene: Scene,
    name: str,
    n_splits: int = 4,
    *,
    groups: Any = None,
    test_labels: Any = None,
    unlabeled: Any = 0,
) -> Protocol:
    """Set up a scene of your own for one of the protocols in use.

    Parameters
    ----------
    scene : Scene
        With a label map.
    name : {"random-10", "blocks", "ten-per-class", "groups", "test-map"}
        The protocol, see :func:`indian_pines_protocol`. ``"groups"`` leaves out whole groups of
        pixels, such as polygons, each once; ``"test-map"`` trains on the labels of the scene and
        tests on a second map.
    n_splits : int, default=4
        Number of draws or folds; for ``"test-map"``, how often the one split is repeated.
    groups : array of shape (height, width), default=None
        Group of every pixel, or 0, for ``"groups"``. None takes those of the scene.
    test_labels : array of shape (height, width), default=None
        Labels of the test pixels, for ``"test-map"``, with the same meaning as in the scene.
        Pixels that the scene labels too are not tested.
    unlabeled : int, float, str, list of these, or None, default=0
        Values of the label maps that stand for "no label". 0 means the value of the scene.

    Returns
    -------
    Protocol
        Samples, labels and splitter, ready for :func:`evaluate`.

    Raises
    ------
    UnknownNameError
        If there is no such protocol.
    ParameterError
        If the protocol is ``"map-695"``, which belongs to Indian Pines, or if `groups` or
        `test_labels` are missing.
    DataError
        If the scene or the test map has no labeled pixels, the scene has labels of a single class,
        or the two have no class in common.

    Warns
    -----
    SplitWarning
        If pixels are labeled in both maps, or classes in the test map only.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.evaluation import scene_protocol
    >>> scene_protocol(make_synthetic_scene(random_state=0), "blocks", n_splits=2).cv.buffer
    7
    """
    if name == "map-695":
        raise ParameterError(
            "The protocol 'map-695' consists of maps of Indian Pines.",
            "Use 'random-10', 'blocks', 'ten-per-class' or 'groups', or 'test-map' with a test map "
            "of your own.",
            option_hint="Use random-10, blocks, ten-per-class or groups, or give --test-labels.",
        )
    if name not in SCENE_PROTOCOLS:
        raise UnknownNameError.for_name("protocol", name, SCENE_PROTOCOLS)
    groups = scene.groups if groups is None else groups
    if name == "test-map":
        return _test_map_protocol(scene, test_labels, n_splits, unlabeled)
    if name == "groups" and groups is None:
        raise ParameterError(
            "The protocol 'groups' needs groups of pixels, and the scene has none.",
            "Pass groups=, or read the labels with a group_column.",
            option_hint="Give --group-column with the column that numbers the polygons.",
        )
    cv = (
        GroupMapKFold(groups, n_splits)
        if name == "groups"
        else {
            "random-10": PerClassShareSplit(n_splits, train_size=0.1),
            "blocks": SpatialBlockShuffleSplit(n_splits, train_size=0.1, block_size=8, buffer=7),
            "ten-per-class": PerClassShuffleSplit(n_splits, train_per_class=10),
        }[name]
    )
    X, y = scene.samples(unlabeled=unlabeled)
    check_two_classes(y, scene.class_names)
    return Protocol(name, X, y, cv, scene.class_names, groups)


def _test_map_protocol(scene: Scene, test_labels: Any, n_splits: int, unlabeled: Any) -> Protocol:
    """Join the labels of the scene and of a test map, and split them again."""
    if scene.labels is None or test_labels is None:
        missing = "a test map" if test_labels is None else "labels of the scene to train on"
        raise ParameterError(
            f"The protocol 'test-map' needs {missing}.",
            "Pass test_labels=, and a scene with labels.",
            option_hint="Give --labels and --test-labels.",
        )
    if isinstance(unlabeled, int) and unlabeled == 0:
        unlabeled = scene.unlabeled
    maps = [scene.labels, as_label_map(test_labels)]
    sides = []
    for label_map in maps:
        check_label_map(scene.cube, label_map)
        sides.append(labeled_pixels(label_map, unlabeled))
        check_background(label_map, sides[-1], unlabeled, scene.class_names)
    train, test = sides
    values = [np.asarray(label_map) for label_map in maps]
    shared = train & test
    if shared.any():
        n_other = int((values[0] != values[1])[shared].sum())
        problem = (
            f"{int(shared.sum())} of {int(test.sum())} test pixels are training pixels "
            f"({n_other} of them with another label)"
        )
        if shared.sum() == test.sum():
            raise DataError(f"{problem}, so that none is left to test.", "Give another test map.")
        warnings.warn(SplitWarning(f"{problem} and are left out of the test."), stacklevel=3)
        test = test & ~shared
    _check_same_classes(values[0][train], values[1][test], scene.class_names)
    check_two_classes(values[0][train], scene.class_names)
    joined = np.ma.array(np.where(test, values[1], values[0]), mask=~(train | test))
    X, y = scene.samples(joined, None)
    cv = MapSplit(train, test, n_repeats=n_splits)
    return Protocol("test-map", X, y, cv, scene.class_names, scene.groups)


def _check_same_classes(
    trained: NDArray[Any], tested: NDArray[Any], class_names: dict[Any, str]
) -> None:
    if not trained.size or not tested.size:
        side = "The test map" if trained.size else "The label map of the scene"
        raise DataError(f"{side} labels no pixel.", "Check `unlabeled`.")
    classes = [np.unique(labels).tolist() for labels in (trained, tested)]
    unknown = [label for label in classes[1] if label not in classes[0]]
    if not unknown:
        return
    names = ", ".join(str(class_names.get(label, label)) for label in unknown[:8])
    problem = f"The test map has classes without training pixels: {names}."
    if len(unknown) == len(classes[1]):
        raise DataError(problem, "Number its classes as those of the scene.")
    warnings.warn(SplitWarning(problem, "All their test pixels count as errors."), stacklevel=4)
