"""Whether a label map would fit its scene better if it were turned or mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import LazyCube
from hsvlm.io._notes import warn_caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hsvlm.scene import Scene

# What a map may be, and what undoes it.
ORIENTATIONS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "transposed": np.transpose,
    "mirrored left to right": np.fliplr,
    "mirrored top to bottom": np.flipud,
    "turned by 180 degrees": lambda labels: np.rot90(labels, 2),
    "turned clockwise by 90 degrees": np.rot90,
    "turned counterclockwise by 90 degrees": lambda labels: np.rot90(labels, 3),
    "transposed along the other diagonal": lambda labels: np.rot90(labels, 2).T,
}
# Indian Pines, a part of Houston 2018 and Jasper Ridge: their labels explain 3 to 6 times as much
# of the spectra as in any other orientation; of labels that mean nothing, all explain below 0.02.
_LEAST_GAIN = 0.1
_LEAST_RATIO = 1.5
_FEWEST_LABELS = 100
_MOST_LABELS = 1000
_MOST_BANDS = 32
_MOST_VALUES = 2**27  # of a cube that stays in its file


def warn_of_orientation(path: Any, labels: NDArray[Any], scene: Scene) -> None:
    """Warn if the classes of a map are more uniform in the scene once it is turned or mirrored.

    Shapes: `labels` (height, width).
    """
    cube = scene.cube
    if isinstance(cube, LazyCube) and np.prod(cube.shape) > _MOST_VALUES:
        return
    explained = _explained(labels, scene)
    others = {}
    for name, turn in ORIENTATIONS.items():
        turned = turn(labels)
        if turned.shape == labels.shape and not np.array_equal(turned, labels):
            others[name] = _explained(turned, scene)
    if not others:
        return
    name = max(others, key=lambda key: others[key])
    if others[name] < max(explained + _LEAST_GAIN, _LEAST_RATIO * explained):
        return
    warn_caller(
        f"{path}: the label map may be {name}. Its classes explain {max(0, explained):.0%} of the "
        f"variance of the spectra as it is, and {others[name]:.0%} if that is undone.",
        "Compare both in a picture, and store the map in the orientation of the cube.",
    )


def _explained(labels: NDArray[Any], scene: Scene) -> float:
    """Estimate the share of the variance of spectra that lies between classes."""
    known = labels != 0 if scene.valid is None else (labels != 0) & scene.valid
    places = np.argwhere(known)
    if len(places) > _MOST_LABELS:
        places = places[np.random.RandomState(0).permutation(len(places))[:_MOST_LABELS]]
    bands = np.unique(np.linspace(0, scene.n_bands - 1, _MOST_BANDS).astype(int))
    spectra = np.asarray(scene.cube[places[:, 0], places[:, 1]], dtype=np.float64)[:, bands]
    whole = np.isfinite(spectra).all(axis=1)
    spectra, numbers = spectra[whole], labels[tuple(places[whole].T)]
    _, index, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    n_free = len(spectra) - len(counts)
    if len(spectra) < _FEWEST_LABELS or len(counts) < 2 or n_free < len(spectra) // 2:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        centered = spectra - spectra.mean(axis=0)
        centered = centered / np.where(centered.std(axis=0) > 0, centered.std(axis=0), 1)
        sums = np.zeros((len(counts), centered.shape[1]))
        np.add.at(sums, index.reshape(-1), centered)
        between = (np.square(sums) / counts[:, None]).sum()
        within = np.square(centered).sum() - between
        # Adjusted for the number of classes, so that labels that mean nothing explain nothing.
        share = 1 - within / n_free / (np.square(centered).sum() / (len(spectra) - 1))
    return float(share) if np.isfinite(share) else 0.0
