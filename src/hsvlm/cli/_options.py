"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from hsvlm.cli._bands import parse_ranges
from hsvlm.cli._help import FEATURE_FORMATS, PRESETS, PROMPT_SETS
from hsvlm.cli._recipes import load_recipe
from hsvlm.cli._values import mark_unlabeled, nodata_value, shape_value, unlabeled_value

if TYPE_CHECKING:
    from hsvlm.prompts import PromptFile
    from hsvlm.scene import Scene


def _expanded(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser()


def _preset(name: str | None) -> str | None:
    from hsvlm._training.settings import list_presets

    if name is None or name in list_presets():
        return name
    raise typer.BadParameter(
        f"{name!r} is not a preset. Choose one of {', '.join(list_presets())}."
    )


def _prompts(text: str | None) -> str | None:
    from hsvlm.prompts import list_prompt_sets

    if text is None or "{}" in text or text in list_prompt_sets():
        return text
    path = Path(text).expanduser()
    if path.suffix.lower() in (".yaml", ".yml", ".json") or path.is_file():
        return text
    sets = ", ".join(list_prompt_sets())
    raise typer.BadParameter(
        f"{text!r} is neither a file of classes (.yaml, .json), nor a template (write {{}} where "
        f"the class name goes), nor a prompt set ({sets})."
    )


def _nodata(text: str) -> str:
    nodata_value(text)
    return text


def _unlabeled(text: str | None) -> str | None:
    unlabeled_value(text)
    return text


def _ranges(texts: list[str] | None) -> list[str] | None:
    parse_ranges(texts)
    return texts


def _shape(text: str | None) -> str | None:
    if text is not None:
        shape_value(text)
    return text


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
        f"column ({FEATURE_FORMATS}). Label 0 stands for no label."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        callback=_expanded, help="Folder for all that the command writes; made if not there."
    ),
]
Prompts = Annotated[
    str | None,
    typer.Option(
        callback=_prompts,
        help="YAML or JSON file with value, name, color and prompts of the classes; or one "
        f"template with {{}} for the name; or the name of a prompt set: {PROMPT_SETS}.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        callback=_preset, help=f'Named settings: {PRESETS}. "hsvlm settings" says what they set.'
    ),
]
Epochs = Annotated[
    int | None, typer.Option(min=1, max=2**31 - 1, help="Passes over the training pixels.")
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
        callback=_unlabeled,
        help="Values of the label map that stand for no label: whole numbers with commas between "
        "them, or none if every pixel has a label. Without it: 0.",
    ),
]
Debug = Annotated[
    bool, typer.Option("--debug", help="With an error, print the traceback, for developers.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the figures as JSON instead of a report.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="No progress on the error output; warnings stay.")
]


class NodataRule(StrEnum):
    """Bands that make a pixel one without data."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True)
class ReadOptions:
    """Options that say how the files of a scene are read."""

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
            callback=_nodata,
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
            callback=_shape,
            help="Height and width of a cube that a file stores with two dimensions, such as "
            "100x100.",
        ),
    ] = None

    def read(self, path: Path, labels: Path | None = None, **more: Any) -> Scene:
        """Read a scene and its labels; `more` are further arguments of ``read_scene``."""
        from hsvlm.io import read_scene

        if labels is None and self.label_variable is not None:
            labels = path
        if labels is None:
            self._check_no_label_options()
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

    def _check_no_label_options(self) -> None:
        for name in ("label_column", "all_touched", "encoding"):
            if getattr(self, name):
                raise typer.BadParameter(
                    f"--{name.replace('_', '-')} says how labels are read, but there are none."
                )


@dataclass(frozen=True)
class BandOptions:
    """Options that choose bands."""

    wavelengths: Annotated[
        list[str] | None,
        typer.Option(
            callback=_ranges,
            help="Use only the bands in these ranges of nanometres, such as 400:2450; repeat the "
            "option, or separate ranges by commas. The model keeps the choice.",
        ),
    ] = None
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            callback=_ranges,
            help="Leave out the bands in these ranges of nanometres, such as 1350:1450,1800:1950.",
        ),
    ] = None


def check_missing(**values: Any) -> None:
    """Raise if arguments or options that a command needs are neither given nor in its recipe."""
    names = [name for name, value in values.items() if value is None]
    if names:
        words = [name if name.isupper() else f"--{name.replace('_', '-')}" for name in names]
        listed = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
        verb = "is" if len(names) == 1 else "are"
        raise typer.BadParameter(
            f"{listed} {verb} missing. Give {'it' if verb == 'is' else 'them'} here or in a recipe."
        )


def expand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --debug, and make each field of a dataclass argument an option, for typer."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {}
    parameters = []
    for parameter in signature.parameters.values():
        group = parameter.annotation
        if not is_dataclass(group):
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        groups[parameter.name] = group
        hints = get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=hints[field.name],
            )
            for field in fields(group)
        ]

    debug = inspect.Parameter(
        "debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug
    )
    parameters.append(debug)

    def run(**values: Any) -> None:
        values.pop("debug")  # the entry of the program looks for it
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def print_json(figures: dict[str, Any]) -> None:
    """Print figures for machines."""
    typer.echo(json.dumps(figures))


def classes_of(prompts: str | None, scene: Scene, labels: Path | None = None) -> PromptFile:
    """Bring prompts, names and colors under the labels of a scene, read from `labels`."""
    from hsvlm.prompts import join_prompts

    return join_prompts(prompts, scene, source="the labels" if labels is None else str(labels))
