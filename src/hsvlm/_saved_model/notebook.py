"""What notebooks show of a fitted classifier, below the diagram of its parameters."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hsvlm._prediction.legend import known_colors
from hsvlm._prediction.model import FittedModel
from hsvlm._reports.notebook import facts, swatch_table, unfolded
from hsvlm._saved_model.sections import class_table, training_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FittedDiagram"]


class FittedDiagram:
    """Shows the fit below the diagram of scikit-learn, in the two ways in which that is asked."""

    def _repr_html_inner(self) -> str:
        diagram: str = super()._repr_html_inner()  # type: ignore[misc]
        return diagram + _shown_fit(self)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += _shown_fit(self)
        return bundle


def _shown_fit(clf: FittedDiagram) -> str:
    page = ""
    with suppress(Exception):  # attributes that a user has changed
        if "net_" in vars(clf):
            model = FittedModel.from_attributes(vars(clf))
            # Others depend on the scene that is mapped.
            colors = known_colors(clf, None, model.classes.tolist(), model.class_names)
            page = _fitted_html(model, colors)
    return page


def _fitted_html(model: FittedModel, colors: Mapping[Any, str]) -> str:
    """Write the classes with their prompts, and what is known of the training."""
    table = class_table(model)
    labels = model.classes.tolist()
    classes = swatch_table(
        [table.header[1], table.header[0], *table.header[2:]],
        [(name, label, *others) for label, name, *others in table.rows],
        [str(colors.get(label, "")) for label in labels],
    )
    title = f"Fitted: {len(labels)} classes"
    return unfolded(title, classes) + unfolded(
        "Training", facts(dict(training_rows(model))), is_open=False
    )
