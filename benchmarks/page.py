"""The pages of results, rendered from the CSV files.

``python -m benchmarks.page`` writes ``benchmarks/results/<experiment>.md`` for every experiment
that has been measured, and ``docs/benchmarks.md``, which has all of them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.records import RESULTS, ROOT, environments
from hsvlm.evaluation import PROTOCOLS, mean_and_deviation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hsvlm.evaluation import EvaluationReport, FoldResult

__all__ = ["accuracies", "commands", "difference", "render_pages", "write_pages"]

_HEAD = """# Benchmarks

The tables of the [paper](paper.md) that the Indian Pines scene allows, measured with this package
and printed beside the paper's figures. The first command below a title measures a section again, on
any machine, and renews this page. `python -m benchmarks.page` renders it anew from the CSV files in
`benchmarks/results/`, a folder per section, without measuring anything. A line of these files is
one training: its row in the table, split and seed, accuracies as shares, seconds of fit and
prediction, commit, environment and settings.

- Data: Indian Pines, 145 x 145 pixels, 200 bands, 16 classes, 10,249 labeled pixels
  (doi:10.4231/R7RX991C).
- Figures: mean ± standard deviation in percent over splits (n - 1), kappa times 100. The paper
  reports the mean of four runs.
- Seeds: split k is drawn with seed 0 and trained with seed k. Under the published maps the split is
  always the same, and only the training differs.
- Text encoder: all-MiniLM-L6-v2, which comes as a package, in place of the paper's
  bge-large-en-v1.5, unless a row says otherwise. Prompts: our own, since the paper prints one.
- "Against the first row": mean and standard deviation of the difference of overall accuracy over
  the same splits, and the p-value of the corrected resampled t-test (Nadeau and Bengio, 2003). It
  allows for splits that share samples, the more the larger the test side is against the training
  side, here four to nine times: with four splits it shows large differences only. Where p is 0.05
  or more, the difference may be noise.
- Classes that no test side holds do not count in AA: small classes under *blocks*.
- Seconds are those of one training on one core, often with others beside it: upper bounds.
- Measured with {environment}.
{protocols}

What the random split is worth: the first baseline of table 1, which sees no spectrum. See
[Leakage](guide/leakage.md). Maps of three scenes: [Looking at a map](guide/maps.md).
"""


def sections() -> dict[str, Callable[[], str]]:
    """What renders each experiment, in the order of the page."""
    from benchmarks import (
        accuracy,
        adapters_page,
        big_scene,
        borders,
        costs,
        fields,
        figure_2,
        forward_forward,
        growth,
        networks_page,
        overhead,
        pretraining_page,
        profiles,
        report_pages,
        scenes_page,
        sources_page,
        spectral_memory_page,
        speed,
        tables,
        wrong_labels,
    )

    return {
        **{f"table_{number}": partial(tables.render, number) for number in tables.TABLES},
        "accuracy": accuracy.render,
        "ablation": accuracy.render_ablation,
        "big_scene": big_scene.render,
        "scenes": scenes_page.render,
        "sources": sources_page.render,
        "wrong_labels": wrong_labels.render,
        "networks": networks_page.render,
        "adapters": adapters_page.render,
        "pretraining": pretraining_page.render,
        "spectral_memory": spectral_memory_page.render,
        "forward_forward": forward_forward.render,
        "costs": costs.render,
        "borders": borders.render,
        "fields": fields.render,
        "growth": growth.render,
        "speed": speed.render,
        "overhead": overhead.render,
        "report_pages": report_pages.render,
        "profiles": profiles.render,
        "figure_2": figure_2.render,
    }


def render_pages() -> dict[Path, str]:
    """Text of every page of experiments that have been measured."""
    texts = {
        RESULTS / f"{name}.md": render()
        for name, render in sections().items()
        if (RESULTS / name).is_dir()
    }
    protocols = "\n".join(f"- *{name}*: {text}." for name, text in PROTOCOLS.items())
    evaluated = [path.stem for path in texts if (RESULTS / path.stem / "splits.csv").is_file()]
    head = _HEAD.format(protocols=protocols, environment=environments(*evaluated))
    return {**texts, ROOT / "docs" / "benchmarks.md": "\n".join([head, *texts.values()])}


def write_pages() -> None:
    """Write all pages."""
    for path, text in render_pages().items():
        path.write_text(text, encoding="utf-8")


def commands(measure: str, experiment: str) -> str:
    """Say how a section is measured and rendered."""
    return (
        f"Measured by `{measure}`;\nrendered by `python -m benchmarks.page` from "
        f"`benchmarks/results/{experiment}/`."
    )


def accuracies(results: tuple[FoldResult, ...]) -> list[str]:
    """OA, AA and kappa in percent, mean and standard deviation."""
    return [
        mean_and_deviation([100 * getattr(result, name) for result in results])
        for name in ("overall_accuracy", "average_accuracy", "kappa")
    ]


def difference(report: EvaluationReport, name: str) -> str:
    """Difference of overall accuracy from the first row, in points, with its p-value."""
    if name == report.names[0]:
        return ""
    if len(report.leakage) < 2:
        return "one split"
    pairs = zip(report.results_for(name), report.results_for(report.names[0]), strict=True)
    deviation = np.std([a.overall_accuracy - b.overall_accuracy for a, b in pairs], ddof=1)
    outcome = report.compare(name, report.names[0])
    return f"{100 * outcome.difference:+.2f} ± {100 * deviation:.2f} (p = {outcome.p_value:.2f})"


if __name__ == "__main__":
    write_pages()
