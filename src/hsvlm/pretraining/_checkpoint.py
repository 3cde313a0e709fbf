"""Checkpoints of masked pre-training, from which it resumes with identical results."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from hsvlm._storage.checkpoints import check_folder, opened_checkpoint, write_checkpoint
from hsvlm._storage.values import Packer, fields
from hsvlm._system.paths import expand_home

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hsvlm.pretraining._choices import Choices
    from hsvlm.pretraining._loop import Course, TrainingSettings
    from hsvlm.pretraining._pixels import PixelPool
    from hsvlm.pretraining._reconstruction import MaskedModel

__all__ = ["Checkpoint", "checkpoint_of"]

_CARD: Final = """\
# An unfinished pre-training

Written by the Python package hsvlm while an encoder was being trained without labels. The same fit
continues from here with `checkpoint_dir` set to the folder of this file and `resume=True`. It can
be deleted when the encoder has been saved.
"""
_STATE: Final = ("best", "generators", "history", "optimizer", "rng", "schedule", "weights")


def checkpoint_of(
    pretrainer: Any,
    choices: Choices,
    model: MaskedModel,
    pool: PixelPool,
    settings: TrainingSettings,
    device: torch.device,
    seed: int,
    params: Mapping[str, Any],
) -> Checkpoint | None:
    """Make the checkpoint of a training, named by everything that the training follows from."""
    if pretrainer.checkpoint_dir is None:
        return None
    followed = {name: value for name, value in vars(settings).items() if name != "verbose"}
    followed |= {"normalize": pretrainer.normalize, "loss": pretrainer.loss} | vars(choices)
    # Numbers of NumPy are written in another way.
    followed["patch_size"] = int(pretrainer.patch_size)
    followed["mask_ratio"] = float(pretrainer.mask_ratio)
    # With the wavelengths that the encoder is told, which are not among its weights.
    followed |= {"vision_params": sorted(params.items()), "seed": seed, "on": device.type}
    digest = hashlib.sha256(repr(sorted(followed.items())).encode())
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    for scene in pool.scenes:
        digest.update(scene.digest.encode())
        digest.update(np.packbits(scene.centers).tobytes())
    folder = expand_home(pretrainer.checkpoint_dir)
    path = folder / f"{digest.hexdigest()[:16]}.zip"
    return Checkpoint(path, pretrainer.checkpoint_every, resume=pretrainer.resume)


class Checkpoint:
    """Writes the course of a training into a file, and sets it back to what is in there."""

    def __init__(self, path: Path, every: int, *, resume: bool) -> None:
        check_folder(path.parent)
        self._path = path
        self._every = every
        self._resume = resume

    @property
    def is_written(self) -> bool:
        """Whether there is a file to continue from."""
        return self._path.exists()

    def keep(self, course: Course, *, is_last: bool) -> None:
        """Write the file if as many epochs have passed, or no other follows."""
        n_epochs = len(course.history)
        if is_last or n_epochs % self._every == 0:
            write_checkpoint(self._path, partial(_packed, course), _CARD, n_epochs)

    def restore(self, course: Course) -> None:
        """Set a course to what the file holds, if there is one and it is to be continued."""
        if not (self._resume and self._path.exists()):
            return
        with opened_checkpoint(self._path) as (record, unpacker):
            state = {name: unpacker.unpack(value) for name, value in fields(record, _STATE).items()}
            course.model.load_state_dict(state["weights"])
            course.optimizer.load_state_dict(state["optimizer"])
            course.schedule.load_state_dict(state["schedule"])
            for generator, values in zip(_generators(course), state["generators"], strict=True):
                generator.set_state(values)
            course.rng.bit_generator.state = state["rng"]
            course.history[:] = state["history"]
            course.best_weights = state["best"]


def _packed(course: Course) -> tuple[Packer, dict[str, Any]]:
    packer = Packer()
    state = {
        "weights": course.model.state_dict(),
        "optimizer": course.optimizer.state_dict(),
        "schedule": course.schedule.state_dict(),
        "generators": [each.get_state() for each in _generators(course)],
        "rng": course.rng.bit_generator.state,
        "history": course.history,
        "best": course.best_weights,
    }
    return packer, {name: packer.pack(value, name) for name, value in state.items()}


def _generators(course: Course) -> list[torch.Generator]:
    """Everything random: the masks, and torch's own for dropout."""
    own = course.generator
    on_device = own.device.type == "cuda"
    torchs = [torch.cuda.default_generators[own.device.index or 0]] if on_device else []
    return [own, torch.default_generator, *torchs]
