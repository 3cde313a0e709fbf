"""``hsvlm predict``: map a scene with a trained classifier."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from hsvlm._system.files import file_error
from hsvlm.cli._auxiliary import SourceOptions, add_sources, all_files, model_sources
from hsvlm.cli._map_figures import figure_names, write_map_figures
from hsvlm.cli._options import (
    SCENE_HELP,
    AsJson,
    Output,
    Quiet,
    ReadOptions,
    Recipe,
    Report,
    print_json,
)
from hsvlm.cli._outputs import RECIPE_NAME, check_output, echo, write_text
from hsvlm.cli._pages import (
    AREAS_NAME,
    HINT_REPEAT,
    MODEL_NAME,
    changed_file,
    check_report,
    read_json,
)
from hsvlm.cli._recipes import reserve_folder, save_recipe
from hsvlm.cli._signature import check_missing, values_of_recipe
from hsvlm.cli._values import mark_unlabeled
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsvlm.cli._auxiliary import SourceFiles
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.mapping import SceneMap
    from hsvlm.scene import Scene


_POLYGONS, _ITEM = "polygons.gpkg", "map.json"


class MapFormat(StrEnum):
    """Formats of maps, by their suffix."""

    GEOTIFF = "tif"
    ENVI = "hdr"


def predict(
    context: typer.Context,
    *,
    model: Annotated[
        Path | None, typer.Argument(help='Output folder of "hsvlm fit", or the model in it.')
    ] = None,
    scene: Annotated[Path | None, typer.Argument(help=SCENE_HELP)] = None,
    source_options: SourceOptions,
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
    polygons: Annotated[
        bool,
        typer.Option("--polygons", help="Write the patches of each class to a GeoPackage."),
    ] = False,
    sieve: Annotated[
        int,
        typer.Option(
            min=0, help="Give patches of fewer pixels to their largest neighbor, in --polygons."
        ),
    ] = 0,
    stac: Annotated[
        bool,
        typer.Option("--stac", help="Describe the files as an item for STAC catalogs, map.json."),
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option(help="True labels, for accuracies and an area estimate that allows for them."),
    ] = None,
    reference_classes: Annotated[
        Path | None,
        typer.Option(
            help="YAML or JSON file with value and name of the classes of --reference, where it "
            "only numbers them."
        ),
    ] = None,
    report: Report = None,
    reading: ReadOptions,
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

    The scene is read in strips, so that memory does not grow with it. The same command, given
    again, continues a run that was stopped. Bands are matched with those of the training scene by
    wavelength; a model of several sources needs each of them as --auxiliary. The output folder
    receives the map with the colors and names of the classes, also as a style for QGIS, a table of
    areas, a figure of the map beside an image of the scene, figures of confidence and entropy where
    these are written, and the recipe that made it; with --report, also the probabilities that the
    page shows. Files of these names are replaced if a recipe of hsvlm lies next to them; others are
    kept, and the command refuses.

    Example: hsvlm predict crops scene.hdr --output map --probabilities
    """
    from hsvlm.mapping import predict_scene

    check_missing(MODEL=model, SCENE=scene, output=output)
    model, scene, folder = cast("Path", model), cast("Path", scene), cast("Path", output)
    if sieve and not polygons:
        raise typer.BadParameter("--sieve is for the polygons. Give --polygons, too.")
    suffix = map_format.value
    probabilities = probabilities or report is not None
    names = _names(suffix, probabilities, entropy)
    names += [name for name, written in ((_POLYGONS, polygons), (_ITEM, stac)) if written]
    files = source_options.files()
    inputs = (scene, reference, *all_files(files))
    check_output(folder, names, inputs, "predict")
    check_report(report, folder, inputs)
    clf, to_map = _read_inputs(
        model, scene, files, reference, reference_classes, reading, device, resample=resample
    )
    reserve_folder(context, folder, names, inputs, {})
    result = predict_scene(
        clf,
        to_map,
        folder / f"map.{suffix}",
        probabilities=folder / f"probabilities.{suffix}" if probabilities else None,
        entropy=folder / f"entropy.{suffix}" if entropy else None,
        verbose=int(not quiet),
    )
    areas = result.area_report(None if to_map.labels is None else to_map)
    write_text(folder / AREAS_NAME, json.dumps(areas.to_dict(), indent=2) + "\n")
    write_text(folder / "areas.md", areas.to_markdown() + "\n")
    write_map_figures(folder, model, clf, result, areas)
    _write_gis_files(result, folder, names, sieve)
    save_recipe(context, folder, {})
    paths = {"map": str(folder / f"map.{suffix}")}
    page = ""
    if report is not None:
        paths["report"] = str(_save_page(result, report, clf, folder))
        page = f" The page is {report}."
    if as_json:
        print_json({**paths, **areas.to_dict()})
    else:
        echo(f"{areas}\n\nMap and report are in {folder}/.{page}")


def _write_gis_files(result: SceneMap, folder: Path, names: Sequence[str], sieve: int) -> None:
    """Write the polygons and the STAC item, as far as they are among the names of files."""
    if _POLYGONS in names:
        result.to_polygons(folder / _POLYGONS, sieve=sieve)
    if _ITEM in names:
        others = {"areas": AREAS_NAME, "preview": "map.png", "polygons": _POLYGONS}
        paths = {name: folder / file for name, file in others.items() if file in names}
        # Without matplotlib there is no picture.
        assets = {name: path for name, path in paths.items() if path.is_file()}
        result.to_stac(folder / _ITEM, assets=assets)


def write_map_page(folder: Path, page: Path) -> None:
    """Write the page of a map from the files in its output folder and those it was made of."""
    from hsvlm.mapping.saved import saved_map

    values = values_of_recipe(predict, folder / RECIPE_NAME)
    suffix = values["map_format"].value
    with_probabilities = values["probabilities"] or values["report"] is not None
    rasters = {"map": True, "probabilities": with_probabilities, "entropy": values["entropy"]}
    paths = {name: folder / f"{name}.{suffix}" if made else None for name, made in rasters.items()}
    missing = [path for path in paths.values() if path is not None and not path.is_file()]
    if missing:
        problem = "this file does not exist, so there is nothing to report"
        raise file_error(missing[0], problem, HINT_REPEAT)
    clf, to_map = _read_inputs(
        values["model"],
        values["scene"],
        values["source_options"].files(),
        values["reference"],
        values["reference_classes"],
        values["reading"],
        values["device"],
        resample=values["resample"],
    )
    areas = read_json(folder / AREAS_NAME)
    try:
        result = saved_map(
            clf,
            to_map,
            areas,
            cast("Path", paths["map"]),
            probabilities=paths["probabilities"],
            entropy=paths["entropy"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise changed_file(folder / AREAS_NAME, error) from error
    _save_page(result, page, clf, folder)


def _save_page(result: SceneMap, page: Path, clf: HSIPromptClassifier, folder: Path) -> Path:
    recipe = (folder / RECIPE_NAME).read_text(encoding="utf-8")
    reference = None if result.scene.labels is None else result.scene
    return result.save_report(page, classifier=clf, reference=reference, recipe=recipe)


def _read_inputs(
    model: Path,
    scene: Path,
    files: SourceFiles,
    reference: Path | None,
    reference_classes: Path | None,
    reading: ReadOptions,
    device: str,
    *,
    resample: bool,
) -> tuple[HSIPromptClassifier, Scene]:
    """Return the classifier, and the scene with the bands and sources of its training."""
    from hsvlm._inputs.sources import check_sources, with_absent_sources
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.mapping.reference import match_reference

    clf = HSIPromptClassifier.load(model_folder(model), device=device)
    n_bands, sources = model_sources(clf, files)
    if clf.metadata_.get("scale_applied"):
        reading = replace(reading, apply_scale=True)
    names_of_reference = _read_class_names(reference, reference_classes)
    labeled = reading.read(scene, reference, class_names=names_of_reference)
    labeled = mark_unlabeled(labeled, clf.unlabeled)
    to_map = _with_bands_of(clf, labeled, n_bands, resample=resample)
    [to_map] = add_sources([to_map], {name: files[name] for name in sources})
    to_map = with_absent_sources(clf, to_map)
    check_sources(clf, to_map)
    if to_map.labels is not None:
        # Checked before hours of mapping, not after.
        try:
            match_reference(to_map, clf.classes_, clf.class_names_, numbered=not clf.text_classes_)
        except DataError as error:
            if to_map.class_names:
                raise
            hint = "Name them in a file, such as classes.yaml of the model: --reference-classes."
            raise DataError(str(error), option_hint=hint) from error
    return clf, to_map


def _read_class_names(reference: Path | None, path: Path | None) -> dict[Any, str] | None:
    from hsvlm.prompts import read_prompt_file

    if path is None:
        return None
    if reference is None:
        raise typer.BadParameter("--reference-classes names the classes of --reference. Give both.")
    return read_prompt_file(path).class_names


def _names(suffix: str, probabilities: bool, entropy: bool) -> list[str]:
    results = {"map": True, "probabilities": probabilities, "entropy": entropy}
    data = "img" if suffix == MapFormat.ENVI else suffix
    suffixes = dict.fromkeys((suffix, data, "qml"))
    rasters = [f"{name}.{end}" for name, written in results.items() if written for end in suffixes]
    figures = figure_names(probabilities=probabilities, entropy=entropy)
    return [*rasters, f"map.{data}.aux.xml", AREAS_NAME, "areas.md", *figures]


def model_folder(path: Path) -> Path:
    """Return the path of a model, given its own or that of the output folder around it."""
    is_model = path.is_file() or (path / "config.json").exists()
    return path if is_model else path / MODEL_NAME


def _with_bands_of(
    clf: HSIPromptClassifier, scene: Scene, n_bands: int, *, resample: bool
) -> Scene:
    from hsvlm.io.bands import match_or_warn

    trained_on = clf.metadata_.get("wavelengths_nm")
    if trained_on is not None and scene.wavelengths_nm is not None:
        # Other sources, behind the bands, have no wavelengths.
        return match_or_warn(scene, trained_on[:n_bands], resample=resample)
    if scene.n_bands != n_bands:
        raise DataError(
            f"The model was trained on {n_bands} bands and {scene.name!r} has "
            f"{scene.n_bands}, and without wavelengths of both they cannot be matched. Give the "
            "scene the bands of the training scene, or wavelengths to both."
        )
    return scene
