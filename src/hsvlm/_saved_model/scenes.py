"""What a classifier knows of its scenes and its training data as JSON and tensors, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.pipeline import Pipeline

from hsvlm._data.sources import SourceDetails
from hsvlm._storage.values import fields
from hsvlm._training_record import (
    LEVELS,
    MAX_EXAMPLES,
    Discriminant,
    DisputedLabels,
    FittedScene,
    Readout,
    SpectraSummary,
    TrainingRecord,
    TrainingScene,
    reference_indices,
)
from hsvlm.preprocessing import SpectralPCA
from hsvlm.preprocessing.checks import check_steps
from hsvlm.preprocessing.packing import pack_steps, unpack_steps
from hsvlm.preprocessing.sources import sources_before
from hsvlm.readout.scene import readout_settings

if TYPE_CHECKING:
    from hsvlm._prediction.model import FittedModel
    from hsvlm._storage.values import Packer, Unpacker

__all__ = ["pack_readout", "pack_record", "unpack_readout", "unpack_record"]

_PLACE: Final = "readout"
_RECORD_PLACE: Final = "training"
_SETTINGS: Final = ("restart", "contrast", "agreement", "n_steps")
_FACTORS: Final = ("scale", "temperature")
# Far beyond those that a fit finds, which may be beyond those that spatial_params takes; scores and
# logarithms of probabilities stay finite under them.
_MAX_FACTOR: Final = 1e6
_OPINIONS: Final = ("weights", "noise")
_DISPUTED: Final = ("scenes", "coords", "targets", "suggested", "trust")
_DISCRIMINANT: Final = ("slopes", "offsets")
_DETAILS: Final = "sources"
_SCENE_ARRAYS: Final = ("coords", "references")
_ARRAYS: Final = (*_SCENE_ARRAYS, "targets", "weights")


def pack_readout(packer: Packer, readout: Readout) -> dict[str, Any]:
    """Turn a read-out into JSON."""
    scenes = [
        _pack_scene(packer, scene, f"{_PLACE}.{number}", _ARRAYS)
        for number, scene in enumerate(readout.scenes)
    ]
    disputed = None
    if len(readout.disputed):
        disputed = {
            name: packer.store(getattr(readout.disputed, name), f"{_PLACE}.disputed.{name}")
            for name in _DISPUTED
        }
    discriminant = readout.discriminant
    return {
        **{name: getattr(readout, name) for name in (*_SETTINGS, *_FACTORS)},
        "edges": pack_steps(packer, readout.edges.steps, f"{_PLACE}.edges"),
        "scenes": scenes,
        "weights": list(readout.weights),
        "noise": readout.noise,
        "disputed": disputed,
        "discriminant": None
        if discriminant is None
        else {
            name: packer.store(getattr(discriminant, name), f"{_PLACE}.discriminant.{name}")
            for name in _DISCRIMINANT
        },
    }


def unpack_readout(unpacker: Unpacker, record: Any, model: FittedModel) -> Readout:
    """Turn JSON into a read-out."""
    if "brier_scores" in record:
        record = _of_walks_alone(record)
    if "discriminant" not in record:
        record = _without_spectra(record)
    fields(
        record, (*_SETTINGS, *_FACTORS, *_OPINIONS, "edges", "scenes", "disputed", "discriminant")
    )
    steps = unpack_steps(unpacker, record["edges"])
    n_bands = model.n_features_in
    check_steps([step for _, step in steps], n_bands)
    settings = readout_settings({name: record[name] for name in _SETTINGS})
    factors = {name: record[name] for name in (*_FACTORS, "noise")}
    weights = tuple(record["weights"])
    scenes = tuple(_scene(unpacker, one, n_bands, len(model.classes)) for one in record["scenes"])
    whole = scenes and steps and isinstance(steps[-1][1], SpectralPCA) and len(weights) == 3
    numbers = *factors.values(), *weights
    finite = all(type(one) is float and 0 <= one < np.inf for one in numbers)
    if not (
        whole
        and finite
        and factors["scale"] > 0
        and 1 / _MAX_FACTOR <= factors["temperature"] <= _MAX_FACTOR
        and max(weights) <= _MAX_FACTOR
        and (record["discriminant"] is not None or not weights[2])
    ):
        raise ValueError("scale, temperature, weights, noise, edges or scenes of the read-out")
    settings["weights"] = weights
    edges = Pipeline(steps).set_output(transform="default")
    disputed = DisputedLabels.none()
    if record["disputed"] is not None:
        disputed = _disputed(unpacker, record["disputed"], len(model.classes))
    discriminant = None
    if record["discriminant"] is not None:
        sources = sources_before(model.preprocessing)
        n_spectral = n_bands if sources is None else next(iter(sources.values()))
        shape = len(model.classes), n_bands + n_spectral
        discriminant = _discriminant(unpacker, record["discriminant"], shape)
    parts = {"edges": edges, "scenes": scenes, "disputed": disputed, "discriminant": discriminant}
    return Readout(**settings, **factors, **parts)


def _of_walks_alone(record: dict[str, Any]) -> dict[str, Any]:
    """Read a read-out of before windows had a weight: its temperature was that of the walks."""
    fields(record, (*_SETTINGS, *_FACTORS, "edges", "scenes", "brier_scores"))
    kept = {name: value for name, value in record.items() if name != "brier_scores"}
    weights = [1 / float(record["temperature"]), 0.0]
    return {**kept, "temperature": 1.0, "weights": weights, "noise": 0.0, "disputed": None}


def _without_spectra(record: dict[str, Any]) -> dict[str, Any]:
    """Read a read-out of before spectra had a weight."""
    return {**record, "weights": [*record["weights"], 0.0], "discriminant": None}


def _discriminant(unpacker: Unpacker, record: Any, shape: tuple[int, int]) -> Discriminant:
    fields(record, _DISCRIMINANT)
    slopes, offsets = (unpacker.unpack(record[name]) for name in _DISCRIMINANT)
    fits = (
        slopes.shape == shape
        and offsets.shape == shape[:1]
        and all(one.dtype == np.float64 for one in (slopes, offsets))
        and all(bool(np.isfinite(one).all()) for one in (slopes, offsets))
    )
    if not fits:
        raise ValueError("a discriminant of the read-out")
    return Discriminant(slopes, offsets)


def _disputed(unpacker: Unpacker, record: Any, n_classes: int) -> DisputedLabels:
    fields(record, _DISPUTED)
    arrays = {name: unpacker.unpack(record[name]) for name in _DISPUTED}
    n_labels = len(arrays["trust"])
    whole = [arrays[name] for name in ("scenes", "targets", "suggested")]
    fits = (
        all(one.shape == (n_labels,) and one.dtype == np.int64 for one in whole)
        and arrays["coords"].shape == (n_labels, 2)
        and arrays["coords"].dtype == np.int64
        and arrays["trust"].dtype == np.float64
        and all(bool((one >= 0).all()) for one in arrays.values())
        and all(bool((one < n_classes).all()) for one in whole[1:])
        and bool((arrays["trust"] <= 1).all())
    )
    if not fits:
        raise ValueError("disputed labels of the read-out")
    return DisputedLabels(**arrays)


def pack_record(packer: Packer, record: TrainingRecord, readout: Readout | None) -> dict[str, Any]:
    """Turn a training record into JSON; scenes that the read-out holds are numbers."""
    known = () if readout is None else readout.scenes

    def packed(scene: TrainingScene, place: str) -> Any:
        numbers = [number for number, one in enumerate(known) if one is scene]
        return numbers[0] if numbers else _pack_scene(packer, scene, place, _SCENE_ARRAYS)

    scenes = None
    if record.scenes is not None:
        scenes = [
            packed(scene, f"{_RECORD_PLACE}.{number}") for number, scene in enumerate(record.scenes)
        ]
    # Missing where no source is described, as in models from before.
    details = {name: asdict(source) for name, source in record.sources.items()}
    return {
        **({_DETAILS: details} if details else {}),
        "n_spectra": record.spectra.n_spectra,
        "quantiles": packer.store(record.spectra.quantiles, f"{_RECORD_PLACE}.quantiles"),
        "examples": packer.store(record.spectra.examples, f"{_RECORD_PLACE}.examples"),
        "scenes": scenes,
    }


def unpack_record(unpacker: Unpacker, record: Any, model: FittedModel) -> TrainingRecord:
    """Turn JSON into a training record, checked against the bands and the read-out."""
    fields(record, ("n_spectra", "quantiles", "examples", "scenes"), (_DETAILS,))
    n_bands = model.n_features_in
    quantiles, examples = (unpacker.unpack(record[name]) for name in ("quantiles", "examples"))
    fits = (
        type(record["n_spectra"]) is int
        and record["n_spectra"] > 0
        and quantiles.shape == (len(LEVELS), n_bands)
        and quantiles.dtype == np.float64
        and examples.shape == (len(examples), n_bands)
        and 0 < len(examples) <= MAX_EXAMPLES
        and examples.dtype == np.float32
        and bool(np.isfinite(quantiles).all() and np.isfinite(examples).all())
        and bool((np.diff(quantiles, axis=0) >= 0).all())
    )
    if not fits:
        raise ValueError("a record of the training")
    summary = SpectraSummary(record["n_spectra"], quantiles, examples)
    details = _source_details(record.get(_DETAILS, {}))
    if record["scenes"] is None:
        return TrainingRecord(summary, None, details)
    known = () if model.readout is None else model.readout.scenes
    scenes: list[TrainingScene] = []
    for one in record["scenes"]:
        if type(one) is int and one >= 0:
            scenes.append(known[one])
        else:
            shape, arrays = _unpack_scene(unpacker, one, n_bands, _SCENE_ARRAYS)
            scenes.append(TrainingScene(shape, **arrays))
    return TrainingRecord(summary, tuple(scenes), details)


def _source_details(record: Any) -> dict[str, SourceDetails]:
    details = {}
    for name, values in record.items():
        fields(values, ("unit", "resampling", "ratio"))
        source = SourceDetails(**values)
        fits = (
            isinstance(source.unit, str)
            and isinstance(source.resampling, str)
            and type(source.ratio) is int
            and source.ratio > 0
        )
        if not fits:
            raise ValueError("a source of the training")
        details[name] = source
    return details


def _pack_scene(
    packer: Packer, scene: TrainingScene, place: str, names: tuple[str, ...]
) -> dict[str, Any]:
    arrays = {name: packer.store(getattr(scene, name), f"{place}.{name}") for name in names}
    return {"shape": list(scene.shape), **arrays}


def _unpack_scene(
    unpacker: Unpacker, record: Any, n_bands: int, names: tuple[str, ...]
) -> tuple[tuple[int, int, int], dict[str, Any]]:
    fields(record, ("shape", *names))
    height, width, bands = (int(side) for side in record["shape"])
    arrays = {name: unpacker.unpack(record[name]) for name in names}
    coords, references = arrays["coords"], arrays["references"]
    n_known = len(coords)
    fits = (
        bands == n_bands
        and n_known > 0
        and coords.shape == (n_known, 2)
        and references.shape == (len(reference_indices(n_known)), bands)
        and coords.dtype == np.int64
        and references.dtype == np.float64
        and bool((coords >= 0).all() and (coords < (height, width)).all())
        and bool(np.isfinite(references).all())
    )
    if not fits:
        raise _bad_scene()
    return (height, width, bands), arrays


def _scene(unpacker: Unpacker, record: Any, n_bands: int, n_classes: int) -> FittedScene:
    shape, arrays = _unpack_scene(unpacker, record, n_bands, _ARRAYS)
    targets, weights = arrays["targets"], arrays["weights"]
    fits = (
        targets.shape == weights.shape == arrays["coords"].shape[:1]
        and targets.dtype == np.int64
        and weights.dtype == np.float64
        and bool((targets >= 0).all() and (targets < n_classes).all())
        and bool((weights > 0).all() and np.isfinite(weights).all())
    )
    if not fits:
        raise _bad_scene()
    return FittedScene(shape, **arrays)


def _bad_scene() -> ValueError:
    return ValueError("a scene of the read-out")
