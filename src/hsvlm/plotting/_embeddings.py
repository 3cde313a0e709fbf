"""Pixel embeddings and class prototypes in a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._prediction.legend import known_colors
from hsvlm._system.devices import seed_of
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError
from hsvlm.plotting._base import Display, as_labeled_samples, class_colors, names_of, new_axes
from hsvlm.plotting._fonts import plain
from hsvlm.plotting._legend import add_legend, columns_below, height_below
from hsvlm.plotting._projections import PROJECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


_MIN_SAMPLES = 4
_SIDE_INCHES = 4.8


class EmbeddingDisplay(Display):
    """Embeddings of pixels as points of their class color, and prototypes as stars.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Projected embeddings.
    labels : ndarray of shape (n_samples,)
        Their labels.
    names : dict
        ``{label: name}`` of the classes in the legend, in its order.
    colors : dict
        ``{label: color}``.
    prototypes : dict, default=None
        ``{label: (x, y)}``; None or empty if there are none.
    axis_labels : tuple of 2 str, default=("", "")
        Labels of the axes.
    title : str, default=""
        Title of the axes.

    Attributes
    ----------
    ax_, figure_, legend_
        Axes, figure and legend, after :meth:`plot`.

    References
    ----------
    .. [1] L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", Journal of Machine
       Learning Research 9, 2008.
    .. [2] L. McInnes, J. Healy and J. Melville, "UMAP: uniform manifold approximation and
       projection for dimension reduction", arXiv:1802.03426, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import HSIPromptClassifier
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.plotting import EmbeddingDisplay
    >>> scene = make_synthetic_scene(random_state=0)
    >>> clf = HSIPromptClassifier(
    ...     text_encoder=np.eye(4, 8), window_size=5, patch_size=1, max_epochs=2, random_state=0
    ... ).fit(scene.cube, scene.labels)
    >>> display = EmbeddingDisplay.from_estimator(clf, scene.cube, scene.labels, random_state=0)
    >>> display.points.shape, len(display.prototypes)
    ((523, 2), 4)
    """

    legend_: Any

    def __init__(
        self,
        points: NDArray[Any],
        labels: NDArray[Any],
        names: Mapping[Any, str],
        colors: Mapping[Any, Any],
        prototypes: Mapping[Any, Sequence[float]] | None = None,
        axis_labels: tuple[str, str] = ("", ""),
        title: str = "",
    ) -> None:
        self.points = points
        self.labels = labels
        self.names = names
        self.colors = colors
        self.prototypes = prototypes
        self.axis_labels = axis_labels
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        max_samples: int | None = 5000,
        random_state: Any = None,
        **options: Any,
    ) -> Self:
        """Embed labeled pixels, project them together with the prototypes, and draw both.

        Parameters
        ----------
        estimator : HSIPromptClassifier
            Fitted. Without text prompts it has no prototypes, and only the points are drawn.
        X : PixelSamples, cube, spectra or windows
            The pixels.
        y : array-like of shape (n_samples,), or label map for a cube
            Their labels.
        max_samples : int or None, default=5000
            Number of pixels to draw, chosen at random; None takes all.
        random_state : int, RandomState instance or None, default=None
            Seed of the choice and of the projection.
        **options
            Passed to :meth:`from_embeddings`; class names and colors default to those of the
            estimator.

        Returns
        -------
        EmbeddingDisplay
            Drawn.

        Raises
        ------
        DataError
            If the labels do not match the samples, or there are fewer than four.
        ParameterError
            If `max_samples` is less than four.
        """
        if max_samples is not None and max_samples < _MIN_SAMPLES:
            raise ParameterError(
                f"max_samples={max_samples} is too few: at least {_MIN_SAMPLES}, or None for all."
            )
        samples, labels = as_labeled_samples(X, y, estimator.unlabeled)
        seed = seed_of(random_state)
        if max_samples is not None and len(labels) > max_samples:
            drawn = np.random.default_rng(seed).choice(len(labels), max_samples, replace=False)
            drawn.sort()
            samples, labels = samples[drawn], labels[drawn]
        embeddings = estimator.transform(samples)
        classes = estimator.classes_.tolist()
        prototypes = getattr(estimator, "prototypes_", None)
        by_label = None if prototypes is None else dict(zip(classes, prototypes, strict=True))
        others = [label for label in np.unique(labels).tolist() if label not in classes]
        names = names_of([*classes, *others], estimator.class_names)
        colors = known_colors(estimator, None, classes, names)
        defaults = {
            "class_names": names,
            "colors": colors | (options.pop("colors", None) or {}),
            "prototypes": by_label,
            "random_state": seed,
        }
        return cls.from_embeddings(embeddings, labels, **{**defaults, **options})

    @classmethod
    def from_embeddings(
        cls,
        embeddings: ArrayLike,
        labels: ArrayLike,
        *,
        prototypes: Mapping[Any, ArrayLike] | None = None,
        method: str = "pca",
        class_names: Mapping[Any, str] | None = None,
        colors: Mapping[Any, Any] | None = None,
        random_state: Any = None,
        title: str = "",
        ax: Any = None,
    ) -> Self:
        """Project embeddings to a plane and draw them.

        Parameters
        ----------
        embeddings : array-like of shape (n_samples, n_features)
            Embeddings of at least four pixels.
        labels : array-like of shape (n_samples,)
            Their labels.
        prototypes : dict, default=None
            ``{label: vector}``, vectors of shape (n_features,) in the same space.
        method : {"pca", "tsne", "umap"}, default="pca"
            Principal components of the pixels, onto which prototypes are projected; or t-SNE
            or UMAP of pixels and prototypes together, in cosine distance. In these two, sizes
            of clusters and distances between them have no scale. UMAP needs umap-learn.
        class_names : dict, default=None
            ``{label: name}``. Gives the order and the colors of the classes, also of those that
            have no pixels; a label that is not listed stands for itself.
        colors : dict, default=None
            ``{label: color}``; other classes take theirs from :func:`class_palette`.
        random_state : int, RandomState instance or None, default=None
            Seed of t-SNE and UMAP.
        title : str, default=""
            Title of the axes.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        EmbeddingDisplay
            Drawn.

        Raises
        ------
        DataError
            If there are fewer than four embeddings, or labels or prototypes do not match them.
        ParameterError
            If one of `colors` is not a color.
        UnknownNameError
            If there is no such method.
        MissingDependencyError
            If umap-learn is needed and not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from hsvlm.plotting import EmbeddingDisplay
        >>> embeddings = np.eye(6)
        >>> display = EmbeddingDisplay.from_embeddings(embeddings, [1, 1, 1, 2, 2, 2])
        >>> display.points.shape
        (6, 2)
        """
        if method not in PROJECTIONS:
            raise UnknownNameError.for_name("method", method, PROJECTIONS)
        vectors, y = _check_embeddings(embeddings, labels)
        stars = dict(prototypes or {})
        plane = PROJECTIONS[method](
            vectors, _stack_prototypes(stars, vectors.shape[1]), seed_of(random_state)
        )
        in_order = list(dict.fromkeys([*(class_names or {}), *np.unique(y).tolist(), *stars]))
        names = names_of(in_order, class_names)
        places = dict(zip(stars, plane.prototypes.tolist(), strict=True))
        chosen = class_colors(in_order, colors)
        return cls(plane.points, y, names, chosen, places, plane.axis_labels, title).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw points, stars and legend.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
            With ``ax_``, ``figure_`` and ``legend_``.
        """
        stars = dict(self.prototypes or {})
        present = {*np.unique(self.labels).tolist(), *stars}
        shown = {label: name for label, name in self.names.items() if label in present}
        handles = self._handles(shown, bool(stars))
        names = [handle.get_label() for handle in handles]
        columns = None
        if ax is None:
            columns = columns_below(names, _SIDE_INCHES)
            height = _SIDE_INCHES + height_below(names, columns) + 0.25 * bool(self.title)
            ax = new_axes(None, (_SIDE_INCHES, height))
        # Random order, so that no class covers all others.
        order = np.random.default_rng(0).permutation(len(self.labels))
        ax.scatter(
            self.points[order, 0],
            self.points[order, 1],
            c=[self.colors[label] for label in self.labels[order].tolist()],
            s=float(np.clip(40_000 / len(order), 5, 24)),
            linewidths=0,
            alpha=0.8,
        )
        if stars:
            ax.scatter(
                *np.array(list(stars.values())).T,
                c=[self.colors[label] for label in stars],
                s=130,
                marker="*",
                edgecolors="black",
                linewidths=0.8,
                zorder=3,
            )
        ax.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1], title=self.title)
        ax.set(xticks=[], yticks=[])
        ax.set_aspect("equal", adjustable="datalim")
        ax.set_box_aspect(1)
        self.legend_ = add_legend(ax, handles, columns)
        return self._keep(ax)

    def _handles(self, shown: Mapping[Any, str], with_stars: bool) -> list[Any]:
        line = import_optional("matplotlib.lines", "plot").Line2D
        entries = [("o", 7, "none", self.colors[label], name) for label, name in shown.items()]
        if with_stars:
            entries += [("o", 7, "none", "0.6", "pixel"), ("*", 11, "k", "0.6", "prototype")]
        return [
            line(
                [],
                [],
                linestyle="",
                marker=marker,
                markersize=size,
                color=color,
                markeredgecolor=edge,
                label=plain(name),
            )
            for marker, size, edge, color, name in entries
        ]


def _check_embeddings(
    embeddings: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any]]:
    vectors, y = np.asarray(embeddings), np.asarray(labels)
    if vectors.ndim != 2 or len(vectors) < _MIN_SAMPLES or vectors.shape[1] < 2:
        raise DataError(
            f"A plane of embeddings needs at least {_MIN_SAMPLES} vectors of two or more numbers, "
            f"got shape {vectors.shape}."
        )
    if y.shape != (len(vectors),):
        raise DataError(
            f"There are {len(vectors)} embeddings, but labels has shape {y.shape}. Give one label "
            "per embedding."
        )
    return vectors, y


def _stack_prototypes(prototypes: Mapping[Any, ArrayLike], n_features: int) -> NDArray[Any]:
    for label, vector in prototypes.items():
        if np.shape(vector) != (n_features,):
            raise DataError(
                f"The prototype of {label!r} has shape {np.shape(vector)}, but embeddings have "
                f"{n_features} numbers. Both must lie in the same space."
            )
    return np.array(list(prototypes.values())).reshape(-1, n_features)
