"""Splitters that hold out whole square blocks of a scene."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from hsvlm.exceptions import ParameterError, SplitWarning
from hsvlm.model_selection._labels import class_codes, warn_of_classes
from hsvlm.model_selection._positions import (
    block_counts,
    block_numbers,
    ground_positions,
    nearest_distance,
)
from hsvlm.model_selection.base import Splitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_MAX_CANDIDATES = 20
_MAX_ATTEMPTS = 30


class _SpatialBlockSplitter(Splitter):
    """Cut the samples into blocks, keep the buffer, and warn about classes."""

    # Positions that X does not tell are passed as groups, also under metadata routing.
    __metadata_request__split = {"groups": True}  # noqa: RUF012 - scikit-learn reads it so

    block_size: int
    buffer: int
    discard: str = "test"
    random_state: Any

    def _split(
        self, X: Any, y: Any, groups: Any
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        positions = ground_positions(X, groups, type(self).__name__)
        classes, y_index = class_codes(y, len(positions), type(self).__name__)
        rng = check_random_state(self.random_state)
        cells, block = block_numbers(positions, self.block_size)
        counts = block_counts(block, y_index)
        self._check_block_count(len(cells))
        # Values that look beyond their pixel do so on both sides.
        buffer = self.buffer and self.buffer + 2 * getattr(X, "reach", 0)
        splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
        for blocks in self._training_blocks(cells, counts, rng):
            train, test = (np.flatnonzero(side[block]) for side in (blocks, ~blocks))
            n_outside = len(test)
            if buffer and self.discard == "train":
                distance = nearest_distance(positions[train], positions[test])
                far = train[distance > buffer]
                kinds = y_index[train], y_index[far]
                self._check_training_side(classes, *kinds, len(splits), buffer)
                train = far
            elif buffer:
                distance = nearest_distance(positions[test], positions[train])
                test = test[distance > buffer]
            self._check_test_side(n_outside, len(test), len(splits), buffer)
            splits.append((rng.permutation(train), test))
        unit = "buffered blocks" if self.buffer and self.discard == "train" else "blocks"
        warn_of_classes(classes, y_index, splits, unit=unit)
        yield from splits

    @property
    def _min_blocks(self) -> int:
        return 2

    @abstractmethod
    def _training_blocks(
        self, cells: NDArray[np.intp], counts: NDArray[np.intp], rng: np.random.RandomState
    ) -> Iterator[NDArray[np.bool_]]: ...

    def _check_block_count(self, n_blocks: int) -> None:
        if n_blocks < self._min_blocks:
            raise ParameterError(
                f"block_size={self.block_size} cuts the labeled pixels into {n_blocks} "
                f"{'block' if n_blocks == 1 else 'blocks'}, and {type(self).__name__} needs at "
                f"least {self._min_blocks}.",
                f"Use smaller blocks{' or fewer splits' if n_blocks > 1 else ''}.",
            )

    def _check_training_side(
        self,
        classes: NDArray[Any],
        before: NDArray[np.intp],
        after: NDArray[np.intp],
        number: int,
        buffer: int,
    ) -> None:
        """Raise if the buffer leaves no training sample, or a single class of several."""
        n_classes = len(np.unique(after))
        if n_classes > 1 or n_classes == len(np.unique(before)):
            return
        rest = f"training samples of class {classes[after[0]]} only" if n_classes else ""
        side = f"{self.block_size} x {self.block_size}"
        raise ParameterError(
            f"{self._named(buffer)} leaves split {number} {rest or 'without a training sample'}: "
            f"every{' other' if rest else ''} pixel outside its test blocks of {side} lies within "
            f"{buffer} pixels of a test pixel.",
            "Use a smaller buffer, or discard='test'.",
        )

    def _named(self, buffer: int) -> str:
        further = (buffer - self.buffer) // 2
        looks = f" for values that look {further} pixels beyond their own" if further else ""
        return f"buffer={self.buffer}{looks}"

    def _check_test_side(self, n_outside: int, n_test: int, number: int, buffer: int) -> None:
        side = f"{self.block_size} x {self.block_size}"
        if not n_outside:
            raise ParameterError(
                f"Split {number} trains on every block, since every class lies in a single block "
                f"of {side} pixels.",
                "Use smaller blocks.",
            )
        if not n_test:
            raise ParameterError(
                f"{self._named(buffer)} leaves split {number} without a test sample: every pixel "
                f"of its test blocks of {side} lies within {buffer} pixels of a training pixel.",
                f"Use blocks of more than twice the buffer (block_size={2 * buffer + 1} or "
                "more), or a smaller buffer.",
            )


class SpatialBlockKFold(_SpatialBlockSplitter):
    """K folds of whole square blocks, balanced by class, with a buffer between the two sides.

    Every block belongs to the test side of exactly one fold. Blocks are assigned so that the
    folds share every class as evenly as whole blocks allow, and every class stays on the training
    side of every fold if it lies in more than one block. With a buffer, the assignment prefers
    neighboring blocks in the same fold, since the pixels between them are then not discarded.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    block_size : int, default=16
        Side of a block in pixels. Choose it much larger than the buffer, or few pixels remain on
        the side that `discard` names.
    buffer : int, default=7
        Samples of one side within this Chebyshev distance of the other, in pixels, are discarded.
        From half a window (rounded down) on, no test window contains a training pixel; from a
        window minus one on, training and test windows share no pixel. The default is half of the
        default window of :class:`hsvlm.HSIPromptClassifier`. Samples whose values look beyond their
        own pixel (`PixelSamples.reach`) keep twice as much more, unless it is 0.
    random_state : int, RandomState or None, default=0
        Seed of the assignment. Fixed by default, so that all estimators that are compared with the
        same splitter see the same folds.
    discard : {"test", "train"}, default="test"
        Side that gives up its samples in the buffer. ``"test"`` trains on whole blocks and tests
        the samples far from them. ``"train"`` tests every sample exactly once and trains on fewer,
        as leave-one-out with a buffer does [2]_.

    See Also
    --------
    SpatialBlockShuffleSplit : Draws a small share of the blocks for training.

    Notes
    -----
    :class:`hsvlm.exceptions.ParameterError` is raised if there are fewer blocks than folds, if the
    buffer empties a side or leaves one class of several to train on.
    :class:`hsvlm.exceptions.SplitWarning` names classes without training samples in a fold, or
    without test samples in all of them.

    References
    ----------
    .. [1] J. Nalepa, M. Myller and M. Kawulok, "Validating hyperspectral image segmentation", IEEE
       GRSL 16(8), 2019, arXiv:1811.03707.
    .. [2] K. Le Rest et al., "Spatial leave-one-out cross-validation for variable selection in the
       presence of spatial autocorrelation", Global Ecology and Biogeography 23(7), 2014,
       doi:10.1111/geb.12161.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import PixelSamples
    >>> from hsvlm.model_selection import SpatialBlockKFold
    >>> X = PixelSamples(np.ones((40, 40, 2)), np.argwhere(np.ones((40, 40))))
    >>> y = (X.coords[:, 0] // 4) % 2
    >>> cv = SpatialBlockKFold(n_splits=2, block_size=20, buffer=3)
    >>> [(len(train), len(test)) for train, test in cv.split(X, y)]
    [(800, 680), (800, 680)]
    >>> cv = SpatialBlockKFold(n_splits=2, block_size=20, buffer=3, discard="train")
    >>> [(len(train), len(test)) for train, test in cv.split(X, y)]
    [(680, 800), (680, 800)]
    """

    _constraints = {  # noqa: RUF012
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "block_size": [Interval(Integral, 1, None, closed="left")],
        "buffer": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
        "discard": [StrOptions({"test", "train"})],
    }

    def __init__(
        self,
        n_splits: int = 5,
        block_size: int = 16,
        buffer: int = 7,
        random_state: Any = 0,
        *,
        discard: str = "test",
    ) -> None:
        self.n_splits = n_splits
        self.block_size = block_size
        self.buffer = buffer
        self.discard = discard
        self.random_state = random_state

    @property
    def _min_blocks(self) -> int:
        return self.n_splits

    def _training_blocks(
        self, cells: NDArray[np.intp], counts: NDArray[np.intp], rng: np.random.RandomState
    ) -> Iterator[NDArray[np.bool_]]:
        neighbor_weight = min(2.0, 4 * self.buffer / self.block_size)
        spread = (counts > 0).sum(axis=0) > 1
        for attempt in range(_MAX_ATTEMPTS):
            # If taking the heaviest blocks first fails, their order counts less and less.
            heaviest_first = 1 - attempt / _MAX_ATTEMPTS
            fold = _assign_blocks(
                cells, counts, self.n_splits, neighbor_weight, heaviest_first, rng
            )
            in_fold = [(counts[fold == number] > 0).any(axis=0) for number in range(self.n_splits)]
            if (np.sum(in_fold, axis=0)[spread] > 1).all():
                break
        for number in range(self.n_splits):
            yield fold != number


def _assign_blocks(
    cells: NDArray[np.intp],
    counts: NDArray[np.intp],
    n_folds: int,
    neighbor_weight: float,
    heaviest_first: float,
    rng: np.random.RandomState,
) -> NDArray[np.intp]:
    """Assign blocks to folds, the heaviest blocks first, each where it is needed most."""
    shares = counts / counts.sum(axis=0)
    weight = shares.sum(axis=1)
    n_left = (counts > 0).sum(axis=0)
    filled = np.zeros((n_folds, counts.shape[1]))
    fold = np.full(len(cells), -1, dtype=np.intp)
    number_of = {tuple(cell): number for number, cell in enumerate(cells.tolist())}
    order = weight**heaviest_first * rng.uniform(0.5, 1, size=len(cells))
    for number in np.argsort(-order):
        fullness = n_folds * (filled @ shares[number]) / weight[number]
        neighbor_folds = _neighbor_folds(cells[number], number_of, fold)
        neighbor_bonus = np.bincount(neighbor_folds, minlength=n_folds) / 8
        in_block = counts[number] > 0
        # The last block of a class must not join all the other blocks of it in one fold.
        in_one_fold = in_block & (n_left == 1) & ((filled > 0).sum(axis=0) == 1)
        closed = (filled[:, in_one_fold] > 0).any(axis=1)
        # A fold without any block comes first, so that none stays empty.
        empty = (filled == 0).all(axis=1)
        cost = fullness - neighbor_weight * neighbor_bonus + 1e3 * closed - 1e6 * empty
        fold[number] = cost.argmin()
        filled[fold[number]] += shares[number]
        n_left[in_block] -= 1
    return fold


def _neighbor_folds(
    cell: NDArray[np.intp], number_of: dict[tuple[int, ...], int], fold: NDArray[np.intp]
) -> NDArray[np.intp]:
    scene, row, col = cell.tolist()
    around = [(scene, row + down, col + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    near = fold[[number_of[neighbor] for neighbor in around if neighbor in number_of]]
    return near[near >= 0]


class SpatialBlockShuffleSplit(_SpatialBlockSplitter):
    """Random draws of whole square blocks for training, balanced by class, with a buffer.

    Blocks are drawn for the rarest classes first, then for all, each time the one of some random
    candidates that brings the classes nearest to the same share, until `train_size` is reached. A
    class that lies in more than one block keeps one outside. All other samples are test samples,
    unless they lie within the buffer.

    Parameters
    ----------
    n_splits : int, default=5
        Number of draws, each from the same blocks.
    train_size : float, default=0.1
        Share of the samples to train on, in (0, 1). Whole blocks meet it approximately.
    block_size : int, default=8
        Side of a block in pixels.
    buffer : int, default=7
        Test samples within this Chebyshev distance of a training sample, in pixels, are discarded.
    random_state : int, RandomState or None, default=0
        Seed of the draws. See :class:`SpatialBlockKFold`.

    See Also
    --------
    SpatialBlockKFold : Trains on most blocks, and tests every block once.

    Notes
    -----
    Raises the errors and warnings of :class:`SpatialBlockKFold`.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import PixelSamples
    >>> from hsvlm.model_selection import SpatialBlockShuffleSplit
    >>> X = PixelSamples(np.ones((40, 40, 2)), np.argwhere(np.ones((40, 40))))
    >>> y = (X.coords[:, 0] // 4) % 2
    >>> cv = SpatialBlockShuffleSplit(n_splits=1, train_size=0.1, block_size=8, buffer=2)
    >>> [(len(train), len(test)) for train, test in cv.split(X, y)]
    [(192, 1264)]
    """

    _constraints = {  # noqa: RUF012
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "train_size": [Interval(Real, 0, 1, closed="neither")],
        "block_size": [Interval(Integral, 1, None, closed="left")],
        "buffer": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_splits: int = 5,
        train_size: float = 0.1,
        block_size: int = 8,
        buffer: int = 7,
        random_state: Any = 0,
    ) -> None:
        self.n_splits = n_splits
        self.train_size = train_size
        self.block_size = block_size
        self.buffer = buffer
        self.random_state = random_state

    def _training_blocks(
        self, cells: NDArray[np.intp], counts: NDArray[np.intp], rng: np.random.RandomState
    ) -> Iterator[NDArray[np.bool_]]:
        for number in range(self.n_splits):
            for _ in range(_MAX_ATTEMPTS):
                drawn = _draw_blocks(counts, self.train_size, rng)
                if counts[drawn].any(axis=0).all():
                    break
            share = counts[drawn].sum() / counts.sum()
            if not 0.5 <= share / self.train_size <= 2:
                message = (
                    f"Split {number} trains on {share:.1%} of the samples instead of "
                    f"{self.train_size:.1%}: blocks of {self.block_size} x {self.block_size} "
                    "pixels do not allow better. Use smaller blocks."
                )
                warnings.warn(message, SplitWarning, stacklevel=4)
            yield drawn


def _draw_blocks(
    counts: NDArray[np.intp], train_size: float, rng: np.random.RandomState
) -> NDArray[np.bool_]:
    occupied = counts > 0
    quota = np.maximum(1, train_size * counts.sum(axis=0))
    drawn = np.zeros(len(counts), dtype=bool)
    taken = np.zeros(counts.shape[1], dtype=np.intp)
    n_outside = occupied.sum(axis=0)
    reserved = n_outside > 1

    def draw(eligible: NDArray[np.bool_]) -> bool:
        last = reserved & (n_outside == 1)
        possible = np.flatnonzero(eligible & ~drawn & ~(occupied & last).any(axis=1))
        if not len(possible):
            return False
        # At most half of them, or the same best blocks would be drawn every time.
        candidates = rng.permutation(possible)[: min(_MAX_CANDIDATES, (len(possible) + 1) // 2)]
        deviation = abs(taken + counts[candidates] - quota) / quota
        number = candidates[deviation.sum(axis=1).argmin()]
        drawn[number] = True
        taken[:] += counts[number]
        n_outside[occupied[number]] -= 1
        return True

    for label in np.lexsort((rng.permutation(len(quota)), occupied.sum(axis=0))):
        while 2 * taken[label] < quota[label] and draw(occupied[:, label]):
            pass
    everywhere = np.ones(len(counts), dtype=bool)
    while taken.sum() < train_size * counts.sum() and draw(everywhere):
        pass
    return drawn
