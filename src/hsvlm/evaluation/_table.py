"""Accuracy and cost of estimators under several protocols, in one table."""

from __future__ import annotations

import csv
import html
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hsvlm._reports.page import render_page
from hsvlm._reports.tables import (
    Rows,
    html_table,
    markdown_table,
    text_table,
)
from hsvlm._system.optional import import_optional
from hsvlm._system.pages import write_page
from hsvlm.evaluation._rows import LEGEND, comparison_rows, row_texts
from hsvlm.evaluation.sections import report_sections
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from pathlib import Path

    import pandas as pd

    from hsvlm.evaluation._report import EvaluationReport


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonTable:
    """Accuracy and cost of estimators under several protocols: one row for each pair.

    Prints as text and shows as a table in a notebook. Rows of one estimator follow each other, so
    that its accuracy under a flattering protocol stands next to that under an honest one. A
    protocol is flattering for an estimator if more than 1 % of the test pixels touch a training
    pixel or have one in the window that the estimator reads, and honest otherwise.

    Attributes
    ----------
    reports : dict of {protocol: EvaluationReport}
        At least one, as :func:`evaluate` returns them.

    Raises
    ------
    ParameterError
        If there is no report.

    See Also
    --------
    evaluate : Makes the reports.
    hsvlm.plotting.AccuracyCostDisplay : Draws the accuracies against the multiply-adds.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.evaluation import ComparisonTable, evaluate, scene_protocol
    >>> scene = make_synthetic_scene(random_state=0)
    >>> reports = {}
    >>> for name in ("random-10", "blocks"):
    ...     protocol = scene_protocol(scene, name, n_splits=1)
    ...     reports[name] = evaluate({}, protocol.X, protocol.y, protocol.cv)
    >>> table = ComparisonTable(reports)
    >>> [(row["protocol"], row["verdict"]) for row in table.rows()[:2]]
    [('random-10', 'flattering'), ('blocks', 'honest')]
    """

    reports: Mapping[str, EvaluationReport]

    def __post_init__(self) -> None:
        if not self.reports:
            raise ParameterError(
                "There is no report to compare. Pass a dict of {protocol: report of evaluate}."
            )

    def rows(self) -> list[dict[str, Any]]:
        """Return the figures of every estimator under every protocol.

        Returns
        -------
        list of dict
            ``estimator``, ``protocol`` and ``verdict``, "flattering" or "honest"; ``n_splits``
            that were measured; mean and standard deviation (``..._deviation``, with n - 1) of
            ``overall_accuracy``, ``average_accuracy`` and ``kappa``, in [0, 1];
            ``share_containing``, of test pixels with a training pixel in the window, in [0, 1];
            ``window_size`` in pixels; ``n_parameters``; ``n_multiply_adds`` for one window; means
            of ``fit_seconds`` and ``predict_seconds``; and ``problem``, the reason of a failure,
            or "". Any other value may be None: there is none.
        """
        return comparison_rows(self.reports)

    def summary(self) -> tuple[list[str], Rows]:
        """Return the table as texts.

        Returns
        -------
        header : list of str
            Names of the columns.
        rows : list of list of str
            One row per estimator and protocol. Cells of an estimator that failed are empty.
        """
        header = ["", "protocol", "verdict", "OA %", "AA %", "kappa x 100", "leakage %", "window"]
        header += ["parameters", "multiply-adds, M", "fit s", "predict s"]
        return header, [row_texts(row) for row in self.rows()]

    def note_lines(self) -> list[str]:
        """Explain the table.

        Returns
        -------
        list of str
            What the verdicts mean, how each protocol splits, and the reasons of failures.
        """
        protocols = [
            f"{name}: {report.protocol}, {report.leakage_lines()[0]}"
            for name, report in self.reports.items()
        ]
        failed: dict[tuple[str, str], list[str]] = {}
        for row in self.rows():
            if row["problem"]:
                failed.setdefault((row["estimator"], row["problem"]), []).append(row["protocol"])
        problems = [
            f"{name} ({', '.join(names)}): {problem}" for (name, problem), names in failed.items()
        ]
        return [*LEGEND, *protocols, *problems]

    def __str__(self) -> str:
        return "\n\n".join([text_table(*self.summary()), "\n".join(self.note_lines())])

    __repr__ = __str__

    def to_markdown(self) -> str:
        """Render the table as Markdown.

        Returns
        -------
        str
            The table and its notes.
        """
        notes = [f"- {line}" for line in self.note_lines()]
        return "\n".join([markdown_table(*self.summary()), "", *notes])

    def to_html(self) -> str:
        """Render the table as HTML.

        Returns
        -------
        str
            A ``div`` with the table and its notes.
        """
        notes = "".join(f"<li>{html.escape(line)}</li>" for line in self.note_lines())
        return f"<div>{html_table(*self.summary())}<ul>{notes}</ul></div>"

    _repr_html_ = to_html

    def save_report(
        self, path: str | PathLike[str], *, title: str = "Comparison of classifiers"
    ) -> Path:
        """Write the comparison as an HTML page that opens from disk, without a connection.

        The page has the table, a picture of accuracy against cost, and for every protocol the
        leakage, single splits, tests of the first estimator against the others, and the accuracy
        of every class. Without matplotlib, the picture is left out.

        Parameters
        ----------
        path : path
            File to write, ending in ``.html``. Pages of this package are replaced.
        title : str, default="Comparison of classifiers"
            Title of the page.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        FileError
            If the file cannot be written, or is there and not a page of this package.

        Examples
        --------
        >>> import tempfile
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> from hsvlm.evaluation import ComparisonTable, evaluate, scene_protocol
        >>> protocol = scene_protocol(make_synthetic_scene(random_state=0), "blocks", n_splits=2)
        >>> table = ComparisonTable({"blocks": evaluate({}, protocol.X, protocol.y, protocol.cv)})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = table.save_report(f"{folder}/table.html", title="Synthetic scene")
        ...     "<h1>Synthetic scene</h1>" in path.read_text(encoding="utf-8")
        True
        """
        return write_page(path, render_page(title, report_sections(self.reports)))

    def to_csv(self) -> str:
        """Write the rows as comma-separated values.

        Returns
        -------
        str
            A line with the names of :meth:`rows`, then one per row with ten digits of every
            number. An empty cell stands for None.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows()[0]), lineterminator="\n")
        writer.writeheader()
        for row in self.rows():
            writer.writerow(
                {
                    name: f"{value:.10g}" if isinstance(value, float) else value
                    for name, value in row.items()
                }
            )
        return text.getvalue()

    def to_frame(self) -> pd.DataFrame:
        """Collect the rows in a data frame.

        Returns
        -------
        pandas.DataFrame
            With the columns of :meth:`rows`.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        return import_optional("pandas", "data").DataFrame(self.rows())
