"""Spectra of the classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._data.label_maps import unlabeled_values
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError
from hsvlm.plotting._base import (
    Display,
    as_labeled_samples,
    class_colors,
    luminance,
    names_of,
    new_axes,
)
from hsvlm.plotting._class_spectra import class_spectra, only_classes, spectral_breaks
from hsvlm.plotting._fonts import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from hsvlm.scene import Scene


# More lines with bands around them are illegible in one axes.
_MAX_CLASSES_TOGETHER = 6
# Few bands are marked, since they may be far from each other.
_MAX_MARKED_BANDS = 30
# Lighter colors need an outline on white.
_MAX_LUMINANCE = 0.5


class SpectraDisplay(Display):
    """Mean spectrum of every class, with its standard deviation as a band around it.

    Parameters
    ----------
    means, deviations : ndarray of shape (n_classes, n_bands)
        Mean and standard deviation over the samples of a class; NaN leaves a gap.
    names : dict
        ``{label: name}`` of the classes, in the order of `means`.
    colors : dict
        ``{label: color}``.
    wavelengths_nm : ndarray of shape (n_bands,), default=None
        Band centers in nanometers; None draws over band numbers, counted from 0.
    value_label : str, default="pixel value"
        Name of the values, with their unit.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of them
        After :meth:`plot`; one per class if there are more than six and no axes were given.
    figure_
        Figure.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.plotting import SpectraDisplay
    >>> scene = make_synthetic_scene(random_state=0)
    >>> display = SpectraDisplay.from_scene(scene, value_label="reflectance")
    >>> display.means.shape
    (4, 30)
    """

    def __init__(
        self,
        means: NDArray[np.float64],
        deviations: NDArray[np.float64],
        names: Mapping[Any, str],
        colors: Mapping[Any, Any],
        wavelengths_nm: NDArray[np.float64] | None = None,
        value_label: str = "pixel value",
    ) -> None:
        self.means = means
        self.deviations = deviations
        self.names = names
        self.colors = colors
        self.wavelengths_nm = wavelengths_nm
        self.value_label = value_label

    @classmethod
    def from_scene(
        cls,
        scene: Scene,
        *,
        classes: Sequence[Any] | None = None,
        unlabeled: Any = 0,
        colors: Mapping[Any, Any] | None = None,
        value_label: str = "pixel value",
        ax: Any = None,
    ) -> Self:
        """Draw the spectra of the labeled pixels of a scene.

        Parameters
        ----------
        scene : Scene
            With a label map. Only its labeled pixels with data are read; bands marked as bad are
            left out.
        classes : sequence, default=None
            Labels of the classes to draw, in this order; None draws all.
        unlabeled : int, str or None, default=0
            Value of the label map that stands for "no label".
        colors : dict, default=None
            ``{label: color}``; other classes take theirs from the scene, or from
            :func:`class_palette`.
        value_label : str, default="pixel value"
            Name of the values, with their unit, for the axis, such as ``"reflectance"``.
        ax : matplotlib Axes, default=None
            Where to draw all classes; None makes a figure.

        Returns
        -------
        SpectraDisplay
            Drawn.

        Raises
        ------
        DataError
            If no pixel is labeled.
        ParameterError
            If one of `classes` has no pixels, or one of `colors` is not a color.
        """
        X, y = scene.samples(unlabeled=unlabeled)
        spectra = class_spectra(X, y, scene.bad_bands)
        # Colors are chosen for all classes, so that they are the same as in maps.
        in_order = [name for name in scene.class_names if name not in unlabeled_values(unlabeled)]
        in_order += [label for label in spectra.labels if label not in in_order]
        chosen = class_colors(in_order, {**scene.class_colors, **(colors or {})})
        spectra = only_classes(spectra, classes)
        names = names_of(spectra.labels, scene.class_names)
        wavelengths = scene.wavelengths_nm
        return cls(spectra.means, spectra.deviations, names, chosen, wavelengths, value_label).plot(
            ax
        )

    @classmethod
    def from_samples(
        cls,
        X: Any,
        y: ArrayLike,
        wavelengths_nm: ArrayLike | None = None,
        *,
        class_names: Mapping[Any, str] | None = None,
        classes: Sequence[Any] | None = None,
        colors: Mapping[Any, Any] | None = None,
        value_label: str = "pixel value",
        ax: Any = None,
    ) -> Self:
        """Draw the spectra of samples.

        Parameters
        ----------
        X : PixelSamples or array of shape (n_samples, n_bands)
            The samples. Values that are NaN or infinite do not count.
        y : array-like of shape (n_samples,)
            Their labels.
        wavelengths_nm : array-like of shape (n_bands,), default=None
            Band centers in nanometers; None draws over band numbers.
        class_names : dict, default=None
            ``{label: name}``; a label that is not listed stands for itself.
        classes, colors, value_label, ax
            As for :meth:`from_scene`.

        Returns
        -------
        SpectraDisplay
            Drawn.

        Raises
        ------
        DataError
            If X is not a table of spectra, or labels or wavelengths do not match it.
        ParameterError
            If one of `classes` has no samples, or one of `colors` is not a color.

        Examples
        --------
        >>> from hsvlm.plotting import SpectraDisplay
        >>> X, y = [[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]], ["soil", "soil", "water"]
        >>> SpectraDisplay.from_samples(X, y, [500, 600]).means
        array([[2., 3.],
               [0., 1.]])
        """
        samples, labels = as_labeled_samples(X, y)
        if samples.ndim != 2 or not len(samples):
            raise DataError(
                f"Spectra have shape (n_samples, n_bands), got {samples.shape}. Pass PixelSamples "
                "or a 2-D array of at least one spectrum."
            )
        wavelengths = None
        if wavelengths_nm is not None:
            wavelengths = np.asarray(wavelengths_nm, dtype=np.float64)
            if wavelengths.shape != samples.shape[1:]:
                raise DataError(
                    f"The spectra have {samples.shape[1]} bands, but wavelengths_nm has shape "
                    f"{wavelengths.shape}. Give one band center in nanometers per band."
                )
        spectra = class_spectra(samples, labels, None)
        chosen = class_colors(spectra.labels, colors)
        spectra = only_classes(spectra, classes)
        names = names_of(spectra.labels, class_names)
        return cls(spectra.means, spectra.deviations, names, chosen, wavelengths, value_label).plot(
            ax
        )

    def plot(self, ax: Any = None) -> Self:
        """Draw the spectra together, or class by class if there are more than six.

        Lines break where wavelengths decrease, as between overlapping detectors, and at gaps of
        more than three median steps, as after removed bands.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw all classes; None makes a figure.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        if ax is None and len(self.names) > _MAX_CLASSES_TOGETHER:
            return self._plot_apart()
        ax = new_axes(ax, (5.2, 3.4))
        lines = [self._draw(ax, place) for place in range(len(self.names))]
        ax.set(xlabel=self._x_label, ylabel=self.value_label)
        ax.legend(
            # Named, since matplotlib leaves out lines whose name starts with an underscore.
            lines,
            [plain(name) for name in self.names.values()],
            frameon=False,
            fontsize=8.5,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=2 if len(self.names) > 3 else max(len(self.names), 1),
        )
        return self._keep(ax)

    def _plot_apart(self) -> Self:
        columns = 4 if len(self.names) > 9 else 3
        rows = math.ceil(len(self.names) / columns)
        axes = new_axes(
            None,
            (7.2, 1.45 * rows + 0.5),
            layout="constrained",
            nrows=rows,
            ncols=columns,
            sharex=True,
            sharey=True,
            squeeze=False,
        ).ravel()
        for place, name in enumerate(self.names.values()):
            self._draw(axes[place], place)
            axes[place].set_title(plain(name), fontsize=8, pad=3)
            axes[place].tick_params(labelsize=8)
        for ax in axes[len(self.names) :]:
            ax.remove()
        for ax in axes[len(self.names) - columns : len(self.names)]:
            ax.tick_params(labelbottom=True)
        self._keep(axes[0])
        self.figure_.supxlabel(self._x_label, fontsize=9)
        self.figure_.supylabel(self.value_label, fontsize=9)
        self.ax_ = axes[: len(self.names)]
        return self

    @property
    def _x_label(self) -> str:
        return "band" if self.wavelengths_nm is None else "wavelength (nm)"

    def _draw(self, ax: Any, place: int) -> Any:
        """Draw the spectrum of a class; return its line."""
        label, name = list(self.names.items())[place]
        color = self.colors[label]
        x, mean, deviation = self._broken_line(place)
        ax.fill_between(x, mean - deviation, mean + deviation, color=color, alpha=0.35, linewidth=0)
        marker = "o" if len(self.means[place]) <= _MAX_MARKED_BANDS else None
        style = {"color": color, "linewidth": 1.0, "marker": marker, "markersize": 3}
        if luminance(color) > _MAX_LUMINANCE:
            effects = import_optional("matplotlib.patheffects", "plot")
            style["path_effects"] = [effects.withStroke(linewidth=1.8, foreground="0.35")]
        return ax.plot(x, mean, label=plain(name), **style)[0]

    def _broken_line(self, place: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        mean, deviation = self.means[place], self.deviations[place]
        if self.wavelengths_nm is None:
            return np.arange(len(mean)), mean, deviation
        at = spectral_breaks(self.wavelengths_nm)
        return (
            np.insert(self.wavelengths_nm, at, self.wavelengths_nm[at]),
            np.insert(mean, at, np.nan),
            np.insert(deviation, at, np.nan),
        )
