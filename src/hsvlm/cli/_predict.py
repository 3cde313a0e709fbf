"""``hsvlm predict``: map a scene with a trained classifier."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from hsvlm._system.files import atomic_write
from hsvlm.cli._fit import MODEL_NAME
from hsvlm.cli._help import SCENE_FORMATS
from hsvlm.cli._options import (
    AsJson,
    Output,
    Quiet,
    ReadOptions,
    Recipe,
    check_missing,
    print_json,
)
from hsvlm.cli._outputs import check_output, echo, output_folder
from hsvlm.cli._recipes import reserve_folder, save_recipe
from hsvlm.cli._values import mark_unlabeled
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.mapping import SceneMap
    from hsvlm.scene import Scene

_READ_AS_IT_IS = ReadOptions()


class MapFormat(StrEnum):
    """Formats of maps, by their suffix."""

    GEOTIFF = "tif"
    ENVI = "hdr"


def predict(
    context: typer.Context,
    model: Annotated[
        Path | None, typer.Argument(help='Output folder of "hsvlm fit", or the model in it.')
    ] = None,
    scene: Annotated[
        Path | None,
        typer.Argument(
            help="File of the cube: ENVI, GeoTIFF, MATLAB, NumPy, NetCDF, HDF5 and all that GDAL "
            f"reads ({SCENE_FORMATS}, ...)."
        ),
    ] = None,
    output: Output = None,
    map_format: Annotated[
        MapFormat, typer.Option("--format", help="Of the map: GeoTIFF or ENVI.")
    ] = MapFormat.GEOTIFF,
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="Write the probability of every class, a band each."),
    ] = False,
    entropy: Annotated[
        bool, typer.Option("--entropy", help="Write how undecided each pixel is.")
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option(help="True labels, for accuracies and an area estimate that allows for them."),
    ] = None,
    reading: ReadOptions = _READ_AS_IT_IS,
    resample: Annotated[
        bool,
        typer.Option(
            "--resample", help="Interpolate the bands of the model where the scene has others."
        ),
    ] = False,
    device: Annotated[
        str, typer.Option(help='Where to compute, such as "cpu" or "cuda".')
    ] = "auto",
    recipe: Recipe = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Map every pixel of a scene, whatever its size.

    The scene is read in strips, so that memory does not grow with it. A run that was stopped goes
    on where it was when the same command is given again. Bands are matched with those of the
    training scene by wavelength. The output folder receives the map with the colours and names of
    the classes, a table of areas, a picture, and the recipe that made it. Files of these names are
    replaced if a recipe of hsvlm lies beside them; others are kept, and the command refuses.

    Example: hsvlm predict crops scene.hdr --output map --probabilities
    """
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.mapping import predict_scene
    from hsvlm.mapping.reference import match_reference

    check_missing(MODEL=model, SCENE=scene, output=output)
    model, scene, folder = cast("Path", model), cast("Path", scene), cast("Path", output)
    suffix = map_format.value
    names = _names(suffix, probabilities, entropy)
    check_output(folder, names, (scene, reference), "predict")
    clf = HSIPromptClassifier.load(model_folder(model), device=device)
    if clf.metadata_.get("scale_applied"):
        reading = replace(reading, apply_scale=True)
    labeled = mark_unlabeled(reading.read(scene, reference), clf.unlabeled)
    to_map = _with_bands_of(clf, labeled, resample=resample)
    if to_map.labels is not None:
        # Said before hours of mapping, not after.
        match_reference(to_map, clf.classes_, clf.class_names_, numbered=not clf.text_classes_)
    output_folder(folder, names, (scene, reference), "predict")
    reserve_folder(context, folder, {})
    result = predict_scene(
        clf,
        to_map,
        folder / f"map.{suffix}",
        probabilities=folder / f"probabilities.{suffix}" if probabilities else None,
        entropy=folder / f"entropy.{suffix}" if entropy else None,
        class_colors=dict(clf.metadata_.get("class_colors", [])),
        verbose=int(not quiet),
    )
    areas = result.area_report(None if to_map.labels is None else to_map)
    for name, text in (
        ("areas.json", json.dumps(areas.to_dict(), indent=2)),
        ("areas.md", areas.to_markdown()),
    ):
        with atomic_write(folder / name) as draft:
            draft.write_text(text + "\n", encoding="utf-8")
    _draw(result, folder / "map.png")
    save_recipe(context, folder, {})
    if as_json:
        print_json({"map": str(folder / f"map.{suffix}"), **areas.to_dict()})
    else:
        echo(f"{areas}\n\nMap and report are in {folder}/.")


def _names(suffix: str, probabilities: bool, entropy: bool) -> list[str]:
    wanted = {"map": True, "probabilities": probabilities, "entropy": entropy}
    suffixes = (suffix, "img") if suffix == MapFormat.ENVI else (suffix,)
    rasters = [f"{name}.{one}" for name in wanted if wanted[name] for one in suffixes]
    return [*rasters, "areas.json", "areas.md", "map.png"]


def model_folder(path: Path) -> Path:
    """Find the model that a path means."""
    is_model = path.is_file() or (path / "config.json").exists()
    return path if is_model else path / MODEL_NAME


def _with_bands_of(clf: HSIPromptClassifier, scene: Scene, *, resample: bool) -> Scene:
    from hsvlm.io.bands import match_or_warn

    trained_on = clf.metadata_.get("wavelengths_nm")
    if trained_on is not None and scene.wavelengths_nm is not None:
        return match_or_warn(scene, trained_on, resample=resample)
    if scene.n_bands != clf.n_features_in_:
        raise DataError(
            f"The model was trained on {clf.n_features_in_} bands and {scene.name!r} has "
            f"{scene.n_bands}, and without wavelengths of both they cannot be matched. Give the "
            "scene the bands of the training scene, or wavelengths to both."
        )
    return scene


def _draw(result: SceneMap, path: Path) -> None:
    try:
        from hsvlm.plotting import ClassificationMapDisplay

        display = ClassificationMapDisplay.from_labels(
            result.label_map,
            result.class_names,
            unlabeled=result.unlabeled,
            colors=result.class_colors,
            scene=result.scene,
        )
    except ImportError:
        return
    with atomic_write(path) as draft:
        display.figure_.savefig(draft, dpi=200, format="png")
