"""Report pages of commands, made of what lies in their output folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsvlm._reports.page import Code, Paragraph, Section, Table, render_page
from hsvlm._system.files import file_error, parsed_yaml
from hsvlm._system.pages import check_page_path
from hsvlm.cli._outputs import RECIPE_NAME
from hsvlm.exceptions import FileError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hsvlm.evaluation import EvaluationReport

__all__ = [
    "AREAS_NAME",
    "HINT_REPEAT",
    "MODEL_NAME",
    "REPORT_NAME",
    "changed_file",
    "check_report",
    "evaluation_page",
    "model_page",
    "read_json",
    "read_reports",
    "recipe_section",
]

AREAS_NAME = "areas.json"
MODEL_NAME = "model"
REPORT_NAME = "report.json"
_MAX_REPORT_BYTES = 2**30
HINT_REPEAT = f"Repeat the command: the folder has its options in {RECIPE_NAME}."


def check_report(report: Path | None, output: Path | None, inputs: Iterable[Path | None]) -> None:
    """Refuse a page that would replace something, before anything is computed."""
    if report is None:
        return
    check_page_path(report, new_folder=output)
    for path in inputs:
        if path is not None and path.resolve() == report.resolve():
            raise ParameterError(
                f"{report} would be overwritten, but it is read. Give another file as --report."
            )


def evaluation_page(
    reports: Mapping[str, EvaluationReport], recipe: str, *, kind: str = "Evaluation"
) -> str:
    """Render the page of ``hsvlm evaluate`` or ``hsvlm compare``."""
    from hsvlm.evaluation.sections import report_sections

    options = _options_of(recipe)
    name = Path(str(options["scene"])).name if "scene" in options else options.get("dataset", "")
    sections = [*report_sections(reports), recipe_section(recipe)]
    return render_page(f"{kind} on {name}" if name else kind, sections)


def model_page(folder: Path) -> str:
    """Render the page of ``hsvlm fit`` from its output folder."""
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.persistence import report_sections

    figures = read_json(folder / REPORT_NAME)
    clf = HSIPromptClassifier.load(folder / MODEL_NAME, device="cpu")
    try:
        counts = {entry["label"]: int(entry["n_samples"]) for entry in figures["classes"]}
        run = Table(["what", "value"], _run_rows(folder, figures))
        warnings = [Paragraph(str(text)) for text in figures["warnings"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise changed_file(folder / REPORT_NAME, error) from error
    sections = report_sections(clf, counts)
    if warnings:
        sections.append(Section("Warnings", warnings))
    sections.append(Section("Run", [run]))
    name = clf.metadata_.get("scene")
    title = f"Classifier trained on {name}" if name else "Classifier"
    recipe = (folder / RECIPE_NAME).read_text(encoding="utf-8")
    return render_page(title, [*sections, recipe_section(recipe)])


def recipe_section(recipe: str) -> Section:
    """Show how to repeat a command."""
    command = parsed_yaml(RECIPE_NAME, recipe)["command"]
    caption = (
        f"Save it as {RECIPE_NAME} and give the command: hsvlm {command} --recipe {RECIPE_NAME}. "
        "Its paths are those of the computer that made the page."
    )
    return Section("Recipe", [Code(recipe, caption)])


def read_reports(path: Path) -> dict[str, EvaluationReport]:
    """Read the reports that ``hsvlm evaluate`` and ``hsvlm compare`` write, by protocol."""
    from hsvlm.evaluation import EvaluationReport
    from hsvlm.exceptions import DataError

    figures = read_json(path)
    try:
        reports = {name: EvaluationReport.from_dict(values) for name, values in figures.items()}
    except (AttributeError, DataError) as error:
        raise changed_file(path, error) from error
    if not reports:
        raise file_error(path, "this report is empty", HINT_REPEAT)
    return reports


def _run_rows(folder: Path, figures: Mapping[str, Any]) -> list[list[str]]:
    config = read_json(folder / MODEL_NAME / "config.json")
    versions = ", ".join(f"{name} {version}" for name, version in config["versions"].items())
    return [
        ["labeled pixels", f"{int(figures['n_samples']):,}"],
        ["training time", f"{float(figures['fit_seconds']):.1f} s"],
        ["versions", versions],
    ]


def _options_of(recipe: str) -> dict[str, Any]:
    options: dict[str, Any] = parsed_yaml(RECIPE_NAME, recipe)["options"]
    return options


def read_json(path: Path) -> Any:
    """Read a file of figures in an output folder."""
    try:
        if path.stat().st_size > _MAX_REPORT_BYTES:
            raise file_error(path, "this file is too large for a report", HINT_REPEAT)
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        problem = "this file does not exist, so there is nothing to report"
        raise file_error(path, problem, HINT_REPEAT) from error
    except (OSError, ValueError, RecursionError) as error:
        raise changed_file(path, error) from error


def changed_file(path: Path, error: Exception) -> FileError:
    """Build the error for figures that a command did not write."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return file_error(path, f"this is not what hsvlm wrote ({reason})", HINT_REPEAT)
