"""What can be known of fields without training pixels, whatever classifies them.

``python -m benchmarks.fields --jobs 2`` takes every field of Indian Pines out of the training in
turn, and asks classifiers for its class. It writes ``benchmarks/results/fields.md`` and renews
``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.ndimage import label
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.page import RESULTS, write_page
from benchmarks.variants import default
from hsvlm import SpectralPCA, SpectralTransformer
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import BASELINES, evaluate, indian_pines_protocol, markdown_table
from hsvlm.model_selection import nearest_distance
from hsvlm.preprocessing import StandardNormalVariate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hsvlm.evaluation import EvaluationReport

_BUFFER = 7
_PER_FIELD = 50

_TEXT = """## Fields without training pixels

`python -m benchmarks.fields --jobs {jobs}`

How accurate can a map be where no field nearby was labelled? A field is a region of pixels of one
class in the reference, connected over edges and corners. One field at a time is the test side;
trained is on {per_field} pixels, drawn with seed 0, of every other field (all, of fields that have
fewer), if they are more than {buffer} pixels away. Fields whose class has no other field are left
out: {n_fields} of {n_every} fields are tested, with {n_pixels:,} of {n_labelled:,} pixels.

- Data: Indian Pines (doi:10.4231/R7RX991C). Training pixels per field: {n_train:,.0f} in the mean.
- Seed of training and of the draw: 0; one run.
- Machine: {machine}; `--jobs {jobs}`.

{table}

“Fields mostly right” is the share of test pixels in fields of which more than half is right: about
what could be reached if fields and their borders were known, and only their class was to be found.

The other fields are all labelled here. Under *blocks*, few of them are:

{split_table}

“In known fields” is the share of the test pixels whose field holds a training pixel; then comes the
accuracy of the default in them and elsewhere. The last column is what somebody would reach who got
all pixels of known fields right and, elsewhere, the best share of the first table, column “fields
mostly right”, that is, {best} %. It is no bound, since splits differ in the fields that they leave
unknown, but it says where the room is: in the spectra of unknown fields, not in the borders.
"""


def linear() -> Any:
    """A linear classifier of normalised spectra, which has little room to overfit fields."""
    return make_pipeline(
        SpectralTransformer(StandardNormalVariate()),
        StandardScaler(),
        SpectralPCA(40),
        StandardScaler(),
        LogisticRegression(C=1.0, class_weight="balanced", max_iter=2000),
    )


def field_numbers(labels: NDArray[Any]) -> NDArray[np.intp]:
    """Number the connected regions of every class, from 1; 0 without a label."""
    fields = np.zeros(labels.shape, dtype=np.intp)
    for one in np.unique(labels[labels > 0]):
        regions, _ = label(labels == one, structure=np.ones((3, 3)))
        fields[regions > 0] = regions[regions > 0] + fields.max()
    return fields


def without_one_field(
    positions: NDArray[np.intp], y: NDArray[Any], field: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Splits of which each tests one field."""
    rng = np.random.RandomState(0)
    drawn = np.concatenate(
        [rng.permutation(np.flatnonzero(field == one))[:_PER_FIELD] for one in np.unique(field)]
    )
    for one in np.unique(field):
        test = np.flatnonzero(field == one)
        others = drawn[field[drawn] != one]
        train = np.sort(others[nearest_distance(positions[others], positions[test]) > _BUFFER])
        if y[test[0]] in y[train]:
            yield train, test


def fields_table(report: EvaluationReport) -> tuple[str, float]:
    """Shares of right pixels and of pixels in fields mostly right, and the largest of those."""
    rows, best = [], 0.0
    for name in report.names:
        right = [one.correct for one in report.of(name)]
        pixels = np.concatenate(right).mean()
        sizes = np.array([len(one) for one in right])
        mostly = sizes @ [one.mean() > 0.5 for one in right] / sizes.sum()
        rows.append([name, f"{100 * pixels:.1f}", f"{100 * mostly:.1f}"])
        best = max(best, float(mostly))
    return markdown_table(["", "pixels right", "fields mostly right"], rows), best


def splits_table(fields: NDArray[np.intp], best: float, jobs: int) -> str:
    """The splits of *blocks*, inside and outside of the fields that hold training pixels."""
    protocol = indian_pines_protocol("blocks")
    report = evaluate(
        {"default": default()},
        protocol.X,
        protocol.y,
        protocol.cv,
        baselines=[],
        random_state=0,
        store=RESULTS / "runs",
        n_jobs=jobs,
    )
    field = fields[tuple(protocol.X.coords.T)]
    rows = []
    splits = list(protocol.cv.split(protocol.X, protocol.y))
    for (train, test), found in zip(splits, report.of("default"), strict=True):
        known = np.isin(field[np.sort(test)], field[train])
        share = known.mean()
        shares = share, found.correct[known].mean(), found.correct[~known].mean()
        rows.append([*shares, found.overall_accuracy, share + (1 - share) * best])
    header = [
        "split",
        "in known fields",
        "right there",
        "right elsewhere",
        "default",
        "if known were right",
    ]
    lines = [[str(number), *_percent(one)] for number, one in enumerate(rows)]
    return markdown_table(header, [*lines, ["mean", *_percent(np.mean(rows, axis=0))]])


def _percent(values: Any) -> list[str]:
    return [f"{100 * one:.1f}" for one in values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    jobs = parser.parse_args().jobs
    scene = load_indian_pines()
    fields = field_numbers(np.asarray(scene.labels))
    X, y = scene.samples()
    field = fields[tuple(X.coords.T)]
    positions = np.column_stack([X.scene_ids, X.coords])
    splits = list(without_one_field(positions, y, field))
    report = evaluate(
        {"default, window by window": default(spatial=None), "linear, SNV": linear()},
        X,
        y,
        splits,
        window_size=default().window_size,
        baselines=[name for name in BASELINES if name != "coordinates"],
        class_names=scene.class_names,
        random_state=0,
        store=RESULTS / "runs",
        n_jobs=jobs,
        verbose=1,
    )
    table, best = fields_table(report)
    text = _TEXT.format(
        jobs=jobs,
        per_field=_PER_FIELD,
        buffer=_BUFFER,
        n_fields=len(splits),
        n_every=fields.max(),
        n_pixels=sum(len(test) for _, test in splits),
        n_labelled=len(y),
        n_train=np.mean([len(train) for train, _ in splits]),
        machine=f"{platform.machine()}, {os.cpu_count()} CPU cores, torch {torch.__version__}",
        table=table,
        best=f"{100 * best:.1f}",
        split_table=splits_table(fields, best, jobs),
    )
    print(text)
    (RESULTS / "fields.md").write_text(text, encoding="utf-8")
    write_page()


if __name__ == "__main__":
    main()
