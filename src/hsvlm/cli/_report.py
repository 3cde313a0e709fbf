"""``hsvlm report``: the page of a command, made anew from its output folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hsvlm._system.files import file_error
from hsvlm._system.pages import write_page
from hsvlm.cli._options import AsJson, print_json
from hsvlm.cli._outputs import RECIPE_NAME, echo, read_command
from hsvlm.cli._pages import REPORT_NAME, check_report, evaluation_page, model_page, read_reports
from hsvlm.cli._predict import write_map_page
from hsvlm.exceptions import MissingFileError

_COMMANDS = ("fit", "evaluate", "compare", "predict")
_PAGE_NAME = "report.html"


def report(
    folder: Annotated[
        Path,
        typer.Argument(help='Output folder of "fit", "evaluate", "compare" or "predict".'),
    ],
    page: Annotated[
        Path | None,
        typer.Argument(help=f"File to write, ending in .html; {_PAGE_NAME} in the folder without."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write the HTML page of a result, from the output folder of the command that made it.

    It is the page that the command writes with --report: one file that opens from disk, without a
    connection. Nothing is trained or predicted anew; for a map, scene and model are read from where
    the recipe in the folder says. Pages of hsvlm are replaced; other files are kept.

    Example: hsvlm report crops crops.html
    """
    command = _command_of(folder)
    path = folder / _PAGE_NAME if page is None else page
    check_report(path, None, ())
    if command == "predict":
        write_map_page(folder, path)
    else:
        write_page(path, _page_of(folder, command))
    if as_json:
        print_json({"report": str(path)})
    else:
        echo(f"The page is {path}.")


def _command_of(folder: Path) -> str:
    listed = ", ".join(_COMMANDS[:-1])
    hint = f"Give the output folder of hsvlm {listed} or {_COMMANDS[-1]}."
    if not folder.exists():
        raise MissingFileError(f"{folder} does not exist. {hint}")
    command = read_command(folder / RECIPE_NAME) if folder.is_dir() else None
    if command is None:
        problem = f"no {RECIPE_NAME} of hsvlm is in it, so this is not an output folder"
        problem = problem if folder.is_dir() else "this is a file, not an output folder"
        raise file_error(folder, problem, hint)
    if command not in _COMMANDS:
        problem = f'this is the output folder of "hsvlm {command}", which has no page'
        raise file_error(folder, problem, hint)
    return command


def _page_of(folder: Path, command: str) -> str:
    if command == "fit":
        return model_page(folder)
    reports = read_reports(folder / REPORT_NAME)
    recipe = (folder / RECIPE_NAME).read_text(encoding="utf-8")
    kind = "Comparison" if command == "compare" else "Evaluation"
    return evaluation_page(reports, recipe, kind=kind)
