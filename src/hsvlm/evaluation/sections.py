"""Sections of report pages on evaluations and comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsvlm._reports.page import Code, Figure, Paragraph, Section, Table
from hsvlm.evaluation._baselines import BASELINES
from hsvlm.evaluation._rows import FLATTERING, LEGEND, comparison_rows, row_texts
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hsvlm._reports.page import Part
    from hsvlm.evaluation._folds import FoldResult
    from hsvlm.evaluation._rows import Evaluation

__all__ = ["report_sections"]

_PURPOSES = {
    "coordinates": "takes the class of the nearest training pixel without reading a spectrum: "
    "what the positions alone give away under a protocol",
    "spectral-svm": "reads the spectrum of a pixel and no neighbors",
    "smoothed-svm": "averages spectra over 3 x 3 pixels and smooths its scores over the scene: "
    "good practice without a network",
    "majority": "always answers the most frequent class",
}
# With more estimators besides the baselines, their confusions would fill the page.
_MAX_CONFUSIONS = 4
_ACCURACY_COLUMNS = ["estimator", "protocol", "verdict", "OA %", "AA %", "kappa x 100", "leakage %"]
_COST_COLUMNS = ["window", "parameters", "multiply-adds, M", "fit s", "predict s"]


def report_sections(reports: Mapping[str, Evaluation]) -> list[Section]:
    """Describe evaluations under one or several protocols."""
    rows = comparison_rows(reports)
    sections = [_accuracy_section(rows, reports), _cost_section(rows), _baseline_section(reports)]
    for name, report in reports.items():
        sections += [_protocol_section(name, report), _class_section(name, report)]
    return [section for section in sections if section.parts]


def _accuracy_section(rows: Sequence[Mapping[str, Any]], reports: Mapping[str, Any]) -> Section:
    width = len(_ACCURACY_COLUMNS)
    table = _table_of_rows(
        _ACCURACY_COLUMNS,
        [row_texts(row)[:width] for row in rows],
        "Mean ± standard deviation over the splits. OA: overall accuracy, the share of test pixels "
        "classified correctly. AA: average accuracy, the mean recall of the classes. kappa: "
        "agreement beyond chance.",
    )
    parts: list[Part] = [Paragraph(line) for line in _contrasts(rows)]
    parts += [table, *(Paragraph(f"{line[:1].upper()}{line[1:]}.") for line in LEGEND)]
    parts += [Paragraph(line) for report in reports.values() for line in report.problem_lines()]
    return Section("Accuracy", parts)


def _table_of_rows(header: list[str], cells: list[list[str]], caption: str) -> Table:
    """Make a table without the column of protocols if the only one has no name."""
    place = header.index("protocol")
    if not any(row[place] for row in cells):
        header, *cells = ([*row[:place], *row[place + 1 :]] for row in [header, *cells])
    return Table(header, cells, caption)


def _contrasts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Put the flattering figure of each network beside the honest one, in words."""
    baselines = {name for name, _ in BASELINES.values()}
    measured = [row for row in rows if row["overall_accuracy"] is not None]
    names = dict.fromkeys(row["estimator"] for row in measured if row["estimator"] not in baselines)
    lines = []
    for name in list(names)[:_MAX_CONFUSIONS]:
        own = [row for row in measured if row["estimator"] == name]
        flattering = [_figure(row) for row in own if row["verdict"] == FLATTERING]
        honest = [_figure(row) for row in own if row["verdict"] != FLATTERING]
        if honest and flattering:
            lines.append(
                f"{name}: overall accuracy {', '.join(honest)}, with training and test pixels "
                f"apart; {', '.join(flattering)}, with test pixels beside training pixels, which "
                "flatters. The first says what to expect away from the training pixels."
            )
        elif flattering:
            lines.append(
                f"{name}: overall accuracy {', '.join(flattering)}, with test pixels beside "
                "training pixels, which flatters. Expect less away from the training pixels; a "
                'protocol such as "blocks" measures how much less.'
            )
        else:
            figures = ", ".join(honest)
            lines.append(
                f"{name}: overall accuracy {figures}, with training and test pixels apart."
            )
    return lines


def _figure(row: Mapping[str, Any]) -> str:
    protocol = f" ({row['protocol']})" if row["protocol"] else ""
    return f"{row_texts(row)[3]} %{protocol}"


def _cost_section(rows: Sequence[Mapping[str, Any]]) -> Section:
    width = len(_ACCURACY_COLUMNS)
    header = [*_ACCURACY_COLUMNS[:2], *_COST_COLUMNS]
    cells = [[*row_texts(row)[:2], *row_texts(row)[width:]] for row in rows]
    caption = (
        "Side of the window in pixels, trained parameters, millions of multiply-adds for one "
        "window, and mean wall times of training and of the prediction of the test pixels."
    )
    parts: list[Part] = [_table_of_rows(header, cells, caption)]
    png = _cost_png(rows)
    if png is not None:
        alt = "Overall accuracy against the multiply-adds for one window, a panel per protocol"
        note = "The table has the same figures. Bars are standard deviations over the splits."
        parts.append(Figure(png, alt, f"{alt}. {note}"))
    return Section("Cost", parts)


def _cost_png(rows: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Draw accuracy against cost; None with fewer than two networks, or without matplotlib."""
    networks = {row["estimator"] for row in rows if row["n_multiply_adds"] is not None}
    if len(networks) < 2:
        return None
    from hsvlm.plotting import AccuracyCostDisplay
    from hsvlm.plotting.png import png_of

    return png_of(lambda: AccuracyCostDisplay(list(rows)).plot())


def _baseline_section(reports: Mapping[str, Evaluation]) -> Section:
    names = {name for report in reports.values() for name in report.names}
    rows = [[name, _PURPOSES[key]] for key, (name, _) in BASELINES.items() if name in names]
    caption = "What a network has to beat, on the same splits."
    return Section(
        "Baselines", [Table(["baseline", "what it does"], rows, caption)] if rows else []
    )


def _protocol_section(name: str, report: Evaluation) -> Section:
    header, rows = report.summary()
    parts: list[Part] = [
        Code(report.protocol, "How the splits were made"),
        *(Paragraph(f"{line[:1].upper()}{line[1:]}.") for line in report.leakage_lines()),
        Table(["estimator", *header[1:]], rows, "Mean ± standard deviation over the splits"),
        _split_table(report),
    ]
    comparisons = _comparison_table(report)
    if comparisons is not None:
        parts.append(comparisons)
    environments = dict.fromkeys(result.environment for result in report.results)
    parts += [Paragraph(f"Measured with {text}.") for text in environments if text]
    return Section(f"Protocol {name}" if name else "Splits", parts)


def _split_table(report: Evaluation) -> Table:
    header = ["estimator", "split", "training pixels", "test pixels", "OA %", "AA %", "kappa x 100"]
    rows = [
        [
            result.estimator,
            str(result.split + 1),
            f"{result.n_train:,}",
            f"{result.n_test:,}",
            *(
                "" if result.problem else f"{100 * value:.2f}"
                for value in (result.overall_accuracy, result.average_accuracy, result.kappa)
            ),
        ]
        for result in report.results
    ]
    return Table(header, rows, "Single splits")


def _comparison_table(report: Evaluation) -> Table | None:
    """Test the first estimator against the others, where the splits allow it."""
    method = "t-test" if len(report.leakage) > 1 else "mcnemar"
    rows = []
    for other in report.names[1:]:
        try:
            result = report.compare(report.names[0], other, method)
        except ParameterError:  # one failed, or the splits overlap
            continue
        difference = f"{100 * result.difference:+.2f}"
        rows.append([f"{result.first} minus {result.second}", difference, f"{result.p_value:.3g}"])
        method_name = result.method
    if not rows:
        return None
    return Table(
        ["estimators", "OA, points", "p"],
        rows,
        f"Differences in overall accuracy on the same splits ({method_name}). p: probability of a "
        "difference at least as large if there were none, not corrected for the number of tests.",
    )


def _class_section(name: str, report: Evaluation) -> Section:
    header, rows = report.recalls()
    caption = "Recall in percent: the share of the test pixels of a class that are recognized"
    parts: list[Part] = [Table(["class", *header[1:]], rows, caption)] if rows else []
    baselines = {title for title, _ in BASELINES.values()}
    shown = [each for each in report.names if each not in baselines] or list(report.names)
    if len(shown) > _MAX_CONFUSIONS:
        parts.append(Paragraph(f"Confusions are left out: {len(shown)} estimators were compared."))
    else:
        tables = (_confusion_table(each, report) for each in shown)
        parts += [table for table in tables if table is not None]
    return Section(f"Classes, protocol {name}" if name else "Classes", parts if rows else [])


def _confusion_table(name: str, report: Evaluation) -> Table | None:
    """Sum the confusions over the splits; None if some were not counted."""
    results = [result for result in report.results_for(name) if not result.problem]
    if not results or any(result.confusion is None for result in results):
        return None
    counts = _summed_confusion(results)
    labels = sorted({label for pair in counts for label in pair})
    names = [str(report.class_names.get(label, label)) for label in labels]
    rows = [
        [title, *(f"{counts.get((truth, predicted), 0):,}" for predicted in labels)]
        for title, truth in zip(names, labels, strict=True)
    ]
    return Table(
        ["reference \\ predicted", *names],
        rows,
        f"Confusions of {name}: numbers of test pixels, summed over the splits. Rows are the "
        "classes of the reference, columns those that were predicted.",
    )


def _summed_confusion(results: Sequence[FoldResult]) -> dict[tuple[Any, Any], int]:
    counts: dict[tuple[Any, Any], int] = {}
    for result in results:
        for truth, predicted, count in result.confusion or ():
            counts[truth, predicted] = counts.get((truth, predicted), 0) + count
    return counts
