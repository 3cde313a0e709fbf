"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsvlm.cli._recipes import load_recipe

if TYPE_CHECKING:
    from hsvlm.prompts import PromptFile
    from hsvlm.scene import Scene

__all__ = [
    "AsJson",
    "Epochs",
    "LabelColumn",
    "Labels",
    "Nodata",
    "Preset",
    "Prompts",
    "Quiet",
    "Recipe",
    "Seed",
    "SetOption",
    "Variable",
    "classes_of",
    "print_json",
    "read_labeled_scene",
]

Recipe = Annotated[
    Path | None,
    typer.Option(
        callback=load_recipe,
        is_eager=True,
        help="YAML, JSON or TOML file with the options of this command; those given here win. "
        "Every output folder holds the recipe that made it.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        help="Label map in any of the formats of scenes, or points and polygons with a class "
        "column (GeoPackage, shapefile, GeoJSON). Label 0 stands for no label."
    ),
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column of the classes in a file of points and polygons.")
]
Variable = Annotated[
    str | None, typer.Option(help="Variable of the cube, for files that hold several.")
]
Nodata = Annotated[
    str,
    typer.Option(
        help='Value that stands for "no data": a number, nan, none, or what the file says.'
    ),
]
Prompts = Annotated[
    str | None,
    typer.Option(
        help="YAML or JSON file with value, name, color and prompts of the classes; or one "
        'template with {} for the name; or the name of a prompt set, such as "indian-pines".'
    ),
]
Preset = Annotated[
    str | None, typer.Option(help="Settings of the paper, for example paper-indian-pines.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the training pixels.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any setting of the classifier, as name=value; repeat the option for several. "
        "Example: --set window_size=9 --set lr=5e-4",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the figures as JSON instead of a report.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on the error output.")]


def print_json(figures: dict[str, Any]) -> None:
    """Print figures for machines.

    Parameters
    ----------
    figures : dict
        What JSON can hold.
    """
    typer.echo(json.dumps(figures))


def read_labeled_scene(
    path: Path,
    labels: Path | None,
    *,
    variable: str | None,
    label_column: str | None,
    nodata: str,
    keep_bad_bands: bool = False,
) -> Scene:
    """Read a scene as the options say.

    Parameters
    ----------
    path : Path
        Of the cube.
    labels : Path or None
        Of the label map.
    variable, label_column : str or None
        What to take of files that hold several.
    nodata : str
        A number, ``"nan"``, ``"none"`` or ``"auto"``.
    keep_bad_bands : bool, default=False
        Whether bands that the file marks as bad stay.

    Returns
    -------
    Scene
        Its cube is not read yet where the format allows that.

    Raises
    ------
    FileError
        If a file cannot be used.
    BadParameter
        If `nodata` is none of the above.
    """
    from hsvlm.io import read_scene

    value: str | float | None = None if nodata == "none" else nodata
    if nodata not in ("none", "auto"):
        try:
            value = float(nodata)
        except ValueError as error:
            message = f'{nodata!r} is neither a number nor "nan", "none" or "auto".'
            raise typer.BadParameter(message, param_hint="--nodata") from error
    scene = read_scene(
        path, variable=variable, labels=labels, label_column=label_column, nodata=value
    )
    if not keep_bad_bands and scene.bad_bands is not None and scene.bad_bands.any():
        return scene.select_bands(~scene.bad_bands)
    return scene


def classes_of(prompts: str | None, scene: Scene, labels: Path | None = None) -> PromptFile:
    """Bring prompts, names and colors under the labels of a scene, read from `labels`."""
    from hsvlm.prompts import join_prompts

    return join_prompts(prompts, scene, source="the labels" if labels is None else str(labels))
