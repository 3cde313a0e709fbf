"""Random draws of a share of every class."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from hsvlm.model_selection._labels import check_single_samples, class_codes
from hsvlm.model_selection.base import Splitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["PerClassShareSplit"]


class PerClassShareSplit(Splitter):
    """Random draws of the same share of every class, of the smallest ones too.

    Draws what :class:`sklearn.model_selection.StratifiedShuffleSplit` draws, which refuses classes
    of a single sample and may leave small classes without a training sample. Here every class has
    at least one, and at least one test sample if it has two samples.

    Parameters
    ----------
    n_splits : int, default=5
        Number of draws.
    train_size : float, default=0.1
        Share of the samples to train on, in (0, 1).
    random_state : int, RandomState or None, default=0
        Seed of the draws. Fixed by default, so that whatever is compared with the same splitter
        sees the same splits.

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

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Make the splits.

        Parameters
        ----------
        X : array-like of n_samples
            The samples; only their number counts.
        y : array-like of shape (n_samples,)
            Their labels.
        groups : object, default=None
            Ignored; here for scikit-learn.

        Yields
        ------
        train : ndarray of int
            Indices of the training samples, in random order.
        test : ndarray of int
            Indices of all others, sorted.

        Raises
        ------
        DataError
            If y is missing or does not fit.
        ParameterError
            If a setting is out of range, or every class has a single sample.

        Warns
        -----
        SplitWarning
            If a class has a single sample, which is trained on and never tested.
        """
        validate_parameter_constraints(self._constraints, vars(self), type(self).__name__)
        classes, y_index = class_codes(y, len(X), type(self).__name__)
        counts = np.bincount(y_index)
        check_single_samples(classes, counts)
        single = np.flatnonzero(counts[y_index] == 1)
        several = np.flatnonzero(counts[y_index] > 1)
        rng = check_random_state(self.random_state)
        for drawn in self._draws(y_index[several], rng):
            train = np.concatenate([several[drawn], single])
            yield train, np.setdiff1d(np.arange(len(y_index)), train)

    def _draws(
        self, y_index: NDArray[np.intp], rng: np.random.RandomState
    ) -> Iterator[NDArray[np.intp]]:
        """Draw training samples of classes that have at least two."""
        n_classes = len(np.unique(y_index))
        n_train = int(self.train_size * len(y_index))
        if min(n_train, len(y_index) - n_train) >= n_classes:
            splitter = StratifiedShuffleSplit(
                self.n_splits, train_size=self.train_size, random_state=rng
            )
            draws = (train for train, _ in splitter.split(y_index, y_index))
        else:  # too few for scikit-learn
            draws = (np.empty(0, dtype=np.intp) for _ in range(self.n_splits))
        for drawn in draws:
            yield self._completed(drawn, y_index, rng)

    def _completed(
        self, drawn: NDArray[np.intp], y_index: NDArray[np.intp], rng: np.random.RandomState
    ) -> NDArray[np.intp]:
        """Give every class a training sample, and a test sample."""
        parts = [drawn]
        for number in np.setdiff1d(y_index, y_index[drawn]):
            members = np.flatnonzero(y_index == number)
            share = max(1, round(self.train_size * len(members))) if not len(drawn) else 1
            parts.append(rng.permutation(members)[: min(share, len(members) - 1)])
        train = np.concatenate(parts)
        for number in np.setdiff1d(y_index, np.delete(y_index, train)):
            train = np.delete(train, np.flatnonzero(y_index[train] == number)[0])
        return train
