"""Training of the aligned model: its batches, its schedule and the skorch net."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset

from hsvlm._model import AlignedModel
from hsvlm._runtime import at_most_threads, seeded_scope
from hsvlm.contrastive.loss import contrastive_loss, criterion_loss
from hsvlm.contrastive.negatives import all_negatives
from hsvlm.exceptions import TrainingDivergedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from hsvlm._windows import WindowSource

__all__ = ["TrainingSettings", "WindowDataset", "fit_net", "in_batches"]

_WARM_UP_SHARE = 0.1

# A batch has to hold this many pixels before one more CPU thread is worth its waiting.
_PIXELS_PER_THREAD = 2**16


class WindowDataset(Dataset[Any]):
    """Windows with class indices and weights, as skorch wants to be given data.

    Parameters
    ----------
    source : WindowSource
        The windows.
    targets : Tensor of shape (n_samples,), int64
        Class indices.
    weights : Tensor of shape (n_samples,), float32
        Weights of the per-sample losses.
    """

    def __init__(self, source: WindowSource, targets: Tensor, weights: Tensor) -> None:
        self.source = source
        self.targets = targets
        self.weights = weights

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class TrainingSettings:
    """What the optimisation depends on, apart from model and data.

    Attributes
    ----------
    criterion : str
        Name of the loss, see :func:`hsvlm.contrastive.loss.criterion_loss`.
    n_hard, n_semi_hard : int
        Numbers of negatives.
    max_epochs, batch_size : int
        Passes over the samples, and samples per step.
    lr, weight_decay : float
        Of AdamW; without weight decay it is Adam.
    lr_schedule : {"cosine", "constant"}
        ``"cosine"`` warms up over the first tenth of the steps and then decays to zero.
    augment : bool
        Apply a random symmetry of the square to every window.
    callbacks : sequence of skorch callbacks
        Called besides our own.
    verbose : int
        Above 0, show a progress bar.
    """

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


class _AlignmentNet(NeuralNet):
    """The skorch net: per-sample losses are weighted and reduced here, and only here."""

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


class _WarmUpCosine:
    """Factor on the learning rate at a step; a class, so that fitted nets can be pickled."""

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps
        self._n_warm = max(1, round(_WARM_UP_SHARE * n_steps))

    def __call__(self, step: int) -> float:
        if step < self._n_warm:
            return (step + 1) / self._n_warm
        passed = (step - self._n_warm) / max(1, self._n_steps - self._n_warm)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, passed)))


class _Monitor(Callback):
    """Records learning rate and validation accuracy, shows progress, stops on a diverged loss."""

    def __init__(self, verbose: int = 0) -> None:
        self.verbose = verbose

    def on_train_begin(self, net: Any, **_: Any) -> None:
        from tqdm.auto import tqdm

        self.bar_ = tqdm(
            total=net.max_epochs, desc="training", unit="epoch", disable=not self.verbose
        )

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        self.correct_ = 0
        self.counted_ = 0
        net.history.record("lr", float(net.optimizer_.param_groups[0]["lr"]))

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **step: Any
    ) -> None:
        if training:
            loss = net.history[-1, "batches", -1, "train_loss"]
            if not math.isfinite(loss):
                self._stop(net, loss)
            return
        targets = batch[1][0]
        self.correct_ += int((step["y_pred"].argmax(dim=1) == targets).sum())
        self.counted_ += len(targets)

    def _stop(self, net: Any, loss: float) -> None:
        self.bar_.close()
        rate = net.optimizer_.param_groups[0]["lr"]
        message = (
            f"The training loss became {loss} in epoch {len(net.history)} with lr={rate:.3g} and "
            f"batch_size={net.batch_size}. Lower lr, raise batch_size, or look for extreme values "
            "in the data."
        )
        raise TrainingDivergedError(message)

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        if self.counted_:
            net.history.record("valid_acc", self.correct_ / self.counted_)
        shown = {"loss": f"{net.history[-1, 'train_loss']:.4f}"}
        if self.counted_:
            shown["valid_acc"] = f"{net.history[-1, 'valid_acc']:.4f}"
        self.bar_.set_postfix(shown)
        self.bar_.update()

    def on_train_end(self, net: Any, **_: Any) -> None:
        self.bar_.close()
        del self.bar_


def fit_net(
    model_params: dict[str, Any],
    settings: TrainingSettings,
    training: WindowDataset,
    validation: WindowDataset | None,
    *,
    seed: int,
    previous: Any = None,
) -> Any:
    """Train an aligned model.

    Parameters
    ----------
    model_params : dict
        Constructor arguments of :class:`AlignedModel`.
    settings : TrainingSettings
        The optimisation.
    training : WindowDataset
        Samples to learn from, on the device to train on.
    validation : WindowDataset or None
        Samples to watch the loss and the accuracy on.
    seed : int
        Seed of initialisation, order, augmentation, masking and negatives.
    previous : skorch net, default=None
        A fitted net whose weights are the starting point.

    Returns
    -------
    skorch.NeuralNet
        The fitted net; ``module_`` is the :class:`AlignedModel` in evaluation mode.

    Raises
    ------
    TrainingDivergedError
        If the loss becomes NaN or infinite.
    """
    device = training.targets.device
    n_steps = settings.max_epochs * math.ceil(len(training) / settings.batch_size)
    callbacks: list[Any] = [("monitor", _Monitor(verbose=settings.verbose))]
    if settings.lr_schedule == "cosine":
        factor = _WarmUpCosine(n_steps)
        schedule = LRScheduler(LambdaLR, lr_lambda=factor, step_every="batch", event_name=None)
        callbacks.append(("schedule", schedule))
    with (
        _threads_for(settings.batch_size, training.source),
        seeded_scope(seed, device) as generator,
    ):
        net = _AlignmentNet(
            AlignedModel,
            criterion=_Criterion,
            criterion__settings=settings,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=settings.weight_decay,
            lr=settings.lr,
            max_epochs=settings.max_epochs,
            batch_size=settings.batch_size,
            iterator_train=_Batches,
            iterator_train__augment=settings.augment and training.source.size > 1,
            iterator_valid=_Batches,
            train_split=None if validation is None else predefined_split(validation),
            callbacks=[*callbacks, *settings.callbacks],
            callbacks__print_log=None,
            device=str(device),
            verbose=0,
            **{f"module__{name}": value for name, value in model_params.items()},
        )
        net.set_params(iterator_train__generator=generator, criterion__generator=generator)
        net.initialize()
        if previous is not None:
            net.module_.load_state_dict(previous.module_.state_dict())
        net.partial_fit(training)
    _drop_training_state(net)
    net.module_.eval()
    return net


def _drop_training_state(net: Any) -> None:
    # A fitted estimator is pickled, sent to other processes and opened on machines without a GPU:
    # generators, held-out windows and second copies of the weights must not travel with it.
    net.set_params(train_split=None)
    net.iterator_train__generator = None
    net.criterion__generator = None
    net.criterion_ = _Criterion(net.criterion__settings)
    net.optimizer_.state.clear()
    for _, callback in net.callbacks_:
        if isinstance(callback, LRScheduler):
            callback.lr_scheduler_ = None


@torch.inference_mode()
def in_batches(
    function: Callable[[Tensor], Tensor], source: WindowSource, batch_size: int = 512
) -> Tensor:
    """Apply a function to every window of a source, a batch at a time.

    Parameters
    ----------
    function : callable
        Maps windows (n, size, size, n_channels) to a tensor (n, n_outputs).
    source : WindowSource
        The windows.
    batch_size : int, default=512
        Windows in memory at a time.

    Returns
    -------
    Tensor of shape (n_samples, n_outputs)
        In the order of the source.
    """
    every = torch.arange(len(source), device=source.table.device)
    with _threads_for(batch_size, source):
        return torch.cat([function(source.gather(index)) for index in every.split(batch_size)])


def _threads_for(batch_size: int, source: WindowSource) -> AbstractContextManager[None]:
    return at_most_threads(batch_size * source.size**2 // _PIXELS_PER_THREAD)
