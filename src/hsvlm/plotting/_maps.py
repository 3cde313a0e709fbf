"""Label maps with their legend, also with a reference and the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._data.label_maps import labeled_pixels, unlabeled_values
from hsvlm._prediction.legend import known_colors
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting._base import Display, class_colors, names_of
from hsvlm.plotting._legend import add_legend, class_patches
from hsvlm.plotting._map_panels import (
    ERROR_COLORS,
    comparable,
    error_names,
    one_panel,
    several_panels,
    show_beside_image,
    show_comparison,
    show_labels,
)
from hsvlm.plotting._raster import Placement, check_grid, over_pixels, thinning
from hsvlm.plotting._scene import SceneDisplay, overview
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


class ClassificationMapDisplay(Display):
    """A label map with its legend, also with its reference and its errors.

    Parameters
    ----------
    label_map : ndarray of shape (height, width)
        Label of every pixel.
    names : dict
        ``{label: name}`` of the labels in the legend, in its order.
    colors : dict
        ``{label: color}``; pixels of any other label are white, and so are masked ones.
    title : str, default=""
        Title of the axes.
    reference : ndarray of shape (height, width), default=None
        True labels, masked where they are missing. With a reference, three maps are drawn:
        reference, prediction and errors.
    pixel_size_m, crs, transform
        Place on the ground, for the scale bar and the axes, see :class:`SceneDisplay`.
    image : SceneDisplay, default=None
        Image to be drawn to the left of a map without a reference.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of two or three of them
        After :meth:`plot`; image and map with an image, three with a reference.
    figure_, legend_
        Figure and legend.
    scale_bar_ : matplotlib Artist or None
        The scale bar of the first axes, where there is one.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.plotting import ClassificationMapDisplay
    >>> scene = make_synthetic_scene(random_state=0)
    >>> display = ClassificationMapDisplay.from_labels(scene.labels, scene=scene)
    >>> display.names[1]
    'meadow'
    """

    legend_: Any
    scale_bar_: Any

    def __init__(
        self,
        label_map: NDArray[Any],
        names: Mapping[Any, str],
        colors: Mapping[Any, Any],
        title: str = "",
        reference: NDArray[Any] | None = None,
        pixel_size_m: float | None = None,
        crs: str | None = None,
        transform: tuple[float, ...] | None = None,
        image: SceneDisplay | None = None,
    ) -> None:
        self.label_map = label_map
        self.names = names
        self.colors = colors
        self.title = title
        self.reference = reference
        self.pixel_size_m = pixel_size_m
        self.crs = crs
        self.transform = transform
        self.image = image

    @classmethod
    def from_labels(
        cls,
        label_map: ArrayLike,
        class_names: Mapping[Any, str] | None = None,
        *,
        scene: Scene | None = None,
        unlabeled: Any = 0,
        colors: Mapping[Any, Any] | None = None,
        image: bool = False,
        title: str = "",
        ax: Any = None,
    ) -> Self:
        """Draw a label map.

        Parameters
        ----------
        label_map : array-like of shape (height, width)
            Labels. Maps of more than 2,000 pixels on a side are thinned for drawing.
        class_names : dict, default=None
            ``{label: name}``. Gives the legend, also for classes that are not in the map, so that
            maps of one scene share their colors. A label that is not listed stands for itself.
            None takes the names of `scene`.
        scene : Scene, default=None
            The scene of the map, for names, colors, coordinates and a scale bar; see
            :meth:`SceneDisplay.from_scene`.
        unlabeled : int, str or None, default=0
            Label drawn in white and left out of the legend; None draws every label. NaN and
            masked pixels are white in any case.
        colors : dict, default=None
            ``{label: color}``; other classes take theirs from the scene, or from
            :func:`class_palette`, with further hues for more than 20.
        image : bool, default=False
            Draw an image of the scene to the left of the map: in false color, else in true color;
            without such wavelengths, of three bands from the whole range.
        title : str, default=""
            Title of the axes; with an image, of the figure.
        ax : matplotlib Axes, or sequence of two with an image, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ClassificationMapDisplay
            Drawn.

        Raises
        ------
        DataError
            If the map is not 2-D, or not of the size of the scene, or the scene has too few bands
            or no data for an image.
        ParameterError
            If one of `colors` is not a color, an image is requested without a scene, or `ax` is not
            as many axes as there are panels.
        """
        if image and scene is None:
            raise ParameterError(
                "image=True draws an image of the scene, and no scene was passed. Pass scene=..."
            )
        values = _as_map(label_map, scene, "label map")
        names = _legend_names([values], class_names, scene, unlabeled)
        chosen = _legend_colors(names, colors, scene)
        shown = overview(scene) if image and scene is not None else None
        return cls(values, names, chosen, title, None, None, *_place_of(scene), shown).plot(ax)

    @classmethod
    def from_map(
        cls, scene_map: Any, *, image: bool = False, title: str = "", ax: Any = None
    ) -> Self:
        """Draw the map of a scene with its names and colors.

        Pixels without data are white, and named in the legend where there are such.

        Parameters
        ----------
        scene_map : SceneMap
            Made by :func:`hsvlm.mapping.predict_scene`.
        image, title, ax
            As for :meth:`from_labels`.

        Returns
        -------
        ClassificationMapDisplay
            Drawn.

        Raises
        ------
        DataError
            If the scene has no data for an image.
        ParameterError
            If `ax` is not as many axes as there are panels.

        Examples
        --------
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> from hsvlm.mapping import predict_scene
        >>> from hsvlm.plotting import ClassificationMapDisplay
        >>> scene = make_synthetic_scene(random_state=0)
        >>> X, y = scene.samples()
        >>> scene_map = predict_scene(GaussianNB().fit(X, y), scene)
        >>> [ax.get_title() for ax in ClassificationMapDisplay.from_map(scene_map, image=True).ax_]
        ['false color (834, 617, 545 nm)', 'map']
        """
        label_map, missing = scene_map.label_map, scene_map.unlabeled
        names, colors = dict(scene_map.class_names), dict(scene_map.class_colors)
        if (label_map == missing).any():
            names[missing], colors[missing] = "no data", "white"
        return cls.from_labels(
            label_map,
            names,
            scene=scene_map.scene,
            unlabeled=None,
            colors=colors,
            image=image,
            title=title,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true_map: ArrayLike,
        y_pred_map: ArrayLike,
        class_names: Mapping[Any, str] | None = None,
        *,
        scene: Scene | None = None,
        unlabeled: Any = 0,
        colors: Mapping[Any, Any] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw a reference, a prediction and their differences side by side.

        Errors are shown and counted at pixels that have a reference and whose prediction is
        neither masked nor NaN.

        Parameters
        ----------
        y_true_map, y_pred_map : array-like of shape (height, width)
            Reference and prediction.
        class_names, scene, colors
            As for :meth:`from_labels`.
        unlabeled : int, str or None, default=0
            Value of the reference that stands for "no label"; white in all maps.
        ax : sequence of 3 matplotlib Axes, default=None
            Where to draw; None makes a figure with the maps in a row, or in a column if they are
            wide.

        Returns
        -------
        ClassificationMapDisplay
            Drawn.

        Raises
        ------
        DataError
            If a map is not 2-D, the maps differ in shape, or no pixel can be compared.
        ParameterError
            If one of `colors` is not a color, or `ax` is not three axes.

        Examples
        --------
        >>> from hsvlm.plotting import ClassificationMapDisplay
        >>> display = ClassificationMapDisplay.from_predictions([[1, 2, 0]], [[1, 1, 2]])
        >>> display.ax_[2].get_title()
        'errors: 50.0%'
        """
        truth = _as_map(y_true_map, scene, "reference")
        predicted = _as_map(y_pred_map, scene, "prediction")
        if truth.shape != predicted.shape:
            raise DataError(
                f"The reference has shape {truth.shape} and the prediction {predicted.shape}. "
                "Both must cover the same pixels."
            )
        truth = np.ma.masked_where(~labeled_pixels(truth, unlabeled), truth)
        if not comparable(truth, predicted).any():
            raise DataError(
                "No pixel has both a reference label and a prediction, so there is nothing to "
                "compare. Check `unlabeled` and the masks of both maps."
            )
        names = _legend_names([truth, predicted], class_names, scene, unlabeled)
        chosen = _legend_colors(names, colors, scene)
        return cls(predicted, names, chosen, "", truth, None, *_place_of(scene)).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, cube: Any, **options: Any) -> Self:
        """Predict a cube and draw the map.

        Parameters
        ----------
        estimator : HSIPromptClassifier
            Fitted.
        cube : Scene, or array of shape (height, width, n_bands)
            The cube to predict. Pixels of a scene without data are white.
        **options
            Passed to :meth:`from_labels`; class names and colors default to those of the
            estimator, `scene` to the scene, and `unlabeled` to None, since every pixel is
            predicted.

        Returns
        -------
        ClassificationMapDisplay
            Drawn.
        """
        scene = cube if isinstance(cube, Scene) else None
        label_map = over_pixels(estimator.predict, cube)
        known = scene.class_names if scene else None
        labels = estimator.classes_.tolist()
        names = names_of(labels, estimator.class_names, known)
        chosen = known_colors(estimator, scene, labels, names)
        chosen |= options.pop("colors", None) or {}
        # Of all classes, since the numbers of the scene may stand for others.
        colors = class_colors(labels, chosen)
        defaults = {"class_names": names, "scene": scene, "unlabeled": None, "colors": colors}
        return cls.from_labels(label_map, **{**defaults, **options})

    def plot(self, ax: Any = None) -> Self:
        """Draw the map, with its image or the two other maps, and the legend.

        Parameters
        ----------
        ax : matplotlib Axes, or sequence of them, default=None
            Where to draw: one, two with an image, three with a reference; None makes a figure.

        Returns
        -------
        self
            With ``ax_``, ``figure_``, ``legend_`` and ``scale_bar_``.
        """
        drawn = [label for label in self.names if label in self.colors]
        names = [self.names[label] for label in drawn]
        colors = [self.colors[label] for label in drawn]
        shape = self.label_map.shape
        place = Placement.of(shape, self.crs, self.transform, self.pixel_size_m)
        if self.reference is not None:
            names += error_names(self.reference, self.label_map)
            colors += ERROR_COLORS.values()
            axes, columns = several_panels(ax, 3, place, "", names)
            self.scale_bar_ = show_comparison(
                axes, self.reference, self.label_map, self.colors, place
            )
        elif self.image is not None:
            axes, columns = several_panels(ax, 2, place, self.title, names)
            self.scale_bar_ = show_beside_image(
                axes, self.image, self.label_map, self.colors, place
            )
        else:
            axes, columns = one_panel(ax, place, self.title, names)
            self.scale_bar_ = show_labels(axes[0], self.label_map, self.colors, self.title, place)
        self.legend_ = add_legend(axes[-1], class_patches(names, colors), columns)
        self._keep(axes[0])
        if len(axes) > 1:
            self.ax_ = axes
        return self


def _place_of(scene: Scene | None) -> tuple[str | None, tuple[float, ...] | None]:
    return (None, None) if scene is None else (scene.crs, scene.transform)


def _as_map(values: ArrayLike, scene: Scene | None, role: str) -> NDArray[Any]:
    label_map = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    if label_map.ndim != 2:
        raise DataError(f"A label map has shape (height, width), got {label_map.shape}.")
    check_grid(label_map, scene, role)
    is_float = label_map.dtype.kind == "f"
    return np.ma.masked_invalid(label_map, copy=False) if is_float else label_map


def _legend_names(
    maps: list[NDArray[Any]],
    class_names: Mapping[Any, str] | None,
    scene: Scene | None,
    unlabeled: Any,
) -> dict[Any, str]:
    names = dict((scene.class_names if scene else {}) if class_names is None else class_names)
    for label_map in maps:
        step = thinning(label_map.shape)
        drawn = label_map[::step, ::step]
        labels = np.unique(np.asarray(drawn)[~np.ma.getmaskarray(drawn)]).tolist()
        names |= {label: str(label) for label in labels if label not in names}
    for mark in unlabeled_values(unlabeled):
        names.pop(mark, None)
    return names


def _legend_colors(
    names: Mapping[Any, str], colors: Mapping[Any, Any] | None, scene: Scene | None
) -> dict[Any, Any]:
    # Files may state a color for "no label", which is drawn in white.
    chosen = class_colors(names, {**(scene.class_colors if scene else {}), **(colors or {})})
    return {label: color for label, color in chosen.items() if label in names}
