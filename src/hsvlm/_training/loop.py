"""Training of the aligned model, from a fresh, an earlier or an interrupted net."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch.exceptions import SkorchException

from hsvlm._system.devices import seeded_scope
from hsvlm._system.parallel import is_divisible, n_parts, threads_for
from hsvlm._training.callbacks import warn_of_missing_scores
from hsvlm._training.checks import check_batch_norm
from hsvlm._training.net import TrainingSettings, WindowDataset, drop_training_state, new_net
from hsvlm.exceptions import HSVLMWarning, ParameterError, TrainingDivergedError

if TYPE_CHECKING:
    from hsvlm._training_record import TrainedAdapter
    from hsvlm.pretraining import PretrainedEncoder

__all__ = ["fit_net"]

# An encoder is prepared with so many windows, fewer if they hold more numbers than that (256 MiB).
_MOST_WINDOWS = 2**12
_MOST_NUMBERS = 2**26


def fit_net(
    model_params: dict[str, Any],
    settings: TrainingSettings,
    training: WindowDataset,
    validation: WindowDataset | None,
    *,
    seed: int,
    previous: tuple[Any, TrainedAdapter | None] | None = None,
    checkpoint: Any = None,
    interruptible: bool = True,
    task: str = "training",
) -> Any:
    """Train an aligned model."""
    device = training.targets.device
    with seeded_scope(seed, device) as generator:
        net = new_net(model_params, settings, training, validation, generator, checkpoint, task)
        check_batch_norm(net.module_.encoder, settings.batch_size)
        if previous is not None:
            _continue_from(*previous, net)
        elif checkpoint is None or not checkpoint.continues:
            _prepare(net.module_, training, generator, model_params.get("pretrained"))
        n_pixels = settings.batch_size * training.source.size**2
        parts = n_parts(settings.batch_size, n_pixels) if is_divisible(net.module_) else 1
        try:
            with threads_for(parts, n_pixels) as threads:
                net._threads = threads
                net.partial_fit(training)
                net.module_.eval()
                if "pretrained" in model_params:
                    net.merge_adapter()
                _check_outputs(net, training)
        except (KeyError, SkorchException) as error:
            _explain_missing_figure(net, validation, error)
            raise
    if net.interrupted_ and not interruptible:
        raise KeyboardInterrupt
    if net.interrupted_:
        _tell_interruption(net, checkpoint)
    else:
        warn_of_missing_scores(net)
    drop_training_state(net, checkpoint)
    return net


@torch.no_grad()
def _prepare(
    model: Any,
    training: WindowDataset,
    generator: torch.Generator,
    pretrained: PretrainedEncoder | None,
) -> None:
    """Let an encoder that wants to set initial weights that were not pre-trained by windows."""
    if not hasattr(model.encoder, "prepare"):
        return
    source, used = training.source, training.weights.nonzero().flatten()
    n_windows = min(_MOST_WINDOWS, max(1, _MOST_NUMBERS // (source.size**2 * source.n_channels)))
    order = torch.randperm(len(used), generator=generator, device=used.device)
    # The whole model, or the training would not notice that its encoder is in another mode.
    model.eval()
    names = set() if pretrained is None else set(pretrained.weights)
    state = {name: x.clone() for name, x in model.encoder.state_dict().items() if name in names}
    model.encoder.prepare(source.gather(used[order[:n_windows]]), generator)
    model.encoder.load_state_dict(state, strict=False)


def _explain_missing_figure(net: Any, validation: Any, error: Exception) -> None:
    text = str(error.args[0]) if error.args else ""
    if validation is None and "valid" in text:
        raise ParameterError(
            f"A callback asks for a validation figure ({error}), but nothing is held out. "
            'Set validation_fraction, or let it monitor "train_loss".'
        ) from error
    if "history" in text:
        known = sorted(set(net.history[-1]) - {"batches"}) if net.history else []
        raise ParameterError(
            f"A callback asks for a figure that is not recorded ({text}).",
            f"The history has {', '.join(known)}.",
        ) from error


@torch.inference_mode()
def _check_outputs(net: Any, training: WindowDataset) -> None:
    # A step may ruin the weights after the last loss was computed.
    first = torch.arange(len(training), device=training.targets.device)[: net.batch_size]
    if torch.isfinite(net.module_(training.source.gather(first))).all():
        return
    raise TrainingDivergedError(
        f"After training with lr={net.lr:.3g} and batch_size={net.batch_size}, outputs of the "
        "network are not finite. Lower lr, raise batch_size, or look for extreme values in the "
        "data."
    )


def _tell_interruption(net: Any, checkpoint: Any) -> None:
    # The last row of the history is that of the epoch that was interrupted.
    del net.history[-1:]
    finished = len(net.history)
    if not finished:
        raise KeyboardInterrupt
    best = dict(net.callbacks_)["best_weights"]
    going_on = "warm_start=True continues from them"
    if checkpoint is not None and checkpoint.path.exists():
        going_on += ", resume=True from the last checkpoint"
    message = (
        f"Training was interrupted in epoch {finished + 1} of {net.max_epochs}. The classifier "
        f"keeps the weights of the best epoch, {best.epoch_} (loss {best.loss_:.4g}), and can be "
        f"used; {going_on}."
    )
    warnings.warn(message, HSVLMWarning, stacklevel=2)


def _continue_from(previous: Any, adapter: TrainedAdapter | None, net: Any) -> None:
    parts = {
        "vision_encoder": "module__encoder",
        "the window, patch_size or vision_params": "module__encoder_params",
        "projection": "module__projection",
    }
    changed = [
        name
        for name, key in parts.items()
        if _as_lists(getattr(previous, key)) != _as_lists(getattr(net, key))
    ]
    if (previous.module_.head is None) != (net.module_.head is None):
        changed.append("criterion")
    former = None if adapter is None else (adapter.base, adapter.method, adapter.params)
    if former != _start_of(net):
        changed.append("pretrained, adapter or adapter_params")
    if changed:
        raise ParameterError(
            f"warm_start=True continues with the network of the previous fit, but "
            f"{'; '.join(changed)} changed. Set them back, or set warm_start=False."
        )
    factors = None
    if adapter is not None and adapter.method != "full":
        factors = {name: torch.from_numpy(values) for name, values in adapter.factors.items()}
    net.module_.continue_from(previous.module_.state_dict(), factors)


def _as_lists(value: Any) -> Any:
    """Turn the arrays and tuples of settings into lists, which compare."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_as_lists(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _as_lists(each) for name, each in value.items()}
    return value


def _start_of(net: Any) -> tuple[str, str, dict[str, Any]] | None:
    pretrained = getattr(net, "module__pretrained", None)
    if pretrained is None:
        return None
    settings = net.module__adapter
    return pretrained.digest, settings.method, settings.to_dict()
