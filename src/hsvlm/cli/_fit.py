"""``hsvlm fit``: train a classifier on the files of a scene."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from hsvlm._files import replaced
from hsvlm.cli._options import (
    AsJson,
    LabelColumn,
    Labels,
    Nodata,
    Preset,
    Prompts,
    Quiet,
    Recipe,
    Seed,
    SetOption,
    Variable,
    classes_of,
    print_json,
    read_labeled_scene,
)
from hsvlm.cli._outputs import output_folder, say
from hsvlm.cli._recipes import claim_folder, parse_settings, save_recipe

if TYPE_CHECKING:
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.prompts import PromptFile

__all__ = ["MODEL_NAME", "fit"]

MODEL_NAME = "model"
_CLASSES_NAME = "classes.yaml"
_CHECKPOINTS = "checkpoints"
_NAMES = (MODEL_NAME, _CLASSES_NAME, "report.json", "training-curve.png")


def fit(
    context: typer.Context,
    scene: Annotated[
        Path | None,
        typer.Argument(help="ENVI, GeoTIFF, MATLAB, NumPy, NetCDF or HDF5 file of the cube."),
    ] = None,
    labels: Labels = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the model, its recipe and a report; made if not there."),
    ] = None,
    prompts: Prompts = None,
    variable: Variable = None,
    label_column: LabelColumn = None,
    nodata: Nodata = "auto",
    preset: Preset = None,
    settings: SetOption = None,
    seed: Seed = 0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the same training where it was stopped, if it was."
        ),
    ] = False,
    recipe: Recipe = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a classifier on all labelled pixels of a scene.

    Bands that the file marks as bad are left out, and pixels without data are no samples. The
    output folder receives the model, for "hsvlm predict"; the recipe that made it; the classes
    with their prompts; and a report. How accurate such a classifier is on pixels away from those
    it was trained on, "hsvlm evaluate" tells. Until the model is saved, checkpoints lie there too,
    for --resume. Files in the folder are replaced if a recipe of hsvlm
    lies there; others are kept, and the command refuses.

    Example: hsvlm fit scene.hdr --labels fields.gpkg --label-column crop --prompts crops.yaml
    --output crops
    """
    from hsvlm.estimator import HSIPromptClassifier

    if scene is None or labels is None or output is None:
        message = "SCENE, --labels and --output are needed, here or in the recipe."
        raise typer.BadParameter(message)
    chosen = parse_settings(context, settings)
    found = read_labeled_scene(
        scene, labels, variable=variable, label_column=label_column, nodata=nodata
    )
    classes = classes_of(prompts, found, labels)
    parameters = {
        "prompts": classes.prompts,
        "class_names": classes.class_names,
        "random_state": seed,
        "checkpoint_dir": output / _CHECKPOINTS,
        "resume": resume,
        "verbose": int(not quiet),
        **chosen,
    }
    clf = (
        HSIPromptClassifier(**parameters)
        if preset is None
        else HSIPromptClassifier.from_preset(preset, **parameters)
    )
    X, y = found.samples(unlabeled=clf.unlabeled)
    output_folder(output, _NAMES, (scene, labels))
    claim_folder(context, output, chosen)
    start = time.perf_counter()
    clf.fit(X, y)
    seconds = time.perf_counter() - start
    metadata = {
        "wavelengths_nm": None if found.wavelengths_nm is None else found.wavelengths_nm.tolist(),
        "class_colors": [[label, color] for label, color in classes.class_colors.items()],
        "scene": found.name,
    }
    clf.set_params(checkpoint_dir=None, resume=False).save(output / MODEL_NAME, metadata=metadata)
    if not clf.interrupted_:
        _remove_checkpoints(output / _CHECKPOINTS)
    _write_side_files(context, output, clf, classes, chosen)
    report = _report(clf, y, seconds)
    with replaced(output / "report.json") as draft:
        draft.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json({"model": str(output / MODEL_NAME), **report})
    else:
        say(_as_text(report, output))


def _remove_checkpoints(folder: Path) -> None:
    for path in folder.glob("*.zip"):
        path.unlink()
    with suppress(OSError):  # somebody else's file is in there, or the folder is elsewhere
        folder.rmdir()


def _write_side_files(
    context: typer.Context,
    output: Path,
    clf: HSIPromptClassifier,
    classes: PromptFile,
    settings: dict[str, Any],
) -> None:
    from hsvlm.prompts import write_prompt_file

    # Beside the model, so that the recipe still means the same when the file given is changed.
    write_prompt_file(
        output / _CLASSES_NAME, clf.prompts_, classes.class_names, classes.class_colors
    )
    save_recipe(context, output, settings, prompts=_CLASSES_NAME)
    try:
        from hsvlm.plotting import TrainingCurveDisplay

        display = TrainingCurveDisplay.from_estimator(clf)
    except ImportError:
        return
    with replaced(output / "training-curve.png") as draft:
        display.figure_.savefig(draft, dpi=200, format="png")


def _report(clf: HSIPromptClassifier, y: Any, seconds: float) -> dict[str, Any]:
    names = clf.class_names_
    labels, counts = np.unique(y, return_counts=True)
    return {
        "n_samples": len(y),
        "n_bands": clf.n_features_in_,
        "window_size": clf.window_size_,
        "classes": [
            {"label": label, "name": str(names.get(label, label)), "n_samples": count}
            for label, count in zip(labels.tolist(), counts.tolist(), strict=True)
        ],
        "train_loss": float(clf.history_[-1]["train_loss"]),
        "fit_seconds": seconds,
        "device": clf.device_,
        "interrupted": clf.interrupted_,
    }


def _as_text(report: dict[str, Any], output: Path) -> str:
    longest = max(len(one["name"]) for one in report["classes"])
    lines = [f"{'label':>8}  {'class':<{longest}}  {'pixels':>9}"]
    lines += [
        f"{one['label']!s:>8}  {one['name']:<{longest}}  {one['n_samples']:>9,}"
        for one in report["classes"]
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"Trained on {report['n_samples']:,} pixels of {report['n_bands']} bands in "
            f"{report['fit_seconds']:.1f} s ({report['device']}).",
            f"The model is in {output / MODEL_NAME}. Map a scene with:",
            f"  hsvlm predict {output} SCENE --output FOLDER",
        ]
    )
