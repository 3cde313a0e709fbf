"""``hsvlm evaluate``: expected accuracies, and the leakage of the splits."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from hsvlm.cli._options import (
    AsJson,
    BandOptions,
    Epochs,
    Labels,
    Output,
    Preset,
    Prompts,
    Quiet,
    ReadOptions,
    Recipe,
    SetOption,
    Unlabeled,
    print_json,
)
from hsvlm.cli._outputs import check_output, echo, write_text
from hsvlm.cli._recipes import reserve_folder, save_recipe
from hsvlm.cli._scenes import read_classes, read_labeled_scenes, unlabeled_label
from hsvlm.cli._settings import check_settings, parse_settings
from hsvlm.cli._signature import check_missing
from hsvlm.cli._values import unlabeled_value
from hsvlm.cli.messages import shown_worker_warnings
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from hsvlm.evaluation import EvaluationReport, Protocol


_REPORTS = ("report.json", "report.md")


class Dataset(StrEnum):
    """Scenes that come with the package."""

    INDIAN_PINES = "indian-pines"


class ProtocolName(StrEnum):
    """Ways to choose training and test pixels."""

    RANDOM_10 = "random-10"
    MAP_695 = "map-695"
    BLOCKS = "blocks"
    TEN_PER_CLASS = "ten-per-class"
    GROUPS = "groups"
    TEST_MAP = "test-map"
    ALL = "all"


_NEED_OPTIONS = (ProtocolName.GROUPS, ProtocolName.TEST_MAP, ProtocolName.ALL)


def evaluate(
    context: typer.Context,
    *,
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
            "class, drawn at random. groups: whole polygons, by --group-column. test-map: pixels "
            "of --test-labels. Without it: what these options ask for, or random-10 and blocks."
        ),
    ] = None,
    test_labels: Annotated[
        Path | None,
        typer.Option(help="Labels to test on, when --labels is only trained on; read like those."),
    ] = None,
    test_label_variable: Annotated[
        str | None,
        typer.Option(help="Variable of --test-labels; without it, as --label-variable."),
    ] = None,
    group_column: Annotated[
        str | None,
        typer.Option(
            help="Column that numbers the fields of the label file, which are left out whole; fid "
            "makes each feature one of its own."
        ),
    ] = None,
    splits: Annotated[
        int, typer.Option(min=1, max=1000, help="Splits, or seeds, per protocol.")
    ] = 4,
    prompts: Prompts = None,
    reading: ReadOptions,
    bands: BandOptions,
    unlabeled: Unlabeled = None,
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
    output: Output = None,
    data_home: Annotated[Path | None, typer.Option(help="Folder of the published maps.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=1024, help="Processes.")] = 1,
    recipe: Recipe = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure the classifier and four baselines, and print what the splits give away.

    The baselines are the nearest training pixel by position only, an SVM on single spectra, an SVM
    as a careful practitioner would build it, and the most frequent class. With several
    protocols, a table at the end puts them side by side.

    Example: hsvlm evaluate scene.hdr --labels fields.tif --prompts crops.yaml
    """
    from hsvlm.evaluation import evaluate as measure
    from hsvlm.evaluation import scene_protocol

    asked = {ProtocolName.GROUPS: group_column, ProtocolName.TEST_MAP: test_labels}
    implied = [name for name, option in asked.items() if option is not None]
    names = list(
        dict.fromkeys(protocol or implied or [ProtocolName.RANDOM_10, ProtocolName.BLOCKS])
    )
    if ProtocolName.ALL in names:
        names = [name for name in ProtocolName if name not in _NEED_OPTIONS] + implied
    chosen = parse_settings(context, settings)
    parameters = _parameters(context, text_encoder, epochs, chosen)
    parameters["unlabeled"] = unlabeled_value(unlabeled)
    clf = check_settings(parameters, preset)
    inputs = (scene, labels, test_labels)
    if output is not None:
        check_output(output, _REPORTS, inputs, "evaluate")
    # All files first: a missing one should not be noticed after hours.
    if scene is None:
        if implied:
            raise typer.BadParameter("--test-labels and --group-column need a scene of your own.")
        protocols = _of_dataset(names, splits, data_home)
        clf.set_params(prompts=prompts or str(dataset))
    else:
        labels = reading.label_file(scene, labels)
        check_missing(labels=labels)
        [labeled] = read_labeled_scenes(
            [(scene, cast("Path", labels))],
            reading,
            bands,
            clf.unlabeled,
            group_column=group_column,
        )
        classes = read_classes(prompts, labeled, labels)
        clf.set_params(prompts=classes.prompts, class_names=classes.class_names)
        labeled = replace(labeled, class_names=classes.class_names)
        test_map = None
        if test_labels is not None:
            variable = test_label_variable
            test_map = reading.read_labels(test_labels, labeled, variable, clf.unlabeled)
        mark = unlabeled_label(labeled, clf.unlabeled)
        protocols = [
            scene_protocol(labeled, name, splits, test_labels=test_map, unlabeled=mark)
            for name in names
        ]
    if output is not None:
        reserve_folder(context, output, _REPORTS, inputs, chosen)
    with shown_worker_warnings(debug="--debug" in sys.argv):
        reports = {
            entry.name: measure(
                {"hsvlm" if preset is None else f"hsvlm, {preset}": clf},
                entry.X,
                entry.y,
                entry.cv,
                class_names=entry.class_names,
                groups=entry.groups,
                random_state=0,
                store=store,
                n_jobs=jobs,
                verbose=int(not quiet),
            )
            for entry in protocols
        }
    title = str(dataset) if scene is None else scene.name
    if output is not None:
        _write(output, reports)
        save_recipe(context, output, chosen)
    if as_json:
        print_json({name: report.to_dict() for name, report in reports.items()})
    else:
        echo(_as_text(title, reports))


def _of_dataset(names: list[ProtocolName], splits: int, data_home: Path | None) -> list[Protocol]:
    from hsvlm.evaluation import indian_pines_protocol

    return [indian_pines_protocol(name, splits, data_home=data_home) for name in names]


def _parameters(
    context: typer.Context, text_encoder: str, epochs: int | None, chosen: dict[str, Any]
) -> dict[str, Any]:
    """Join dedicated options with the settings of --set, which must not contradict them."""
    options = {"text_encoder": text_encoder} | ({} if epochs is None else {"max_epochs": epochs})
    for name, option in (("text_encoder", "text_encoder"), ("max_epochs", "epochs")):
        source = context.get_parameter_source(option)
        is_given = source is not None and source.name == "COMMANDLINE"
        if is_given and name in chosen and chosen[name] != options[name]:
            raise ParameterError(
                f"--{option.replace('_', '-')} {options[name]} and the setting "
                f"{name}={chosen[name]} contradict each other. Give one of them."
            )
    return {**options, **chosen}


def _as_text(title: str, reports: dict[str, EvaluationReport]) -> str:
    from hsvlm.evaluation import compare_protocols

    parts = [f"\n=== {title}, {name} ===\n\n{report}" for name, report in reports.items()]
    if len(reports) > 1:
        parts.append(f"\n=== {title}, OA % ===\n\n{compare_protocols(reports)}")
    return "\n".join(parts)


def _write(folder: Path, reports: dict[str, EvaluationReport]) -> None:
    figures = {name: report.to_dict() for name, report in reports.items()}
    markdown = [f"# {name}\n\n{report.to_markdown()}\n" for name, report in reports.items()]
    texts = (json.dumps(figures, indent=2) + "\n", "\n".join(markdown))
    for name, text in zip(_REPORTS, texts, strict=True):
        write_text(folder / name, text)
