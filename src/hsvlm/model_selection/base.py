"""The interface of all splitters."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from sklearn.model_selection import BaseCrossValidator
from sklearn.utils._param_validation import validate_parameter_constraints

from hsvlm.exceptions import SplitWarning
from hsvlm.model_selection.ground import describe_shared, repeated_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


class Splitter(BaseCrossValidator):
    """A splitter of scikit-learn that checks its parameters and has `n_splits` splits."""

    _constraints: dict[str, list[Any]]
    n_splits: int

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored; here for scikit-learn.

        Returns
        -------
        int
            How many pairs of training and test samples there are.
        """
        return int(self.n_splits)

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Make the splits.

        Parameters
        ----------
        X : PixelSamples, or array-like of n_samples
            The samples.
        y : array-like of shape (n_samples,)
            Their labels. Optional for `MapSplit`; where its maps hold labels too, both must agree.
        groups : array-like of shape (n_samples, 2) or (n_samples, 3), default=None
            Row and column, or scene, row and column, of every sample. Splitters that read positions
            need it unless X is PixelSamples; the others ignore it. `FieldKFold` also takes the
            field of every sample, of shape (n_samples,).

        Yields
        ------
        train : ndarray of int
            Indices of the training samples, in random order, so that the first ones, as
            ``learning_curve`` takes them, come from everywhere. Those of `MapSplit` are sorted, and
            `PerClassShareSplit` adds samples of small classes at the end, class by class.
        test : ndarray of int
            Indices of the test samples, sorted.

        Raises
        ------
        DataError
            If positions or labels are missing or do not fit.
        ParameterError
            If a setting is out of range, or the samples cannot be split with these settings.

        Warns
        -----
        SplitWarning
            If samples are left out, a class is never tested or not trained on in a split, or a
            split tests pixels that it trains on, because samples repeat them.
        """
        validate_parameter_constraints(self._constraints, vars(self), type(self).__name__)
        pixel = repeated_pixels(X)
        for number, (train, test) in enumerate(self._split(X, y, groups)):
            shared = "" if pixel is None else describe_shared(pixel, train, test, number)
            if shared:
                warnings.warn(shared, SplitWarning, stacklevel=2)
                pixel = None  # once is enough
            yield train, test

    @abstractmethod
    def _split(
        self, X: Any, y: Any, groups: Any
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]: ...
