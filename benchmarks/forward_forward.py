"""Forward-forward training of single spectra, and back-propagation beside it.

``python -m benchmarks.forward_forward --data FOLDER --jobs 2`` trains the same layers in three ways
on Indian Pines and on the Houston 2018 crop, writes to ``benchmarks/results/forward_forward/`` and
renders the pages anew. The network of table 8 of the paper has no public code: widths, negatives
and thresholds are ours, after Hinton (2022, arXiv:2212.13345).
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn
from torch.nn.functional import cross_entropy, one_hot, relu, softplus

from benchmarks.development_scenes import load_scene
from benchmarks.page import accuracies, commands, write_pages
from benchmarks.records import FITS, RESULTS, environments, read_report, record
from benchmarks.scenes import make_splits
from hsvlm.evaluation import evaluate, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

EXPERIMENT = "forward_forward"
CELLS = {
    name: tuple(name.split("/"))
    for name in (
        "indian-pines/random-10",
        "indian-pines/blocks",
        "houston-2018/random-10",
        "houston-2018/blocks",
    )
}
SEEDS = 3
MIN_STEPS, MIN_EPOCHS, BATCH_SIZE = 1000, 60, 64

_TEXT = """## Forward-forward training

{commands}

Two layers of 512 rectified units on standardized spectra of single pixels, trained in three ways,
{steps} steps or more with Adam, learning rate 0.001. *forward-forward*: each layer learns by itself
to be active for a spectrum beside its label and inactive for one beside a wrong label, and the
label with the most activity in the second layer is predicted. *forward-forward and head*: a linear
softmax head on the activity of both layers, beside no label. *back-propagation*: the same layers
and a head, trained as usual. The paper's table 8 has 73.65 % on Indian Pines for "FFA + BP"; what
was trained there is not public.

- Scenes and protocols as under *Several scenes*; {seeds} draws, split k trained with seed k.
- Overall / average accuracy in percent, mean ± standard deviation.
- Environment: {environment}.

{table}
"""


class LayeredClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Rectified layers on spectra.

    Parameters
    ----------
    training : {"forward-forward", "forward-forward and head", "back-propagation"}
        How layers learn.
    widths : tuple of int, default=(512, 512)
        Units of each layer.
    threshold : float, default=2.0
        Mean squared activity that tells right labels from wrong ones.
    random_state : int, default=0
        Seed of weights, batches and wrong labels.
    """

    def __init__(
        self,
        training: str = "forward-forward",
        widths: tuple[int, ...] = (512, 512),
        threshold: float = 2.0,
        random_state: int = 0,
    ) -> None:
        self.training = training
        self.widths = widths
        self.threshold = threshold
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on spectra (n_samples, n_bands) and labels (n_samples,)."""
        spectra, y = validate_data(self, X, y)
        self.classes_, targets = np.unique(y, return_inverse=True)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.generator_ = torch.Generator().manual_seed(seed)
        values = torch.from_numpy(spectra.astype(np.float32))
        labels = torch.from_numpy(targets)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            sizes = (spectra.shape[1] + len(self.classes_), *self.widths)
            self.layers_ = [nn.Linear(*pair) for pair in itertools.pairwise(sizes)]
            self.last_ = nn.Linear(sizes[-1], len(self.classes_))
        if self.training == "back-propagation":
            self._back_propagate(values, labels)
            return self
        self._learn_forward(values, labels)
        if self.training == "forward-forward and head":
            self.head_ = LogisticRegression(max_iter=2000).fit(self._activity(values), targets)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels of spectra (n_samples, n_bands)."""
        check_is_fitted(self)
        spectra = validate_data(self, X, reset=False)
        values = torch.from_numpy(spectra.astype(np.float32))
        if self.training == "forward-forward and head":
            return np.asarray(self.classes_[self.head_.predict(self._activity(values))])
        with torch.no_grad():
            if self.training == "back-propagation":
                scores = self.last_(self._through(self._beside(values, None))[-1])
            else:
                scores = self._goodness_of_labels(values)
        return np.asarray(self.classes_[scores.argmax(dim=1).numpy()])

    def _batches(self, n_samples: int) -> Iterator[Tensor]:
        n_epochs = max(MIN_EPOCHS, -(-MIN_STEPS * BATCH_SIZE // n_samples))
        for _ in range(n_epochs):
            order = torch.randperm(n_samples, generator=self.generator_)
            yield from order.split(BATCH_SIZE)

    def _beside(self, values: Tensor, labels: Tensor | None) -> Tensor:
        """Spectra beside a label, or beside an equal share of all."""
        n_classes, scale = len(self.classes_), values.abs().amax(dim=1, keepdim=True)
        if labels is None:
            code = torch.full((len(values), n_classes), 1 / n_classes)
        else:
            code = one_hot(labels, n_classes).to(values.dtype)
        return torch.cat([values, scale * code], dim=1)

    def _learn_forward(self, values: Tensor, labels: Tensor) -> None:
        optimizers = [torch.optim.Adam(layer.parameters(), lr=1e-3) for layer in self.layers_]
        for batch in self._batches(len(values)):
            shift = torch.randint(1, len(self.classes_), (len(batch),), generator=self.generator_)
            wrong = (labels[batch] + shift) % len(self.classes_)
            right_input = self._beside(values[batch], labels[batch])
            wrong_input = self._beside(values[batch], wrong)
            for layer, optimizer in zip(self.layers_, optimizers, strict=True):
                right, other = relu(layer(right_input)), relu(layer(wrong_input))
                loss = softplus(self.threshold - _goodness(right)).mean()
                loss = loss + softplus(_goodness(other) - self.threshold).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                right_input, wrong_input = _direction(right), _direction(other)

    def _back_propagate(self, values: Tensor, labels: Tensor) -> None:
        parameters = [one for layer in (*self.layers_, self.last_) for one in layer.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=1e-3)
        for batch in self._batches(len(values)):
            scores = self.last_(self._through(self._beside(values[batch], None))[-1])
            loss = cross_entropy(scores, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def _through(self, inputs: Tensor) -> list[Tensor]:
        """Activity of each layer; layers that learn by themselves hand on its direction only."""
        found, is_joint = [], self.training == "back-propagation"
        for layer in self.layers_:
            found.append(relu(layer(inputs)))
            inputs = found[-1] if is_joint else _direction(found[-1])
        return found

    def _activity(self, values: Tensor) -> NDArray[np.float32]:
        with torch.no_grad():
            layers = self._through(self._beside(values, None))
        return torch.cat([_direction(one) for one in layers], dim=1).numpy()

    def _goodness_of_labels(self, values: Tensor) -> Tensor:
        scores = []
        for label in range(len(self.classes_)):
            layers = self._through(self._beside(values, torch.full((len(values),), label)))
            scores.append(torch.stack([_goodness(one) for one in layers[1:] or layers]).sum(dim=0))
        return torch.stack(scores, dim=1)


def _goodness(activity: Tensor) -> Tensor:
    return activity.square().mean(dim=1)


def _direction(activity: Tensor) -> Tensor:
    size: Tensor = activity.square().mean(dim=1, keepdim=True).sqrt()
    return (activity / (size + 1e-8)).detach()


ROWS = {
    name: make_pipeline(StandardScaler(), LayeredClassifier(name))
    for name in ("forward-forward", "forward-forward and head", "back-propagation")
}


class _Drawn:
    """The splits of a scene, as a splitter."""

    def __init__(self, splits: list[Any]) -> None:
        self.splits = splits

    def split(self, *_: Any) -> Iterator[Any]:
        yield from self.splits

    def get_n_splits(self, *_: Any) -> int:
        return len(self.splits)


def measure(cell: str, folder: Path | None, jobs: int) -> None:
    """Measure all rows in one scene under one protocol."""
    scene_name, protocol = CELLS[cell]
    scene = load_scene(scene_name, folder)
    X, y = scene.samples()
    splits = make_splits(protocol, scene, X, y, SEEDS)
    report = evaluate(
        ROWS,
        X,
        y,
        _Drawn(splits),
        window_size=1,
        baselines=[],
        class_names=scene.class_names,
        random_state=0,
        store=FITS,
        n_jobs=jobs,
    )
    record(EXPERIMENT, cell.replace("/", "-"), report, ROWS, ROWS)


def render() -> str:
    """Render the page."""
    reports = {
        cell: read_report(EXPERIMENT, cell.replace("/", "-"))
        for cell in CELLS
        if (RESULTS / EXPERIMENT / f"{cell.replace('/', '-')}.csv").is_file()
    }
    body = [
        [
            row,
            *(" / ".join(accuracies(report.results_for(row))[:2]) for report in reports.values()),
        ]
        for row in ROWS
    ]
    return _TEXT.format(
        commands=commands("python -m benchmarks.forward_forward --data FOLDER", EXPERIMENT),
        steps=f"{MIN_STEPS:,}",
        seeds=SEEDS,
        environment=environments(EXPERIMENT),
        table=markdown_table(["", *reports], body),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the scenes, or set HSVLM_SCENES")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    arguments = parser.parse_args()
    for cell in CELLS:
        measure(cell, arguments.data, arguments.jobs)
    write_pages()


if __name__ == "__main__":
    main()
