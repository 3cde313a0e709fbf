"""The command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Hyperspectral classification from a label map and the text of class prompts.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def group() -> None:
    """Keep `demo` a command of its own while it is the only one."""


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
