"""What all splitters share."""

from __future__ import annotations

from typing import Any

from sklearn.model_selection import BaseCrossValidator

__all__ = ["Splitter"]


class Splitter(BaseCrossValidator):
    """A splitter of scikit-learn that yields as many splits as it says."""

    n_splits: int

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of splits.

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
