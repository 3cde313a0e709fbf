"""What can be known of fields without training pixels, whatever classifies them.

``python -m benchmarks.fields --jobs 2`` takes every field of Indian Pines out of the training in
turn, and asks classifiers for its class. It writes to ``benchmarks/results/fields/`` and renders
the pages anew.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.page import commands, write_pages
from benchmarks.records import (
    FITS,
    RESULTS,
    commit,
    environments,
    read_report,
    read_rows,
    record,
    update_rows,
    write_rows,
)
from benchmarks.variants import default
from hsvlm import SpectralPCA, SpectralTransformer
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import BASELINES, evaluate, indian_pines_protocol, markdown_table
from hsvlm.model_selection import field_numbers, nearest_distance
from hsvlm.preprocessing import StandardNormalVariate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hsvlm import Scene
    from hsvlm.evaluation import EvaluationReport

FOLDER = RESULTS / "fields"
PROTOCOL = "one-field-out"
_BUFFER = 7
_PER_FIELD = 50

_TEXT = """## Fields without training pixels

{commands}

How accurate can a map be where no field nearby was labeled? A field is a region of pixels of one
class in the reference, connected over edges and corners. One field at a time is the test side;
trained is on {per_field} pixels, drawn with seed 0, of every other field (all, of fields that have
fewer), if they are more than {buffer} pixels away. Fields whose class has no other field are left
out: {n_fields} of {n_every} fields are tested, with {n_pixels:,} of {n_labeled:,} pixels.

- Data: Indian Pines (doi:10.4231/R7RX991C). Training pixels per field: {n_train:,.0f} in the mean.
- The draw has seed 0, and split k is trained with seed k; one run.
- Environment: {environment}.

{table}

“Fields mostly right” is the share of test pixels in fields of which more than half is right: about
what could be reached if fields and their borders were known, and only their class was to be found.

The other fields are all labeled here. Under *blocks*, few of them are:

{split_table}

“In known fields” is the share of the test pixels whose field holds a training pixel; then comes the
accuracy of the default in them and elsewhere. The last column is what somebody would reach who got
all pixels of known fields right and, elsewhere, the best share of the first table, column “fields
mostly right”, that is, {best} %. It is no bound, since splits differ in the fields that they leave
unknown, but it says where the room is: in the spectra of unknown fields, not in the borders.
"""


def linear() -> Any:
    """A linear classifier of normalized spectra, which has little room to overfit fields."""
    return make_pipeline(
        SpectralTransformer(StandardNormalVariate()),
        StandardScaler(),
        SpectralPCA(40),
        StandardScaler(),
        LogisticRegression(C=1.0, class_weight="balanced", max_iter=2000),
    )


def without_one_field(
    positions: NDArray[np.intp], y: NDArray[Any], field: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Splits of which each tests one field."""
    rng = np.random.RandomState(0)
    drawn = np.concatenate(
        [
            rng.permutation(np.flatnonzero(field == number))[:_PER_FIELD]
            for number in np.unique(field)
        ]
    )
    for number in np.unique(field):
        test = np.flatnonzero(field == number)
        others = drawn[field[drawn] != number]
        train = np.sort(others[nearest_distance(positions[others], positions[test]) > _BUFFER])
        if y[test[0]] in y[train]:
            yield train, test


def record_fields(
    scene: Scene, y: NDArray[Any], field: NDArray[np.intp], tests: list[NDArray[np.intp]]
) -> None:
    """Record every field, and the split that tests it."""
    splits = {field[test[0]]: split for split, test in enumerate(tests)}
    rows = [
        {
            "field": number,
            "class": scene.class_names[y[field == number][0]],
            "n_pixels": (field == number).sum(),
            "split": splits.get(number),
        }
        for number in np.unique(field)
    ]
    write_rows(FOLDER / "fields.csv", ("field", "class", "n_pixels", "split"), rows)


def record_known_fields(fields: NDArray[np.intp], jobs: int) -> None:
    """Record how right the default is in fields with and without training pixels, under blocks."""
    protocol = indian_pines_protocol("blocks")
    report = evaluate(
        {"default": default()},
        protocol.X,
        protocol.y,
        protocol.cv,
        baselines=[],
        random_state=0,
        store=FITS,
        n_jobs=jobs,
    )
    field = fields[tuple(protocol.X.coords.T)]
    rows = []
    splits = list(protocol.cv.split(protocol.X, protocol.y))
    for (train, test), result in zip(splits, report.results_for("default"), strict=True):
        known = np.isin(field[np.sort(test)], field[train])
        rows.append(
            {
                "split": result.split,
                "n_known": known.sum(),
                "n_unknown": (~known).sum(),
                "right_in_known": result.correct[known].sum(),
                "right_in_unknown": result.correct[~known].sum(),
                "environment": result.environment,
                "commit": commit(),
            }
        )
    columns = tuple(rows[0])
    update_rows(FOLDER / "known_fields.csv", columns, ("split",), rows)


def fields_table(report: EvaluationReport) -> tuple[str, float]:
    """Shares of right pixels and of pixels in fields mostly right, and the largest of those."""
    rows, best = [], 0.0
    for name in report.names:
        shares = np.array([result.overall_accuracy for result in report.results_for(name)])
        sizes = np.array([result.n_test for result in report.results_for(name)])
        pixels = sizes @ shares / sizes.sum()
        mostly = sizes @ (shares > 0.5) / sizes.sum()
        rows.append([name, f"{100 * pixels:.1f}", f"{100 * mostly:.1f}"])
        best = max(best, float(mostly))
    return markdown_table(["", "pixels right", "fields mostly right"], rows), best


def splits_table(best: float) -> str:
    """The splits of *blocks*, inside and outside of the fields that hold training pixels."""
    rows = []
    for line in read_rows(FOLDER / "known_fields.csv"):
        known, unknown = int(line["n_known"]), int(line["n_unknown"])
        right = int(line["right_in_known"]), int(line["right_in_unknown"])
        share = known / (known + unknown)
        accuracy = sum(right) / (known + unknown)
        rows.append(
            [share, right[0] / known, right[1] / unknown, accuracy, share + (1 - share) * best]
        )
    header = [
        "split",
        "in known fields",
        "right there",
        "right elsewhere",
        "default",
        "if known were right",
    ]
    lines = [[str(number), *_percent(row)] for number, row in enumerate(rows)]
    return markdown_table(header, [*lines, ["mean", *_percent(np.mean(rows, axis=0))]])


def _percent(values: Any) -> list[str]:
    return [f"{100 * value:.1f}" for value in values]


def render() -> str:
    report = read_report("fields", PROTOCOL)
    fields = read_rows(FOLDER / "fields.csv")
    table, best = fields_table(report)
    return _TEXT.format(
        commands=commands("python -m benchmarks.fields --jobs 2", "fields"),
        per_field=_PER_FIELD,
        buffer=_BUFFER,
        n_fields=len(report.leakage),
        n_every=len(fields),
        n_pixels=sum(split.n_test for split in report.leakage),
        n_labeled=sum(int(field["n_pixels"]) for field in fields),
        n_train=np.mean([split.n_train for split in report.leakage]),
        environment=environments("fields"),
        table=table,
        best=f"{100 * best:.1f}",
        split_table=splits_table(best),
    )


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
    estimators = {"default, window by window": default(spatial=None), "linear, SNV": linear()}
    baselines = [name for name in BASELINES if name != "coordinates"]
    report = evaluate(
        estimators,
        X,
        y,
        splits,
        window_size=default().window_size,
        baselines=baselines,
        class_names=scene.class_names,
        random_state=0,
        store=FITS,
        n_jobs=jobs,
        verbose=1,
    )
    made = {name: make() for name, make in (BASELINES[key] for key in baselines)}
    record("fields", PROTOCOL, report, {**estimators, **made})
    record_fields(scene, y, field, [test for _, test in splits])
    record_known_fields(fields, jobs)
    write_pages()


if __name__ == "__main__":
    main()
