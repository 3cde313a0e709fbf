"""``hsvlm inspect``: what a file or a model holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from hsvlm.cli._options import AsJson, Labels, ReadOptions, print_json
from hsvlm.cli._outputs import escaped, say
from hsvlm.cli._predict import model_folder
from hsvlm.exceptions import MissingFileError

if TYPE_CHECKING:
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.scene import Scene

__all__ = ["inspect"]

_READ_AS_IT_IS = ReadOptions()


def inspect(
    path: Annotated[Path, typer.Argument(help="A scene, or a model or its folder.")],
    labels: Labels = None,
    reading: ReadOptions = _READ_AS_IT_IS,
    as_json: AsJson = False,
) -> None:
    """Say what a scene or a model holds: sizes, bands, classes, georeference, settings.

    Nothing is computed, and of most formats the values are not read.

    Example: hsvlm inspect scene.hdr --labels fields.tif
    """
    if not path.exists():
        message = f"{path} does not exist. Give the path of a scene or of a model."
        raise MissingFileError(message)
    if path.is_dir():
        clf = _loaded(path)
        figures, lines = _model_figures(clf), _model_lines(clf)
    else:
        scene = reading.read(path, labels)
        figures = _scene_figures(scene)
        lines = {name: escaped(one, lines=False) for name, one in scene.summary().items()}
    if as_json:
        print_json(figures)
        return
    longest = max(map(len, lines))
    for name, value in lines.items():
        first, *rest = value.split("\n")
        say(f"{name:<{longest}}  {first}")
        for line in rest:
            say(f"{'':<{longest}}  {line}")


def _scene_figures(scene: Scene) -> dict[str, Any]:
    height, width = scene.shape
    counts = None
    if scene.labels is not None:
        found, numbers = np.unique(scene.labels, return_counts=True)
        counts = [
            {"label": label, "name": scene.class_names.get(label), "n_pixels": number}
            for label, number in zip(found.tolist(), numbers.tolist(), strict=True)
        ]
    return {
        "name": scene.name,
        "height": height,
        "width": width,
        "n_bands": scene.n_bands,
        "dtype": str(scene.cube.dtype),
        "wavelengths_nm": _listed(scene.wavelengths_nm),
        "band_names": list(scene.band_names),
        "bad_bands": _listed(scene.bad_bands),
        "n_valid": height * width if scene.valid is None else int(scene.valid.sum()),
        "labels": counts,
        "crs": scene.crs,
        "transform": scene.transform,
    }


def _listed(values: Any) -> Any:
    return None if values is None else values.tolist()


def _loaded(path: Path) -> HSIPromptClassifier:
    from hsvlm.estimator import HSIPromptClassifier

    return HSIPromptClassifier.load(model_folder(path), device="cpu")


def _model_figures(clf: HSIPromptClassifier) -> dict[str, Any]:
    names = clf.class_names_
    return {
        "model": type(clf).__name__,
        "n_bands": clf.n_features_in_,
        "wavelengths_nm": clf.metadata_.get("wavelengths_nm"),
        "window_size": clf.window_size_,
        "classes": [
            {"label": label, "name": names.get(label), "prompts": list(clf.prompts_[label])}
            for label in clf.classes_.tolist()
        ],
        "n_epochs": len(clf.history_),
        "train_loss": float(clf.history_[-1]["train_loss"]),
    }


def _model_lines(clf: HSIPromptClassifier) -> dict[str, str]:
    figures = _model_figures(clf)
    defaults = type(clf)().get_params()
    hidden = ("prompts", "class_names", "device", "verbose")
    changed = [
        f"{name}={value!r}"
        for name, value in clf.get_params().items()
        if name not in hidden and repr(value) != repr(defaults[name])
    ]
    wavelengths = figures["wavelengths_nm"]
    span = f", {min(wavelengths):.1f} to {max(wavelengths):.1f} nm" if wavelengths else ""
    classes = [
        escaped(f"{one['label']}: {one['name'] or ''} ({'; '.join(one['prompts'])})", lines=False)
        for one in figures["classes"]
    ]
    return {
        "model": figures["model"],
        "bands": f"{figures['n_bands']}{span}",
        "window": f"{figures['window_size']} x {figures['window_size']} pixels",
        "classes": "\n".join(classes),
        "training": f"{figures['n_epochs']} epochs, last loss {figures['train_loss']:.4g}",
        "settings": "\n".join(changed) or "all as by default",
    }
