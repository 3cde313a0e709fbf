"""Training of the aligned model: its batches, its schedule and the skorch net."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from skorch import NeuralNet
from skorch.callbacks import LRScheduler
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset

from hsvlm._callbacks import Monitor, WarmUpCosine
from hsvlm._model import AlignedModel
from hsvlm._runtime import at_most_threads, seeded_scope
from hsvlm.contrastive.loss import contrastive_loss, criterion_loss
from hsvlm.contrastive.negatives import all_negatives
from hsvlm.exceptions import HSVLMWarning, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from hsvlm._windows import WindowSource

__all__ = ["TrainingSettings", "WindowDataset", "fit_net", "in_batches"]

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

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **params: Any) -> Any:
        self.interrupted_ = False
        try:
            return super().fit_loop(X, y, epochs=epochs, **params)
        except KeyboardInterrupt:
            # skorch's own way to stop early, raised by callbacks at the end of an epoch; anywhere
            # else it is the user's Ctrl-C.
            self.interrupted_ = not self.history or "dur" not in self.history[-1]
            raise

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
    ParameterError
        If the encoder cannot be made, a callback asks for figures that are not there, or the
        previous net is another one.
    KeyboardInterrupt
        If training is interrupted before the first epoch is over.
    """
    device = training.targets.device
    with (
        seeded_scope(seed, device) as generator,
        _threads_for(settings.batch_size, training.source),
    ):
        net = _new_net(model_params, settings, training, validation, generator)
        if previous is not None:
            _continue_from(previous, net)
        try:
            net.partial_fit(training)
        except KeyError as error:
            if validation is None and "valid" in str(error):
                message = (
                    f"A callback asks for a validation figure ({error}), but nothing is held out. "
                    'Set validation_fraction, or let it monitor "train_loss".'
                )
                raise ParameterError(message) from error
            raise
    if net.interrupted_:
        _tell_interruption(net, settings.max_epochs)
    _drop_training_state(net)
    net.module_.eval()
    return net


def _new_net(
    model_params: dict[str, Any],
    settings: TrainingSettings,
    training: WindowDataset,
    validation: WindowDataset | None,
    generator: torch.Generator,
) -> Any:
    n_steps = settings.max_epochs * math.ceil(len(training) / settings.batch_size)
    callbacks: list[Any] = [("monitor", Monitor(verbose=settings.verbose))]
    if settings.lr_schedule == "cosine":
        factor = WarmUpCosine(n_steps)
        schedule = LRScheduler(LambdaLR, lr_lambda=factor, step_every="batch", event_name=None)
        callbacks.append(("schedule", schedule))
    net = _AlignmentNet(
        AlignedModel,
        criterion=_Criterion,
        criterion__settings=settings,
        criterion__generator=generator,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=settings.weight_decay,
        lr=settings.lr,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        iterator_train=_Batches,
        iterator_train__generator=generator,
        iterator_train__augment=settings.augment and training.source.size > 1,
        iterator_valid=_Batches,
        train_split=None if validation is None else predefined_split(validation),
        callbacks=[*callbacks, *settings.callbacks],
        callbacks__print_log=None,
        device=str(generator.device),
        verbose=0,
        **{f"module__{name}": value for name, value in model_params.items()},
    )
    return net.initialize()


def _continue_from(previous: Any, net: Any) -> None:
    parts = {
        "vision_encoder": "module__encoder",
        "the window, patch_size or vision_params": "module__encoder_params",
        "projection": "module__projection",
    }
    changed = [name for name, key in parts.items() if getattr(previous, key) != getattr(net, key)]
    if (previous.module__prototypes is None) != (net.module__prototypes is None):
        changed.append("criterion")
    if changed:
        message = (
            f"warm_start=True continues with the network of the previous fit, but "
            f"{'; '.join(changed)} changed. Set them back, or set warm_start=False."
        )
        raise ParameterError(message)
    net.module_.load_state_dict(previous.module_.state_dict())


def _tell_interruption(net: Any, max_epochs: int) -> None:
    # The last row of the history is that of the epoch that was interrupted.
    del net.history[-1:]
    finished = len(net.history)
    if not finished:
        raise KeyboardInterrupt
    message = (
        f"Training was interrupted in epoch {finished + 1} of {max_epochs}. The classifier keeps "
        "the weights it had then and can be used; warm_start=True continues from them."
    )
    warnings.warn(message, HSVLMWarning, stacklevel=2)


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
