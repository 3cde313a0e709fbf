"""Curves of losses, accuracies and learning rates."""

from __future__ import annotations

from typing import Any, Self

from hsvlm.exceptions import ParameterError
from hsvlm.plotting._base import Display, new_axes

_ACCURACIES = {
    "train_acc": {"color": "#56B4E9", "ls": ":", "label": "training accuracy"},
    "valid_acc": {"color": "#009E73", "ls": "-.", "label": "validation accuracy"},
}


class TrainingCurveDisplay(Display):
    """Loss and accuracy per epoch, in training and validation, and the learning rate.

    Parameters
    ----------
    history : list of dict
        One dict per epoch with ``epoch`` and ``train_loss``, and ``train_acc``, ``valid_loss``,
        ``valid_acc`` and ``lr`` where they were recorded.

    Attributes
    ----------
    ax_, figure_
        Axes of the loss and their figure, after :meth:`plot`.
    accuracy_ax_ : matplotlib Axes or None
        Axes of the accuracies in percent, where there are any.
    lr_ax_ : matplotlib Axes or None
        Axes of the learning rate, where it was recorded.

    Examples
    --------
    >>> from hsvlm.plotting import TrainingCurveDisplay
    >>> history = [{"epoch": 1, "train_loss": 0.9}, {"epoch": 2, "train_loss": 0.4}]
    >>> TrainingCurveDisplay(history).plot().ax_.get_ylabel()
    'loss'
    """

    accuracy_ax_: Any
    lr_ax_: Any

    def __init__(self, history: list[dict[str, Any]]) -> None:
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the history of a fitted classifier.

        Parameters
        ----------
        estimator : HSIPromptClassifier
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        TrainingCurveDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If the classifier is not fitted.
        """
        if not hasattr(estimator, "history_"):
            raise ParameterError(
                "The classifier is not fitted, so it has no training history. Call fit first."
            )
        return cls(list(estimator.history_)).plot(ax)

    def _series(self, name: str) -> list[float]:
        # An interrupted epoch, or one without validation, leaves a gap in the curve.
        if not any(name in epoch for epoch in self.history):
            return []
        return [float(epoch.get(name, "nan")) for epoch in self.history]

    def plot(self, ax: Any = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw the loss; None makes a figure with the learning rate below it.

        Returns
        -------
        self
            With ``ax_``, ``figure_``, ``accuracy_ax_`` and ``lr_ax_``.
        """
        self.lr_ax_ = self.accuracy_ax_ = None
        rates = self._series("lr")
        if ax is None and rates:
            ax, self.lr_ax_ = new_axes(
                None, (5.6, 4.4), layout="constrained", nrows=2, sharex=True, height_ratios=[3, 1]
            )
        ax = new_axes(ax, (5.6, 3.6))
        epochs = self._series("epoch")
        ax.plot(epochs, self._series("train_loss"), color="#0072B2", label="training loss")
        if valid := self._series("valid_loss"):
            ax.plot(epochs, valid, color="#D55E00", ls="--", label="validation loss")
        ax.set(ylabel="loss", yscale="log")
        for name, style in _ACCURACIES.items():
            if accuracies := self._series(name):
                if self.accuracy_ax_ is None:
                    self.accuracy_ax_ = ax.twinx()
                    self.accuracy_ax_.set_ylabel("accuracy (%)")
                self.accuracy_ax_.plot(epochs, [100 * one for one in accuracies], **style)
        lines = [line for axes in (ax, self.accuracy_ax_) if axes for line in axes.get_lines()]
        ax.legend(
            handles=lines,
            frameon=False,
            fontsize=9,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=len(lines) if len(lines) <= 3 else 2,
        )
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.xaxis.get_major_locator().set_params(integer=True)
        if self.lr_ax_ is not None:
            self.lr_ax_.plot(epochs, rates, color="0.35")
            self.lr_ax_.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
            self.lr_ax_.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
            self.lr_ax_.grid(alpha=0.25, linewidth=0.6)
        else:
            ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        return self._keep(ax)
