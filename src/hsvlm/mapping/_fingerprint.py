"""Fingerprints of calls, by which partial work is recognized."""

from __future__ import annotations

import pickle
import secrets
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib.hashing import NumpyHasher
from sklearn.pipeline import Pipeline

from hsvlm._data.lazy import is_in_memory, read_rows, release_pages, row_blocks
from hsvlm._data.sources import source_sizes
from hsvlm._storage.values import Packer
from hsvlm._system.version import __version__
from hsvlm.estimator import HSIPromptClassifier
from hsvlm.exceptions import HSVLMError, HSVLMWarning
from hsvlm.preprocessing.packing import pack_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hsvlm.scene import Scene

_N_SAMPLED_ROWS = 8


def fingerprint(
    clf: Any, scene: Scene, files: Sequence[Path], options: Any, cube: Any = None
) -> str:
    """Hash everything that the results depend on."""
    try:
        classifier = _hash(_state(clf))
    except (pickle.PicklingError, AttributeError, TypeError):
        message = (
            f"{type(clf).__name__} cannot be pickled, so its partial work cannot be recognized: "
            "if this run is stopped, the next one starts afresh. "
            "Functions defined by lambda are a usual reason; def in a module helps."
        )
        warnings.warn(message, HSVLMWarning, stacklevel=3)
        classifier = secrets.token_hex()
    cube = scene.cube if cube is None else cube
    values = [_hash(read_rows(cube, *rows)) for rows in _compared_rows(cube)]
    release_pages(cube)
    parts = [
        __version__,
        classifier,
        # The same weights round differently on another device.
        _devices(clf),
        tuple(cube.shape),
        str(cube.dtype),
        values,
        scene.wavelengths_nm,
        *([] if scene.sources is None else [source_sizes(scene.sources)]),
        None if scene.valid is None else np.packbits(scene.valid),
        [_stamp(path) for path in files],
        options,
    ]
    return _hash(parts)


def _compared_rows(cube: Any) -> Iterator[tuple[int, int]]:
    """Choose rows to be hashed: all in memory, where no file tells of changes; else a few."""
    if is_in_memory(cube):
        yield from row_blocks(cube.shape)
        return
    for row in np.unique(np.linspace(0, cube.shape[0] - 1, _N_SAMPLED_ROWS).astype(int)).tolist():
        yield row, row + 1


def model_digest(clf: Any) -> str | None:
    """Hash what a classifier predicts with; None if it cannot be pickled."""
    try:
        state = _state(clf)
        if isinstance(clf, HSIPromptClassifier):
            # As they are saved: objects have attributes of which predictions are independent.
            with suppress(HSVLMError):
                packer = Packer()
                steps = pack_steps(packer, clf.preprocessing_.steps, "preprocessing")
                tensors = {name: tensor.numpy() for name, tensor in packer.tensors.items()}
                state["preprocessing"] = steps, tensors
        return _hash(state)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None


class _Hasher(NumpyHasher):  # type: ignore[misc]
    """Hashes the values of arrays, but neither their layout nor the gaps in their records."""

    def save(self, obj: Any) -> None:
        if isinstance(obj, HSIPromptClassifier):
            obj = _state(obj)  # in another classifier; networks differ from process to process
        if isinstance(obj, np.ndarray) and obj.dtype.names:
            # Trees have such gaps, whose bytes change from one loading to the next.
            obj = {name: obj[name].copy() for name in obj.dtype.names}
        elif isinstance(obj, np.ndarray) and obj.ndim:
            obj = np.ascontiguousarray(obj)
        super().save(obj)


def _hash(value: Any) -> str:
    return str(_Hasher(hash_name="md5").hash(value))


def _stamp(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def _devices(clf: Any) -> list[str]:
    clf = clf.steps[-1][1] if isinstance(clf, Pipeline) else clf
    if not isinstance(clf, HSIPromptClassifier):
        return []
    return sorted({weight.device.type for weight in clf.net_.module_.state_dict().values()})


def _state(clf: Any) -> Any:
    if isinstance(clf, Pipeline):
        return [_state(step) for _, step in clf.steps]
    if not isinstance(clf, HSIPromptClassifier):
        return clf
    weights = clf.net_.module_.state_dict()
    readout = None if clf.spatial is None else vars(clf).get("readout_")
    return {
        "weights": {name: weight.cpu().numpy() for name, weight in weights.items()},
        "encoder": str(clf.vision_encoder),
        "settings": (clf.vision_params, clf.patch_size, clf.window_size_, clf.padding_),
        "precision": clf.net_.module__precision,
        "classes": clf.classes_,
        "prototypes": vars(clf).get("prototypes_"),
        "scale": vars(clf).get("logit_scale_"),
        "preprocessing": _state(clf.preprocessing_),
        "readout": readout,
    }
