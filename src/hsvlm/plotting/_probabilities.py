"""Class probabilities of a scene as a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import entr

from hsvlm.exceptions import DataError, ParameterError, UnknownNameError
from hsvlm.plotting._base import Display, names_of, new_axes
from hsvlm.plotting._raster import (
    check_grid,
    image_size,
    meters_per_pixel,
    over_pixels,
    show_raster,
    thinning,
)
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


_KINDS = ("confidence", "entropy")


class ProbabilityMapDisplay(Display):
    """A figure of the class probabilities of every pixel, as an image.

    Parameters
    ----------
    values : ndarray of shape (height, width)
        One number per pixel; masked pixels and NaN are white.
    value_label : str
        Label of the color bar.
    limits : tuple of 2 floats
        Values at the ends of the color bar.
    title : str, default=""
        Title of the axes.
    step : int, default=1
        Pixels of the scene from one value to the next.
    pixel_size_m : float, default=None
        Width of a pixel of the scene in meters, for the scale bar; None draws none.

    Attributes
    ----------
    ax_, figure_
        Axes and figure, after :meth:`plot`.
    colorbar_ : matplotlib Colorbar
        The color bar.
    scale_bar_ : matplotlib Artist or None
        The scale bar, where there is one.

    References
    ----------
    .. [1] C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal
       27, 1948.

    Examples
    --------
    >>> from hsvlm.plotting import ProbabilityMapDisplay
    >>> probabilities = [[[0.5, 0.5], [0.9, 0.1]]]
    >>> ProbabilityMapDisplay.from_probabilities(probabilities).values
    masked_array(data=[[0.5, 0.9]], ...
    >>> ProbabilityMapDisplay.from_probabilities(probabilities, kind="entropy").values.round(2)
    masked_array(data=[[1.0, 0.47]], ...
    """

    colorbar_: Any
    scale_bar_: Any

    def __init__(
        self,
        values: NDArray[Any],
        value_label: str,
        limits: tuple[float, float],
        title: str = "",
        step: int = 1,
        pixel_size_m: float | None = None,
    ) -> None:
        self.values = values
        self.value_label = value_label
        self.limits = limits
        self.title = title
        self.step = step
        self.pixel_size_m = pixel_size_m

    @classmethod
    def from_probabilities(
        cls,
        probabilities: ArrayLike,
        *,
        kind: str = "confidence",
        label: Any = None,
        classes: Sequence[Any] | None = None,
        class_names: Mapping[Any, str] | None = None,
        scene: Scene | None = None,
        title: str = "",
        ax: Any = None,
    ) -> Self:
        """Draw the largest probability, the entropy or the probability of one class.

        Parameters
        ----------
        probabilities : array-like of shape (height, width, n_classes)
            The result of ``predict_proba``. Pixels that are masked or NaN are white. Maps of more
            than 2,000 pixels on a side are thinned.
        kind : {"confidence", "entropy"}, default="confidence"
            The largest of the probabilities, from 1 / n_classes to 1; or their entropy over
            its maximum, the logarithm of the number of classes: 0 where one class has all the
            probability, 1 where all have the same.
        label : int or str, default=None
            The class whose probability to draw instead.
        classes : sequence of length n_classes, default=None
            Labels of the classes in the order of the probabilities; needed with `label`.
        class_names : dict, default=None
            ``{label: name}``; None takes the names of `scene`.
        scene : Scene, default=None
            The scene of the map, for pixels without data, names and a scale bar, see
            :meth:`ClassificationMapDisplay.from_labels`.
        title : str, default=""
            Title of the axes.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ProbabilityMapDisplay
            Drawn.

        Raises
        ------
        DataError
            If the array has another shape or fewer than two classes, its size is not that of the
            scene, no pixel has a value, or probabilities do not add up to one.
        ParameterError
            If `label` is not one of `classes`, or `classes` has another length.
        UnknownNameError
            If there is no such kind.
        """
        if kind not in _KINDS:
            hint = "Or pass label for the probability of one class."
            raise UnknownNameError.for_name("kind of map", kind, _KINDS, hint)
        values, step = _check_probabilities(probabilities, scene)
        n_classes = values.shape[2]
        if label is not None:
            shown = values[..., _position(label, classes, n_classes)]
            known = scene.class_names if scene else None
            value_label = f"probability of {names_of([label], class_names, known)[label]}"
            limits = (0.0, 1.0)
        elif kind == "entropy":
            entropy = entr(values.data).sum(axis=-1) / np.log(n_classes)
            shown = np.ma.array(entropy, mask=_hidden(values))
            value_label, limits = "normalized entropy", (0.0, 1.0)
        else:
            shown = values.max(axis=-1)
            value_label, limits = "largest class probability", (1 / n_classes, 1.0)
        return cls(shown, value_label, limits, title, step, meters_per_pixel(scene)).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, cube: Any, **options: Any) -> Self:
        """Predict the probabilities of a cube and draw them.

        Parameters
        ----------
        estimator : HSIPromptClassifier
            Fitted.
        cube : Scene, or array of shape (height, width, n_bands)
            The cube to predict. Pixels of a scene without data are white.
        **options
            Passed to :meth:`from_probabilities`; classes and their names default to those of the
            estimator, and `scene` to the scene.

        Returns
        -------
        ProbabilityMapDisplay
            Drawn.
        """
        classes = estimator.classes_.tolist()
        defaults = {
            "classes": classes,
            "class_names": estimator.class_names,
            "scene": cube if isinstance(cube, Scene) else None,
        }
        probabilities = over_pixels(estimator.predict_proba, cube)
        return cls.from_probabilities(probabilities, **{**defaults, **options})

    def plot(self, ax: Any = None) -> Self:
        """Draw the map and its color bar.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
            With ``ax_``, ``figure_``, ``colorbar_`` and ``scale_bar_``.
        """
        height, width = self.values.shape
        below = width > 2 * height
        size = image_size(self.values.shape, self.title, beside=0.0 if below else 0.8)
        ax = new_axes(ax, (size[0], size[1] + 0.7 * below))
        low, high = self.limits
        image, self.scale_bar_ = show_raster(
            ax,
            self.values,
            step=self.step,
            title=self.title,
            pixel_size_m=self.pixel_size_m,
            cmap="viridis",
            vmin=low,
            vmax=high,
        )
        place: dict[str, Any] = {"location": "bottom", "aspect": 40} if below else {}
        self.colorbar_ = ax.figure.colorbar(image, ax=ax, label=self.value_label, **place)
        return self._keep(ax)


def _check_probabilities(probabilities: ArrayLike, scene: Scene | None) -> tuple[NDArray[Any], int]:
    array = (
        probabilities if isinstance(probabilities, np.ma.MaskedArray) else np.asarray(probabilities)
    )
    if array.ndim != 3 or array.shape[2] < 2:
        raise DataError(
            "Probabilities of a map have shape (height, width, n_classes) with at least two "
            f"classes, got {array.shape}. Pass the result of predict_proba for a cube."
        )
    check_grid(array, scene, "map of probabilities")
    step = thinning(array.shape)
    values = np.ma.masked_invalid(array[::step, ::step], copy=True)
    hidden = _hidden(values)
    if scene is not None and scene.valid is not None:
        hidden = hidden | ~scene.valid[::step, ::step]
    values[hidden] = np.ma.masked
    sums = values.data[~hidden].sum(axis=-1, dtype=np.float64)
    if not sums.size:
        raise DataError(
            "No pixel has probabilities: all are masked, NaN or without data in the scene."
        )
    if abs(sums - 1).max() > 1e-2 or values.min() < 0:
        raise DataError(
            f"The values of a pixel lie between {values.min():g} and {values.max():g} and add up "
            f"to {sums.min():g} to {sums.max():g}, so they are not probabilities. Pass the result "
            "of predict_proba, in [0, 1]."
        )
    return values, step


def _hidden(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.ma.getmaskarray(values).any(axis=-1))


def _position(label: Any, classes: Sequence[Any] | None, n_classes: int) -> int:
    known = [] if classes is None else np.asarray(classes).tolist()
    if len(known) != n_classes:
        raise ParameterError(
            f"label={label!r} needs the labels of the {n_classes} classes in the order of the "
            f"probabilities, got classes={classes!r}. Pass classes=clf.classes_."
        )
    if label not in known:
        raise ParameterError(f"label={label!r} is not one of the classes {known}.")
    return known.index(label)
