"""Checkpoints: files from which a training resumes with identical results."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from skorch.callbacks import (
    Callback,
    MlflowLogger,
    NeptuneLogger,
    PrintLog,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    WandbLogger,
)
from skorch.history import History

from hsvlm._storage.checkpoints import check_folder, opened_checkpoint, write_checkpoint
from hsvlm._storage.values import Packer, fields
from hsvlm._training.callbacks import Monitor
from hsvlm.contrastive.adapter_settings import AdapterSettings
from hsvlm.exceptions import ParameterError
from hsvlm.pretraining import PretrainedEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from hsvlm._storage.values import Unpacker
    from hsvlm._training.net import TrainingSettings, WindowDataset

__all__ = ["Checkpoint", "Identity"]

_CARD: Final = """\
# An unfinished training

Written by the Python package hsvlm while a classifier was being fitted. The same fit goes on from
here with `checkpoint_dir` set to the folder of this file and `resume=True`. It can be deleted when
the classifier has been saved.
"""
_LOGGERS: Final = (
    MlflowLogger,
    NeptuneLogger,
    PrintLog,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    WandbLogger,
)
_CONNECTIONS: Final = {"client_", "keys_ignored_", "pbar_", "run_"}
_STATE: Final = ("weights", "optimizer", "generators", "history", "callbacks", "stopped")


class Identity:
    """Digest of everything that the course of a training follows from."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, *values: Any) -> None:
        """Take more values into account."""
        for value in values:
            if isinstance(value, Mapping):
                self.add(*value.items())
            elif isinstance(value, (list, tuple)):
                self.add(f"{len(value)} values", *value)
            elif isinstance(value, torch.Tensor):
                self.add(value.detach().cpu().numpy())
            elif isinstance(value, np.ndarray):
                self.add(value.dtype.str, value.shape)
                self.add_rows(value)
            elif isinstance(value, PretrainedEncoder):
                self.add(value.digest)
            elif isinstance(value, AdapterSettings):
                self.add(value.method, value.to_dict())
            elif value is None or isinstance(value, (bool, int, float, str, np.generic)):
                self._digest.update(f"{value!r}\n".encode())
            else:
                # Other objects tell by their address what they are: their type has to do.
                named = value if hasattr(value, "__qualname__") else type(value)
                self.add(f"{named.__module__}.{named.__qualname__}")

    def add_rows(self, array: Any) -> None:
        """Take values into account, however they are divided into arrays."""
        self._digest.update(np.ascontiguousarray(array).data)

    def add_training(
        self,
        model_params: Mapping[str, Any],
        settings: TrainingSettings,
        datasets: tuple[WindowDataset | None, ...],
        previous: Any,
    ) -> None:
        """Take a training into account, save for the spectra of its windows."""
        plain = {key: value for key, value in vars(settings).items() if key != "verbose"}
        if not settings.criterion_params:
            del plain["criterion_params"]  # as in files of versions that did not have it
        callbacks = [
            one if isinstance(one, type) else (type(one), one.get_params())
            for one in map(_callback, settings.callbacks)
        ]
        self.add(model_params, {**plain, "callbacks": callbacks})
        for data in datasets:
            if data is not None:
                source = data.source
                self.add(data.targets, data.weights, source.row_map, source.corners, source.strides)
        if previous is not None:
            self.add(previous.module_.state_dict())

    def hexdigest(self) -> str:
        """Name of what has been added."""
        return self._digest.hexdigest()


class Checkpoint(Callback):
    """Writes the state of a training into a file, and sets it back to what is in there."""

    def __init__(self, path: Path, every: int, resume: bool) -> None:
        self.path = path
        self.every = every
        self.resume = resume

    @property
    def continues(self) -> bool:
        """Whether there is a state that the training resumes from."""
        return self.resume and self.path.exists()

    def on_train_begin(self, net: Any, **_: Any) -> None:
        check_folder(self.path.parent)
        _packed(net, stopped=False)  # what cannot be kept is found before hours were spent
        if self.continues:
            _restore(net, self.path)

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        done = len(net.history)
        if done % self.every == 0 and done < net.max_epochs:
            self._write(net, stopped=False)

    def on_train_end(self, net: Any, **_: Any) -> None:
        if not (net.interrupted_ or net.stopped_):
            self._write(net, stopped=True)

    def _write(self, net: Any, *, stopped: bool) -> None:
        pack = partial(_packed, net, stopped=stopped)
        write_checkpoint(self.path, pack, _CARD, len(net.history))


def _callback(given: Any) -> Any:
    return given[1] if isinstance(given, tuple) else given


def _packed(net: Any, *, stopped: bool) -> tuple[Packer, dict[str, Any]]:
    packer = Packer()
    state = {
        "weights": net.module_.state_dict(),
        "optimizer": net.optimizer_.state_dict(),
        "generators": [one.get_state() for one in _generators(net)],
        "history": [{**row, "batches": []} for row in net.history],
        "stopped": stopped,
    }
    if criterion := net.criterion_.state_dict():
        state["criterion"] = criterion
    record = {name: packer.pack(value, name) for name, value in state.items()}
    record["callbacks"] = {name: _callback_state(packer, name, one) for name, one in _stateful(net)}
    return packer, record


def _restore(net: Any, path: Path) -> None:
    with opened_checkpoint(path) as (checkpoint, unpacker):
        record = fields(checkpoint, _STATE, ("criterion",))
        net.module_.load_state_dict(unpacker.unpack(record["weights"]))
        net.criterion_.load_state_dict(unpacker.unpack(record.get("criterion", {"dict": {}})))
        net.optimizer_.load_state_dict(unpacker.unpack(record["optimizer"]))
        generators = unpacker.unpack(record["generators"])
        for generator, state in zip(_generators(net), generators, strict=True):
            generator.set_state(state)
        net.history = History(unpacker.unpack(record["history"]))
        for name, callback in _stateful(net):
            _set_callback_state(unpacker, callback, record["callbacks"][name])
        net.stopped_ = unpacker.unpack(record["stopped"])


def _generators(net: Any) -> list[torch.Generator]:
    """Everything random: the net's own generator, and torch's for initialization and dropout."""
    own = net.iterator_train__generator
    on_device = own.device.type == "cuda"
    torchs = [torch.cuda.default_generators[own.device.index or 0]] if on_device else []
    return [own, torch.default_generator, *torchs]


def _stateful(net: Any) -> list[tuple[str, Any]]:
    own = (Monitor, Checkpoint)  # a progress bar, and what writes this
    return [(name, one) for name, one in net.callbacks_ if not isinstance(one, own)]


def _state(callback: Any) -> dict[str, Any]:
    """Return the attributes of a callback that end with an underscore."""
    # Connections of loggers are those of the program that runs.
    left_out = _CONNECTIONS if isinstance(callback, _LOGGERS) else set()
    return {
        key: value
        for key, value in vars(callback).items()
        if key.endswith("_") and key not in left_out and not callable(value)
    }


def _callback_state(packer: Packer, name: str, callback: Any) -> Any:
    try:
        return packer.pack(
            {
                key: {"state": value.state_dict()} if hasattr(value, "state_dict") else value
                for key, value in _state(callback).items()
            },
            f"callbacks.{name}",
        )
    except ParameterError as error:
        raise ParameterError(
            f"The callback {name} keeps what a checkpoint cannot hold: {error} Leave the callback "
            "out, or train with checkpoint_dir=None."
        ) from error


def _set_callback_state(unpacker: Unpacker, callback: Any, packed: Any) -> None:
    for key, value in unpacker.unpack(packed).items():
        current: Any = getattr(callback, key, None)
        if hasattr(current, "load_state_dict"):
            current.load_state_dict(value["state"])
        else:
            setattr(callback, key, value)
