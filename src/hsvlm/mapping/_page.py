"""The page of a map: the map itself, areas, accuracies, the classifier and the recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsvlm._reports.page import Code, Paragraph, Section, Table, render_page
from hsvlm._saved_model.sections import report_sections
from hsvlm.estimator import HSIPromptClassifier, fitted_model
from hsvlm.mapping._page_map import map_view
from hsvlm.mapping._predictor import final_step

if TYPE_CHECKING:
    from hsvlm._reports.page import Part
    from hsvlm.mapping._page_map import MapContent
    from hsvlm.mapping._report import AreaReport

_CONFIDENCE = (
    "Confidence is the mean, over the pixels of a class, of the probability that the classifier "
    "gives to it: an estimate of the classifier, not a measured accuracy."
)


def map_page(
    content: MapContent, areas: AreaReport, classifier: Any, recipe: str, title: str | None
) -> str:
    """Render the page of a map."""
    scene = content.scene
    sections = [
        Section("Map", [map_view(content)]),
        Section("Areas", _area_parts(areas)),
        *_classifier_sections(classifier),
    ]
    if areas.accuracy is not None:
        sections.insert(2, Section("Accuracies", _accuracy_parts(areas)))
    if recipe:
        caption = "What made the map. Save it as recipe.yaml to repeat the command with it."
        sections.append(Section("Recipe", [Code(recipe, caption)]))
    height, width = scene.shape
    parts = [f"{height:,} x {width:,} pixels", f"{scene.n_bands} bands"]
    subtitle = ", ".join([*parts, f"{len(content.legend)} classes"])
    title = title or (f"Map of {scene.name}" if scene.name else "Map of a scene")
    return render_page(title, sections, subtitle=subtitle)


def class_prompts(classifier: Any) -> dict[Any, tuple[str, ...]]:
    """Return the prompts of each label; none for classifiers without prompts."""
    return dict(getattr(final_step(classifier), "prompts_", {}))


def _area_parts(areas: AreaReport) -> list[Part]:
    header, rows = areas.areas()
    parts: list[Part] = [Table(header, rows[:-1], footer=rows[-1:])]
    if "confidence" in header:
        parts.append(Paragraph(_CONFIDENCE))
    return [*parts, *map(Paragraph, areas.sentences())]


def _accuracy_parts(areas: AreaReport) -> list[Part]:
    header, rows = areas.accuracies()
    caption = (
        "User's accuracy is the share of a class in the map that is right; producer's accuracy is "
        "the share of the class on the ground that the map shows."
    )
    return [
        Table(header, rows[:-1], caption, footer=rows[-1:]),
        Table(*areas.confusion(), "Reference pixels: rows are classes of the map."),
    ]


def _classifier_sections(classifier: Any) -> list[Section]:
    classifier = final_step(classifier)
    if isinstance(classifier, HSIPromptClassifier):
        return report_sections(fitted_model(classifier))
    return [] if classifier is None else [Section("Classifier", [Code(repr(classifier))])]
