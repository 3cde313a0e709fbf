"""What a classifier knows of its scenes as JSON and tensors, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.pipeline import Pipeline

from hsvlm._fitted_scene import FittedScene, Readout, readout_settings, spread
from hsvlm._saved_model.checks import check_steps
from hsvlm._saved_model.steps import pack_steps, unpack_steps
from hsvlm._saved_model.values import fields
from hsvlm.preprocessing import SpectralPCA

if TYPE_CHECKING:
    from hsvlm._saved_model.values import Packer, Unpacker

__all__ = ["pack_readout", "unpack_readout"]

_PLACE: Final = "readout"
_SETTINGS: Final = ("restart", "contrast", "agreement", "n_steps")
_FACTORS: Final = ("scale", "temperature")
_ARRAYS: Final = ("coords", "targets", "weights", "references")


def pack_readout(packer: Packer, readout: Readout) -> dict[str, Any]:
    """Turn a read-out into JSON.

    Parameters
    ----------
    packer : Packer
        Receives the arrays.
    readout : Readout
        Of a fitted classifier.

    Returns
    -------
    dict
        For `json.dumps`.
    """
    scenes = [
        {
            "shape": list(scene.shape),
            **{
                name: packer.store(getattr(scene, name), f"{_PLACE}.{number}.{name}")
                for name in _ARRAYS
            },
        }
        for number, scene in enumerate(readout.scenes)
    ]
    return {
        **{name: getattr(readout, name) for name in (*_SETTINGS, *_FACTORS)},
        "edges": pack_steps(packer, readout.edges.steps, f"{_PLACE}.edges"),
        "scenes": scenes,
        "brier_scores": packer.pack(readout.brier_scores, f"{_PLACE}.brier_scores"),
    }


def unpack_readout(unpacker: Unpacker, record: Any, clf: Any) -> Readout:
    """Turn JSON into a read-out.

    Parameters
    ----------
    unpacker : Unpacker
        Holds the arrays.
    record : dict
        Result of `pack_readout`.
    clf : HSIPromptClassifier
        With its classes and its number of bands.

    Returns
    -------
    Readout
        Checked against them.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it is nothing that `pack_readout` makes.
    """
    fields(record, (*_SETTINGS, *_FACTORS, "edges", "scenes", "brier_scores"))
    steps = unpack_steps(unpacker, record["edges"])
    n_bands = clf.n_features_in_
    check_steps([step for _, step in steps], n_bands)
    settings = readout_settings({name: record[name] for name in _SETTINGS})
    factors = {name: record[name] for name in _FACTORS}
    brier_scores = unpacker.unpack(record["brier_scores"])
    scenes = tuple(_scene(unpacker, one, n_bands, len(clf.classes_)) for one in record["scenes"])
    whole = scenes and steps and isinstance(steps[-1][1], SpectralPCA) and settings["restart"]
    positive = all(type(one) is float and 0 < one < np.inf for one in factors.values())
    known = [] if brier_scores is None else [*brier_scores, *brier_scores.values()]
    if not (whole and positive and all(type(one) is float for one in known)):
        message = "scale, temperature, restart, edges, scenes or Brier scores of the read-out"
        raise ValueError(message)
    edges = Pipeline(steps).set_output(transform="default")
    return Readout(**settings, **factors, edges=edges, scenes=scenes, brier_scores=brier_scores)


def _scene(unpacker: Unpacker, record: Any, n_bands: int, n_classes: int) -> FittedScene:
    fields(record, ("shape", *_ARRAYS))
    height, width, bands = (int(one) for one in record["shape"])
    arrays = {name: unpacker.unpack(record[name]) for name in _ARRAYS}
    coords, targets, weights, references = arrays.values()
    n_known = len(coords)
    fits = (
        bands == n_bands
        and n_known > 0
        and coords.shape == (n_known, 2)
        and targets.shape == weights.shape == (n_known,)
        and references.shape == (len(spread(n_known)), bands)
        and coords.dtype == targets.dtype == np.int64
        and weights.dtype == references.dtype == np.float64
        and bool((coords >= 0).all() and (coords < (height, width)).all())
        and bool((targets >= 0).all() and (targets < n_classes).all())
        and bool((weights > 0).all() and np.isfinite(weights).all())
        and bool(np.isfinite(references).all())
    )
    if not fits:
        message = "a scene of the read-out"
        raise ValueError(message)
    return FittedScene((height, width, bands), **arrays)
