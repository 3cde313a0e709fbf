"""Random draws of single pixels: the same number, or the same share, of every class."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from hsvlm.model_selection._labels import check_single_samples, class_codes
from hsvlm.model_selection.base import Splitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class _PerClassSplitter(Splitter):
    """Train on samples drawn from every class, and test on all others."""

    random_state: Any

    def _split(
        self, X: Any, y: Any, groups: Any
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        classes, y_index = class_codes(y, len(X), type(self).__name__)
        check_single_samples(classes, np.bincount(y_index))
        for train in self._draws(y_index, check_random_state(self.random_state)):
            yield train, np.setdiff1d(np.arange(len(y_index)), train)


class PerClassShuffleSplit(_PerClassSplitter):
    """Random draws of the same number of training samples from every class.

    The protocol of papers that state 10, 15, 20 or 50 labels per class. It draws single pixels, so
    test windows overlap training windows almost everywhere: see :func:`hsvlm.evaluation.evaluate`,
    which prints by how much.

    Parameters
    ----------
    n_splits : int, default=5
        Number of draws.
    train_per_class : int, default=10
        Training samples of every class. A smaller class gives all its samples but one, which
        remains for the test; a class of a single sample is never tested.
    random_state : int, RandomState or None, default=0
        Seed of the draws. Fixed by default, so that all estimators that are compared with the same
        splitter see the same splits.

    See Also
    --------
    SpatialBlockShuffleSplit : Draws whole blocks and keeps a distance.
    sklearn.model_selection.StratifiedShuffleSplit : Draws a share of every class.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.model_selection import PerClassShuffleSplit
    >>> y = np.repeat(["corn", "oats", "woods"], [50, 4, 20])
    >>> train, test = next(PerClassShuffleSplit(n_splits=1, train_per_class=10).split(y, y))
    >>> np.unique(y[train], return_counts=True)
    (array(['corn', 'oats', 'woods'], dtype='<U5'), array([10,  3, 10]))
    """

    _constraints = {  # noqa: RUF012
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "train_per_class": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, n_splits: int = 5, train_per_class: int = 10, random_state: Any = 0) -> None:
        self.n_splits = n_splits
        self.train_per_class = train_per_class
        self.random_state = random_state

    def _draws(
        self, y_index: NDArray[np.intp], rng: np.random.RandomState
    ) -> Iterator[NDArray[np.intp]]:
        members = [np.flatnonzero(y_index == number) for number in range(y_index.max() + 1)]
        for _ in range(self.n_splits):
            drawn = [
                rng.permutation(samples)[: min(self.train_per_class, max(1, len(samples) - 1))]
                for samples in members
            ]
            yield rng.permutation(np.concatenate(drawn))


class PerClassShareSplit(_PerClassSplitter):
    """Random draws of the same share of every class, of the smallest ones too.

    Draws what :class:`sklearn.model_selection.StratifiedShuffleSplit` draws, which refuses classes
    of a single sample and may leave small classes without a training sample. With this splitter
    every class has at least one, and at least one test sample if it has two samples.

    Parameters
    ----------
    n_splits : int, default=5
        Number of draws.
    train_size : float, default=0.1
        Share of the samples to train on, in (0, 1).
    random_state : int, RandomState or None, default=0
        Seed of the draws. See :class:`PerClassShuffleSplit`.

    See Also
    --------
    PerClassShuffleSplit : Draws the same number from every class.
    SpatialBlockShuffleSplit : Draws whole blocks and keeps a distance.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.model_selection import PerClassShareSplit
    >>> y = np.repeat(["corn", "oats", "woods"], [50, 2, 20])
    >>> train, test = next(PerClassShareSplit(n_splits=1).split(y, y))
    >>> np.unique(y[train], return_counts=True)
    (array(['corn', 'oats', 'woods'], dtype='<U5'), array([5, 1, 2]))
    """

    _constraints = {  # noqa: RUF012
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "train_size": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(self, n_splits: int = 5, train_size: float = 0.1, random_state: Any = 0) -> None:
        self.n_splits = n_splits
        self.train_size = train_size
        self.random_state = random_state

    def _draws(
        self, y_index: NDArray[np.intp], rng: np.random.RandomState
    ) -> Iterator[NDArray[np.intp]]:
        is_single = np.bincount(y_index)[y_index] == 1
        single, several = np.flatnonzero(is_single), np.flatnonzero(~is_single)
        codes = y_index[several]
        n_classes = len(np.unique(codes))
        n_train = int(self.train_size * len(codes))
        if min(n_train, len(codes) - n_train) >= n_classes:
            splitter = StratifiedShuffleSplit(
                self.n_splits, train_size=self.train_size, random_state=rng
            )
            draws = (train for train, _ in splitter.split(codes, codes))
        else:  # too few for scikit-learn
            draws = (np.empty(0, dtype=np.intp) for _ in range(self.n_splits))
        for drawn in draws:
            yield np.concatenate([several[self._complete_draw(drawn, codes, rng)], single])

    def _complete_draw(
        self, drawn: NDArray[np.intp], y_index: NDArray[np.intp], rng: np.random.RandomState
    ) -> NDArray[np.intp]:
        """Give every class a training sample and a test sample."""
        parts = [drawn]
        for number in np.setdiff1d(y_index, y_index[drawn]):
            members = np.flatnonzero(y_index == number)
            n_drawn = 1 if len(drawn) else max(1, round(self.train_size * len(members)))
            parts.append(rng.permutation(members)[: min(n_drawn, len(members) - 1)])
        train = np.concatenate(parts)
        for number in np.setdiff1d(y_index, np.delete(y_index, train)):
            train = np.delete(train, np.flatnonzero(y_index[train] == number)[0])
        return train
