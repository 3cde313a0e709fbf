"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsvlm._system.paths import expand_home
from hsvlm.cli._bands import parse_ranges
from hsvlm.cli._help import FEATURE_FORMATS, PRESETS, PROMPT_SETS, SCENE_FORMATS
from hsvlm.cli._recipes import load_recipe
from hsvlm.cli._values import mark_unlabeled, nodata_value, shape_value, unlabeled_value

if TYPE_CHECKING:
    from hsvlm.scene import Scene


def _checked_by(check: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Make a callback that refuses values which `check` cannot read, and keeps the others."""

    def callback(value: Any) -> Any:
        if value is not None:
            check(value)
        return value

    return callback


def _check_preset(name: str) -> None:
    from hsvlm._training.presets import list_presets

    if name not in list_presets():
        raise typer.BadParameter(
            f"{name!r} is not a preset. Choose one of {', '.join(list_presets())}."
        )


def _check_prompts(text: str) -> None:
    from hsvlm.prompts import list_prompt_sets

    if "{}" in text or text in list_prompt_sets():
        return
    path = expand_home(text)
    if path.suffix.lower() not in (".yaml", ".yml", ".json") and not path.is_file():
        sets = ", ".join(list_prompt_sets())
        raise typer.BadParameter(
            f"{text!r} is neither a file of classes (.yaml, .json), nor a template (write {{}} "
            f"where the class name goes), nor a prompt set ({sets})."
        )


SCENE_HELP = (
    "File of the cube: ENVI, GeoTIFF, MATLAB, NumPy, NetCDF, HDF5 and all that GDAL reads "
    f"({SCENE_FORMATS}, ...)."
)
Recipe = Annotated[
    Path | None,
    typer.Option(
        callback=load_recipe,
        is_eager=True,
        help="YAML, JSON or TOML file with the options of this command; those given here win. "
        "Every output folder holds the recipe that made it.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        help="HTML page of the result, in one file that opens from disk, without a connection."
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        help="Label map in any of the formats of scenes, or points and polygons with a class "
        f"column ({FEATURE_FORMATS}). Label 0 stands for no label."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder for all that the command writes; made if not there.",
    ),
]
Prompts = Annotated[
    str | None,
    typer.Option(
        callback=_checked_by(_check_prompts),
        help="YAML or JSON file with value, name, color and prompts of the classes; or one "
        f"template with {{}} for the name; or the name of a prompt set: {PROMPT_SETS}.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        callback=_checked_by(_check_preset),
        help=f'Named settings: {PRESETS}. "hsvlm settings" says what they set.',
    ),
]
Epochs = Annotated[
    int | None, typer.Option(min=1, max=2**31 - 1, help="Passes over the training pixels.")
]
Jobs = Annotated[int, typer.Option(min=1, max=1024, help="Processes.")]
TextEncoder = Annotated[str, typer.Option(help="Name or folder of a sentence-transformers model.")]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Continue the same training where it was stopped, if it was."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of everything random.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any setting of the classifier, as name=value; repeat the option for several. "
        'Example: --set window_size=9 --set lr=5e-4. "hsvlm settings" lists them.',
    ),
]
Unlabeled = Annotated[
    str | None,
    typer.Option(
        callback=_checked_by(unlabeled_value),
        help="Values of the label map that stand for no label: whole numbers with commas between "
        "them, or none if every pixel has a label. Without it: 0.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the figures as JSON instead of a report.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="No progress on the error output; warnings stay.")
]


class NodataRule(StrEnum):
    """Bands that must lack data for a pixel without data."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading the files of a scene."""

    variable: Annotated[
        str | None, typer.Option(help="Variable of the cube, for files that hold several.")
    ] = None
    label_variable: Annotated[
        str | None,
        typer.Option(
            help="Variable or layer of the labels, for files that hold several; without --labels, "
            "one of the file of the cube."
        ),
    ] = None
    label_column: Annotated[
        str | None, typer.Option(help="Column of the classes in a file of points and polygons.")
    ] = None
    apply_scale: Annotated[
        bool,
        typer.Option(
            "--apply-scale",
            help="Use the physical values, by the factors and offsets that the file states, in "
            "place of the stored ones. A model that was trained so maps so.",
        ),
    ] = False
    all_touched: Annotated[
        bool,
        typer.Option(
            "--all-touched",
            help="Label every pixel that a polygon touches, not only those whose centers it "
            "covers; for fields smaller than a pixel.",
        ),
    ] = False
    encoding: Annotated[
        str | None,
        typer.Option(help="Encoding of the texts of a label file, such as utf-8 or gbk."),
    ] = None
    nodata: Annotated[
        str,
        typer.Option(
            callback=_checked_by(nodata_value),
            help="Values that stand for no data: a number, nan, several with commas, none, or "
            "auto for what the file says.",
        ),
    ] = "auto"
    nodata_rule: Annotated[
        NodataRule | None,
        typer.Option(
            help="Whether a pixel holds no data if any of its bands has such a value, or only if "
            "all have it. Without it: what the file says, or any."
        ),
    ] = None
    shape: Annotated[
        str | None,
        typer.Option(
            callback=_checked_by(shape_value),
            help="Height and width of a cube that a file stores with two dimensions, such as "
            "100x100.",
        ),
    ] = None

    def label_file(self, path: Path, labels: Path | None) -> Path | None:
        """Return the file of the labels, which --label-variable may find in that of the cube."""
        return path if labels is None and self.label_variable is not None else labels

    def read(self, path: Path, labels: Path | None = None, **more: Any) -> Scene:
        """Read a scene and its labels; `more` are further arguments of ``read_scene``."""
        from hsvlm.io import read_scene

        labels = self.label_file(path, labels)
        for name in ("label_column", "all_touched", "encoding"):
            if labels is None and getattr(self, name):
                raise typer.BadParameter(
                    f"--{name.replace('_', '-')} says how labels are read, but there are none."
                )
        scene = read_scene(
            path,
            variable=self.variable,
            labels=labels,
            label_variable=self.label_variable,
            label_column=self.label_column,
            all_touched=self.all_touched,
            encoding=self.encoding,
            nodata=nodata_value(self.nodata),
            nodata_rule=None if self.nodata_rule is None else self.nodata_rule.value,
            shape=None if self.shape is None else shape_value(self.shape),
            **more,
        )
        return scene.apply_scale() if self.apply_scale else scene

    def read_labels(self, path: Path, like: Scene, variable: str | None, unlabeled: Any) -> Any:
        """Read a second label map for a scene, with its numbers for the same class names."""
        from hsvlm.io import read_labels
        from hsvlm.io.classes import with_class_names

        labeled = read_labels(
            path,
            like,
            variable=variable or self.label_variable,
            column=self.label_column,
            all_touched=self.all_touched,
            encoding=self.encoding,
        )
        labeled = mark_unlabeled(labeled, unlabeled)
        if like.class_names:
            labeled = with_class_names(labeled, like.class_names, str(path))
        return labeled.labels


@dataclass(frozen=True)
class BandOptions:
    """Options that choose bands."""

    wavelengths: Annotated[
        list[str] | None,
        typer.Option(
            callback=_checked_by(parse_ranges),
            help="Use only the bands in these ranges of nanometres, such as 400:2450; repeat the "
            "option, or separate ranges by commas. The model keeps the choice.",
        ),
    ] = None
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            callback=_checked_by(parse_ranges),
            help="Leave out the bands in these ranges of nanometres, such as 1350:1450,1800:1950.",
        ),
    ] = None


def print_json(figures: dict[str, Any]) -> None:
    """Print the figures of --json."""
    typer.echo(json.dumps(figures))
