"""Features drawn onto a grid, with an account of those that leave no trace."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io import _geo as geo
from hsvlm.io._ground import extent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.io._readers.features._columns import ClassColumn

# What becomes of a feature; _REASONS are those that leave it without a pixel.
MARKS, NO_CLASS, EMPTY, OUTSIDE, SMALL, OVERLAPPED, NO_DATA, CUT_AT_EDGE = range(8)
_SHOWN_CLASSES = 4
_TOUCHED = (
    "Pass all_touched=True to mark all pixels that a polygon touches, or give points.",
    "Give --all-touched to mark all pixels that a polygon touches, or give points.",
)
_REASONS = {
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

    @property
    def affine(self) -> Any:
        """The transform as a library of the extra "geo" knows it."""
        return geo.affine.Affine(*self.transform)


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
        _rasterized(shapes, indices, grid, all_touched) for indices in (order, order[::-1])
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
    geometries = shapes.to_numpy()
    # Features may have no geometry, or lie beyond what the CRS can express.
    usable = ~(geo.shapely.is_missing(geometries) | geo.shapely.is_empty(geometries))
    points, owners = geo.shapely.get_coordinates(geometries, return_index=True)
    usable[owners[~np.isfinite(points).all(axis=1)]] = False
    fates = np.full(len(codes), EMPTY)
    scene = geo.shapely.box(*extent(grid.transform, grid.shape))
    fates[usable] = np.where(geo.shapely.intersects(geometries[usable], scene), MARKS, OUTSIDE)
    fates[codes == 0] = NO_CLASS
    return fates


def _rasterized(
    shapes: Any, indices: NDArray[np.intp], grid: Grid, all_touched: bool
) -> NDArray[np.int32]:
    """Give for each pixel 1 + the index of the last feature that covers it, or 0."""
    chosen = shapes.iloc[indices]
    if (chosen.geom_type == "Point").all():
        rows, cols, inside = _pixels(chosen, grid)
        numbers = np.zeros(grid.shape, dtype=np.int32)
        numbers[rows[inside], cols[inside]] = indices[inside] + 1
        return numbers
    drawn: NDArray[np.int32] = geo.rasterio.features.rasterize(
        zip(chosen, (indices + 1).tolist(), strict=True),
        out_shape=grid.shape,
        transform=grid.affine,
        dtype=np.int32,
        all_touched=all_touched,
    )
    return drawn


def _pixels(
    points: Any, grid: Grid
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Give rows and columns of points, and which of them lie on the grid."""
    cols, rows = ~grid.affine @ (points.x.to_numpy(), points.y.to_numpy())
    inside = (rows >= 0) & (rows < grid.shape[0]) & (cols >= 0) & (cols < grid.shape[1])
    return np.floor(rows).astype(np.intp), np.floor(cols).astype(np.intp), inside


def _reasons_of_points(points: Any, grid: Grid, conflict: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows, cols, inside = _pixels(points, grid)
    reasons = np.full(len(rows), OUTSIDE)
    at = rows[inside], cols[inside]
    usable = np.ones(len(at[0]), dtype=bool) if grid.valid is None else grid.valid[at]
    reasons[inside] = np.where(conflict[at], OVERLAPPED, np.where(usable, MARKS, NO_DATA))
    return reasons


def _reason(
    shape: Any, grid: Grid, all_touched: bool, drawn: NDArray[np.int32], conflict: NDArray[np.bool_]
) -> int:
    """Tell why a feature that meets the scene is not visible; `drawn` is 0 where none is."""
    affine = grid.affine
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
    covered = geo.rasterio.features.rasterize(
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
    a, b, _, d, e, _ = grid.transform
    west, south, east, north = extent(grid.transform, grid.shape)
    x, y = (abs(a) + abs(b)) / 2, (abs(d) + abs(e)) / 2
    inside: NDArray[np.bool_] = shapes.within(
        geo.shapely.box(west - x, south - y, east + x, north + y)
    ).to_numpy()
    return ~inside


def notes_on_drawing(
    file: Path, drawing: Drawing, classes: ClassColumn, shapes: Any, all_touched: bool
) -> Iterator[tuple[str, ...]]:
    """Say what is lost of the features of a file, with hints; refuse it if that is all."""
    kinds = {str(kind).removeprefix("Multi") for kind in shapes.geom_type.dropna()}
    noun = {frozenset({"Polygon"}): "polygons", frozenset({"Point"}): "points"}.get(
        frozenset(kinds), "features"
    )
    lost = _lost(drawing, classes, noun)
    small = SMALL in drawing.fates and not all_touched
    if not drawing.labels.any():
        problem = f"no pixel of the scene gets a class: {lost or 'all features overlap'}"
        hints = _TOUCHED if small else ("Check the features, their classes and their CRS.", "")
        raise file_error(file, problem, *hints)
    if drawing.n_conflicts:
        yield (
            f"features of different classes overlap on {drawing.n_conflicts} pixels, "
            "which are left without a label",
        )
    if drawing.n_shared:
        yield (
            f"features of different groups overlap on {drawing.n_shared} pixels, which "
            "are assigned to one of these groups",
        )
    if lost:
        yield (lost, *_TOUCHED) if small else (lost,)


def _lost(drawing: Drawing, classes: ClassColumn, noun: str) -> str:
    codes, fates = classes.codes.tolist(), drawing.fates.tolist()
    n_of_class = Counter(codes)
    lost: dict[int, Counter[int]] = {}
    cut: Counter[int] = Counter()
    for code, fate in zip(codes, fates, strict=True):
        if fate in _REASONS:
            lost.setdefault(code, Counter())[fate] += 1
        elif fate == CUT_AT_EDGE:
            cut[code] += 1
    n_unclassed = lost.pop(0, Counter())[NO_CLASS]
    clauses = [
        f"{counts.total()} of {n_of_class[code]} {noun} of {_shown(code, classes)} mark no pixel "
        f"({_reasons(counts)})"
        for code, counts in sorted(lost.items())
    ]
    if len(clauses) > _SHOWN_CLASSES:
        rest = sorted(lost.items())[_SHOWN_CLASSES:]
        total = sum((counts for _, counts in rest), Counter[int]())
        clauses[_SHOWN_CLASSES:] = [
            f"{total.total()} of {sum(n_of_class[code] for code, _ in rest)} of {len(rest)} more "
            f"classes mark no pixel ({_reasons(total)})"
        ]
    if n_unclassed:
        clauses.append(f"{n_unclassed} of {len(codes)} {noun} have no class and are left out")
    if cut:
        listed = ", ".join(
            f"{count} of {n_of_class[code]} of {_shown(code, classes)}"
            for code, count in sorted(cut.items())[:_SHOWN_CLASSES]
        )
        clauses.append(f"the border of the scene cuts {cut.total()} {noun} ({listed})")
    return "; ".join(clauses)


def _shown(code: int, classes: ClassColumn) -> str:
    return repr(classes.names[code]) if code in classes.names else f"class {code}"


def _reasons(counts: Counter[int]) -> str:
    if len(counts) == 1:
        return _REASONS[next(iter(counts))]
    return ", ".join(f"{count} {_REASONS[fate]}" for fate, count in sorted(counts.items()))
