"""What a result follows from, as a digest: estimator, data and split."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

import joblib
import numpy as np

from hsvlm._system.contents import content_digest
from hsvlm._system.hub import local_revision, split_address
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.text.models import encoder_identity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples

__all__ = ["data_digest", "fit_key", "read_contents"]

_FORMAT: Final = 2
# Settings that name a file or folder that a fit reads.
_READ: Final = ("clip", "pretrained", "text_encoder")


def data_digest(X: PixelSamples, y: NDArray[Any]) -> str:
    """Name samples with what they know of classes and bands, and their labels.

    Shapes: `X` (n_samples, n_bands), `y` (n_samples,).
    """
    names = None if X.named_labels is None else X.named_labels.names
    sources = {name: (where.start, where.stop) for name, where in (X.sources or {}).items()}
    known = X.cubes, X.coords, X.scene_ids, X.wavelengths_nm, X.reach, sources, names
    digest: str = joblib.hash((known, y))
    return digest


def fit_key(estimator: Any, data: str, train: NDArray[Any], test: NDArray[Any]) -> str:
    """Digest the estimator with its settings, the data and the split, in any order."""
    kind = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
    settings = estimator.get_params()
    contents = read_contents(settings)
    read = {name: value for name, value in contents.items() if value is not settings[name]}
    if read:
        # Parts of an estimator hold the same settings once more.
        settings = copy.deepcopy(estimator).set_params(**read).get_params()
    try:
        digest: str = joblib.hash((_FORMAT, kind, settings, data, np.sort(train), np.sort(test)))
    except Exception as error:  # pickling calls the objects' own code, which may raise anything
        raise ParameterError(
            f"Results of {type(estimator).__name__} cannot be kept, because its settings cannot be "
            f"pickled ({error}). Use functions and classes of modules in them, or store=None."
        ) from error
    return digest


def read_contents(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Put the digest of what is read in place of its path; other values stay the same objects."""
    return {name: _contents(str(name).rpartition("__")[2], settings[name]) for name in settings}


def _contents(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):  # arguments of an encoder, or the grid of a search
        inner = read_contents(value)
        return inner if any(inner[key] is not value[key] for key in value) else value
    if name not in _READ:
        return value
    if isinstance(value, (list, tuple)):
        return [_contents(name, each) for each in value]
    # An empty text would be the folder where the program runs.
    path = expand_home(value) if isinstance(value, (str, PathLike)) and value != "" else None
    if path is not None and path.exists():
        return content_digest(path)
    revision = _hub_revision(name, value) if isinstance(value, str) else ""
    return f"{value}@{revision}" if revision else value


def _hub_revision(name: str, value: str) -> str:
    """Return the revision of a model that the local cache of the hub holds; empty if unknown."""
    if name == "text_encoder":
        try:
            return (encoder_identity(value) or "").partition("@")[2]
        except UnknownNameError:  # no name of a model, which the fit says
            return ""
    if place := split_address(value):
        return place.revision or local_revision([place.repository], [place.file])
    return local_revision([value]) if name == "clip" else ""
