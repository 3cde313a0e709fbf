"""``hsvlm evaluate``: expected accuracies, and the leakage of the splits."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hsvlm._system.pages import write_page
from hsvlm.cli._auxiliary import SourceOptions, all_files
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
from hsvlm.cli._outputs import check_output, echo, write_text
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
from hsvlm.cli._settings import check_settings, parse_settings, training_parameters
from hsvlm.cli._values import unlabeled_value
from hsvlm.cli.messages import shown_worker_warnings

if TYPE_CHECKING:
    from hsvlm.evaluation import EvaluationReport


_REPORTS = (REPORT_NAME, "report.md")


def evaluate(
    context: typer.Context,
    *,
    scene: Annotated[
        Path | None,
        typer.Argument(help="File of a cube; without it, the dataset is evaluated on."),
    ] = None,
    labels: Labels = None,
    source_options: SourceOptions,
    protocol: Annotated[
        list[ProtocolName] | None,
        typer.Option(
            help="How training and test pixels are chosen; repeat the option for several. "
            f"{PROTOCOL_HELP}"
        ),
    ] = None,
    protocol_options: ProtocolOptions,
    splits: Annotated[
        int, typer.Option(min=1, max=1000, help="Splits, or seeds, per protocol.")
    ] = 4,
    prompts: Prompts = None,
    reading: ReadOptions,
    bands: BandOptions,
    unlabeled: Unlabeled = None,
    preset: Preset = None,
    text_encoder: TextEncoder = "all-MiniLM-L6-v2",
    epochs: Epochs = None,
    settings: SetOption = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps every result: a stopped evaluation goes on there."),
    ] = None,
    output: Output = None,
    report: Report = None,
    jobs: Jobs = 1,
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

    names = protocol_options.names(protocol, scene)
    chosen = parse_settings(context, settings)
    parameters = training_parameters(context, text_encoder, epochs, chosen)
    parameters["unlabeled"] = unlabeled_value(unlabeled)
    clf = check_settings(parameters, preset)
    sources = source_options.files()
    inputs = (scene, labels, protocol_options.test_labels, *all_files(sources))
    if output is not None:
        check_output(output, _REPORTS, inputs, "evaluate")
    check_report(report, output, inputs)
    # All files first: a missing one should not be noticed after hours.
    to_read = Inputs(scene, labels, prompts, reading, bands, sources)
    protocols, classes = read_protocols(names, splits, protocol_options, to_read, clf)
    check_splits(protocols, "--protocol", "--splits")
    clf.set_params(**classes)
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
    title = str(protocol_options.dataset) if scene is None else scene.name
    if output is not None:
        _write(output, reports)
        save_recipe(context, output, chosen)
    if report is not None:
        write_page(report, evaluation_page(reports, recipe_text(context, chosen)))
    if as_json:
        print_json({name: report.to_dict() for name, report in reports.items()})
    else:
        page = "" if report is None else f"\n\nThe page is {report}."
        echo(_as_text(title, reports) + page)


def _as_text(title: str, reports: dict[str, EvaluationReport]) -> str:
    from hsvlm.evaluation import compare_protocols

    parts = [f"\n=== {title}, {name} ===\n\n{report}" for name, report in reports.items()]
    if len(reports) > 1:
        parts.append(f"\n=== {title}, OA % ===\n\n{compare_protocols(reports)}")
    return "\n".join(parts)


def _write(folder: Path, reports: dict[str, EvaluationReport]) -> None:
    figures = {name: report.to_dict() for name, report in reports.items()}
    markdown = [f"# {name}\n\n{report.to_markdown()}\n" for name, report in reports.items()]
    texts = (json.dumps(figures) + "\n", "\n".join(markdown))
    for name, text in zip(_REPORTS, texts, strict=True):
        write_text(folder / name, text)
