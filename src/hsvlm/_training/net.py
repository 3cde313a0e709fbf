"""The skorch net: how it takes windows, what it does in a step, and what it is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from sklearn.base import ClassifierMixin
from skorch import NeuralNet
from skorch.callbacks import LRScheduler, PrintLog
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from hsvlm._system.parallel import backward_in_parts, is_divisible
from hsvlm._training.callbacks import (
    BestWeights,
    Monitor,
    WarmUpCosine,
    check_parameter_patterns,
    looks_at_batches,
)
from hsvlm.contrastive.loss import contrastive_loss, criterion_loss
from hsvlm.contrastive.model import AlignedModel
from hsvlm.contrastive.negatives import all_negatives

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hsvlm._inputs.windows import WindowSource
    from hsvlm._system.parallel import Threads

__all__ = ["TrainingSettings", "WindowDataset", "drop_training_state", "new_net"]


class WindowDataset(Dataset):
    """Windows with class indices and weights, as skorch wants to be given data."""

    def __init__(
        self,
        source: WindowSource,
        targets: Tensor,
        weights: Tensor,
        classes: NDArray[Any] | None = None,
    ) -> None:
        self.source = source
        self.targets = targets
        self.weights = weights
        self.classes = classes

    def __len__(self) -> int:
        return len(self.source)

    # Where skorch looks for data when it scores a whole data set.
    @property
    def X(self) -> WindowDataset:  # noqa: N802
        """The windows."""
        return self

    @property
    def y(self) -> NDArray[Any]:
        """The labels, or class indices where there are none."""
        index: NDArray[Any] = self.targets.cpu().numpy()
        return index if self.classes is None else self.classes[index]


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the optimization, apart from model and data."""

    criterion: str
    n_hard: int
    n_semi_hard: int
    max_epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    lr_schedule: str
    augment: bool
    callbacks: Sequence[Any]
    verbose: int


class _Batches:
    """Iterator hook of skorch: batches are gathered on the device by index."""

    def __init__(
        self,
        dataset: WindowDataset,
        batch_size: int,
        generator: torch.Generator | None = None,
        augment: bool = False,
    ) -> None:
        self._dataset = dataset
        self._batch_size = batch_size
        self._generator = generator
        self._augment = augment

    def __iter__(self) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
        data = self._dataset
        size, device = len(data), data.targets.device
        order = torch.arange(size, device=device)
        turns: Sequence[Tensor | None] = []
        if self._generator is not None:
            order = torch.randperm(size, generator=self._generator, device=device)
        if self._augment:
            turn = torch.randint(8, (size,), generator=self._generator, device=device)
            turns = turn.split(self._batch_size)
        for number, index in enumerate(order.split(self._batch_size)):
            windows = data.source.gather(index, turns[number] if turns else None)
            yield windows, (data.targets[index], data.weights[index])


class _AlignmentNet(ClassifierMixin, NeuralNet):
    """The skorch net: per-sample losses are weighted and reduced here, and only here."""

    interrupted_ = False
    stopped_ = False
    _threads: Threads | None = None
    _labels: NDArray[Any] | None = None  # while it is trained
    _batches_are_seen = False

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        return [one for one in super()._default_callbacks if one[0] != "print_log"]

    @property
    def classes_(self) -> NDArray[Any] | None:
        """The labels, for scores that callbacks compute."""
        return self._labels

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the labels of windows while it is trained, and class indices afterwards."""
        index: NDArray[Any] = self.predict_proba(X).argmax(axis=1)
        return index if self._labels is None else self._labels[index]

    def notify(self, method_name: str, **arguments: Any) -> None:
        if "batch" in arguments and self._batches_are_seen and self._labels is not None:
            windows, (targets, _) = arguments["batch"]
            arguments["batch"] = windows, self._labels[targets.cpu().numpy()]
        super().notify(method_name, **arguments)

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **params: Any) -> Any:
        if epochs is None:
            # An existing history comes from the checkpoint that training resumes from.
            epochs = 0 if self.stopped_ else self.max_epochs - len(self.history)
        try:
            return super().fit_loop(X, y, epochs=epochs, **params)
        except KeyboardInterrupt:
            # skorch's own way to stop early, raised by callbacks at the end of an epoch; anywhere
            # else it is the user's Ctrl-C.
            self.interrupted_ = not self.history or "dur" not in self.history[-1]
            raise

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        # As skorch has it, but for the losses: a number from every step would make the host wait
        # for the device each time, so they stay there as tensors until the epoch is over.
        if iterator is None:
            return
        losses: list[Tensor] = []
        start = len(self.history[-1]["batches"])
        try:
            for batch in iterator:
                self.notify("on_batch_begin", batch=batch, training=training)
                step = step_fn(batch, **fit_params)
                losses.append(step["loss"].detach())
                loss = losses[-1].item() if self._batches_are_seen else losses[-1]
                self.history.record_batch(f"{prefix}_loss", loss)
                self.history.record_batch(f"{prefix}_batch_size", len(batch[0]))
                seen = {"batch": batch, "training": training, "targets": batch[1][0]}
                self.notify("on_batch_end", **seen, **step)
        finally:
            rows = self.history[-1]["batches"][start:]
            figures = torch.stack(losses).tolist() if losses else []
            for row, loss in zip(rows, figures, strict=False):  # a failed step has no loss
                row[f"{prefix}_loss"] = loss
        self.history.record(f"{prefix}_batch_count", len(losses))

    def get_loss(
        self,
        y_pred: Tensor,
        y_true: tuple[Tensor, Tensor],
        X: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        targets, weights = y_true
        if training:
            losses = self.criterion_(y_pred, targets)
        else:
            losses = contrastive_loss(y_pred, targets, all_negatives(y_pred, targets))
        loss: Tensor = (weights * losses).mean()
        return loss

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        windows, targets = batch
        if self._threads is None or not is_divisible(self.module_):
            step: dict[str, Tensor] = super().train_step_single(batch, **fit_params)
            return step
        self._set_training(True)
        outputs, loss = backward_in_parts(
            self.module_,
            windows,
            lambda outputs: self.get_loss(outputs, targets, training=True),
            self._threads,
        )
        return {"loss": loss, "y_pred": outputs}

    def _set_training(self, training: bool = True) -> None:
        # Walking through all modules in every step takes longer than the loss.
        if self.module_.training != training:
            super()._set_training(training)

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        step = super().train_step(batch, **fit_params)
        if self.module_.head is None:
            self.module_.logit_scale.clamp_()
        return step


class _Criterion(nn.Module):
    def __init__(
        self, settings: TrainingSettings, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self._settings = settings
        self._generator = generator

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return criterion_loss(
            self._settings.criterion,
            logits,
            targets,
            n_hard=self._settings.n_hard,
            n_semi_hard=self._settings.n_semi_hard,
            generator=self._generator,
        )


class _Softmax:
    """From outputs to probabilities; a class, so that fitted nets can be pickled."""

    def __call__(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(dim=-1)


def new_net(
    model_params: dict[str, Any],
    settings: TrainingSettings,
    training: WindowDataset,
    validation: WindowDataset | None,
    generator: torch.Generator,
    checkpoint: Any = None,
) -> Any:
    """Make an untrained net."""
    n_steps = settings.max_epochs * math.ceil(len(training) / settings.batch_size)
    callbacks: list[Any] = [
        ("monitor", Monitor(verbose=settings.verbose)),
        ("best_weights", BestWeights()),
    ]
    if settings.lr_schedule == "cosine":
        factor = WarmUpCosine(n_steps)
        schedule = LRScheduler(LambdaLR, lr_lambda=factor, step_every="batch", event_name=None)
        callbacks.append(("schedule", schedule))
    last = [] if checkpoint is None else [checkpoint]
    texts = model_params["prototypes"]
    model_params = {
        **model_params,
        "prototypes": None if texts is None else torch.from_numpy(texts),
    }
    net = _AlignmentNet(
        AlignedModel,
        criterion=_Criterion,
        criterion__settings=settings,
        criterion__generator=generator,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=settings.weight_decay,
        optimizer__fused=generator.device.type in {"cpu", "cuda"},
        lr=settings.lr,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        iterator_train=_Batches,
        iterator_train__generator=generator,
        iterator_train__augment=settings.augment and training.source.size > 1,
        iterator_valid=_Batches,
        train_split=None if validation is None else predefined_split(validation),
        callbacks=[*callbacks, *settings.callbacks, *last],
        predict_nonlinearity=_Softmax(),
        device=str(generator.device),
        verbose=0,
        **{f"module__{name}": value for name, value in model_params.items()},
    )
    net.initialize()
    # skorch's callbacks are silent in a silent net; users who pass PrintLog want its output.
    prints = any(isinstance(callback, PrintLog) for _, callback in net.callbacks_)
    net.verbose = max(settings.verbose, int(prints))
    net._labels = training.classes
    net._batches_are_seen = looks_at_batches(settings.callbacks)
    check_parameter_patterns(net)
    return net


def drop_training_state(net: Any, checkpoint: Any) -> None:
    """Take out of a trained net what only its training needed."""
    # A fitted estimator is pickled, sent to other processes and opened on machines without a GPU:
    # generators, held-out windows and second copies of the weights must not travel with it.
    net.set_params(train_split=None)
    net._threads = net._labels = None
    net.iterator_train__generator = None
    net.criterion__generator = None
    net.criterion_ = _Criterion(net.criterion__settings)
    net.optimizer_.state.clear()
    net.callbacks = [one for one in net.callbacks if one is not checkpoint]
    net.callbacks_ = [one for one in net.callbacks_ if one[1] is not checkpoint]
    for _, callback in net.callbacks_:
        if isinstance(callback, LRScheduler):
            callback.lr_scheduler_ = None
