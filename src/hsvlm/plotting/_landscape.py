"""The loss around the trained weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._system.devices import seed_of
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting._base import Display, as_labeled_samples, new_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LossLandscapeDisplay(Display):
    """The loss in a plane through the trained weights, and along the two axes of the plane.

    The plane is spanned by two random directions that are filter-normalized [1]_: a step of 1
    along either moves every filter, a row of a weight matrix or the kernel of a channel, by its own
    length. Biases, norms, class token, positions and logit scale stay.

    Parameters
    ----------
    losses : ndarray of shape (n_steps, n_steps)
        Mean loss of the samples; rows are steps along the second direction, columns along the
        first. n_steps is odd, with the trained weights in the middle.
    steps : ndarray of shape (n_steps,)
        The steps, in lengths of the weights.
    title : str, default=""
        Title of the plane.

    Attributes
    ----------
    ax_, figure_
        Axes of the plane and their figure, after :meth:`plot`.
    colorbar_ : matplotlib Colorbar
        The color bar.
    profile_ax_ : matplotlib Axes or None
        Axes of the losses along each direction; None if axes for the plane were given.

    References
    ----------
    .. [1] H. Li, Z. Xu, G. Taylor, C. Studer and T. Goldstein, "Visualizing the loss landscape of
       neural nets", NeurIPS 2018, arXiv:1712.09913.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import HSIPromptClassifier
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.plotting import LossLandscapeDisplay
    >>> scene = make_synthetic_scene(random_state=0)
    >>> X, y = scene.samples()
    >>> clf = HSIPromptClassifier(
    ...     text_encoder=np.eye(4, 8), window_size=5, patch_size=1, max_epochs=2, random_state=0
    ... ).fit(X[:100], y[:100])
    >>> display = LossLandscapeDisplay.from_estimator(
    ...     clf, X[:100], y[:100], n_steps=3, random_state=0
    ... )
    >>> display.losses.shape
    (3, 3)
    """

    colorbar_: Any
    profile_ax_: Any

    def __init__(
        self, losses: NDArray[np.float64], steps: NDArray[np.float64], title: str = ""
    ) -> None:
        self.losses = losses
        self.steps = steps
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        extent: float = 1.0,
        n_steps: int = 21,
        random_state: Any = None,
        title: str = "",
        ax: Any = None,
    ) -> Self:
        """Compute the loss around the weights of a fitted classifier, and draw it.

        The loss is that of the training, with its weights of the classes but without augmentation;
        hard negatives are chosen again at every point, semi-hard ones with the same random numbers
        at all points. The classifier is not changed. All samples are embedded n_steps squared
        times: a few hundred of them are enough for a first picture.

        Parameters
        ----------
        estimator : HSIPromptClassifier
            Fitted.
        X : PixelSamples, cube, spectra or windows
            Samples over which to average the loss, such as those of the training.
        y : array-like of shape (n_samples,), or label map for a cube
            Their labels, all among the classes of the classifier.
        extent : float, default=1.0
            Largest step along each direction, in lengths of the weights.
        n_steps : int, default=21
            Points along each direction, an odd number of at least 3.
        random_state : int, RandomState instance or None, default=None
            Seed of the directions and of semi-hard negatives.
        title : str, default=""
            Title of the plane.
        ax : matplotlib Axes, default=None
            Where to draw the plane; None makes a figure.

        Returns
        -------
        LossLandscapeDisplay
            Drawn.

        Raises
        ------
        DataError
            If the labels do not match the samples, or are not among the classes.
        ParameterError
            If the classifier is not fitted, `n_steps` is even or less than 3, or `extent` is not
            above 0.
        """
        if n_steps < 3 or n_steps % 2 == 0:
            raise ParameterError(
                f"n_steps={n_steps} leaves the trained weights off the grid. Use an odd number of "
                "at least 3."
            )
        if not 0 < extent < math.inf:
            raise ParameterError(f"extent={extent} must be a finite number above 0, such as 1.0.")
        if not hasattr(estimator, "net_"):
            raise ParameterError(
                "The classifier is not fitted, so it has no weights. Call fit first."
            )
        samples, labels = as_labeled_samples(X, y, estimator.unlabeled)
        unknown = np.setdiff1d(labels, estimator.classes_).tolist()
        if unknown:
            raise DataError(
                f"The classifier was not trained on classes {unknown}, so their samples have no "
                "loss. Leave them out."
            )
        from hsvlm.plotting._loss_surface import loss_surface

        steps = np.linspace(-extent, extent, n_steps)
        losses = loss_surface(estimator, samples, labels, steps, seed_of(random_state))
        return cls(losses, steps, title).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plane and, in a figure of their own, the two lines through its center.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw the plane; None makes a figure with the lines beside it.

        Returns
        -------
        self
            With ``ax_``, ``figure_``, ``colorbar_`` and ``profile_ax_``.
        """
        self.profile_ax_ = None
        if ax is None:
            ax, self.profile_ax_ = new_axes(None, (7.2, 3.2), ncols=2)
            self._draw_profiles(self.profile_ax_)
        exponents = self._exponents()
        filled = ax.contourf(self.steps, self.steps, exponents, levels=24, cmap="viridis")
        if np.ptp(exponents) > 0:
            style = {"colors": "white", "linestyles": "solid", "linewidths": 0.5}
            ax.contour(self.steps, self.steps, exponents, levels=12, **style)
        ax.plot(0, 0, marker="*", markersize=12, color="#D55E00", markeredgecolor="white")
        ax.set(xlabel="first direction", ylabel="second direction", title=self.title)
        ax.set(xticks=self._ticks(), yticks=self._ticks())
        ax.set_box_aspect(1)
        ticks = import_optional("matplotlib.ticker", "plot").MaxNLocator(6)
        label = r"$\log_{10}$ loss"
        self.colorbar_ = ax.figure.colorbar(filled, ax=ax, label=label, ticks=ticks)
        return self._keep(ax)

    def _exponents(self) -> NDArray[np.float64]:
        # A loss that is rounded to zero has no logarithm.
        positive = self.losses[self.losses > 0]
        lowest = positive.min() if positive.size else 1.0
        return np.asarray(np.log10(np.maximum(self.losses, lowest)))

    def _ticks(self) -> NDArray[np.float64]:
        return np.linspace(self.steps[0], self.steps[-1], 5)

    def _draw_profiles(self, ax: Any) -> None:
        center = len(self.steps) // 2
        ax.plot(self.steps, self.losses[center], color="#0072B2", label="first direction")
        ax.plot(
            self.steps, self.losses[:, center], color="#D55E00", ls="--", label="second direction"
        )
        ax.set(xlabel="step from the trained weights", ylabel="loss", xticks=self._ticks())
        if (self.losses > 0).any():
            ax.set_yscale("log", nonpositive="mask")
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.legend(
            frameon=False,
            fontsize=8.5,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            labelspacing=0.3,
        )
        ax.set_box_aspect(1)
