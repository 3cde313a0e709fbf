"""The report of an evaluation, as text, Markdown, HTML, data frame and JSON."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._reports.tables import (
    Rows,
    html_table,
    markdown_table,
    mean_and_deviation,
    text_table,
)
from hsvlm._system.optional import import_optional
from hsvlm.evaluation._comparison import Comparison, compare_hits, compare_scores
from hsvlm.exceptions import ParameterError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from hsvlm.evaluation._folds import FoldResult
    from hsvlm.evaluation._leakage import LeakageReport

__all__ = ["EvaluationReport", "compare_protocols"]


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationReport:
    """Accuracies of several estimators on the same splits, and what the splits give away.

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

    def of(self, name: str) -> tuple[FoldResult, ...]:
        """Results of one estimator.

        Parameters
        ----------
        name : str
            Its name.

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
        return tuple(one for one in self.results if one.estimator == name)

    def compare(self, first: str, second: str, method: str = "t-test") -> Comparison:
        """Compare the overall accuracies of two estimators over the same splits.

        Parameters
        ----------
        first, second : str
            Names of the estimators.
        method : {"t-test", "mcnemar"}, default="t-test"
            The corrected resampled t-test [1]_, which allows for training sets that overlap and
            needs two splits or more; or McNemar's test [2]_ on the single test samples, which
            needs test sides without common samples and does not see how results vary with the
            training samples.

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
        pair = self.of(first), self.of(second)
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
        """Mean and standard deviation of every estimator.

        Returns
        -------
        header : list of str
            Names of the columns.
        rows : list of list of str
            One row per estimator. Standard deviations are over the splits, with n - 1.
        """
        header = ["", "OA %", "AA %", "kappa x 100", "fit s", "predict s", "parameters"]
        rows = []
        for name in self.names:
            results = self.of(name)
            count = results[0].n_parameters
            rows.append(
                [
                    name,
                    mean_and_deviation([100 * one.overall_accuracy for one in results]),
                    mean_and_deviation([100 * one.average_accuracy for one in results]),
                    mean_and_deviation([100 * one.kappa for one in results]),
                    f"{np.mean([one.fit_seconds for one in results]):.1f}",
                    f"{np.mean([one.predict_seconds for one in results]):.1f}",
                    "" if count is None else f"{count:,}",
                ]
            )
        return header, rows

    def recalls(self) -> tuple[list[str], Rows]:
        """Mean recall of every class.

        Returns
        -------
        header : list of str
            Names of the columns: the estimators.
        rows : list of list of str
            One row per class: its name and the mean recall in percent over the splits that test
            it, for every estimator.
        """
        labels = sorted({label for one in self.results for label in one.recall})
        rows = []
        for label in labels:
            row = [str(self.class_names.get(label, label))]
            for name in self.names:
                found = [one.recall[label] for one in self.of(name) if label in one.recall]
                row.append(f"{100 * np.mean(found):.1f}")
            rows.append(row)
        return ["recall %", *self.names], rows

    def leakage_lines(self) -> list[str]:
        """Say what the splits give away.

        Returns
        -------
        list of str
            Sentences: sizes, shares of windows, and distances, on average over the splits.
        """
        sides = [
            _range([getattr(one, side) for one in self.leakage]) for side in ("n_train", "n_test")
        ]
        containing, overlapping = (
            np.mean([getattr(one, f"share_{kind}") for one in self.leakage])
            for kind in ("containing", "overlapping")
        )
        medians = [one.distance_quantiles[0.5] for one in self.leakage]
        size = f"{self.window_size} x {self.window_size}"
        number = len(self.leakage)
        shares = [one.share_same_group for one in self.leakage if one.share_same_group is not None]
        same_group = (
            [f"test pixels with training pixels in their group: {np.mean(shares):.1%}"]
            if shares
            else []
        )
        return [
            f"{number} {'split' if number == 1 else 'splits'} with {sides[0]} training and "
            f"{sides[1]} test samples",
            f"test windows ({size} pixels) that contain a training pixel: {containing:.1%}; that "
            f"overlap a training window: {overlapping:.1%}",
            *same_group,
            f"median distance to the nearest training pixel: {_range(medians)} px",
        ]

    def __str__(self) -> str:
        header, rows = self.summary()
        rows = [[f"[{number}] {row[0]}", *row[1:]] for number, row in enumerate(rows, start=1)]
        _, recalls = self.recalls()
        numbers = [f"[{number}]" for number in range(1, len(rows) + 1)]
        tables = [text_table(header, rows), text_table(["recall %", *numbers], recalls)]
        return "\n\n".join([self.protocol, "\n".join(self.leakage_lines()), *tables])

    __repr__ = __str__

    def to_markdown(self) -> str:
        """Render the report as Markdown.

        Returns
        -------
        str
            The protocol, the leakage, a table of estimators and one of classes.
        """
        lines = [f"`{self.protocol}`", "", *(f"- {line}" for line in self.leakage_lines()), ""]
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
        items = "".join(f"<li>{html.escape(line)}</li>" for line in self.leakage_lines())
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
            One row per estimator and split, with accuracies in [0, 1], seconds, numbers of samples
            and parameters, and the leakage of the split.

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
            Numbers, strings, lists and None only, ready for JSON, which knows neither infinity nor
            NaN: None stands for the distance to a scene without training pixels, and for the kappa
            of a single class.
        """
        rows = [
            {
                key: None if isinstance(value, float) and not np.isfinite(value) else value
                for key, value in row.items()
            }
            for row in self._rows()
        ]
        return {"protocol": self.protocol, "window_size": self.window_size, "results": rows}

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for one in self.results:
            leakage = self.leakage[one.split]
            rows.append(
                {
                    "estimator": one.estimator,
                    "split": one.split,
                    "overall_accuracy": one.overall_accuracy,
                    "average_accuracy": one.average_accuracy,
                    "kappa": one.kappa,
                    "n_classes_tested": len(one.recall),
                    "n_train": one.n_train,
                    "n_test": one.n_test,
                    "fit_seconds": one.fit_seconds,
                    "predict_seconds": one.predict_seconds,
                    "n_parameters": one.n_parameters,
                    "share_containing": leakage.share_containing,
                    "share_overlapping": leakage.share_overlapping,
                    "share_same_group": leakage.share_same_group,
                    "median_distance": leakage.distance_quantiles[0.5],
                }
            )
        return rows


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    # Twelve digits write any number of samples in full.
    return f"{low:.12g}" if low == high else f"{low:.12g} to {high:.12g}"


def compare_protocols(reports: Mapping[str, EvaluationReport]) -> str:
    """Put the overall accuracies under several protocols into one table.

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
    rows = [
        [
            name,
            *(
                mean_and_deviation([100 * one.overall_accuracy for one in report.of(name)])
                if name in report.names
                else ""
                for report in reports.values()
            ),
        ]
        for name in names
    ]
    return text_table(["", *reports], rows)
