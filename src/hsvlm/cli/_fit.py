"""``hsvlm fit``: train a classifier on the files of a scene."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
import typer

from hsvlm._data.sources import describe_sources
from hsvlm._system.pages import write_page
from hsvlm.cli._auxiliary import SourceOptions, all_files
from hsvlm.cli._options import (
    SCENE_HELP,
    AsJson,
    BandOptions,
    Labels,
    Output,
    Preset,
    Prompts,
    Quiet,
    ReadOptions,
    Recipe,
    Report,
    Resume,
    Seed,
    SetOption,
    Unlabeled,
    print_json,
)
from hsvlm.cli._outputs import (
    CHECKPOINTS,
    check_output,
    echo,
    remove_checkpoints,
    write_figure,
    write_text,
)
from hsvlm.cli._pages import MODEL_NAME, REPORT_NAME, check_report, model_page
from hsvlm.cli._recipes import reserve_folder, save_recipe
from hsvlm.cli._scenes import (
    pair_files,
    read_classes,
    read_labeled_scenes,
    unlabeled_label,
)
from hsvlm.cli._settings import check_settings, parse_settings
from hsvlm.cli._signature import check_missing
from hsvlm.cli._values import unlabeled_value
from hsvlm.cli.messages import recorded_warnings
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsvlm.cli._auxiliary import SourceFiles
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.plotting import TrainingCurveDisplay
    from hsvlm.prompts import PromptFile
    from hsvlm.scene import Scene

_CLASSES_NAME = "classes.yaml"

_NAMES = (MODEL_NAME, _CLASSES_NAME, REPORT_NAME, "training-curve.png")


def fit(
    context: typer.Context,
    *,
    scene: Annotated[
        list[Path] | None,
        typer.Argument(help=f"{SCENE_HELP} For several scenes: SCENE LABELS SCENE LABELS ..."),
    ] = None,
    labels: Labels = None,
    source_options: SourceOptions,
    output: Output = None,
    report: Report = None,
    prompts: Prompts = None,
    reading: ReadOptions,
    bands: BandOptions,
    unlabeled: Unlabeled = None,
    preset: Preset = None,
    settings: SetOption = None,
    seed: Seed = 0,
    resume: Resume = False,
    recipe: Recipe = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a classifier on all labeled pixels of one scene, or of several.

    Bands that the file marks as bad are left out, and pixels without data are no samples. The
    output folder receives the model, for "hsvlm predict"; the recipe that made it; the classes
    with their prompts; and a report. "hsvlm evaluate" tells how accurate such a classifier is on
    pixels away from those it was trained on. Until the model is saved, checkpoints lie there too,
    for --resume. Files in the folder are replaced if a recipe of "hsvlm fit" lies there; others
    are kept, and the command refuses.

    Several scenes are joined by the names of their classes and by wavelength. A file of
    --auxiliary may cover all of them; otherwise repeat NAME=FILE for each scene, in their order.

    Example: hsvlm fit scene.hdr --labels fields.gpkg --label-column crop --prompts crops.yaml
    --output crops
    """
    files = list(scene or ())
    if len(files) == 1:
        labels = reading.label_file(files[0], labels)
    check_missing(SCENE=scene or None, labels=labels or len(files) > 1 or None, output=output)
    folder = cast("Path", output)
    pairs = pair_files(files, labels)
    chosen = parse_settings(context, settings)
    parameters = {
        "random_state": seed,
        "checkpoint_dir": folder / CHECKPOINTS,
        "resume": resume,
        "unlabeled": unlabeled_value(unlabeled),
        "verbose": int(not quiet),
        **chosen,
    }
    clf = check_settings(parameters, preset)
    sources = source_options.files()
    inputs = [*(path for pair in pairs for path in pair), *all_files(sources)]
    check_output(folder, _NAMES, inputs, "fit")
    check_report(report, folder, inputs)
    with recorded_warnings() as warned:
        scenes = read_labeled_scenes(pairs, reading, bands, clf.unlabeled, sources)
        classes = read_classes(prompts, scenes[0], pairs[0][1])
        clf.set_params(prompts=classes.prompts, class_names=classes.class_names)
        X, y = _joined_samples(scenes, clf.unlabeled)
        reserve_folder(context, folder, _NAMES, inputs, chosen)
        start = time.perf_counter()
        clf.fit(X, y)
        seconds = time.perf_counter() - start
    metadata = _metadata(scenes, classes, sources, scale_applied=reading.apply_scale)
    clf.set_params(checkpoint_dir=None, resume=False).save(folder / MODEL_NAME, metadata=metadata)
    if not clf.interrupted_:
        remove_checkpoints(folder)
    _write_side_files(context, folder, clf, classes, chosen)
    figures = {**_figures(clf, y, seconds), "warnings": warned}
    write_text(folder / REPORT_NAME, json.dumps(figures, indent=2) + "\n")
    if report is not None:
        write_page(report, model_page(folder))
    if as_json:
        print_json({"model": str(folder / MODEL_NAME), **figures})
    else:
        page = "" if report is None else f"\nThe page is {report}."
        echo(_as_text(figures, folder) + page)


def _joined_samples(scenes: Sequence[Scene], unlabeled: Any) -> tuple[PixelSamples, Any]:
    """Return the labeled pixels of all scenes, and their labels."""
    samples = [scene.samples(unlabeled=unlabeled_label(scene, unlabeled)) for scene in scenes]
    X = samples[0][0] if len(samples) == 1 else PixelSamples.concatenate([x for x, _ in samples])
    return X, np.concatenate([labels for _, labels in samples])


def _metadata(
    scenes: Sequence[Scene], classes: PromptFile, sources: SourceFiles, *, scale_applied: bool
) -> dict[str, Any]:
    """Return what a model keeps of its files."""
    first = scenes[0]
    metadata = {
        "wavelengths_nm": None if first.wavelengths_nm is None else first.wavelengths_nm.tolist(),
        "class_colors": [[label, color] for label, color in classes.class_colors.items()],
        "scene": ", ".join(scene.name for scene in scenes),
        "scale": None if first.scale is None else first.scale.tolist(),
        "scale_applied": scale_applied,
    }
    if sources:
        metadata["auxiliary"] = ", ".join(
            f"{name}={source}" for name, group in sources.items() for source in group
        )
    return metadata


def _write_side_files(
    context: typer.Context,
    output: Path,
    clf: HSIPromptClassifier,
    classes: PromptFile,
    settings: dict[str, Any],
) -> None:
    from hsvlm.prompts import write_prompt_file

    # A copy next to the model, so that the recipe stays valid when the original is changed.
    write_prompt_file(
        output / _CLASSES_NAME, clf.prompts_, classes.class_names, classes.class_colors
    )
    save_recipe(context, output, settings, prompts=_CLASSES_NAME)
    write_figure(output / "training-curve.png", lambda: _draw_curve(clf))


def _draw_curve(clf: HSIPromptClassifier) -> TrainingCurveDisplay:
    from hsvlm.plotting import TrainingCurveDisplay

    return TrainingCurveDisplay.from_estimator(clf)


def _figures(clf: HSIPromptClassifier, y: Any, seconds: float) -> dict[str, Any]:
    from hsvlm._inputs.sources import fitted_sources

    names = clf.class_names_
    labels, counts = np.unique(y, return_counts=True)
    return {
        "n_samples": len(y),
        "n_bands": clf.n_features_in_,
        "sources": fitted_sources(clf),
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
    width = max(len(entry["name"]) for entry in report["classes"])
    sources = report["sources"]
    channels = describe_sources(sources) if sources else f"{report['n_bands']} bands"
    return "\n".join(
        [
            f"{'label':>8}  {'class':<{width}}  {'pixels':>9}",
            *(
                f"{entry['label']!s:>8}  {entry['name']:<{width}}  {entry['n_samples']:>9,}"
                for entry in report["classes"]
            ),
            "",
            f"Trained on {report['n_samples']:,} pixels of {channels} in "
            f"{report['fit_seconds']:.1f} s ({report['device']}).",
            f"The model is in {output / MODEL_NAME}. Map a scene with:",
            f"  hsvlm predict {output} SCENE --output FOLDER",
        ]
    )
