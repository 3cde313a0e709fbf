"""The command line: a module for each command."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import hsvlm
from hsvlm.cli._demo import demo
from hsvlm.cli._evaluate import evaluate
from hsvlm.cli._fit import fit
from hsvlm.cli._inspect import inspect
from hsvlm.cli._predict import predict

__all__ = ["app"]

_INTERRUPTED = 130  # what a shell reports of a process that Ctrl-C ended


class _Commands(TyperGroup):
    """Tells Ctrl-C from an error by the exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            typer.echo("hsvlm: interrupted.", err=True)
            raise typer.Exit(_INTERRUPTED) from interrupt


app = typer.Typer(
    cls=_Commands, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown"
)
for command in (fit, predict, evaluate, inspect, demo):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(hsvlm.__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Hyperspectral classification from a label map and the text of class prompts.

    Usual order: "inspect" the files, "evaluate" what accuracy to expect, "fit" a model, "predict"
    maps with it. "demo" shows the whole on data that come with the package.

    Exit status: 0 if all went well, 1 if a file or a setting cannot be used (the message says
    why), 2 for wrong options, 130 if interrupted.
    """
