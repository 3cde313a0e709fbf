"""Positions of samples, their blocks, and distances between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from hsvlm._data.coordinates import as_whole_numbers
from hsvlm.exceptions import DataError
from hsvlm.model_selection.ground import ground_numbers
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_not_empty(n_samples: int, splitter: str) -> None:
    """Raise if there are no samples."""
    if not n_samples:
        raise DataError(f"{splitter} got no samples. Check what selected them.")


def sample_positions(X: Any, groups: Any, splitter: str) -> NDArray[np.intp]:
    """Return scene, row and column of every sample, of shape (n_samples, 3)."""
    if groups is None:
        if isinstance(X, PixelSamples):
            return np.column_stack([X.scene_ids, X.coords])
        is_cube = len(np.shape(X)) == 3
        hint = (
            "Turn the cube and its label map into samples: X, y = pixel_samples(cube, labels)."
            if is_cube
            else "Pass PixelSamples, or groups= with one row (row, column) or "
            "(scene, row, column) per sample."
        )
        got = "a cube" if is_cube else f"{type(X).__name__} without positions"
        raise DataError(f"{splitter} has to know where every sample lies, and got {got}. {hint}")
    positions = np.asarray(groups)
    n_samples = len(X)
    if positions.ndim != 2 or positions.shape[1] not in (2, 3) or len(positions) != n_samples:
        raise DataError(
            f"groups has shape {positions.shape}, but {splitter} reads positions from it: one row "
            f"(row, column) or (scene, row, column) for each of the {n_samples} samples."
        )
    positions = as_whole_numbers(positions, "groups")
    if positions.shape[1] == 2:
        several = isinstance(X, PixelSamples) and len(np.unique(X.scene_ids)) > 1
        scene_ids = X.scene_ids if several else np.zeros(len(positions), dtype=np.intp)
        positions = np.column_stack([scene_ids, positions])
    return positions


def ground_positions(X: Any, groups: Any, splitter: str) -> NDArray[np.intp]:
    """Return positions as `sample_positions` does; scenes that show the same have one number."""
    if groups is None and isinstance(X, PixelSamples):
        return np.column_stack([ground_numbers(X), X.coords])
    return sample_positions(X, groups, splitter)


def scene_grids(X: Any, groups: Any) -> list[tuple[int, int]] | None:
    """Return height and width of the scenes of samples; None if they are not known."""
    if groups is not None or not isinstance(X, PixelSamples):
        return None
    return [(int(cube.shape[0]), int(cube.shape[1])) for cube in X.cubes]


def block_numbers(
    positions: NDArray[np.intp], block_size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number the square blocks that hold samples.

    Returns scene, row and column of every block (n_blocks, 3), and the block of every sample.
    """
    cells, block = np.unique(
        positions // np.array([1, block_size, block_size]), axis=0, return_inverse=True
    )
    return cells, block.reshape(-1)


def block_counts(block: NDArray[np.intp], y_index: NDArray[np.intp]) -> NDArray[np.intp]:
    """Count the samples of every class in every block, as (n_blocks, n_classes)."""
    counts = np.zeros((block.max() + 1, y_index.max() + 1), dtype=np.intp)
    np.add.at(counts, (block, y_index), 1)
    return counts


def nearest_distance(
    positions: NDArray[np.intp], reference: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Compute the Chebyshev distance from every pixel to the nearest reference pixel.

    Parameters
    ----------
    positions : ndarray of shape (n, 3)
        Scene, row and column.
    reference : ndarray of shape (m, 3)
        Scene, row and column of the pixels to measure the distance to.

    Returns
    -------
    ndarray of shape (n,)
        In pixels: the larger of the differences in row and column; infinite in scenes without
        reference pixels.

    Raises
    ------
    DataError
        If one of the arrays has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.model_selection import nearest_distance
    >>> nearest_distance(np.array([[0, 4, 4], [1, 4, 4]]), np.array([[0, 1, 3], [0, 9, 9]]))
    array([ 3., inf])
    """
    positions, reference = np.asarray(positions), np.asarray(reference)
    for name, array in (("positions", positions), ("reference", reference)):
        if array.ndim != 2 or array.shape[1] != 3:
            raise DataError(
                f"{name} has shape {array.shape}, but must have shape (n, 3): scene, row and "
                "column of every pixel. Pass np.column_stack([X.scene_ids, X.coords])."
            )
    nearest = np.full(len(positions), np.inf)
    for scene in np.unique(positions[:, 0]):
        in_scene = positions[:, 0] == scene
        others = reference[reference[:, 0] == scene, 1:]
        if len(others):
            nearest[in_scene] = cKDTree(others).query(positions[in_scene, 1:], p=np.inf)[0]
    return nearest
