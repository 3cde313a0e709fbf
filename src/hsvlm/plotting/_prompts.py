"""Similarities between the prompts of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting._base import Display, luminance, new_axes
from hsvlm.plotting._fonts import plain
from hsvlm.plotting._legend import text_inches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


_MAX_ANNOTATED_CLASSES = 20
_CELL_INCHES = 0.285


class PromptSimilarityDisplay(Display):
    """Cosine similarities between class prototypes as a heat map.

    Parameters
    ----------
    similarities : ndarray of shape (n_classes, n_classes)
        Cosines.
    names : sequence of str
        Names of the classes.

    Attributes
    ----------
    ax_, figure_
        Axes and figure, after :meth:`plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.plotting import PromptSimilarityDisplay
    >>> PromptSimilarityDisplay.from_embeddings(np.eye(2), ["corn", "oats"]).similarities
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(self, similarities: NDArray[Any], names: Sequence[str]) -> None:
        self.similarities = similarities
        self.names = names

    @classmethod
    def from_embeddings(
        cls, embeddings: ArrayLike, names: Sequence[str], *, ax: Any = None
    ) -> Self:
        """Draw the cosines of embeddings.

        Parameters
        ----------
        embeddings : array-like of shape (n_classes, n_features)
            One vector per class, of any length except zero.
        names : sequence of str
            Names of the classes.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        PromptSimilarityDisplay
            Drawn.

        Raises
        ------
        DataError
            If there is not one vector per name, or a vector has no direction.
        """
        vectors = np.asarray(embeddings, dtype=np.float64)
        if vectors.ndim != 2 or len(vectors) != len(names):
            raise DataError(
                f"Embeddings of {len(names)} classes have shape ({len(names)}, n_features), got "
                f"{vectors.shape}. Pass one vector and one name per class."
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            useless = [name for name, x in zip(names, lengths, strict=True) if not 0 < x < np.inf]
            raise DataError(
                f"The embeddings of {', '.join(map(repr, useless))} are zero or not finite, so "
                "they have no direction. Leave them out, or encode them again."
            )
        vectors = vectors / lengths
        return cls(vectors @ vectors.T, list(names)).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the cosines of the prototypes of a fitted classifier.

        Parameters
        ----------
        estimator : HSIPromptClassifier
            Fitted with prompts.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        PromptSimilarityDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If the classifier has no prototypes.
        """
        if not hasattr(estimator, "prototypes_"):
            raise ParameterError(
                "The classifier has no prototypes: it is not fitted, or was fitted with "
                'criterion="cross-entropy". Fit it with another criterion.'
            )
        known = estimator.class_names_
        names = [str(known.get(label, label)) for label in estimator.classes_.tolist()]
        return cls.from_embeddings(estimator.prototypes_, names, ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        count = len(self.names)
        named, matrix = text_inches(self.names), max(_CELL_INCHES * count, 2.6)
        ax = new_axes(ax, (named + matrix + 0.95, 0.87 * named + matrix + 0.4))
        lowest = min(0.0, float(self.similarities.min()))
        image = ax.imshow(self.similarities, cmap="viridis", vmin=lowest, vmax=1.0)
        upright = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
        names = [plain(name) for name in self.names]
        ax.set_xticks(range(count), names, fontsize=8.5, **upright)
        ax.set_yticks(range(count), names, fontsize=8.5)
        if count <= _MAX_ANNOTATED_CLASSES:
            for (row, col), value in np.ndenumerate(self.similarities):
                ax.text(
                    col,
                    row,
                    _short_number(value) if row != col else "1",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color=_text_color(image.cmap(image.norm(value))),
                )
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
        bar.set_label("cosine similarity of prototypes", size="small")
        bar.ax.tick_params(labelsize="small")
        return self._keep(ax)


def _short_number(value: float) -> str:
    # Adding zero turns a rounded -0.0 into 0.0.
    text = f"{round(float(value), 2) + 0.0:.2f}"
    return text.replace("0.", ".", 1).replace("-", "\N{MINUS SIGN}")


def _text_color(background: Sequence[float]) -> str:
    # Above 0.18 black has the higher contrast.
    return "black" if luminance(background) > 0.18 else "white"
