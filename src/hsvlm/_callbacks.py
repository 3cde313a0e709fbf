"""What happens beside the steps of a training: learning rate, records, progress, divergence."""

from __future__ import annotations

import copy
import math
from typing import Any

from skorch.callbacks import Callback

from hsvlm.exceptions import TrainingDivergedError

__all__ = ["BestWeights", "Monitor", "WarmUpCosine"]

_WARM_UP_SHARE = 0.1


class WarmUpCosine:
    """Factor on the learning rate at a step; a class, so that fitted nets can be pickled.

    Parameters
    ----------
    n_steps : int
        Number of steps of the whole training; the first tenth warms up.
    """

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps
        self._n_warm = max(1, round(_WARM_UP_SHARE * n_steps))

    def __call__(self, step: int) -> float:
        if step < self._n_warm:
            return (step + 1) / self._n_warm
        passed = (step - self._n_warm) / max(1, self._n_steps - self._n_warm)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, passed)))


class BestWeights(Callback):
    """Keeps the weights of the epoch with the lowest loss, for a training that is interrupted.

    The loss is that of the held-out samples where there are any.
    """

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
    """Records learning rate and validation accuracy, shows progress, stops on a diverged loss.

    Parameters
    ----------
    verbose : int, default=0
        Above 0, show a progress bar.
    """

    def __init__(self, verbose: int = 0) -> None:
        self.verbose = verbose

    def on_train_begin(self, net: Any, **_: Any) -> None:
        from tqdm.auto import tqdm

        self.bar_ = tqdm(
            total=net.max_epochs, desc="training", unit="epoch", disable=not self.verbose
        )

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        self.correct_: Any = 0
        self.counted_ = 0
        self.bar_.n = len(net.history) - 1
        net.history.record("lr", float(net.optimizer_.param_groups[0]["lr"]))

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **step: Any
    ) -> None:
        if not training:
            targets = batch[1][0]
            # A tensor from here on: a number would make the host wait for the device.
            self.correct_ += (step["y_pred"].argmax(dim=1) == targets).sum()
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
        for loss in net.history[-1, "batches", :, "train_loss"]:
            if not math.isfinite(loss):
                self._stop(net, loss)
        if self.counted_:
            net.history.record("valid_acc", int(self.correct_) / self.counted_)
        shown = {"loss": f"{net.history[-1, 'train_loss']:.4f}"}
        if self.counted_:
            shown["valid_acc"] = f"{net.history[-1, 'valid_acc']:.4f}"
        self.bar_.set_postfix(shown)
        self.bar_.update()

    def on_train_end(self, net: Any, **_: Any) -> None:
        self.bar_.close()
        del self.bar_
