"""What notebooks show of a fitted classifier, below the diagram of its parameters."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hsvlm._data.palette import label_colors
from hsvlm._prediction.model import FittedModel
from hsvlm._reports.notebook import facts, swatch_table, unfolded
from hsvlm._saved_model.sections import class_table, training_rows

__all__ = ["FittedDiagram"]


class FittedDiagram:
    """Shows the fit below the diagram of scikit-learn, in the two ways in which that is asked."""

    def _repr_html_inner(self) -> str:
        diagram: str = super()._repr_html_inner()  # type: ignore[misc]
        return diagram + _shown_fit(vars(self))

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += _shown_fit(vars(self))
        return bundle


def _shown_fit(attributes: dict[str, Any]) -> str:
    page = ""
    with suppress(Exception):  # attributes that a user has changed
        page = _fitted_html(FittedModel.from_attributes(attributes)) if "net_" in attributes else ""
    return page


def _fitted_html(model: FittedModel) -> str:
    """Write the classes with their prompts, and what is known of the training."""
    table = class_table(model)
    labels = model.classes.tolist()
    given = model.metadata.get("class_colors")
    colors = label_colors(labels, {} if given is None else dict(given))
    classes = swatch_table(
        [table.header[1], table.header[0], *table.header[2:]],
        [(name, label, *others) for label, name, *others in table.rows],
        [str(colors[label]) for label in labels],
    )
    title = f"Fitted: {len(labels)} classes"
    return unfolded(title, classes) + unfolded(
        "Training", facts(dict(training_rows(model))), is_open=False
    )
