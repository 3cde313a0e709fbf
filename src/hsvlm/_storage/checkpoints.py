"""Files from which a training resumes: one record and its tensors, with digests."""

from __future__ import annotations

import json
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import torch

from hsvlm._storage.format import CONFIG, FORMAT
from hsvlm._storage.parts import CARD, TENSORS, read_parts, write_parts
from hsvlm._storage.tensors import read_tensors, write_tensors
from hsvlm._storage.values import Unpacker
from hsvlm._system.files import file_error
from hsvlm._system.version import __version__
from hsvlm.exceptions import FileError, HSVLMError, HSVLMWarning, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from hsvlm._storage.values import Packer

__all__ = ["check_checkpointing", "check_folder", "opened_checkpoint", "write_checkpoint"]

_AFRESH: Final = "Delete it to start this training afresh."


def check_checkpointing(folder: Any, *, resume: bool, random_state: Any) -> None:
    """Refuse to resume from nowhere, and checkpoints of a training that cannot be repeated."""
    if folder is None:
        if resume:
            raise ParameterError(
                "resume=True needs to know where the checkpoints are. Set checkpoint_dir to the "
                "folder that the interrupted training had."
            )
    elif random_state is None:
        raise ParameterError(
            "checkpoint_dir needs a random_state: with None, every fit draws another seed, and "
            "none could be continued. Set an integer."
        )


def check_folder(folder: Path) -> None:
    """Make the folder of checkpoints, or raise if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError as error:
        raise file_error(folder, f"cannot be made ({error})", "Choose another folder.") from error
    if not writable:
        raise file_error(folder, "cannot be written to", "Choose another checkpoint_dir.")


def write_checkpoint(
    path: Path, pack: Callable[[], tuple[Packer, Any]], card: str, epoch: int
) -> None:
    """Write the state of a training after an epoch; warn if that fails."""
    try:
        packer, record = pack()
        config = {
            "format": FORMAT,
            "versions": {"hsvlm": __version__, "torch": torch.__version__},
            "checkpoint": record,
        }
        parts = {
            CONFIG: json.dumps(config, indent=1, allow_nan=False).encode() + b"\n",
            TENSORS: write_tensors(packer.tensors),
            CARD: card.encode(),
        }
        write_parts(path, parts)
    except HSVLMError as error:
        # A training is worth more than its checkpoint.
        message = f"The checkpoint of epoch {epoch} is left out: {error}"
        warnings.warn(message, HSVLMWarning, stacklevel=3)


@contextmanager
def opened_checkpoint(path: Path) -> Iterator[tuple[Any, Unpacker]]:
    """Yield the record of a checkpoint; raise if the block cannot make use of it."""
    try:
        parts = read_parts(path)
        config = json.loads(parts[CONFIG])
        unpacker = Unpacker(read_tensors(parts[TENSORS]))
        yield config["checkpoint"], unpacker
        unpacker.close()
    except FileError as error:
        raise FileError(f"The checkpoint cannot be continued from. {error} {_AFRESH}") from error
    except Exception as error:  # the digests are right: another version wrote it, or a stranger
        wrong = f"is no checkpoint of this training ({type(error).__name__}: {error})"
        raise file_error(path, wrong, _AFRESH) from error
    _warn_of_versions(path, config["versions"])


def _warn_of_versions(path: Path, written: Mapping[str, str]) -> None:
    here = {"hsvlm": __version__, "torch": torch.__version__}
    changed = [
        f"{name} {written.get(name)} (now {now})"
        for name, now in here.items()
        if written.get(name) != now
    ]
    if changed:
        message = (
            f"{path} was written with {' and '.join(changed)}: training goes on, but its last bits "
            "may differ from what they would have been."
        )
        warnings.warn(message, HSVLMWarning, stacklevel=4)
