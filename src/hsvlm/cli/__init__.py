"""The command line: a module for each command."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from hsvlm._system.version import __version__
from hsvlm.cli._compare import compare
from hsvlm.cli._demo import demo
from hsvlm.cli._evaluate import evaluate
from hsvlm.cli._fit import fit
from hsvlm.cli._help import fill_in_names
from hsvlm.cli._inspect import inspect
from hsvlm.cli._predict import predict
from hsvlm.cli._pretrain import pretrain
from hsvlm.cli._report import report
from hsvlm.cli._settings import SETTINGS_KEY, list_settings
from hsvlm.cli._signature import Debug, expand_options
from hsvlm.cli.messages import INTERRUPTED_STATUS, print_error

__all__ = ["app"]


class _Commands(TyperGroup):
    """Reports wrong options in one line, and Ctrl-C by the exit status."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except Exception as error:
            if not standalone_mode or not hasattr(error, "format_message"):
                raise
            print_error(_usage_error_text(error))
            sys.exit(getattr(error, "exit_code", 2))
        if standalone_mode:
            sys.exit(status if isinstance(status, int) else 0)
        return status

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            print_error("interrupted.")
            raise typer.Exit(INTERRUPTED_STATUS) from interrupt


class _Command(TyperCommand):
    """Reads the names in its help when help is asked for."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        fill_in_names(self.params)
        super().format_help(ctx, formatter)


def _usage_error_text(error: Any) -> str:
    named = getattr(error, "param", None) or getattr(error, "param_hint", None)
    text = error.format_message() if named else error.message
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    if context and parameter:
        recipe, _ = context.meta.get(SETTINGS_KEY, (None, {}))
        source = context.get_parameter_source(parameter.name)
        if recipe and source is not None and source.name == "DEFAULT_MAP":
            text = f"{recipe}: {text}"
    command = context.command_path if context else "hsvlm"
    text = text.strip().removesuffix(".").replace("Value error, ", "")
    return f'{text}. See "{command} --help".'


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for function in (fit, predict, evaluate, compare, report, inspect, pretrain, demo):
    app.command(cls=_Command)(expand_options(function))
app.command("settings", cls=_Command)(expand_options(list_settings))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Hyperspectral classification from a label map and the text of class prompts.

    Usual order: "inspect" the files, "evaluate" what accuracy to expect, "fit" a model, "predict"
    maps with it. "compare" measures several networks; "pretrain" trains one without labels;
    "report" writes the page of a result.
    "settings" lists what can be set; "demo" shows the whole on data that come with the package.

    Exit status: 0 if all went well, 1 if a file or a setting cannot be used (the message says
    why), 2 for wrong options, 130 if interrupted.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
