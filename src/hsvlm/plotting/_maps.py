"""A label map with its legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._runtime import import_optional
from hsvlm.exceptions import DataError
from hsvlm.plotting._base import Display, class_palette, image_size, label_pixels, new_axes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

__all__ = ["ClassificationMapDisplay"]


class ClassificationMapDisplay(Display):
    """A label map with a legend beside it.

    Parameters
    ----------
    label_map : ndarray of shape (height, width)
        Label of every pixel.
    names : dict
        ``{label: name}`` of the labels in the legend, in its order.
    colors : dict
        ``{label: colour}``; pixels of any other label are white.
    title : str, default=""
        Title of the axes.

    Attributes
    ----------
    ax_, figure_, legend_
        Axes, figure and legend, after :meth:`plot`.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.plotting import ClassificationMapDisplay
    >>> scene = make_synthetic_scene(random_state=0)
    >>> display = ClassificationMapDisplay.from_labels(scene.labels, scene.class_names)
    >>> display.names[1]
    'meadow'
    """

    legend_: Any

    def __init__(
        self,
        label_map: NDArray[Any],
        names: Mapping[Any, str],
        colors: Mapping[Any, str],
        title: str = "",
    ) -> None:
        self.label_map = label_map
        self.names = names
        self.colors = colors
        self.title = title

    @classmethod
    def from_labels(
        cls,
        label_map: ArrayLike,
        class_names: Mapping[Any, str] | None = None,
        *,
        unlabeled: Any = 0,
        colors: Mapping[Any, str] | None = None,
        title: str = "",
        ax: Any = None,
    ) -> Self:
        """Draw a label map.

        Parameters
        ----------
        label_map : array-like of shape (height, width)
            Labels.
        class_names : dict, default=None
            ``{label: name}``. Gives the legend, also for classes the map does not hold, so that
            maps of one scene share their colours. Labels of the map that it lacks stand for
            themselves.
        unlabeled : int, str or None, default=0
            Label drawn in white and left out of the legend; None draws every label. NaN and
            masked pixels are white in any case.
        colors : dict, default=None
            ``{label: colour}``; other classes take theirs from :func:`class_palette`.
        title : str, default=""
            Title of the axes.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ClassificationMapDisplay
            Drawn.

        Raises
        ------
        DataError
            If the map is not 2-D.
        ParameterError
            If there are more classes than distinct colours.
        """
        values = label_map if isinstance(label_map, np.ma.MaskedArray) else np.asarray(label_map)
        if values.ndim != 2:
            message = f"A label map has shape (height, width), got {values.shape}."
            raise DataError(message)
        names = dict(class_names or {})
        drawn = np.asarray(values)[~np.ma.getmaskarray(values)]
        drawn = np.unique(drawn[drawn == drawn])
        names |= {one: str(one) for one in drawn.tolist() if one not in names}
        if unlabeled is not None:
            names.pop(unlabeled, None)
        given = dict(colors or {})
        if not names.keys() <= given.keys():
            given = {**dict(zip(names, class_palette(len(names)), strict=True)), **given}
        return cls(values, names, given, title).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, cube: ArrayLike, **options: Any) -> Self:
        """Predict a cube and prepare the map.

        Parameters
        ----------
        estimator : HSIPromptClassifier
            Fitted.
        cube : array of shape (height, width, n_bands)
            The scene.
        **options
            Passed to :meth:`from_labels`; class names default to those of the estimator, and
            `unlabeled` to None, for every pixel is predicted.

        Returns
        -------
        ClassificationMapDisplay
            Drawn.
        """
        label_map = estimator.predict(cube)
        names = {one: str(one) for one in estimator.classes_.tolist()}
        names |= {k: v for k, v in (estimator.class_names or {}).items() if k in names}
        return cls.from_labels(label_map, **{"class_names": names, "unlabeled": None, **options})

    def plot(self, ax: Any = None) -> Self:
        """Draw the map and its legend.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
            With ``ax_``, ``figure_`` and ``legend_``.
        """
        patches = import_optional("matplotlib.patches", "plot")
        to_rgb = import_optional("matplotlib.colors", "plot").to_rgb
        image = np.ones((*self.label_map.shape, 3))
        for label, colour in self.colors.items():
            image[np.ma.filled(self.label_map == label, False)] = to_rgb(colour)
        longest = max(map(len, map(str, self.names.values())), default=0)
        width, height = image_size(image.shape, self.title, beside=0.5 + 0.075 * longest)
        ax = new_axes(ax, (width, max(height, 0.7 + 0.19 * len(self.names))))
        ax.imshow(image, interpolation="nearest")
        label_pixels(ax, self.title)
        handles = [
            patches.Patch(facecolor=self.colors[one], edgecolor="0.4", linewidth=0.5, label=name)
            for one, name in self.names.items()
            if one in self.colors
        ]
        self.legend_ = ax.legend(
            handles=handles,
            loc="center left",
            bbox_to_anchor=(1.02, 0.5),
            frameon=False,
            fontsize=8.5,
            handlelength=1.2,
            handleheight=1.2,
        )
        return self._keep(ax)
