"""Figures of a mapped scene: the map beside an image, confidence and entropy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hsvlm.cli._outputs import escape_line, write_figure
from hsvlm.cli._pages import MODEL_NAME
from hsvlm.exceptions import DataError
from hsvlm.io.acquired import acquisition_time

if TYPE_CHECKING:
    from pathlib import Path

    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.mapping import AreaReport, SceneMap
    from hsvlm.plotting import ClassificationMapDisplay, ProbabilityMapDisplay

_MAP, _CONFIDENCE, _ENTROPY = "map.png", "confidence.png", "entropy.png"
_Z_95 = 1.96


def figure_names(*, probabilities: bool, entropy: bool) -> list[str]:
    """Name the figures that are written."""
    return [_MAP, *([_CONFIDENCE] if probabilities else []), *([_ENTROPY] if entropy else [])]


def write_map_figures(
    folder: Path, model: Path, clf: HSIPromptClassifier, result: SceneMap, areas: AreaReport
) -> None:
    """Write the map beside an image of the scene, and what else the map has."""
    heading = _heading(model, result)
    title = "\n".join(filter(None, [heading, accuracy_line(areas)]))
    write_figure(folder / _MAP, lambda: _draw_map(result, title))
    kinds = {
        "confidence": (_CONFIDENCE, result.probabilities_path),
        "entropy": (_ENTROPY, result.entropy_path),
    }
    for kind, (name, path) in kinds.items():
        if path is not None:
            write_figure(folder / name, partial(_draw_raster, result, kind, clf, heading))


def accuracy_line(areas: AreaReport) -> str:
    """State the accuracy of a map, and what it was measured on; empty without a reference."""
    use, accuracy = areas.reference, areas.accuracy
    if use is None:
        return ""
    if accuracy is None:
        return f"all {use.n_pixels:,} reference pixels were trained on: accuracy unknown"
    n_pixels = int(accuracy.confusion.sum())
    if use.n_trained_on is None:
        origin = "it is not known whether they were trained on"
    elif use.n_trained_on:
        origin = f"{use.n_trained_on:,} that were trained on are left out"
    else:
        origin = "none of them was trained on"
    if np.isfinite(accuracy.overall):
        interval = _Z_95 * accuracy.overall_error
        share = f"overall accuracy {100 * accuracy.overall:.1f} %"
        if np.isfinite(interval):
            share = f"{share[:-2]} ± {100 * interval:.1f} % (95 % interval)"
        return f"{share} on {n_pixels:,} reference pixels ({origin})"
    share = f"{100 * np.trace(accuracy.confusion) / n_pixels:.1f} %"
    return f"{share} of {n_pixels:,} reference pixels are right ({origin})"


def _heading(model: Path, result: SceneMap) -> str:
    path = model.resolve()
    name = path.parent.name if path.name == MODEL_NAME else path.name
    acquired = acquisition_time(result.scene)
    date = "" if acquired is None else acquired.date().isoformat()
    heading = ", ".join(filter(None, [result.scene.name, date, f"model: {name}"]))
    return escape_line(heading).replace("$", r"\$")  # which would start a formula


def _draw_raster(
    result: SceneMap, kind: str, clf: HSIPromptClassifier, title: str
) -> ProbabilityMapDisplay:
    from hsvlm.plotting import ProbabilityMapDisplay

    return ProbabilityMapDisplay.from_map(result, kind=kind, estimator=clf, title=title)


def _draw_map(result: SceneMap, title: str) -> ClassificationMapDisplay:
    from hsvlm.plotting import ClassificationMapDisplay

    try:
        return ClassificationMapDisplay.from_map(result, image=True, title=title)
    except DataError:  # the bands of the image have no data
        return ClassificationMapDisplay.from_map(result, title=title)
