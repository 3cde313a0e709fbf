"""``hsvlm inspect``: what a file or a model holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hsvlm.cli._options import (
    AsJson,
    LabelColumn,
    Labels,
    Nodata,
    Variable,
    print_json,
    read_labeled_scene,
)
from hsvlm.cli._predict import model_folder
from hsvlm.exceptions import MissingFileError

__all__ = ["inspect"]


def inspect(
    path: Annotated[Path, typer.Argument(help="A scene, or a model or its folder.")],
    labels: Labels = None,
    label_column: LabelColumn = None,
    variable: Variable = None,
    nodata: Nodata = "auto",
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
        described = _model(path)
    else:
        scene = read_labeled_scene(
            path,
            labels,
            variable=variable,
            label_column=label_column,
            nodata=nodata,
            keep_bad_bands=True,
        )
        described = scene.summary()
    if as_json:
        print_json(described)
        return
    longest = max(map(len, described))
    for name, value in described.items():
        first, *rest = str(value).split("\n")
        typer.echo(f"{name:<{longest}}  {first}")
        for line in rest:
            typer.echo(f"{'':<{longest}}  {line}")


def _model(path: Path) -> dict[str, Any]:
    from hsvlm.estimator import HSIPromptClassifier

    clf = HSIPromptClassifier.load(model_folder(path), device="cpu")
    names = clf.class_names or {}
    defaults = HSIPromptClassifier().get_params()
    hidden = ("prompts", "class_names", "device", "verbose")
    changed = {
        name: value
        for name, value in clf.get_params().items()
        if name not in hidden and value != defaults[name]
    }
    described = {
        "model": type(clf).__name__,
        "bands": str(clf.n_features_in_),
        "window": f"{clf.window_size_} x {clf.window_size_} pixels",
        "classes": "\n".join(
            f"{label}: {names.get(label, label)}" for label in clf.classes_.tolist()
        ),
        "trained": f"{len(clf.history_)} epochs, last loss {clf.history_[-1]['train_loss']:.4g}",
        "settings": "\n".join(f"{name}={value!r}" for name, value in changed.items()),
    }
    wavelengths = clf.metadata_.get("wavelengths_nm")
    if wavelengths:
        described["wavelengths"] = f"{min(wavelengths):.1f} to {max(wavelengths):.1f} nm"
    return described
