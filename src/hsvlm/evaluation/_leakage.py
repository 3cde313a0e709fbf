"""Distances between test pixels and training pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.same_cubes import first_alike, number_pixels, spectra_differ
from hsvlm._reports.notebook import facts, side_by_side, swatch_table
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.model_selection import nearest_distance
from hsvlm.model_selection.groups import group_maps, sample_groups
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class LeakageReport:
    """Overlap of test windows with training pixels and windows.

    Attributes
    ----------
    window_size : int
        Side of the window in pixels, with what its outer values look at beyond it.
    n_train, n_test : int
        Numbers of samples.
    share_containing : float
        Share of test windows that contain a training pixel, in [0, 1].
    share_overlapping : float
        Share of test windows that share a pixel with a training window, in [0, 1].
    distance_quantiles : dict
        Chebyshev distance in pixels from a test pixel to the nearest training pixel, by quantile;
        infinite in scenes without training pixels.
    share_same_group : float or None, default=None
        Share of test pixels whose group, such as a polygon, has training pixels, in [0, 1]. None if
        there are no groups.
    share_adjacent : float or None, default=None
        Share of test pixels that touch a training pixel, at a corner or side, in [0, 1].
    """

    window_size: int
    n_train: int
    n_test: int
    share_containing: float
    share_overlapping: float
    distance_quantiles: dict[float, float]
    share_same_group: float | None = None
    share_adjacent: float | None = None

    def _repr_html_(self) -> str:
        share = "share of the test windows that"
        lines: dict[str, object] = {
            "training samples": f"{self.n_train:,}",
            "test samples": f"{self.n_test:,}",
            "windows": f"{self.window_size} x {self.window_size} pixels",
            f"{share} contain a training pixel": f"{self.share_containing:.1%}",
            f"{share} overlap a training window": f"{self.share_overlapping:.1%}",
        }
        if self.share_same_group is not None:
            lines["test pixels with training pixels in their group"] = (
                f"{self.share_same_group:.1%}"
            )
        rows = [(f"{level:.0%}", f"{far:g}") for level, far in self.distance_quantiles.items()]
        title = ["quantile", "pixels to the nearest training pixel"]
        return side_by_side(facts(lines), swatch_table(title, rows))

    def __str__(self) -> str:
        quantiles = ", ".join(
            f"{distance:g} ({quantile:.0%})"
            for quantile, distance in self.distance_quantiles.items()
        )
        same_group = (
            []
            if self.share_same_group is None
            else [f"test pixels with training pixels in their group: {self.share_same_group:.1%}"]
        )
        return "\n".join(
            [
                f"{self.n_train} training and {self.n_test} test samples, "
                f"windows of {self.window_size} x {self.window_size} pixels",
                f"test windows that contain a training pixel:  {self.share_containing:.1%}",
                f"test windows that overlap a training window: {self.share_overlapping:.1%}",
                *same_group,
                f"pixels to the nearest training pixel, by quantile: {quantiles}",
            ]
        )


def leakage_report(
    X_train: PixelSamples, X_test: PixelSamples, window_size: int, groups: Any = None
) -> LeakageReport:
    """Measure how far a split separates training and test windows.

    A test window of side w contains a training pixel if their Chebyshev distance is at most half a
    window, rounded down; it shares pixels with the window of that training pixel if the distance
    is at most w - 1 [1]_. Where values look beyond their own pixel (`PixelSamples.reach`), as
    textures of another source do, windows are wider by that on each side.

    Parameters
    ----------
    X_train, X_test : PixelSamples
        Training and test samples over the same cubes, in the same order.
    window_size : int
        Side of the window in pixels, odd.
    groups : array of shape (height, width), or a sequence of such arrays, default=None
        Group of every pixel, such as the polygon it lies in; 0 for none. One map per scene.

    Returns
    -------
    LeakageReport
        Shares of windows and quantiles of the distance; prints as text.

    Raises
    ------
    DataError
        If the samples have no positions, come from other cubes, one side is empty, or the map of
        groups is not of the size of the scene.
    ParameterError
        If the window has no center pixel.

    References
    ----------
    .. [1] J. Liang et al., "On the sampling strategy for evaluation of spectral-spatial methods in
       hyperspectral image classification", IEEE TGRS 55(2), 2017, arXiv:1605.05829.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import PixelSamples
    >>> from hsvlm.evaluation import leakage_report
    >>> X = PixelSamples(np.ones((9, 9, 1)), [[0, 0], [0, 1], [0, 5], [8, 8]])
    >>> leakage_report(X[:1], X[1:], window_size=7).share_overlapping
    0.6666666666666666
    """
    if window_size < 1 or window_size % 2 == 0:
        raise ParameterError(
            f"window_size={window_size} has no center pixel. Use an odd number of pixels."
        )
    _check_positions(X_test, "X_test")
    _check_positions(X_train, "X_train")
    _check_same_scenes(X_train, X_test)
    nearest = _distances(X_test, X_train)
    window_size += 2 * max(X_train.reach, X_test.reach)
    return LeakageReport(
        window_size=window_size,
        n_train=len(X_train),
        n_test=len(X_test),
        share_containing=float((nearest <= window_size // 2).mean()),
        share_overlapping=float((nearest <= window_size - 1).mean()),
        distance_quantiles={
            quantile: float(np.quantile(nearest, quantile, method="lower"))
            for quantile in _QUANTILES
        },
        share_same_group=None if groups is None else _share_same_group(groups, X_test, X_train),
        share_adjacent=float((nearest <= 1).mean()),
    )


def _share_same_group(groups: Any, X_test: PixelSamples, X_train: PixelSamples) -> float:
    grids = [cube.shape[:2] for cube in X_test.cubes]
    positions = [np.column_stack([X.scene_ids, X.coords]) for X in (X_test, X_train)]
    group = sample_groups(group_maps(groups), np.concatenate(positions), grids)
    tested, trained = group[: len(X_test)], group[len(X_test) :]
    return float((np.isin(tested, trained) & (tested >= 0)).mean())


def _check_positions(X: Any, name: str) -> None:
    if not isinstance(X, PixelSamples):
        raise DataError(
            f"{name} is {type(X).__name__}, which has no positions. "
            "Pass PixelSamples: X, y = pixel_samples(cube, labels)."
        )
    if not len(X):
        raise DataError(f"{name} holds no sample. Both sides of a split need at least one.")


def _check_same_scenes(X_train: PixelSamples, X_test: PixelSamples) -> None:
    same = len(X_train.cubes) == len(X_test.cubes) and not any(
        spectra_differ(cube, other, X_test.coords[X_test.scene_ids == number])
        for number, (cube, other) in enumerate(zip(X_train.cubes, X_test.cubes, strict=True))
    )
    if not same:
        raise DataError(
            "Training and test samples come from different scenes, so their positions cannot be "
            "compared. Make both by indexing the same PixelSamples."
        )


def _distances(X_test: PixelSamples, X_train: PixelSamples) -> NDArray[np.float64]:
    """Return the distance (n_test,) to the nearest training pixel; 0 where it is one itself."""
    coords = np.concatenate([X_test.coords, X_train.coords])
    scene_ids = np.concatenate([X_test.scene_ids, X_train.scene_ids])
    ground = first_alike(X_test.cubes, coords, scene_ids)[scene_ids]
    sides = np.arange(len(coords)) < len(X_test)
    positions = np.column_stack([ground, coords])
    nearest = nearest_distance(positions[sides], positions[~sides])
    # Scenes may be overlapping parts of an array.
    pixel = number_pixels(X_test.cubes, coords, ground)
    nearest[np.isin(pixel[sides], pixel[~sides])] = 0
    return nearest
