"""``hsvlm evaluate``: accuracies to be expected, and what the split gives away."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsvlm._files import replaced
from hsvlm.cli._options import (
    AsJson,
    Epochs,
    LabelColumn,
    Labels,
    Nodata,
    Preset,
    Prompts,
    Quiet,
    Recipe,
    SetOption,
    Variable,
    classes_of,
    print_json,
    read_labeled_scene,
)
from hsvlm.cli._outputs import output_folder, say
from hsvlm.cli._recipes import claim_folder, parse_settings, save_recipe

if TYPE_CHECKING:
    from hsvlm.evaluation import EvaluationReport, Protocol

__all__ = ["evaluate"]


class Dataset(StrEnum):
    """Scenes that come with the package."""

    INDIAN_PINES = "indian-pines"


class ProtocolName(StrEnum):
    """Ways to choose training and test pixels."""

    RANDOM_10 = "random-10"
    MAP_695 = "map-695"
    BLOCKS = "blocks"
    TEN_PER_CLASS = "ten-per-class"
    ALL = "all"


def evaluate(
    context: typer.Context,
    scene: Annotated[
        Path | None,
        typer.Argument(help="File of a cube; without it, the dataset is evaluated on."),
    ] = None,
    labels: Labels = None,
    dataset: Annotated[Dataset, typer.Option(help="The scene.")] = Dataset.INDIAN_PINES,
    protocol: Annotated[
        list[ProtocolName] | None,
        typer.Option(
            help="How training and test pixels are chosen; repeat the option for several. "
            "random-10: a random tenth of every class, as in most papers. map-695: the published "
            "maps of Indian Pines, looked for in --data-home and downloaded otherwise. blocks: "
            "whole blocks, at a distance from each other. ten-per-class: ten pixels of every "
            "class, drawn at random. Without it: random-10 and blocks."
        ),
    ] = None,
    splits: Annotated[int, typer.Option(min=1, help="Splits, or seeds, per protocol.")] = 4,
    prompts: Prompts = None,
    variable: Variable = None,
    label_column: LabelColumn = None,
    nodata: Nodata = "auto",
    preset: Preset = None,
    text_encoder: Annotated[
        str, typer.Option(help="Name or folder of a sentence-transformers model.")
    ] = "all-MiniLM-L6-v2",
    epochs: Epochs = None,
    settings: SetOption = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps every result: a stopped evaluation goes on there."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the reports and the recipe.")
    ] = None,
    data_home: Annotated[Path | None, typer.Option(help="Folder of the published maps.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 1,
    recipe: Recipe = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure the classifier beside three baselines, and print what the splits give away.

    The baselines are the nearest training pixel by position alone, an SVM on single spectra, and
    an SVM as a careful practitioner would build it. With several protocols, a table at the end
    puts them side by side.

    Example: hsvlm evaluate scene.hdr --labels fields.tif --prompts crops.yaml
    """
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.evaluation import evaluate as measure

    names = list(dict.fromkeys(protocol or [ProtocolName.RANDOM_10, ProtocolName.BLOCKS]))
    if ProtocolName.ALL in names:
        names = [one for one in ProtocolName if one is not ProtocolName.ALL]
    chosen = parse_settings(context, settings)
    parameters: dict[str, Any] = {"text_encoder": text_encoder}
    if epochs is not None:
        parameters["max_epochs"] = epochs
    if output is not None:
        output_folder(output, ("report.json", "report.md"), (scene, labels))
        claim_folder(context, output, chosen)
    # All of them first: a file that is missing should not be noticed after hours.
    if scene is None:
        protocols = _of_dataset(names, splits, data_home)
        parameters["prompts"] = prompts or str(dataset)
    else:
        if labels is None:
            message = "A scene of your own needs --labels."
            raise typer.BadParameter(message)
        found = read_labeled_scene(
            scene, labels, variable=variable, label_column=label_column, nodata=nodata
        )
        classes = classes_of(prompts, found, labels)
        parameters |= {"prompts": classes.prompts, "class_names": classes.class_names}
        protocols = _of_scene(found, classes.class_names, names, splits)
    parameters |= chosen
    clf = (
        HSIPromptClassifier(**parameters)
        if preset is None
        else HSIPromptClassifier.from_preset(preset, **parameters)
    )
    reports = {
        one.name: measure(
            {"hsvlm" if preset is None else f"hsvlm, {preset}": clf},
            one.X,
            one.y,
            one.cv,
            class_names=one.class_names,
            random_state=0,
            store=store,
            n_jobs=jobs,
            verbose=int(not quiet),
        )
        for one in protocols
    }
    title = str(dataset) if scene is None else scene.name
    if output is not None:
        _write(output, reports)
        save_recipe(context, output, chosen)
    if as_json:
        print_json({name: report.to_dict() for name, report in reports.items()})
    else:
        say(_as_text(title, reports))


def _of_dataset(names: list[ProtocolName], splits: int, data_home: Path | None) -> list[Protocol]:
    from hsvlm.evaluation import indian_pines_protocol

    return [indian_pines_protocol(name, splits, data_home=data_home) for name in names]


def _of_scene(
    scene: Any, class_names: dict[Any, str], names: list[ProtocolName], splits: int
) -> list[Protocol]:
    from dataclasses import replace

    from hsvlm.evaluation import scene_protocol

    named = replace(scene, class_names=class_names)
    return [scene_protocol(named, name, splits) for name in names]


def _as_text(title: str, reports: dict[str, EvaluationReport]) -> str:
    from hsvlm.evaluation import side_by_side

    parts = [f"\n=== {title}, {name} ===\n\n{report}" for name, report in reports.items()]
    if len(reports) > 1:
        parts.append(f"\n=== {title}, OA % ===\n\n{side_by_side(reports)}")
    return "\n".join(parts)


def _write(folder: Path, reports: dict[str, EvaluationReport]) -> None:
    figures = {name: report.to_dict() for name, report in reports.items()}
    markdown = [f"# {name}\n\n{report.to_markdown()}\n" for name, report in reports.items()]
    for name, text in (
        ("report.json", json.dumps(figures, indent=2) + "\n"),
        ("report.md", "\n".join(markdown)),
    ):
        with replaced(folder / name) as draft:
            draft.write_text(text, encoding="utf-8")
