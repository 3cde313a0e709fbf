"""The report of an evaluation, as text, Markdown, HTML, data frame and JSON."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._reports.page import render_page
from hsvlm._reports.tables import (
    Rows,
    html_table,
    markdown_table,
    mean_and_deviation,
    text_table,
)
from hsvlm._system.optional import import_optional
from hsvlm._system.pages import write_page
from hsvlm.evaluation._comparison import Comparison, compare_hits, compare_scores
from hsvlm.evaluation._record import json_value, pack_leakage, pack_result, unpack_report
from hsvlm.evaluation.sections import report_sections
from hsvlm.exceptions import ParameterError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike
    from pathlib import Path

    import pandas as pd

    from hsvlm.evaluation._folds import FoldResult
    from hsvlm.evaluation._leakage import LeakageReport


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationReport:
    """Accuracies of several estimators on the same splits, and the leakage of the splits.

    Prints as text and shows as tables in a notebook.

    Attributes
    ----------
    results : tuple of FoldResult
        One per estimator and split.
    leakage : tuple of LeakageReport
        One per split.
    names : tuple of str
        The estimators, in the order of the report.
    window_size : int
        Side in pixels of the window for which leakage is reported.
    protocol : str
        How the splits were made.
    class_names : dict
        ``{label: name}``; a label that is not listed stands for itself.
    disjoint : bool
        Whether no sample is on the test side of two splits.
    pretraining_shares : dict of str to tuple of float
        Share of the test pixels of each split that the pre-training of an estimator has read,
        without labels, 0 to 1; of estimators whose pre-training tells what it has read.

    See Also
    --------
    evaluate : Makes the report.
    """

    results: tuple[FoldResult, ...]
    leakage: tuple[LeakageReport, ...]
    names: tuple[str, ...]
    window_size: int
    protocol: str
    class_names: dict[Any, str]
    disjoint: bool
    pretraining_shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def results_for(self, name: str) -> tuple[FoldResult, ...]:
        """Return the results of one estimator.

        Parameters
        ----------
        name : str
            Its name in the report.

        Returns
        -------
        tuple of FoldResult
            One per split, in their order.

        Raises
        ------
        UnknownNameError
            If there is no such estimator.
        """
        if name not in self.names:
            raise UnknownNameError.for_name("estimator", name, self.names)
        return tuple(result for result in self.results if result.estimator == name)

    def compare(self, first: str, second: str, method: str = "t-test") -> Comparison:
        """Compare the overall accuracies of two estimators over the same splits.

        Parameters
        ----------
        first, second : str
            Names of the estimators.
        method : {"t-test", "mcnemar"}, default="t-test"
            The corrected resampled t-test [1]_, which allows for training sets that overlap and
            needs two splits or more; or McNemar's test [2]_ on the single test samples, which
            needs test sides without common samples and ignores how results vary with the training
            samples.

        Returns
        -------
        Comparison
            Difference, statistic and p-value.

        Raises
        ------
        ParameterError
            If the splits do not allow the test.
        UnknownNameError
            If there is no such estimator or method.

        References
        ----------
        .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning
           52, 2003.
        .. [2] Q. McNemar, "Note on the sampling error of the difference between correlated
           proportions or percentages", Psychometrika 12, 1947.
        """
        pair = self.results_for(first), self.results_for(second)
        failed = [result for result in (*pair[0], *pair[1]) if result.problem]
        if failed:
            raise ParameterError(
                f"{failed[0].estimator!r} failed on split {failed[0].split}, so there is nothing "
                f"to compare. The reason: {failed[0].problem}"
            )
        if method == "t-test":
            if len(self.leakage) < 2:
                raise ParameterError(
                    "The t-test needs at least two splits, and there is one. Use 'mcnemar'."
                )
            return compare_scores((first, second), *pair)
        if method == "mcnemar":
            if not self.disjoint:
                raise ParameterError(
                    "McNemar's test needs every sample on one test side only, and these splits "
                    "test some samples several times. Use 't-test'."
                )
            return compare_hits((first, second), *pair)
        raise UnknownNameError.for_name("test", method, ["t-test", "mcnemar"])

    def summary(self) -> tuple[list[str], Rows]:
        """Return mean and standard deviation of every estimator.

        Returns
        -------
        header : list of str
            Names of the columns.
        rows : list of list of str
            One row per estimator. Standard deviations are over the splits, with n - 1. Splits
            that failed are left out; `problem_lines` lists them.
        """
        header = ["", "OA %", "AA %", "kappa x 100", "fit s", "predict s", "parameters"]
        rows = []
        for name in self.names:
            results = [result for result in self.results_for(name) if not result.problem]
            if not results:
                rows.append([name, *[""] * (len(header) - 1)])
                continue
            count = results[0].n_parameters
            rows.append(
                [
                    name,
                    mean_and_deviation([100 * result.overall_accuracy for result in results]),
                    mean_and_deviation([100 * result.average_accuracy for result in results]),
                    mean_and_deviation([100 * result.kappa for result in results]),
                    f"{np.mean([result.fit_seconds for result in results]):.1f}",
                    f"{np.mean([result.predict_seconds for result in results]):.1f}",
                    "" if count is None else f"{count:,}",
                ]
            )
        return header, rows

    def recalls(self) -> tuple[list[str], Rows]:
        """Return the mean recall of every class.

        Returns
        -------
        header : list of str
            Names of the columns: the estimators.
        rows : list of list of str
            One row per class: its name and the mean recall in percent over the splits that test
            it, for every estimator.
        """
        labels = sorted({label for result in self.results for label in result.recall})
        rows = []
        for label in labels:
            row = [str(self.class_names.get(label, label))]
            for name in self.names:
                recalls = [
                    result.recall[label]
                    for result in self.results_for(name)
                    if label in result.recall
                ]
                row.append(f"{100 * np.mean(recalls):.1f}" if recalls else "")
            rows.append(row)
        return ["recall %", *self.names], rows

    def leakage_lines(self) -> list[str]:
        """Describe the leakage of the splits.

        Returns
        -------
        list of str
            Sentences: sizes, shares of windows, distances, and what a pre-training has read, on
            average over the splits.
        """
        leakage, size = self.leakage, self.window_size
        containing = np.mean([split.share_containing for split in leakage])
        overlapping = np.mean([split.share_overlapping for split in leakage])
        shares = [split.share_same_group for split in leakage if split.share_same_group is not None]
        lines = [
            f"{len(leakage)} {'split' if len(leakage) == 1 else 'splits'} with "
            f"{_range([split.n_train for split in leakage])} training and "
            f"{_range([split.n_test for split in leakage])} test samples",
            f"test windows ({size} x {size} pixels) that contain a training pixel: "
            f"{containing:.1%}; that overlap a training window: {overlapping:.1%}",
            f"median distance to the nearest training pixel: "
            f"{_range([split.distance_quantiles[0.5] for split in leakage])} px",
        ]
        if shares:
            same_group = f"test pixels with training pixels in their group: {np.mean(shares):.1%}"
            lines.insert(2, same_group)
        return lines + [
            f"test pixels that the pre-training of {name} has read, without labels: "
            f"{np.mean(read):.1%}"
            for name, read in self.pretraining_shares.items()
        ]

    def problem_lines(self) -> list[str]:
        """Say which estimators failed, and why.

        Returns
        -------
        list of str
            One line per estimator and reason; none if all went well.
        """
        problems: dict[tuple[str, str], int] = {}
        for result in self.results:
            if result.problem:
                key = result.estimator, result.problem
                problems[key] = problems.get(key, 0) + 1
        n_splits = len(self.leakage)
        splits = "1 split" if n_splits == 1 else f"{n_splits} splits"
        return [
            f"{name}: failed on {count} of {splits}. {problem}"
            for (name, problem), count in problems.items()
        ]

    def __str__(self) -> str:
        header, rows = self.summary()
        rows = [[f"[{number}] {row[0]}", *row[1:]] for number, row in enumerate(rows, start=1)]
        _, recalls = self.recalls()
        numbers = [f"[{number}]" for number in range(1, len(rows) + 1)]
        tables = [text_table(header, rows), text_table(["recall %", *numbers], recalls)]
        parts = [self.protocol, "\n".join(self.leakage_lines()), *tables]
        return "\n\n".join(part for part in [*parts, "\n".join(self.problem_lines())] if part)

    __repr__ = __str__

    def to_markdown(self) -> str:
        """Render the report as Markdown.

        Returns
        -------
        str
            The protocol, the leakage, a table of estimators and one of classes.
        """
        notes = [*self.leakage_lines(), *self.problem_lines()]
        lines = [f"`{self.protocol}`", "", *(f"- {line}" for line in notes), ""]
        return "\n".join(
            [*lines, markdown_table(*self.summary()), "", markdown_table(*self.recalls())]
        )

    def to_html(self) -> str:
        """Render the report as HTML.

        Returns
        -------
        str
            A ``div`` with a list and two tables.
        """
        notes = [*self.leakage_lines(), *self.problem_lines()]
        items = "".join(f"<li>{html.escape(line)}</li>" for line in notes)
        return (
            f"<div><p><code>{html.escape(self.protocol)}</code></p><ul>{items}</ul>"
            f"{html_table(*self.summary())}{html_table(*self.recalls())}</div>"
        )

    _repr_html_ = to_html

    def to_frame(self) -> pd.DataFrame:
        """Collect the results in a data frame.

        Returns
        -------
        pandas.DataFrame
            One row per estimator and split, with accuracies in [0, 1], seconds, numbers of samples,
            parameters and multiply-adds, the reason of a failure, and the leakage of the split.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", "data")
        return pandas.DataFrame(self._rows())

    def to_dict(self) -> dict[str, Any]:
        """Collect the figures for machines.

        Returns
        -------
        dict
            Numbers, strings, lists and None only, ready for JSON, which has neither infinity nor
            NaN: None stands for the distance to a scene without training pixels, and for the kappa
            of a single class. ``results`` has the columns of :meth:`to_frame` and, per class, the
            recall and the confusions; ``correct`` has a bit per test sample, in hexadecimal.
            :meth:`from_dict` makes the report of it again.
        """
        rows = [
            {**{key: json_value(value) for key, value in row.items()}, **pack_result(result)}
            for row, result in zip(self._rows(), self.results, strict=True)
        ]
        return {
            "protocol": self.protocol,
            "window_size": self.window_size,
            "names": list(self.names),
            "class_names": [list(item) for item in self.class_names.items()],
            "disjoint": self.disjoint,
            "pretraining_shares": {
                name: list(shares) for name, shares in self.pretraining_shares.items()
            },
            "splits": [pack_leakage(split) for split in self.leakage],
            "results": rows,
        }

    def save_report(
        self, path: str | PathLike[str], *, title: str = "Evaluation of classifiers"
    ) -> Path:
        """Write the report as an HTML page that opens from disk, without a connection.

        The page has all figures that the report prints, the verdict on the splits, single splits,
        tests of the first estimator against the others, and confusions; its tables are sorted by a
        click on a column.

        Parameters
        ----------
        path : path
            File to write, ending in ``.html``. Pages of this package are replaced.
        title : str, default="Evaluation of classifiers"
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
        >>> from hsvlm.evaluation import evaluate, scene_protocol
        >>> protocol = scene_protocol(make_synthetic_scene(random_state=0), "blocks", n_splits=2)
        >>> report = evaluate({}, protocol.X, protocol.y, protocol.cv)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = report.save_report(f"{folder}/report.html", title="Synthetic scene")
        ...     "<h1>Synthetic scene</h1>" in path.read_text(encoding="utf-8")
        True
        """
        return write_page(path, render_page(title, report_sections({"": self})))

    @classmethod
    def from_dict(cls, figures: Mapping[str, Any]) -> Self:
        """Make a report of its figures.

        Parameters
        ----------
        figures : dict
            What :meth:`to_dict` returned, perhaps written to JSON and read again.

        Returns
        -------
        EvaluationReport
            With the same results, tables and tests.

        Raises
        ------
        DataError
            If they are other figures, or were changed.

        Examples
        --------
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> from hsvlm.evaluation import EvaluationReport, evaluate, scene_protocol
        >>> protocol = scene_protocol(make_synthetic_scene(random_state=0), "blocks", n_splits=2)
        >>> report = evaluate({}, protocol.X, protocol.y, protocol.cv)
        >>> str(EvaluationReport.from_dict(report.to_dict())) == str(report)
        True
        """
        return cls(**unpack_report(figures))

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "estimator": result.estimator,
                "split": result.split,
                "overall_accuracy": result.overall_accuracy,
                "average_accuracy": result.average_accuracy,
                "kappa": result.kappa,
                "n_classes_tested": len(result.recall),
                "n_train": result.n_train,
                "n_test": result.n_test,
                "fit_seconds": result.fit_seconds,
                "predict_seconds": result.predict_seconds,
                "n_parameters": result.n_parameters,
                "n_multiply_adds": result.n_multiply_adds,
                "problem": result.problem,
                "share_containing": self.leakage[result.split].share_containing,
                "share_overlapping": self.leakage[result.split].share_overlapping,
                "share_same_group": self.leakage[result.split].share_same_group,
                "median_distance": self.leakage[result.split].distance_quantiles[0.5],
                "share_read_in_pretraining": self._share_read(result),
            }
            for result in self.results
        ]

    def _share_read(self, result: FoldResult) -> float | None:
        shares = self.pretraining_shares.get(result.estimator)
        return None if shares is None else shares[result.split]


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    # Twelve digits are enough for any number of samples.
    return f"{low:.12g}" if low == high else f"{low:.12g} to {high:.12g}"


def compare_protocols(reports: Mapping[str, EvaluationReport]) -> str:
    """Compare overall accuracies under several protocols in one table.

    Parameters
    ----------
    reports : dict of {protocol: EvaluationReport}
        At least one.

    Returns
    -------
    str
        One line per estimator, one column per protocol, in percent.
    """
    names = dict.fromkeys(name for report in reports.values() for name in report.names)

    def cell(report: EvaluationReport, name: str) -> str:
        if name not in report.names:
            return ""
        results = [result for result in report.results_for(name) if not result.problem]
        if not results:
            return ""
        return mean_and_deviation([100 * result.overall_accuracy for result in results])

    rows = [[name, *(cell(report, name) for report in reports.values())] for name in names]
    return text_table(["", *reports], rows)
