"""Class probabilities of a scene as a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError
from hsvlm.plotting._base import Display, names_of, new_axes
from hsvlm.plotting._certainty import LABELS, calibration, certainty, certainty_of_map
from hsvlm.plotting._fonts import plain
from hsvlm.plotting._legend import class_patches
from hsvlm.plotting._raster import (
    Placement,
    check_grid,
    image_size,
    over_pixels,
    show_raster,
    thinning,
)
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


# Pixels without a value; no color of the color bar is gray.
_NO_DATA = "#C4C4C4"
_LIMITS = (0.0, 1.0)


class ProbabilityMapDisplay(Display):
    """A figure of the class probabilities of every pixel, as an image.

    Parameters
    ----------
    values : ndarray of shape (height, width)
        One number per pixel; masked pixels and NaN are gray, and named in a legend.
    value_label : str
        Label of the color bar.
    limits : tuple of 2 floats
        Values at the ends of the color bar.
    title : str, default=""
        Title of the axes.
    step : int, default=1
        Pixels of the scene from one value to the next.
    pixel_size_m, crs, transform
        Place on the ground, for the scale bar and the axes, see :class:`SceneDisplay`.

    Attributes
    ----------
    ax_, figure_
        Axes and figure, after :meth:`plot`.
    colorbar_ : matplotlib Colorbar
        The color bar.
    legend_ : matplotlib Legend or None
        The legend of pixels without a value, where there are such.
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
    legend_: Any
    scale_bar_: Any

    def __init__(
        self,
        values: NDArray[Any],
        value_label: str,
        limits: tuple[float, float],
        title: str = "",
        step: int = 1,
        pixel_size_m: float | None = None,
        crs: str | None = None,
        transform: tuple[float, ...] | None = None,
    ) -> None:
        self.values = values
        self.value_label = value_label
        self.limits = limits
        self.title = title
        self.step = step
        self.pixel_size_m = pixel_size_m
        self.crs = crs
        self.transform = transform

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
        note: str = "",
        title: str = "",
        ax: Any = None,
    ) -> Self:
        """Draw the largest probability, the entropy or the probability of one class.

        Parameters
        ----------
        probabilities : array-like of shape (height, width, n_classes)
            The result of ``predict_proba``. Pixels that are masked or NaN are gray. Maps of more
            than 2,000 pixels on a side are thinned.
        kind : {"confidence", "entropy"}, default="confidence"
            The largest of the probabilities, that of the mapped class, from 1 / n_classes to 1; or
            their entropy over its maximum, the logarithm of the number of classes: 0 where one
            class has all the probability, 1 where all have the same. The color bar of either goes
            from 0 to 1, so that figures can be compared.
        label : int or str, default=None
            The class whose probability to draw instead.
        classes : sequence of length n_classes, default=None
            Labels of the classes in the order of the probabilities; needed with `label`.
        class_names : dict, default=None
            ``{label: name}``; None takes the names of `scene`.
        scene : Scene, default=None
            The scene of the map, for pixels without data, names and a scale bar, see
            :meth:`ClassificationMapDisplay.from_labels`.
        note : str, default=""
            What to add in brackets to the label of the color bar, such as ``"calibrated"``.
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
        if kind not in LABELS:
            hint = "Or pass label for the probability of one class."
            raise UnknownNameError.for_name("kind of map", kind, LABELS, hint)
        values, step = _check_probabilities(probabilities, scene)
        n_classes = values.shape[2]
        if label is not None:
            shown = values[..., _position(label, classes, n_classes)]
            known = scene.class_names if scene else None
            value_label = f"probability of {plain(names_of([label], class_names, known)[label])}"
        else:
            shown = np.ma.array(certainty(np.ma.getdata(values), kind), mask=_hidden(values))
            value_label = LABELS[kind]
        if note:
            value_label += f"\n({note})"
        place = (None, None) if scene is None else (scene.crs, scene.transform)
        return cls(shown, value_label, _LIMITS, title, step, None, *place).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, cube: Any, **options: Any) -> Self:
        """Predict the probabilities of a cube and draw them.

        Parameters
        ----------
        estimator : HSIPromptClassifier
            Fitted.
        cube : Scene, or array of shape (height, width, n_bands)
            The cube to predict. Pixels of a scene without data are gray.
        **options
            Passed to :meth:`from_probabilities`; classes and their names default to those of the
            estimator, `scene` to the scene, and `note` to whether the probabilities are calibrated.

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
            "note": calibration(estimator, cube),
        }
        probabilities = over_pixels(estimator.predict_proba, cube)
        return cls.from_probabilities(probabilities, **{**defaults, **options})

    @classmethod
    def from_map(
        cls,
        scene_map: Any,
        *,
        kind: str = "confidence",
        estimator: Any = None,
        title: str = "",
        ax: Any = None,
    ) -> Self:
        """Draw the confidence or the entropy of a map, also one in files larger than memory.

        Parameters
        ----------
        scene_map : SceneMap
            Made by :func:`hsvlm.mapping.predict_scene` with probabilities, or with the entropy.
        kind : {"confidence", "entropy"}, default="confidence"
            See :meth:`from_probabilities`.
        estimator : HSIPromptClassifier, default=None
            The classifier that made the map, to say whether its probabilities are calibrated.
        title, ax
            As for :meth:`from_probabilities`.

        Returns
        -------
        ProbabilityMapDisplay
            Drawn.

        Raises
        ------
        DataError
            If the map has neither probabilities nor what is to be drawn.
        UnknownNameError
            If there is no such kind.

        Examples
        --------
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> from hsvlm.mapping import predict_scene
        >>> from hsvlm.plotting import ProbabilityMapDisplay
        >>> scene = make_synthetic_scene(random_state=0)
        >>> X, y = scene.samples()
        >>> scene_map = predict_scene(GaussianNB().fit(X, y), scene, entropy=True)
        >>> display = ProbabilityMapDisplay.from_map(scene_map, kind="entropy")
        >>> display.values.shape, display.limits
        ((32, 32), (0.0, 1.0))
        """
        if kind not in LABELS:
            raise UnknownNameError.for_name("kind of map", kind, LABELS)
        values, step = certainty_of_map(scene_map, kind)
        scene = scene_map.scene
        note = "" if estimator is None else calibration(estimator, scene)
        value_label = LABELS[kind] + (f"\n({note})" if note else "")
        return cls(
            values, value_label, _LIMITS, title, step, None, scene.crs, scene.transform
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the map and its color bar.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
            With ``ax_``, ``figure_``, ``colorbar_``, ``legend_`` and ``scale_bar_``.
        """
        height, width = (self.step * side for side in self.values.shape)
        place = Placement.of((height, width), self.crs, self.transform, self.pixel_size_m)
        tall, wide = place.sides
        below = wide > 2 * tall
        values = np.ma.masked_invalid(self.values)
        is_whole = not np.ma.is_masked(values)
        size = image_size(place, self.title, beside=0.0 if below else 1.0)
        ax = new_axes(ax, (size[0], size[1] + 0.8 * below))
        low, high = self.limits
        colors = import_optional("matplotlib", "plot").colormaps["viridis"]
        image, self.scale_bar_ = show_raster(
            ax,
            values,
            placement=place,
            title=self.title,
            cmap=colors.with_extremes(bad=_NO_DATA),
            vmin=low,
            vmax=high,
            interpolation="nearest",
        )
        bar: dict[str, Any] = {"location": "bottom", "aspect": 40} if below else {}
        self.colorbar_ = ax.figure.colorbar(image, ax=ax, **bar)
        self.colorbar_.set_label(self.value_label, size="small")
        self.colorbar_.ax.tick_params(labelsize="small")
        self.legend_ = None
        if not is_whole:
            patches = class_patches(["no data"], [_NO_DATA])
            self.legend_ = ax.legend(
                handles=patches, loc="lower right", fontsize="small", handlelength=1.2
            )
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
