"""Training callbacks: schedule, best weights, progress, divergence."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

from sklearn.base import clone
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EpochScoring,
    GradientNormClipping,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    ParamMapper,
    PassthroughScoring,
    TrainEndCheckpoint,
)

from hsvlm._system.progress import progress_bar
from hsvlm.exceptions import HSVLMWarning, ParameterError, TrainingDivergedError

__all__ = [
    "BestWeights",
    "Monitor",
    "WarmUpCosine",
    "check_callbacks",
    "check_copies",
    "check_parameter_patterns",
    "looks_at_batches",
    "warn_of_missing_scores",
]

_WARM_UP_SHARE = 0.1
_OWN_NAMES = ("monitor", "best_weights", "schedule")
# Callbacks of skorch that would work against the classifier, and what does their job here.
_REFUSED: dict[type, tuple[str, str]] = {
    InputShapeSetter: (
        "the vision encoder is given its number of channels anyway",
        "Leave it out.",
    ),
    LoadInitState: (
        "the learning rate, the preprocessing and the prototypes would be those of another fit",
        "Continue an interrupted training by checkpoint_dir and resume=True, and a finished one by "
        "warm_start=True.",
    ),
}


class WarmUpCosine:
    """Factor on the learning rate at a step; a class, so that fitted nets can be pickled."""

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps
        self._n_warm = max(1, round(_WARM_UP_SHARE * n_steps))

    def __call__(self, step: int) -> float:
        if step < self._n_warm:
            return (step + 1) / self._n_warm
        passed = (step - self._n_warm) / max(1, self._n_steps - self._n_warm)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, passed)))


class BestWeights(Callback):
    """Keeps the weights of the epoch with the lowest loss, for a training that is interrupted."""

    # The loss is that of the held-out samples where there are any.

    def on_train_begin(self, net: Any, **_: Any) -> None:
        self.epoch_ = 0
        self.loss_ = math.inf
        self.weights_: dict[str, Any] = {}

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        row = net.history[-1]
        loss = float(row.get("valid_loss", row["train_loss"]))
        if loss < self.loss_:
            self.loss_, self.epoch_ = loss, row["epoch"]
            self.weights_ = copy.deepcopy(dict(net.module_.state_dict()))

    def on_train_end(self, net: Any, **_: Any) -> None:
        if net.interrupted_ and self.weights_:
            net.module_.load_state_dict(self.weights_)
        self.weights_ = {}


class Monitor(Callback):
    """Records learning rate and accuracies, shows progress, stops on a diverged loss."""

    def __init__(self, verbose: int = 0, task: str = "training") -> None:
        self.verbose = verbose
        self.task = task

    def on_train_begin(self, net: Any, **_: Any) -> None:
        self.bar_ = progress_bar(
            total=net.max_epochs, desc=self.task, unit="epoch", disable=not self.verbose
        )

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        # Tensors after the first batch: a number would make the host wait for the device.
        self.correct_: dict[str, Any] = {"train": 0, "valid": 0}
        self.counted_: dict[str, Any] = {"train": 0, "valid": 0}
        self.bar_.n = len(net.history) - 1
        # The last group has all weights without one of their own.
        net.history.record("lr", float(net.optimizer_.param_groups[-1]["lr"]))

    def on_batch_end(self, net: Any, training: bool = False, **step: Any) -> None:
        part = "train" if training else "valid"
        counts = step["weights"] > 0  # those of disputed labels are 0
        is_correct = step["y_pred"].argmax(dim=1) == step["targets"]
        self.correct_[part] += (is_correct & counts).sum()
        self.counted_[part] += counts.sum()

    def _stop(self, net: Any, loss: float) -> None:
        self.bar_.close()
        rate = net.optimizer_.param_groups[-1]["lr"]
        raise TrainingDivergedError(
            f"The training loss became {loss} in epoch {len(net.history)} with lr={rate:.3g} and "
            f"batch_size={net.batch_size}. Lower lr, raise batch_size, or look for extreme values "
            "in the data."
        )

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        for loss in net.history[-1, "batches", :, "train_loss"]:
            if not math.isfinite(loss):
                self._stop(net, loss)
        shown = {"loss": f"{net.history[-1, 'train_loss']:.4f}"}
        for part, counted in self.counted_.items():
            if n_samples := int(counted):
                accuracy = int(self.correct_[part]) / n_samples
                net.history.record(f"{part}_acc", accuracy)
                shown[f"{part}_acc"] = f"{accuracy:.4f}"
        self.bar_.set_postfix(shown)
        self.bar_.update()

    def on_train_end(self, net: Any, **_: Any) -> None:
        self.bar_.close()
        del self.bar_


def check_callbacks(callbacks: Any, lr_schedule: str, *, has_validation: bool) -> None:
    """Refuse callbacks that cannot do their job in this training, before it starts."""
    for item in callbacks or ():
        named = isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
        name, callback = item if named else (None, item)
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            problem = f"callbacks contains {item!r}, which is not a skorch callback."
            if hasattr(kind, "get_last_lr"):
                raise ParameterError(problem, f"Pass LRScheduler({kind.__name__}, ...).")
            raise ParameterError(problem, "Give callbacks, or pairs (name, callback).")
        if name in _OWN_NAMES:
            raise ParameterError(
                f"The callback name {name!r} is used by the classifier itself.",
                "Choose another name.",
            )
        for refused, (reason, hint) in _REFUSED.items():
            if issubclass(kind, refused):
                raise ParameterError(
                    f"callbacks contains {kind.__name__}, which cannot be used: {reason}.", hint
                )
        if issubclass(kind, LRScheduler) and lr_schedule != "constant":
            raise ParameterError(
                (
                    f"callbacks contains {kind.__name__}, but lr_schedule={lr_schedule!r} sets the "
                    "learning rate in every step too."
                ),
                'Set lr_schedule="constant", or leave the callback out.',
            )
        if issubclass(kind, (Checkpoint, TrainEndCheckpoint)) and getattr(
            callback, "f_pickle", None
        ):
            raise ParameterError(
                f"{kind.__name__} cannot pickle a network while it is trained (f_pickle).",
                "Save the fitted classifier: clf.save(folder).",
            )
        scores = issubclass(kind, (BatchScoring, EpochScoring))
        if scores and not has_validation and not getattr(callback, "on_train", False):
            raise ParameterError(
                f"{kind.__name__} scores held-out samples, but nothing is held out.",
                "Set validation_fraction, or pass it on_train=True.",
            )


def check_copies(callbacks: Any) -> None:
    """Refuse callbacks that scikit-learn cannot copy, such as those with an open file."""
    for item in callbacks or ():
        callback = item[1] if isinstance(item, tuple) else item
        try:
            clone(callback, safe=False)
        except TypeError as error:
            raise ParameterError(
                f"callbacks contains {type(callback).__name__}, which cannot be copied ({error}), "
                "but searches and cross-validation copy the classifier for each fit.",
                "Pass a callback that opens its file or connection in on_train_begin.",
            ) from error


def check_parameter_patterns(net: Any) -> None:
    """Refuse callbacks on parameters, such as Freezer, that would change none."""
    names = [name for name, _ in net.get_all_learnable_params()]
    for _, callback in net.callbacks_:
        if not isinstance(callback, ParamMapper):
            continue
        kind = type(callback).__name__
        parameters = net.get_all_learnable_params()
        if not any(True for _ in callback.filter_parameters(callback.patterns, parameters)):
            problem = f"No parameter of the network matches the patterns of {kind}."
            shown = ", ".join(names[:3])
            raise ParameterError(problem, f"They are called {shown}, ...: {len(names)} in all.")
        epoch = getattr(callback.at, "keywords", {}).get("epoch", 0)
        if epoch > net.max_epochs:
            raise ParameterError(
                f"{kind} acts in epoch {epoch}, but max_epochs={net.max_epochs}.",
                "Lower its parameter `at`, or raise max_epochs.",
            )


def looks_at_batches(callbacks: Any) -> bool:
    """Tell whether a callback is shown every batch, so that numbers have to be ready."""
    methods = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    kinds = [
        one if isinstance(one, type) else type(one)
        for one in (item[1] if isinstance(item, tuple) else item for item in callbacks)
    ]
    return any(
        getattr(kind, method) is not getattr(Callback, method)
        for kind in kinds
        if not issubclass(kind, GradientNormClipping)
        for method in methods
    )


def warn_of_missing_scores(net: Any) -> None:
    """Say which scores never came into the history."""
    if not net.history:
        return
    for name, callback in net.callbacks_:
        if not isinstance(callback, (BatchScoring, EpochScoring, PassthroughScoring)):
            continue
        score = getattr(callback, "name_", callback.name)
        if name != "valid_loss" and score not in net.history[-1]:
            problem = f"The callback {type(callback).__name__} found no {score!r} to record."
            hint = f"The history has {', '.join(sorted(set(net.history[-1]) - {'batches'}))}."
            warnings.warn(HSVLMWarning(problem, hint), stacklevel=2)
