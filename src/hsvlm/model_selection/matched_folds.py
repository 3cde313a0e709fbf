"""Folds whose distances to training pixels resemble those of the pixels to be mapped."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp, wasserstein_distance
from sklearn.utils import check_random_state

from hsvlm._data.coordinates import as_whole_numbers
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.model_selection._labels import class_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# The standard error of their mean distance is 1/45 of the standard deviation.
_MAX_MAP_PIXELS = 2000
_MAX_TESTED_PIXELS = 1000
_MAX_CELLS = 1000
_MIN_CELLS_PER_CLASS = 32
_N_CLUSTERINGS = 100  # as in CAST, the R package of the authors
_DRAWS_PER_CLUSTERING = 2
_SIGNIFICANCE = 0.05
_MAX_DISTANCES_AT_ONCE = 2**22


def distance_matched_folds(
    positions: NDArray[np.intp],
    map_positions: NDArray[np.intp],
    n_splits: int,
    *,
    y: NDArray[Any] | None = None,
    random_state: Any = 0,
) -> NDArray[np.intp]:
    """Divide labeled pixels into folds that are as far from their training pixels as the map is.

    See :class:`DistanceMatchedKFold`, which describes the method.

    Parameters
    ----------
    positions : ndarray of int, shape (n_samples, 2) or (n_samples, 3)
        Row and column, or scene, row and column, of the labeled pixels.
    map_positions : ndarray of int, shape (n_pixels, 2) or (n_pixels, 3)
        Those of the pixels to be mapped, or of a random sample of them; of more than 2,000 in a
        scene, that many are drawn. Labeled pixels and scenes without labels are ignored.
    n_splits : int
        Number of folds, at least 2.
    y : ndarray of shape (n_samples,), default=None
        Classes of the labeled pixels. None treats them as one class.
    random_state : int, RandomState or None, default=0
        Seed of all draws.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        Fold of every pixel, from 0 to n_splits - 1.

    Raises
    ------
    DataError
        If an array has another shape.
    ParameterError
        If there are fewer labeled pixels than folds.

    See Also
    --------
    distance_gap : How well folds match the map.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.model_selection import distance_gap, distance_matched_folds
    >>> pairs = np.array([[0, 0], [0, 1], [0, 20], [0, 21], [0, 40], [0, 41]])
    >>> map_positions = np.argwhere(np.ones((9, 120)))
    >>> fold = distance_matched_folds(pairs, map_positions, 3)
    >>> fold
    array([0, 0, 1, 1, 2, 2])
    >>> round(distance_gap(pairs, fold, map_positions), 1)
    20.2
    >>> round(distance_gap(pairs, np.array([0, 1, 2, 0, 1, 2]), map_positions), 1)
    27.4
    """
    positions = _with_scene(positions, "positions")
    map_positions = _with_scene(map_positions, "map_positions")
    labels = np.zeros(len(positions), dtype=np.intp) if y is None else y
    y_index = class_codes(labels, len(positions), "distance_matched_folds")[1]
    n_places = len(np.unique(positions, axis=0))
    if not 2 <= n_splits <= n_places:
        raise ParameterError(
            f"n_splits={n_splits} must lie between 2 and the number of labeled pixels, {n_places}. "
            "Use another number of folds, or label more pixels."
        )
    rng = check_random_state(random_state)
    fold = np.empty(len(positions), dtype=np.intp)
    for scene in np.unique(positions[:, 0]):
        in_scene = positions[:, 0] == scene
        places, first, place = np.unique(
            positions[in_scene, 1:], axis=0, return_index=True, return_inverse=True
        )
        map_places = map_positions[map_positions[:, 0] == scene, 1:]
        map_places = map_places[draw_pixels(len(map_places), rng)]
        folds = _scene_folds(places, y_index[in_scene][first], map_places, n_splits, rng)
        fold[in_scene] = folds[place.reshape(-1)]
    return fold


def distance_gap(
    positions: NDArray[np.intp], fold: NDArray[np.intp], map_positions: NDArray[np.intp]
) -> float:
    """Compute how far the distances of folds are from those of the pixels to be mapped.

    This is the Wasserstein distance W of two distributions [1]_: that of the distance from labeled
    pixels to the nearest labeled pixel of another fold, and that of the distance from the pixels to
    be mapped to the nearest labeled pixel. It is the area between their distribution functions.

    Parameters
    ----------
    positions : ndarray of int, shape (n_samples, 2) or (n_samples, 3)
        Row and column, or scene, row and column, of the labeled pixels.
    fold : ndarray of int, shape (n_samples,)
        Fold of every labeled pixel.
    map_positions : ndarray of int, shape (n_pixels, 2) or (n_pixels, 3)
        Positions of the pixels to be mapped. Labeled pixels among them are ignored.

    Returns
    -------
    float
        In pixels, 0 or more. Distances are Euclidean; infinite ones, of scenes without labels or
        with a single fold, are ignored. NaN if no distances remain.

    Raises
    ------
    DataError
        If an array has another shape.

    References
    ----------
    .. [1] J. Linnenbrink, C. Milà, M. Ludwig and H. Meyer, "kNNDM CV: k-fold nearest-neighbour
       distance matching cross-validation for map accuracy estimation", Geoscientific Model
       Development 17, 2024, doi:10.5194/gmd-17-5897-2024.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.model_selection import distance_gap
    >>> labeled = np.array([[0, 0], [0, 1], [0, 8], [0, 9]])
    >>> map_positions = np.array([[0, 4], [0, 5]])
    >>> distance_gap(labeled, np.array([0, 1, 0, 1]), map_positions)
    2.0
    >>> distance_gap(labeled, np.array([0, 0, 1, 1]), map_positions)
    4.5
    """
    positions = _with_scene(positions, "positions")
    map_positions = _with_scene(map_positions, "map_positions")
    fold = np.asarray(fold)
    if fold.shape != (len(positions),):
        raise DataError(
            f"fold has shape {fold.shape}, but there are {len(positions)} labeled pixels. Give one "
            "fold per pixel."
        )
    held_out, to_map = [np.empty(0)], [np.empty(0)]
    for scene in np.unique(positions[:, 0]):
        in_scene = positions[:, 0] == scene
        places = positions[in_scene, 1:]
        if len(np.unique(fold[in_scene])) > 1:
            held_out.append(_held_out_distances(places, fold[in_scene], np.arange(len(places))))
        distances = _nearest(map_positions[map_positions[:, 0] == scene, 1:], places)
        to_map.append(distances[distances > 0])
    samples = np.concatenate(held_out), np.concatenate(to_map)
    return float(wasserstein_distance(*samples)) if all(map(len, samples)) else np.nan


def draw_pixels(n_pixels: int, rng: np.random.RandomState) -> NDArray[np.intp]:
    """Draw pixels to represent a map, in a time that does not grow with it."""
    if n_pixels <= _MAX_MAP_PIXELS:
        return np.arange(n_pixels)
    return np.asarray(rng.randint(n_pixels, size=_MAX_MAP_PIXELS), dtype=np.intp)


def draw_map(
    scene: int, shape: tuple[int, ...], mask: NDArray[np.bool_] | None, rng: np.random.RandomState
) -> NDArray[np.intp]:
    """Draw scene, row and column, shape (n_pixels, 3), of pixels of a scene to be mapped."""
    height, width = shape[:2]
    if mask is None:
        pixels = draw_pixels(height * width, rng)
    else:
        pixels = np.flatnonzero(mask)
        pixels = pixels[draw_pixels(len(pixels), rng)]
    return np.column_stack([np.full(len(pixels), scene), pixels // width, pixels % width])


def _with_scene(positions: Any, name: str) -> NDArray[np.intp]:
    positions = np.asarray(positions)
    if positions.ndim != 2 or positions.shape[1] not in (2, 3):
        raise DataError(
            f"{name} has shape {positions.shape}, but must have one row (row, column) or (scene, "
            "row, column) per pixel."
        )
    whole = as_whole_numbers(positions, name)
    if whole.shape[1] == 2:
        return np.column_stack([np.zeros(len(whole), dtype=np.intp), whole])
    return whole


def _nearest(places: NDArray[np.intp], reference: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(cKDTree(reference).query(places)[0], dtype=np.float64)


def _held_out_distances(
    places: NDArray[np.intp], fold: NDArray[np.intp], tested: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Compute the distance from tested pixels to the nearest pixel of another fold."""
    distances = np.empty(len(tested))
    for number in np.unique(fold[tested]):
        in_fold = fold[tested] == number
        distances[in_fold] = _nearest(places[tested[in_fold]], places[fold != number])
    return distances


def _scene_folds(
    places: NDArray[np.intp],
    y_index: NDArray[np.intp],
    map_places: NDArray[np.intp],
    n_splits: int,
    rng: np.random.RandomState,
) -> NDArray[np.intp]:
    """Divide distinct pixels of one scene into folds."""
    random = _random_folds(y_index, n_splits, rng)
    to_map = _nearest(map_places, places)
    to_map = to_map[to_map > 0]
    if len(places) < n_splits or not len(to_map):
        return random
    tested = rng.permutation(len(places))[:_MAX_TESTED_PIXELS]
    to_other = cKDTree(places).query(places[tested], k=2)[0][:, 1]
    if ks_2samp(to_other, to_map, alternative="greater", method="asymp").pvalue > _SIGNIFICANCE:
        return random
    cells = _make_cells(places, y_index)
    if len(cells.size) < n_splits:
        return random
    best, folds = wasserstein_distance(_held_out_distances(places, random, tested), to_map), random
    nearest_cells, distances = _sorted_distances(places, cells.cell, tested)
    for cell_fold in _candidates(cells, n_splits, rng):
        column = _first_other(cell_fold[cells.cell[tested]], cell_fold, nearest_cells)
        held_out = np.take_along_axis(distances, column[:, None], axis=1)[:, 0]
        gap = wasserstein_distance(held_out, to_map)
        if gap < best:
            best, folds = gap, cell_fold[cells.cell].astype(np.intp)
    return folds


def _random_folds(
    y_index: NDArray[np.intp], n_splits: int, rng: np.random.RandomState
) -> NDArray[np.intp]:
    """Deal the pixels of every class to folds at random."""
    order = rng.permutation(len(y_index))
    order = order[np.argsort(y_index[order], kind="stable")]
    fold = np.empty(len(order), dtype=np.intp)
    fold[order] = rng.permutation(n_splits)[np.arange(len(order)) % n_splits]
    return fold


@dataclass(frozen=True)
class _Cells:
    """Small squares of pixels of one class: cell of every pixel; center, class, size of cells."""

    cell: NDArray[np.intp]
    center: NDArray[np.float64]
    class_index: NDArray[np.intp]
    size: NDArray[np.intp]

    def halves(self) -> dict[int, NDArray[np.intp]]:
        """Return the cells of one half of every class of several cells, cut across its length."""
        halves = {}
        for number in np.unique(self.class_index):
            members = np.flatnonzero(self.class_index == number)
            if len(members) > 1:
                centered = self.center[members] - self.center[members].mean(axis=0)
                along = centered @ np.linalg.svd(centered, full_matrices=False)[2][0]
                halves[int(number)] = members[np.argsort(along, kind="stable")[len(members) // 2 :]]
        return halves


def _make_cells(places: NDArray[np.intp], y_index: NDArray[np.intp]) -> _Cells:
    """Join pixels of a class to squares where there are too many to cluster them one by one."""
    places = places - places.min(axis=0)
    cell = np.empty(len(places), dtype=np.intp)
    count = 0
    for number in np.unique(y_index):
        members = np.flatnonzero(y_index == number)
        limit = max(_MIN_CELLS_PER_CLASS, _MAX_CELLS * len(members) // len(places))
        side = 1
        while True:
            squares = places[members] // side
            keys = squares[:, 0] * (squares[:, 1].max() + 1) + squares[:, 1]
            distinct, square = np.unique(keys, return_inverse=True)
            if len(distinct) <= limit:
                break
            side *= 2
        cell[members] = count + square
        count += len(distinct)
    size = np.bincount(cell)
    center = np.column_stack([np.bincount(cell, weights=axis) / size for axis in places.T])
    class_index = np.empty(count, dtype=np.intp)
    class_index[cell] = y_index
    return _Cells(cell, center, class_index, size)


def _sorted_distances(
    places: NDArray[np.intp], cell: NDArray[np.intp], tested: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return cells from near to far, and their distances, of shape (n_tested, n_cells)."""
    by_cell = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[by_cell], np.arange(cell.max() + 1))
    step = max(1, _MAX_DISTANCES_AT_ONCE // len(places))
    distances = np.concatenate(
        [
            np.minimum.reduceat(
                cdist(places[tested[start : start + step]], places[by_cell]), starts, axis=1
            )
            for start in range(0, len(tested), step)
        ]
    )
    order = np.argsort(distances, axis=1)
    return order, np.take_along_axis(distances, order, axis=1)


def _first_other(
    fold: NDArray[np.int32], cell_fold: NDArray[np.int32], nearest_cells: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Find the column of the nearest cell of another fold; most lie in the first columns."""
    column = np.zeros(len(fold), dtype=np.intp)
    rows, start, width = np.arange(len(fold)), 0, 16
    while len(rows):
        is_other = cell_fold[nearest_cells[rows, start : start + width]] != fold[rows, None]
        first = is_other.argmax(axis=1)
        column[rows] = start + first
        rows = rows[~is_other[np.arange(len(rows)), first]]
        start, width = start + width, 4 * width
    return column


def _candidates(
    cells: _Cells, n_splits: int, rng: np.random.RandomState
) -> Iterator[NDArray[np.int32]]:
    """Make folds of cells from clusterings of all granularities, classes shared by two folds."""
    tree = linkage(cells.center, method="ward")
    halves = cells.halves()
    n_cells = len(cells.size)
    max_size = min(0.75, 2 / n_splits) * cells.size.sum()
    for n_clusters in np.unique(np.geomspace(n_splits, n_cells, _N_CLUSTERINGS).round()):
        cluster = fcluster(tree, n_clusters, criterion="maxclust") - 1
        cluster_size = np.bincount(cluster, weights=cells.size)
        for _ in range(_DRAWS_PER_CLUSTERING):
            fold = _merge_clusters(cluster_size, n_splits, rng)[cluster]
            _share_classes(fold, cells, halves, n_splits)
            size = np.bincount(fold, weights=cells.size, minlength=n_splits)
            if size.min() > 0 and size.max() <= max_size:
                yield fold


def _merge_clusters(
    cluster_size: NDArray[Any], n_splits: int, rng: np.random.RandomState
) -> NDArray[np.int32]:
    """Assign clusters to folds of about equal size, large ones first, in a random order."""
    fold = np.empty(len(cluster_size), dtype=np.int32)
    filled = [(0.0, number) for number in range(n_splits)]
    for cluster in np.argsort(-cluster_size * rng.uniform(0.5, 1, len(cluster_size))).tolist():
        size, number = filled[0]
        fold[cluster] = number
        heapq.heapreplace(filled, (size + cluster_size[cluster], number))
    return fold


def _share_classes(
    fold: NDArray[np.int32], cells: _Cells, halves: dict[int, NDArray[np.intp]], n_splits: int
) -> None:
    """Move half of every class that lies in one fold to the smallest other fold, in place."""
    is_in = np.zeros((cells.class_index.max() + 1, n_splits), dtype=bool)
    is_in[cells.class_index, fold] = True
    for number in np.flatnonzero(is_in.sum(axis=1) == 1).tolist():
        if number in halves:
            size = np.bincount(fold, weights=cells.size, minlength=n_splits)
            size[is_in[number]] = np.inf
            fold[halves[number]] = size.argmin()
