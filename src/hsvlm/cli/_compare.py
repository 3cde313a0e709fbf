"""``hsvlm compare``: accuracy and cost of vision encoders under the same protocols."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from hsvlm._system.pages import write_page
from hsvlm.cli._auxiliary import SourceOptions, all_files
from hsvlm.cli._help import ENCODERS
from hsvlm.cli._options import (
    AsJson,
    BandOptions,
    Epochs,
    Jobs,
    Labels,
    Output,
    Preset,
    Prompts,
    Quiet,
    ReadOptions,
    Recipe,
    Report,
    SetOption,
    TextEncoder,
    Unlabeled,
    print_json,
)
from hsvlm.cli._outputs import check_output, echo, write_figure, write_text
from hsvlm.cli._pages import REPORT_NAME, check_report, evaluation_page
from hsvlm.cli._protocols import (
    PROTOCOL_HELP,
    Inputs,
    ProtocolName,
    ProtocolOptions,
    check_splits,
    read_protocols,
)
from hsvlm.cli._recipes import recipe_text, reserve_folder, save_recipe
from hsvlm.cli._same_inputs import INPUTS_NAME, check_same_inputs, describe_inputs, save_inputs
from hsvlm.cli._settings import check_settings, parse_settings, training_parameters
from hsvlm.cli._signature import check_missing
from hsvlm.cli._values import unlabeled_value
from hsvlm.cli.messages import shown_worker_warnings

if TYPE_CHECKING:
    from hsvlm.evaluation import ComparisonTable, Protocol
    from hsvlm.plotting import AccuracyCostDisplay

_TABLE, _PAGE, _FIGURE = "comparison.csv", "comparison.md", "comparison.png"
_NAMES = (_TABLE, _PAGE, _FIGURE, INPUTS_NAME, REPORT_NAME)
_FITS = "fits"


def _parse_protocols(text: str) -> list[ProtocolName]:
    names = _split_list(text)
    unknown = [name for name in names if name not in list(ProtocolName)]
    if unknown or not names:
        raise typer.BadParameter(
            f"{(unknown or [text])[0]!r} is not a protocol. Give some of "
            f"{', '.join(ProtocolName)}, with commas between them."
        )
    return [ProtocolName(name) for name in names]


def _check_protocols(text: str | None) -> str | None:
    if text is not None:
        _parse_protocols(text)
    return text


def _split_list(text: str) -> list[str]:
    # A list of numbers behind a name has commas of its own.
    parts = re.split(r",(?![^\[]*\])", text)
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _encoder_names(text: str) -> list[str]:
    from hsvlm.vision import get_vision_encoder, list_vision_encoders
    from hsvlm.vision.arguments import required_params

    names = _split_list(text)
    if not names:
        raise typer.BadParameter("--encoders names no encoder. Give at least one.")
    if "all" not in names:
        return names
    known = [
        name for name in list_vision_encoders() if not required_params(get_vision_encoder(name))
    ]
    every = ["default", *known, *names]
    return [name for name in dict.fromkeys(every) if name != "all"]


def compare(
    context: typer.Context,
    *,
    scene: Annotated[
        Path | None,
        typer.Argument(help="File of a cube; without it, the dataset is compared on."),
    ] = None,
    labels: Labels = None,
    source_options: SourceOptions,
    encoders: Annotated[
        str | None,
        typer.Option(
            help="Vision encoders, with commas between them: default, for the classifier as it is; "
            f"{ENCODERS}; or all of these, some of which are made for a GPU. Settings may follow a "
            "name: ssftt:window_size=13:n_components=30.",
        ),
    ] = None,
    protocols: Annotated[
        str | None,
        typer.Option(
            callback=_check_protocols,
            help="How training and test pixels are chosen: names with commas between them. "
            f"{PROTOCOL_HELP}",
        ),
    ] = None,
    protocol_options: ProtocolOptions,
    seeds: Annotated[
        int,
        typer.Option(min=1, max=1000, help="Splits per protocol, each with a seed of its own."),
    ] = 3,
    output: Output = None,
    report: Report = None,
    prompts: Prompts = None,
    reading: ReadOptions,
    bands: BandOptions,
    unlabeled: Unlabeled = None,
    preset: Preset = None,
    text_encoder: TextEncoder = "all-MiniLM-L6-v2",
    epochs: Epochs = None,
    settings: SetOption = None,
    jobs: Jobs = 1,
    recipe: Recipe = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare vision encoders: accuracy and cost under the same protocols, and baselines.

    The table has a row for every encoder and protocol, and says which protocol flatters it. An
    encoder that needs another window, patch or number of components than these settings gets the
    nearest, which its row names; one that cannot work keeps its row, with the reason. Networks
    that take many times as long as the default are named before they train. The output folder
    receives the table (CSV and Markdown), a picture of accuracy against multiply-adds, and the
    result of every fit: the same command, given again, continues a run that was stopped, and one
    with more encoders, protocols or seeds measures only these. Other data or settings need another
    folder.

    Example: hsvlm compare scene.hdr --labels fields.tif --encoders default,mlp,cnn2d -o compared
    """
    from hsvlm.evaluation import with_encoders

    check_missing(encoders=encoders, output=output)
    folder = cast("Path", output)
    names = protocol_options.names(
        None if protocols is None else _parse_protocols(protocols), scene
    )
    chosen = parse_settings(context, settings)
    parameters = training_parameters(context, text_encoder, epochs, chosen)
    parameters["unlabeled"] = unlabeled_value(unlabeled)
    clf = check_settings(parameters, preset)
    encoder_names = _encoder_names(cast("str", encoders))
    with_encoders(encoder_names, clf)  # refuses unknown names before files are read
    sources = source_options.files()
    files = (scene, labels, protocol_options.test_labels, *all_files(sources))
    check_output(folder, _NAMES, files, "compare")
    check_report(report, folder, files)
    to_read = Inputs(scene, labels, prompts, reading, bands, sources)
    entries, classes = read_protocols(names, seeds, protocol_options, to_read, clf)
    check_splits(entries, "--protocols", "--seeds")
    clf.set_params(**classes)
    inputs = describe_inputs(entries, clf)
    check_same_inputs(folder, inputs)
    reserve_folder(context, folder, _NAMES, files, chosen)
    save_inputs(folder, inputs)
    estimators = with_encoders(encoder_names, clf)
    table = _measure(entries, estimators, folder, n_jobs=jobs, verbose=not quiet)
    save_recipe(context, folder, chosen)
    page = ""
    if report is not None:
        text = evaluation_page(table.reports, recipe_text(context, chosen), kind="Comparison")
        page = f" The page is {write_page(report, text)}."
    if as_json:
        print_json({"rows": table.rows()})
    else:
        failed = any(row["problem"] for row in table.rows())
        hint = 'Settings may follow a name, such as "ssftt:window_size=13". ' if failed else ""
        echo(f"{table}\n\n{hint}Table, picture and the result of every fit are in {folder}.{page}")


def _measure(
    protocols: list[Protocol],
    estimators: dict[str, Any],
    folder: Path,
    *,
    n_jobs: int,
    verbose: bool,
) -> ComparisonTable:
    """Measure under one protocol after the other, and write the table after each."""
    from hsvlm.evaluation import ComparisonTable, evaluate

    reports = {}
    for protocol in protocols:
        with shown_worker_warnings(debug="--debug" in sys.argv):
            reports[protocol.name] = evaluate(
                estimators,
                protocol.X,
                protocol.y,
                protocol.cv,
                class_names=protocol.class_names,
                groups=protocol.groups,
                random_state=0,
                error_score=float("nan"),
                store=folder / _FITS,
                n_jobs=n_jobs,
                verbose=int(verbose),
            )
        table = ComparisonTable(reports)
        _write(folder, table)
    return table


def _write(folder: Path, table: ComparisonTable) -> None:
    write_text(folder / _TABLE, table.to_csv())
    write_text(folder / _PAGE, table.to_markdown() + "\n")
    figures = {name: report.to_dict() for name, report in table.reports.items()}
    write_text(folder / REPORT_NAME, json.dumps(figures) + "\n")
    if any(row["overall_accuracy"] is not None for row in table.rows()):
        write_figure(folder / _FIGURE, lambda: _draw(table))


def _draw(table: ComparisonTable) -> AccuracyCostDisplay:
    from hsvlm.plotting import AccuracyCostDisplay

    return AccuracyCostDisplay.from_table(table)
