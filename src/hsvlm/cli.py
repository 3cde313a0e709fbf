"""The command line."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Hyperspectral classification from a label map and the text of class prompts.",
    no_args_is_help=True,
    add_completion=False,
)


class Dataset(StrEnum):
    """Scenes that can be evaluated on."""

    INDIAN_PINES = "indian-pines"


class ProtocolName(StrEnum):
    """Ways to choose training and test pixels."""

    RANDOM_10 = "random-10"
    MAP_695 = "map-695"
    BLOCKS = "blocks"
    ALL = "all"


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option(help="Folder for report and figures; made if it is not there.")
    ] = Path("demo-output"),
    seed: Annotated[int, typer.Option(help="Seed of the split and of the training.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the training pixels.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON instead of a report.")
    ] = False,
) -> None:
    """Train on a random tenth of the Indian Pines scene and map the whole of it.

    Prints overall and average accuracy, kappa and a class table, and beside them what the random
    split gives away: the accuracy of the nearest training pixel by position alone, and the share
    of test windows that contain a training pixel.
    """
    from hsvlm.demo import run_demo

    parameters = {} if epochs is None else {"max_epochs": epochs}
    result = run_demo(output, random_state=seed, **parameters)
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
    else:
        typer.echo(f"\n{result.to_text()}\n\nReport and figures are in {output}/.")


@app.command()
def evaluate(
    dataset: Annotated[Dataset, typer.Option(help="The scene.")] = Dataset.INDIAN_PINES,
    protocol: Annotated[
        list[ProtocolName] | None,
        typer.Option(
            help="How training and test pixels are chosen; repeat the option for several. "
            "random-10: a random tenth of every class, as in most papers. map-695: the published "
            "maps, whose files are looked for in --data-home and downloaded otherwise. blocks: "
            "whole blocks, at a distance from each other. Without it: random-10 and blocks."
        ),
    ] = None,
    splits: Annotated[int, typer.Option(min=1, help="Splits, or seeds, per protocol.")] = 4,
    preset: Annotated[
        str | None, typer.Option(help="Settings of the paper, for example paper-indian-pines.")
    ] = None,
    text_encoder: Annotated[
        str, typer.Option(help="Name or folder of a sentence-transformers model.")
    ] = "all-MiniLM-L6-v2",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the training pixels.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps every result: a stopped evaluation goes on there."),
    ] = None,
    data_home: Annotated[Path | None, typer.Option(help="Folder of the published maps.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON instead of reports.")
    ] = False,
) -> None:
    """Measure the classifier beside three baselines, and print what the splits give away.

    The baselines are the nearest training pixel by position alone, an SVM on single spectra, and
    an SVM as a careful practitioner would build it. With several protocols, a table at the end
    puts them side by side.
    """
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.evaluation import evaluate as measure
    from hsvlm.evaluation import indian_pines_protocol, side_by_side

    names = list(dict.fromkeys(protocol or [ProtocolName.RANDOM_10, ProtocolName.BLOCKS]))
    if ProtocolName.ALL in names:
        names = [one for one in ProtocolName if one is not ProtocolName.ALL]
    settings: dict[str, Any] = {"prompts": str(dataset), "text_encoder": text_encoder}
    if epochs is not None:
        settings["max_epochs"] = epochs
    clf = (
        HSIPromptClassifier(**settings)
        if preset is None
        else HSIPromptClassifier.from_preset(preset, **settings)
    )
    # All of them first: a file that is missing should not be noticed after hours.
    protocols = [indian_pines_protocol(name, splits, data_home=data_home) for name in names]
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
            verbose=1,
        )
        for one in protocols
    }
    if as_json:
        typer.echo(json.dumps({name: report.to_dict() for name, report in reports.items()}))
        return
    for name, report in reports.items():
        typer.echo(f"\n=== {dataset}, {name} ===\n\n{report}")
    if len(reports) > 1:
        typer.echo(f"\n=== {dataset}, OA % ===\n\n{side_by_side(reports)}")
