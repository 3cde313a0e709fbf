"""The protocols under which scenes are reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn.model_selection import StratifiedShuffleSplit

from hsvlm.datasets import fetch_indian_pines_split, load_indian_pines
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.model_selection import MapSplit, PerClassShuffleSplit, SpatialBlockShuffleSplit

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples
    from hsvlm.scene import Scene

__all__ = ["PROTOCOLS", "Protocol", "indian_pines_protocol", "scene_protocol"]

PROTOCOLS = {
    "random-10": "10 % of every class for training, drawn at random, the rest for the test",
    "map-695": "the standard maps of 695 training and 9,671 test pixels",
    "blocks": "10 % for training in blocks of 8 x 8 pixels, test pixels more than 7 pixels away",
    "ten-per-class": "10 of every class for training, drawn at random, the rest for the test",
}


@dataclass(frozen=True)
class Protocol:
    """Samples of a scene and how they are split.

    Attributes
    ----------
    name : str
        One of `PROTOCOLS`.
    X : PixelSamples of shape (n_samples, n_bands)
        The samples.
    y : ndarray of shape (n_samples,)
        Their labels.
    cv : splitter
        Makes the splits.
    class_names : dict
        ``{label: name}``.
    """

    name: str
    X: PixelSamples
    y: NDArray[Any]
    cv: Any
    class_names: dict[Any, str]


def indian_pines_protocol(
    name: str, n_splits: int = 4, *, data_home: str | PathLike[str] | None = None
) -> Protocol:
    """Set up Indian Pines for one of the protocols in use.

    ``"random-10"`` is the protocol of most papers, and rewards knowing where the fields are.
    ``"map-695"`` is the published split, whose regions touch. ``"blocks"`` leaves no training pixel
    in any test window of 15 pixels. ``"ten-per-class"`` draws single pixels, too, and few of them.

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
        If the maps are neither in the folder nor to be had from the network.
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


def scene_protocol(scene: Scene, name: str, n_splits: int = 4) -> Protocol:
    """Set up a scene of your own for one of the protocols in use.

    Parameters
    ----------
    scene : Scene
        With a label map.
    name : {"random-10", "blocks", "ten-per-class"}
        The protocol, see :func:`indian_pines_protocol`.
    n_splits : int, default=4
        Number of draws.

    Returns
    -------
    Protocol
        Samples, labels and splitter, ready for :func:`evaluate`.

    Raises
    ------
    UnknownNameError
        If there is no such protocol.
    ParameterError
        If the protocol is that of the published maps of another scene.
    DataError
        If the scene has no labelled pixels.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.evaluation import scene_protocol
    >>> scene_protocol(make_synthetic_scene(random_state=0), "blocks", n_splits=2).cv.buffer
    7
    """
    if name not in PROTOCOLS:
        raise UnknownNameError.of("protocol", name, PROTOCOLS)
    if name == "map-695":
        raise ParameterError(
            "The protocol 'map-695' consists of maps of Indian Pines.",
            "Use 'random-10', 'blocks' or 'ten-per-class', or a MapSplit of maps of your own.",
            option_hint="Use random-10, blocks or ten-per-class, or give --test-labels.",
        )
    cv = {
        "random-10": StratifiedShuffleSplit(n_splits, train_size=0.1, random_state=0),
        "blocks": SpatialBlockShuffleSplit(n_splits, train_size=0.1, block_size=8, buffer=7),
        "ten-per-class": PerClassShuffleSplit(n_splits, train_per_class=10, random_state=0),
    }[name]
    return Protocol(name, *scene.samples(), cv, scene.class_names)
