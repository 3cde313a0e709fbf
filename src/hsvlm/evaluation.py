"""How much of an accuracy is owed to where the test pixels lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree
from sklearn.neighbors import KNeighborsClassifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples

__all__ = ["coordinate_predictions", "leaking_share"]


def leaking_share(X_train: PixelSamples, X_test: PixelSamples, window_size: int) -> float:
    """Share of test windows that contain a training pixel.

    Parameters
    ----------
    X_train, X_test : PixelSamples
        Training and test samples over the same cubes, in the same order.
    window_size : int
        Side of the window in pixels.

    Returns
    -------
    float
        In [0, 1]. A window contains a training pixel if their Chebyshev distance is at most half
        a window, rounded down [1]_.

    References
    ----------
    .. [1] J. Liang et al., "On the sampling strategy for evaluation of spectral-spatial methods in
       hyperspectral image classification", IEEE TGRS 55(2), 2017, arXiv:1605.05829.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import PixelSamples
    >>> from hsvlm.evaluation import leaking_share
    >>> X = PixelSamples(np.ones((9, 9, 1)), [[0, 0], [0, 1], [0, 5], [8, 8]])
    >>> leaking_share(X[:1], X[1:], window_size=3)
    0.3333333333333333
    """
    nearest = np.full(len(X_test), np.inf)
    for scene in np.unique(X_test.scene_ids):
        here = X_test.scene_ids == scene
        training = X_train.coords[X_train.scene_ids == scene]
        if len(training):
            nearest[here] = cKDTree(training).query(X_test.coords[here], p=np.inf)[0]
    return float((nearest <= window_size // 2).mean())


def coordinate_predictions(
    X_train: PixelSamples, y_train: NDArray[Any], X_test: PixelSamples
) -> NDArray[Any]:
    """Predict from the position alone: the label of the nearest training pixel.

    The accuracy of these predictions is what a split gives away without any spectrum.

    Parameters
    ----------
    X_train : PixelSamples
        Training samples.
    y_train : ndarray of shape (n_train,)
        Their labels.
    X_test : PixelSamples
        Test samples over the same cubes, in the same order.

    Returns
    -------
    ndarray of shape (n_test,)
        Predicted labels.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import PixelSamples
    >>> from hsvlm.evaluation import coordinate_predictions
    >>> X = PixelSamples(np.ones((9, 9, 1)), [[0, 0], [8, 8], [7, 6]])
    >>> coordinate_predictions(X[:2], np.array(["corn", "oats"]), X[2:])
    array(['oats'], dtype='<U4')
    """
    # Farther than any scene is wide, so that the nearest pixel is one of the same scene.
    apart = 10 * max(max(cube.shape[:2]) for cube in X_train.cubes)
    positions = [
        np.column_stack([part.coords, apart * part.scene_ids]) for part in (X_train, X_test)
    ]
    nearest = KNeighborsClassifier(n_neighbors=1).fit(positions[0], y_train)
    return np.asarray(nearest.predict(positions[1]))
