"""The training loop of masked pre-training."""

from __future__ import annotations

import copy
import math
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from hsvlm._inputs.batches import split_batches
from hsvlm._inputs.windows import input_source
from hsvlm._system.parallel import backward_in_parts, is_divisible, n_parts, threads_for
from hsvlm._system.progress import progress_bar
from hsvlm.exceptions import HSVLMWarning, TrainingDivergedError
from hsvlm.pretraining._reconstruction import PartOfBatch, mask_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sklearn.pipeline import Pipeline
    from torch import Tensor

    from hsvlm._inputs.windows import WindowSource
    from hsvlm._system.parallel import Threads
    from hsvlm.pretraining._pixels import PixelPool
    from hsvlm.pretraining._reconstruction import MaskedModel

__all__ = ["Course", "TrainingResult", "TrainingSettings", "WindowStream", "prepare", "train"]

_WARM_UP_SHARE: Final = 0.1
# Reduced spectra that are in memory at a time (256 MiB): of larger scenes, an epoch reads the
# windows in random parts.
_MAX_TABLE_VALUES: Final = 2**26
# An encoder is prepared with so many windows, fewer if they hold more numbers than that (256 MiB).
_MOST_WINDOWS: Final = 2**12
_MOST_NUMBERS: Final = 2**26


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the optimization."""

    max_epochs: int
    samples_per_epoch: int | None
    batch_size: int
    lr: float
    weight_decay: float
    verbose: int


@dataclass(frozen=True)
class TrainingResult:
    """Figures of the epochs, and whether the training was interrupted."""

    history: list[dict[str, float]]
    interrupted: bool


@dataclass
class Course:
    """What a training has reached, and everything that its next steps follow from."""

    model: MaskedModel
    optimizer: torch.optim.Optimizer
    schedule: SequentialLR
    rng: np.random.Generator
    generator: torch.Generator
    history: list[dict[str, float]] = field(default_factory=list)
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def record(self, row: dict[str, float]) -> None:
        """Add the figures of an epoch, and keep its weights if it is the best."""
        best = min((each["train_loss"] for each in self.history), default=math.inf)
        if row["train_loss"] < best:
            self.best_weights = copy.deepcopy(dict(self.model.state_dict()))
        self.history.append(row)


class Keeper(Protocol):
    """Keeps the course of a training."""

    @property
    def is_written(self) -> bool:
        """Whether something was kept."""

    def restore(self, course: Course) -> None:
        """Set a course that begins to what was kept, if anything was."""

    def keep(self, course: Course, *, is_last: bool) -> None:
        """Keep a course after an epoch, if it is time to."""


class WindowStream:
    """Random batches of windows; memory is bounded however large the scenes are."""

    def __init__(
        self,
        pool: PixelPool,
        preprocessing: Pipeline,
        window_size: int,
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        self.pool = pool
        self.n_windows = min(settings.samples_per_epoch or len(pool), len(pool))
        self._preprocessing = preprocessing
        self._window_size = window_size
        self._batch_size = settings.batch_size
        self.device = device
        n_channels = preprocessing[-1]._n_features_out
        n_read = sum(int(scene.pixels_read(window_size).sum()) for scene in pool.scenes)
        self._whole: WindowSource | None = None
        if n_read * n_channels <= _MAX_TABLE_VALUES:
            self._whole = self._source(np.arange(len(pool)))
        self.n_numbers_of_window = window_size**2 * n_channels
        n_batches = _MAX_TABLE_VALUES // (self.n_numbers_of_window * self._batch_size)
        self._part_size = max(1, n_batches) * self._batch_size

    def epoch(self, rng: np.random.Generator) -> Iterator[Tensor]:
        """Yield the windows of an epoch, batch by batch."""
        chosen = rng.choice(len(self.pool), self.n_windows, replace=False)
        if self._whole is not None:
            yield from self._batches(self._whole, torch.from_numpy(chosen))
            return
        for start in range(0, len(chosen), self._part_size):
            part = chosen[start : start + self._part_size]
            # Rows are read once each if the pixels come in their order.
            source = self._source(np.sort(part))
            yield from self._batches(source, torch.from_numpy(np.argsort(part).argsort()))

    def some(self, rng: np.random.Generator, most: int) -> Tensor:
        """Return the windows of random pixels."""
        count = min(most, len(self.pool))
        source = self._source(np.sort(rng.choice(len(self.pool), count, replace=False)))
        return source.gather(torch.arange(count, device=self.device))

    def _batches(self, source: WindowSource, order: Tensor) -> Iterator[Tensor]:
        for index in split_batches(order.to(self.device), self._batch_size):
            yield source.gather(index)

    def _source(self, index: Any) -> WindowSource:
        samples, steps = self.pool.samples(index), self._preprocessing
        source = input_source(samples, steps, self._window_size, "reflect", self.device)
        self.pool.release()
        return source


@torch.no_grad()
def prepare(
    encoder: Any, stream: WindowStream, rng: np.random.Generator, generator: torch.Generator
) -> None:
    """Let an encoder that wants to set initial weights by windows."""
    if hasattr(encoder, "prepare"):
        most = max(1, _MOST_NUMBERS // stream.n_numbers_of_window)
        encoder.prepare(stream.some(rng, min(_MOST_WINDOWS, most)), generator)


def train(
    model: MaskedModel,
    stream: WindowStream,
    settings: TrainingSettings,
    rng: np.random.Generator,
    generator: torch.Generator,
    keeper: Keeper | None = None,
) -> TrainingResult:
    """Train a model in place; after an interruption it has the weights of the best epoch."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    n_batches = math.ceil(stream.n_windows / settings.batch_size)
    schedule = _warm_up_cosine(optimizer, settings.max_epochs * n_batches)
    course = Course(model, optimizer, schedule, rng, generator)
    if keeper is not None:
        keeper.restore(course)
    batch_size = min(settings.batch_size, stream.n_windows)
    work = batch_size * model.n_tokens
    count = n_parts(batch_size, work) if is_divisible(model) else 1
    interrupted = False
    with _progress(settings, len(course.history)) as bar, threads_for(count, work) as threads:
        step = _Step(course, count, threads)
        model.train()
        try:
            while len(course.history) < settings.max_epochs:
                epoch = len(course.history) + 1
                start, rate = time.perf_counter(), optimizer.param_groups[0]["lr"]
                losses = [step(windows) for windows in stream.epoch(rng)]
                loss = _mean_loss(losses, epoch, rate, settings)
                seconds = time.perf_counter() - start
                course.record({"epoch": epoch, "train_loss": loss, "lr": rate, "dur": seconds})
                bar.set_postfix({"loss": f"{loss:.4f}"})
                bar.update()
                if keeper is not None:
                    keeper.keep(course, is_last=epoch == settings.max_epochs)
        except KeyboardInterrupt:
            if not course.history:
                raise
            interrupted = True
            model.load_state_dict(course.best_weights)
    model.eval()
    if interrupted:
        _tell_interruption(
            course.history, settings, is_kept=keeper is not None and keeper.is_written
        )
    return TrainingResult(course.history, interrupted)


@dataclass(frozen=True)
class _Step:
    """One step of the optimizer on a batch, which is divided among threads."""

    course: Course
    n_parts: int
    threads: Threads

    def __call__(self, windows: Tensor) -> Tensor:
        model, optimizer = self.course.model, self.course.optimizer
        order = mask_order(len(windows), model.n_tokens, self.course.generator)
        optimizer.zero_grad()
        if self.n_parts > 1:
            numbers = torch.arange(len(windows), device=windows.device)
            parts = [part for part in numbers.tensor_split(self.n_parts) if len(part)]
            network = PartOfBatch(model, windows, order)
            _, loss = backward_in_parts(network, parts, torch.mean, self.threads)
        else:
            loss = model(windows, order).mean()
            loss.backward()
        optimizer.step()
        self.course.schedule.step()
        return loss.detach()


def _warm_up_cosine(optimizer: torch.optim.Optimizer, n_steps: int) -> SequentialLR:
    n_warm = max(1, round(_WARM_UP_SHARE * n_steps))
    parts = [
        LinearLR(optimizer, start_factor=1 / n_warm, total_iters=n_warm - 1),
        CosineAnnealingLR(optimizer, max(1, n_steps - n_warm)),
    ]
    return SequentialLR(optimizer, parts, milestones=[n_warm])


def _progress(settings: TrainingSettings, n_done: int) -> Any:
    return progress_bar(
        total=settings.max_epochs,
        initial=n_done,
        desc="pre-training",
        unit="epoch",
        disable=not settings.verbose,
    )


def _mean_loss(losses: list[Tensor], epoch: int, rate: float, settings: TrainingSettings) -> float:
    values = torch.stack(losses).tolist()
    for value in values:
        if not math.isfinite(value):
            raise TrainingDivergedError(
                f"The training loss became {value} in epoch {epoch} with lr={rate:.3g} and "
                f"batch_size={settings.batch_size}. Lower lr, raise batch_size, or look for "
                "extreme values in the data."
            )
    return math.fsum(values) / len(values)


def _tell_interruption(
    history: list[dict[str, float]], settings: TrainingSettings, *, is_kept: bool
) -> None:
    best = min(history, key=lambda row: row["train_loss"])
    message = (
        f"Pre-training was interrupted in epoch {len(history) + 1} of {settings.max_epochs}. The "
        f"encoder has the weights of the best epoch, {best['epoch']:.0f} (loss "
        f"{best['train_loss']:.4g}), and can be used"
        f"{'; resume=True continues from the last checkpoint' if is_kept else ''}."
    )
    warnings.warn(message, HSVLMWarning, stacklevel=4)
