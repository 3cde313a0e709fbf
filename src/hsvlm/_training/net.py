"""The skorch net: how it takes windows, what it does in a step, and what it is made of."""

from __future__ import annotations

import inspect
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

from hsvlm._inputs.batches import Batch, split_batches
from hsvlm._system.parallel import backward_in_parts, is_divisible
from hsvlm._training.adaptation import Adaptation, parameter_groups
from hsvlm._training.callbacks import (
    BestWeights,
    Monitor,
    WarmUpCosine,
    check_parameter_patterns,
    looks_at_batches,
)
from hsvlm._training.settings import count_batches
from hsvlm.contrastive.losses import make_criterion
from hsvlm.contrastive.losses.arguments import criterion_arguments
from hsvlm.contrastive.losses.contrastive import contrastive_loss
from hsvlm.contrastive.model import AlignedModel
from hsvlm.contrastive.negatives import all_negatives

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from hsvlm._inputs.windows import WindowSource
    from hsvlm._system.parallel import Threads

__all__ = ["Criterion", "TrainingSettings", "WindowDataset", "drop_training_state", "new_net"]


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
    criterion_params: Mapping[str, Any]
    max_epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    lr_schedule: str
    augment: bool
    callbacks: Sequence[Any]
    verbose: int

    def make_criterion(self) -> nn.Module:
        """Make the criterion."""
        arguments = criterion_arguments(
            self.criterion,
            n_hard=self.n_hard,
            n_semi_hard=self.n_semi_hard,
            params=self.criterion_params,
        )
        return make_criterion(self.criterion, arguments)


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

    def __iter__(self) -> Iterator[Batch]:
        data = self._dataset
        size, device = len(data), data.targets.device
        order = torch.arange(size, device=device)
        turns: Sequence[Tensor | None] = []
        if self._generator is not None:
            order = torch.randperm(size, generator=self._generator, device=device)
        if self._augment:
            turn = torch.randint(8, (size,), generator=self._generator, device=device)
            turns = split_batches(turn, self._batch_size)
        for number, index in enumerate(split_batches(order, self._batch_size)):
            windows = data.source.gather(index, turns[number] if turns else None)
            yield Batch(windows, data.targets[index], data.weights[index])


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
            batch = arguments["batch"]
            arguments["batch"] = batch.windows, self._labels[batch.targets.cpu().numpy()]
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
                self.history.record_batch(f"{prefix}_batch_size", len(batch.targets))
                seen = {"targets": batch.targets, "weights": batch.weights}
                self.notify("on_batch_end", batch=batch, training=training, **seen, **step)
        finally:
            rows = self.history[-1]["batches"][start:]
            figures = torch.stack(losses).tolist() if losses else []
            for row, loss in zip(rows, figures, strict=False):  # a failed step has no loss
                row[f"{prefix}_loss"] = loss
        self.history.record(f"{prefix}_batch_count", len(losses))

    def train_step_single(self, batch: Batch, **_: Any) -> dict[str, Tensor]:
        self._set_training(True)
        threads, model = self._threads, self.module_
        if threads is not None and is_divisible(model) and not self.criterion_.needs_alignment:
            outputs, loss = backward_in_parts(
                model,
                batch.parts(),
                lambda outputs: batch.mean(self.criterion_(outputs, batch.targets)),
                threads,
            )
            return {"loss": loss, "y_pred": outputs}
        outputs, alignment = self._aligned(batch.windows)
        loss = batch.mean(self.criterion_(outputs, batch.targets, **alignment))
        loss.backward()
        return {"loss": loss, "y_pred": outputs}

    def _aligned(self, windows: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the outputs, and both sides that they come from if the criterion needs them."""
        if not self.criterion_.needs_alignment:
            return self.infer(windows), {}
        model = self.module_
        sides = {"embeddings": model.embed(windows), "prototypes": model.prototypes()}
        return model.similarities(**sides), sides

    def validation_step(self, batch: Batch, **_: Any) -> dict[str, Tensor]:
        # The same loss for all criteria, so that figures of different ones can be compared.
        self._set_training(False)
        with torch.no_grad():
            similarities = self.infer(batch.windows)
            wrong = all_negatives(similarities, batch.targets)
            losses = contrastive_loss(similarities, batch.targets, wrong)
        return {"loss": batch.mean(losses), "y_pred": similarities}

    def evaluation_step(self, batch: Batch, training: bool = False) -> Tensor:
        with torch.set_grad_enabled(training):
            self._set_training(training)
            outputs: Tensor = self.infer(batch.windows)
        return outputs

    def _set_training(self, training: bool = True) -> None:
        # Walking through all modules in every step takes longer than the loss.
        if self.module_.training != training:
            super()._set_training(training)

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        step = super().train_step(batch, **fit_params)
        if self.module_.head is None:
            self.module_.logit_scale.clamp_()
        return step

    def merge_adapter(self) -> None:
        """Add what an adapter learned to the weights, and keep its factors apart."""
        n_trained = sum(one.numel() for one in self.module_.parameters() if one.requires_grad)
        self.adaptation_ = Adaptation(self.module_.merge(), n_trained)
        # The optimizer holds the layers that were replaced.
        self.__dict__.pop("optimizer__param_groups", None)
        self.initialize_optimizer()


class Criterion(nn.Module):
    """A criterion by name, given what its `forward` asks for."""

    def __init__(
        self, settings: TrainingSettings, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self._chosen = settings.make_criterion()
        self._generator = generator
        self._asked = set(inspect.signature(self._chosen.forward).parameters)

    @property
    def needs_alignment(self) -> bool:
        """Whether similarities alone do not do: the criterion asks for what they come from."""
        may_need = bool(self._asked & {"embeddings", "prototypes"})
        return may_need and bool(getattr(self._chosen, "needs_alignment", True))

    @property
    def within_batch(self) -> bool:
        """Whether samples are each other's negatives, so that the loss depends on the batches."""
        return bool(getattr(self._chosen, "within_batch", False))

    def forward(self, similarities: Tensor, targets: Tensor, **sides: Tensor) -> Tensor:
        available = {**sides, "generator": self._generator}
        asked = {name: value for name, value in available.items() if name in self._asked}
        losses: Tensor = self._chosen(similarities, targets, **asked)
        return losses


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
    task: str = "training",
) -> Any:
    """Make an untrained net."""
    n_steps = settings.max_epochs * count_batches(len(training), settings.batch_size)
    callbacks: list[Any] = [
        ("monitor", Monitor(verbose=settings.verbose, task=task)),
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
        criterion=Criterion,
        criterion__settings=settings,
        criterion__generator=generator,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=settings.weight_decay,
        optimizer__fused=generator.device.type in {"cpu", "cuda"},
        **parameter_groups(model_params.get("adapter"), settings.lr),
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
    for name in ("module__pretrained", "module__adapter", "module__texts"):
        vars(net).pop(name, None)
    net.module_.keep_texts()
    # A fitted estimator is pickled, sent to other processes and opened on machines without a GPU:
    # generators, held-out windows and second copies of the weights must not travel with it.
    net.set_params(train_split=None)
    net._threads = net._labels = None
    net.iterator_train__generator = None
    net.criterion__generator = None
    net.criterion_ = Criterion(net.criterion__settings)
    net.optimizer_.state.clear()
    net.callbacks = [one for one in net.callbacks if one is not checkpoint]
    net.callbacks_ = [one for one in net.callbacks_ if one[1] is not checkpoint]
    for _, callback in net.callbacks_:
        if isinstance(callback, LRScheduler):
            callback.lr_scheduler_ = None
