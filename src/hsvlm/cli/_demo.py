"""``hsvlm demo``: the main job on real data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hsvlm.cli._options import AsJson, Epochs, Recipe, Seed, print_json
from hsvlm.cli._outputs import echo
from hsvlm.cli._recipes import reserve_folder

_NAMES = ("report.json", "report.txt", "predicted-map.png")


def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option(help="Folder for report and figures; made if it is not there.")
    ] = Path("demo-output"),
    seed: Seed = 0,
    epochs: Epochs = None,
    recipe: Recipe = None,
    as_json: AsJson = False,
) -> None:
    """Train on a random tenth of the Indian Pines scene and map the whole of it.

    Prints overall and average accuracy, kappa and a class table, and beside them what the random
    split gives away: the accuracy of the nearest training pixel by position alone, and the share
    of test windows that contain a training pixel.
    """
    from hsvlm.cli._demo_run import run_demo

    reserve_folder(context, output, _NAMES, (), {})
    parameters = {} if epochs is None else {"max_epochs": epochs}
    result = run_demo(output, random_state=seed, **parameters)
    if as_json:
        print_json(result.to_dict())
    else:
        echo(f"\n{result.to_text()}\n\nReport and figures are in {output}/.")
