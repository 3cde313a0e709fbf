"""Features drawn onto a grid, with an account of those that leave no trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.optional import import_optional
from hsvlm.io._ground import extent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.io._readers.features._columns import ClassColumn

__all__ = ["CUT_AT_EDGE", "MARKS", "REASONS", "Drawing", "Grid", "draw"]

# What becomes of a feature; REASONS are those that leave it without a pixel.
MARKS, NO_CLASS, EMPTY, OUTSIDE, SMALL, OVERLAPPED, NO_DATA, CUT_AT_EDGE = range(8)
REASONS = {
    NO_CLASS: "without a class",
    EMPTY: "without a usable geometry",
    OUTSIDE: "outside of the scene",
    SMALL: "smaller than a pixel",
    OVERLAPPED: "under other classes",
    NO_DATA: "where the scene has no data",
}


@dataclass(frozen=True)
class Grid:
    """The grid that is drawn onto.

    Shapes: `valid` (height, width).
    """

    shape: tuple[int, int]
    transform: tuple[float, ...]
    valid: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Drawing:
    """What was drawn.

    Shapes: `labels` (height, width), `groups` (height, width), `fates` (n_features,).
    """

    labels: NDArray[Any]
    groups: NDArray[np.int32] | None
    fates: NDArray[np.int64]
    n_conflicts: int
    n_shared: int


def draw(
    shapes: Any,
    classes: ClassColumn,
    groups: NDArray[np.int32] | None,
    grid: Grid,
    all_touched: bool,
) -> Drawing:
    """Draw features; the numbers of classes and groups are positive."""
    codes = classes.codes.astype(np.int32)
    fates = _placed(shapes, codes, grid)
    here = np.flatnonzero(fates == MARKS)
    if not here.size:
        nothing = np.zeros(grid.shape, dtype=np.uint8)
        return Drawing(nothing, None if groups is None else nothing.astype(np.int32), fates, 0, 0)
    # Where the last feature drawn wins, the two orders differ on pixels of several classes, or
    # of several groups of a class.
    keys = (codes[here],) if groups is None else (groups[here], codes[here])
    order = here[np.lexsort(keys)]
    rising, falling = (
        _rasterized(shapes, indices, grid.shape, grid.transform, all_touched)
        for indices in (order, order[::-1])
    )
    code_of = np.concatenate([[0], codes]).astype(np.int32)
    labels = code_of[rising]
    conflict = labels != code_of[falling]
    labels[conflict] = 0
    drawn_groups, n_shared = None, 0
    if groups is not None:
        group_of = np.concatenate([[0], groups]).astype(np.int32)
        drawn_groups = group_of[rising]
        n_shared = int(((drawn_groups != group_of[falling]) & ~conflict).sum())
        drawn_groups[conflict] = 0
    usable = ~conflict if grid.valid is None else ~conflict & grid.valid
    visible = np.zeros(len(codes) + 1, dtype=bool)
    visible[rising[usable]] = visible[falling[usable]] = True
    hidden = here[~visible[here + 1]]
    points = (shapes.geom_type.iloc[hidden] == "Point").to_numpy()
    fates[hidden[points]] = _reasons_of_points(shapes.iloc[hidden[points]], grid, conflict)
    for index in hidden[~points]:
        fates[index] = _reason(shapes.iloc[index], grid, all_touched, rising, conflict)
    fates[here] = np.where(
        (fates[here] == MARKS) & _reaches_out(shapes.iloc[here], grid), CUT_AT_EDGE, fates[here]
    )
    dtype = next(d for d in (np.uint8, np.uint16, np.int32) if codes.max() <= np.iinfo(d).max)
    return Drawing(labels.astype(dtype), drawn_groups, fates, int(conflict.sum()), n_shared)


def _placed(shapes: Any, codes: NDArray[np.int32], grid: Grid) -> NDArray[np.int64]:
    shapely = import_optional("shapely", "geo")
    geometries = shapes.to_numpy()
    # Features may have no geometry, or lie beyond what the CRS can express.
    usable = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    points, owners = shapely.get_coordinates(geometries, return_index=True)
    usable[owners[~np.isfinite(points).all(axis=1)]] = False
    fates = np.full(len(codes), EMPTY)
    scene = shapely.box(*extent(grid.transform, grid.shape))
    fates[usable] = np.where(shapely.intersects(geometries[usable], scene), MARKS, OUTSIDE)
    fates[codes == 0] = NO_CLASS
    return fates


def _rasterized(
    shapes: Any,
    indices: NDArray[np.intp],
    shape: tuple[int, int],
    transform: Any,
    all_touched: bool,
) -> NDArray[np.int32]:
    """Give for each pixel 1 + the index of the last feature that covers it, or 0."""
    chosen = shapes.iloc[indices]
    if (chosen.geom_type == "Point").all():
        rows, cols, inside = _pixels(chosen, shape, transform)
        numbers = np.zeros(shape, dtype=np.int32)
        numbers[rows[inside], cols[inside]] = indices[inside] + 1
        return numbers
    features = import_optional("rasterio.features", "geo")
    affine = import_optional("affine", "geo")
    drawn: NDArray[np.int32] = features.rasterize(
        zip(chosen, (indices + 1).tolist(), strict=True),
        out_shape=shape,
        transform=affine.Affine(*transform),
        dtype=np.int32,
        all_touched=all_touched,
    )
    return drawn


def _pixels(
    points: Any, shape: tuple[int, int], transform: Any
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Give rows and columns of points, and which of them lie on the grid."""
    affine = import_optional("affine", "geo")
    cols, rows = ~affine.Affine(*transform) @ (points.x.to_numpy(), points.y.to_numpy())
    inside = (rows >= 0) & (rows < shape[0]) & (cols >= 0) & (cols < shape[1])
    return np.floor(rows).astype(np.intp), np.floor(cols).astype(np.intp), inside


def _reasons_of_points(points: Any, grid: Grid, conflict: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows, cols, inside = _pixels(points, grid.shape, grid.transform)
    reasons = np.full(len(rows), OUTSIDE)
    at = rows[inside], cols[inside]
    usable = np.ones(len(at[0]), dtype=bool) if grid.valid is None else grid.valid[at]
    reasons[inside] = np.where(conflict[at], OVERLAPPED, np.where(usable, MARKS, NO_DATA))
    return reasons


def _reason(
    shape: Any, grid: Grid, all_touched: bool, drawn: NDArray[np.int32], conflict: NDArray[np.bool_]
) -> int:
    """Tell why a feature that meets the scene is not visible; `drawn` is 0 where none is."""
    features = import_optional("rasterio.features", "geo")
    affine = import_optional("affine", "geo").Affine(*grid.transform)
    west, south, east, north = shape.bounds
    corners = [(x, y) for x in (west, east) for y in (south, north)]
    cols, rows = zip(*(~affine @ corner for corner in corners), strict=True)
    top, left = max(int(np.floor(min(rows))) - 1, 0), max(int(np.floor(min(cols))) - 1, 0)
    bottom = min(int(np.ceil(max(rows))) + 1, grid.shape[0])
    right = min(int(np.ceil(max(cols))) + 1, grid.shape[1])
    if bottom <= top or right <= left:
        return OUTSIDE
    if not drawn[top:bottom, left:right].any():
        return SMALL
    covered = features.rasterize(
        [(shape, 1)],
        out_shape=(bottom - top, right - left),
        transform=affine @ affine.translation(left, top),
        dtype=np.uint8,
        all_touched=all_touched,
    ).astype(bool)
    if not covered.any():
        return SMALL
    free = covered & ~conflict[top:bottom, left:right]
    if not free.any():
        return OVERLAPPED
    if grid.valid is not None and not grid.valid[top:bottom, left:right][free].any():
        return NO_DATA
    # Others of its class cover it.
    return MARKS


def _reaches_out(shapes: Any, grid: Grid) -> NDArray[np.bool_]:
    """Tell which features reach more than half a pixel beyond the grid."""
    shapely = import_optional("shapely", "geo")
    a, b, _, d, e, _ = grid.transform
    west, south, east, north = extent(grid.transform, grid.shape)
    x, y = (abs(a) + abs(b)) / 2, (abs(d) + abs(e)) / 2
    inside: NDArray[np.bool_] = shapes.within(
        shapely.box(west - x, south - y, east + x, north + y)
    ).to_numpy()
    return ~inside
