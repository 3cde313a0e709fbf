"""The steps of a fit: class prototypes, channels, windows, held-out samples and training."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from hsvlm._data.labels import warn_of_spellings
from hsvlm._data.named_labels import agreed_names, own_names
from hsvlm._inputs.kinds import class_targets, fit_inputs, merge_duplicates
from hsvlm._inputs.windows import input_source
from hsvlm._prediction.model import FittedModel
from hsvlm._system.devices import is_out_of_memory, resolve_device, seed_of
from hsvlm._system.paths import expand_home
from hsvlm._training.arguments import model_arguments, training_settings
from hsvlm._training.bands import take_wavelengths, with_band_centers
from hsvlm._training.checkpoint import Checkpoint, Identity
from hsvlm._training.checks import (
    announce_prompts,
    check_parameters,
    check_stated_sources,
    check_warm_start,
    class_weights,
    encoder_class,
)
from hsvlm._training.codes import names_of_codes, warn_of_numbered_texts
from hsvlm._training.loop import fit_net
from hsvlm._training.net import WindowDataset
from hsvlm._training.settings import FitSettings
from hsvlm._training.unused import warn_of_unused_settings
from hsvlm._training.validation import random_validation, spatial_validation
from hsvlm._training.weights import (
    start_preprocessing,
    starting_weights,
    take_steps,
    trained_adapter,
    with_pretrained,
)
from hsvlm._training_record import make_record, summarize_spectra
from hsvlm.contrastive.losses import uses_text
from hsvlm.exceptions import DeviceMemoryError
from hsvlm.preprocessing.centers import center_spectra
from hsvlm.preprocessing.sources import sources_after
from hsvlm.prompts import resolve_prompts
from hsvlm.readout.disputed import find_disputed, list_disputed, warn_of_disputed
from hsvlm.readout.held_out import hold_out
from hsvlm.readout.scene import fit_readout, readout_settings
from hsvlm.samples import PixelSamples, remembered_names
from hsvlm.text import encode_prompts
from hsvlm.text.models import encoder_identity
from hsvlm.vision.arguments import encodes_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

    from hsvlm._data.cubes import Padding
    from hsvlm._data.named_labels import NamedLabels
    from hsvlm._training_record import Readout
    from hsvlm.pretraining import PretrainedEncoder

__all__ = ["fit_classifier"]


def fit_classifier(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, previous: FittedModel | None
) -> FittedModel:
    """Fit a classifier, or continue the previous fit.

    `estimator` is a copy: scikit-learn's validation leaves attributes on it.
    """
    settings = FitSettings.of(estimator)
    check_parameters(settings)
    settings, pretrained = with_pretrained(settings)
    X, y, weights = fit_inputs(estimator, X, y, sample_weight)
    settings = take_steps(take_wavelengths(settings, X, pretrained), pretrained, X)
    classes, targets = class_targets(y, None if previous is None else previous.classes)
    warn_of_spellings(classes)
    stated, prompts = names_of_codes(settings, previous, X, y)
    named = agreed_names(remembered_names(X, y), stated)
    weights = weights * class_weights(settings.class_weight, y)
    warn_of_unused_settings(settings, classes, X)
    if previous is None:
        texts = _encode_classes(settings, classes, prompts, named)
    else:
        check_warm_start(settings, previous, named.names)
        texts = {name: getattr(previous, name) for name in _TEXTS}
    attributes = vars(estimator)
    texts["metadata"] = with_band_centers(attributes.get("metadata_", {}), settings)
    texts["n_features_in"] = attributes["n_features_in_"]
    texts["feature_names_in"] = attributes.get("feature_names_in_")
    return _train(settings, texts, X, targets, weights, previous, pretrained)


# Of the epochs, in trainings that only serve to weigh the read-out: longer ones weigh it the same.
_SHARE_OF_PART = 1 / 12

# The side of the classes, which a continued fit keeps.
_TEXTS = (
    "classes",
    "class_names",
    "text_classes",
    "prompts",
    "text_encoder",
    "text_encoder_identity",
    "text_embeddings",
)


def _encode_classes(
    settings: FitSettings, classes: NDArray[Any], prompts: Any, named: NamedLabels
) -> dict[str, Any]:
    warn_of_numbered_texts(settings, named)
    texts = resolve_prompts(prompts, classes, named.names)
    announce_prompts(settings, texts, named.names)
    result = {
        "classes": classes,
        "class_names": own_names(classes, named.names),
        "text_classes": named.is_text,
        "prompts": texts,
    }
    if not uses_text(settings.criterion) or encodes_texts(encoder_class(settings.vision_encoder)):
        return result
    encoder, device = settings.text_encoder, str(resolve_device(settings.device))
    embeddings = encode_prompts(texts, encoder, device=device)
    return result | {
        # Kept, so that a fitted classifier does not change with its parameters.
        "text_encoder": encoder,
        # After encoding, which may have downloaded the encoder.
        "text_encoder_identity": encoder_identity(encoder),
        "text_embeddings": embeddings,
    }


def _train(
    settings: FitSettings,
    texts: dict[str, Any],
    X: PixelSamples | NDArray[Any],
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    previous: FittedModel | None,
    pretrained: PretrainedEncoder | None,
) -> FittedModel:
    device = resolve_device(settings.device)
    seed = seed_of(settings.random_state)
    X, targets, weights = merge_duplicates(X, targets, weights)
    samples = X if isinstance(X, PixelSamples) else None
    if samples is not None:
        window_size = int(settings.window_size)
        train, valid = spatial_validation(settings, samples, targets, window_size, seed)
    else:
        window_size = X.shape[1] if X.ndim == 4 else 1
        train, valid = random_validation(settings, targets, seed)
    sources = None if samples is None else samples.sources
    check_stated_sources(settings, sources)
    spectra = center_spectra(X[train])
    preprocessing = (
        start_preprocessing(settings, pretrained, spectra, sources)
        if previous is None
        else previous.preprocessing
    )
    summary = summarize_spectra(spectra, targets[train])
    del spectra

    identity = Identity()
    on_spectra = None if settings.checkpoint_dir is None else identity.add_rows

    def dataset(index: NDArray[np.intp], on_spectra: Any = None) -> WindowDataset:
        how = preprocessing, window_size, cast("Padding", settings.padding), device
        relative = weights[index] / weights[index].mean()
        return WindowDataset(
            input_source(X[index], *how, on_spectra),
            torch.from_numpy(targets[index].astype(np.int64)).to(device),
            torch.from_numpy(relative.astype(np.float32)).to(device),
            texts["classes"],
        )

    with _memory_watched(settings, window_size, device):
        training = dataset(train, on_spectra)
        validation = dataset(valid, on_spectra) if len(valid) else None
        channels = training.source.n_channels, sources_after(preprocessing)
        model_params = model_arguments(settings, texts, *channels, window_size)
        model_params |= starting_weights(settings, pretrained)
        optimization = training_settings(settings, len(train))
        former = None if previous is None else (previous.net, previous.adapter)

        def as_model(net: Any) -> FittedModel:
            return FittedModel(
                **{**texts, **_results(net)},
                adapter=trained_adapter(net, model_params),
                preprocessing=preprocessing,
                window_size=window_size,
                padding=cast("Padding", settings.padding),
                device=str(device),
            )

        def fit_part(part: NDArray[np.intp]) -> FittedModel:
            n_epochs = math.ceil(optimization.max_epochs * _SHARE_OF_PART)
            part_settings = replace(optimization, max_epochs=n_epochs, callbacks=())
            data = dataset(train[part])
            how: Any = {"seed": seed, "interruptible": False, "task": "read-out"}
            return as_model(fit_net(model_params, part_settings, data, None, **how))

        readout = None
        if settings.spatial is not None and samples is not None:
            known = samples[train], targets[train], weights[train], len(texts["classes"])
            former_readout = None if previous is None else previous.readout
            readout, is_used = _readout(settings, *known, fit_part, seed, former_readout)
            training.weights[torch.from_numpy(~is_used).to(device)] = 0
        checkpoint = None
        if settings.checkpoint_dir is not None:
            # A training that leaves out other labels is another one.
            identity.add(device.type, seed)
            net_before = None if previous is None else previous.net
            identity.add_training(model_params, optimization, (training, validation), net_before)
            folder = expand_home(settings.checkpoint_dir)
            path = folder / f"{identity.hexdigest()[:16]}.zip"
            checkpoint = Checkpoint(path, settings.checkpoint_every, settings.resume)
        net = fit_net(
            model_params,
            optimization,
            training,
            validation,
            seed=seed,
            previous=former,
            checkpoint=checkpoint,
        )
    scenes = None if readout is None or len(valid) or len(readout.disputed) else readout.scenes
    record = make_record(X, summary, scenes, None if previous is None else previous.training)
    return replace(as_model(net), readout=readout, training=record)


def _readout(
    settings: FitSettings,
    X: PixelSamples,
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    n_classes: int,
    fit_part: Callable[[NDArray[np.intp]], FittedModel],
    seed: int,
    former: Readout | None,
) -> tuple[Readout, NDArray[np.bool_]]:
    """Return the read-out of the scenes, and which labels it and the training use."""
    params, is_used = settings.spatial_params, np.ones(len(targets), dtype=bool)
    readout = fit_readout(params, X, targets, weights, n_classes)
    if readout_settings(params)["weights"] != "auto":
        return readout, is_used
    if former is not None:
        # The fit that is continued has seen the labels that would be held out.
        found = {name: getattr(former, name) for name in ("temperature", "weights", "noise")}
        return replace(readout, **found), is_used
    findings = hold_out(readout, X, targets, weights, fit_part, seed)
    is_disputed = find_disputed(targets, findings.trust, findings.readout.noise)
    if not is_disputed.any():
        return findings.readout, is_used
    warn_of_disputed(int(is_disputed.sum()), len(targets))
    is_used = ~is_disputed
    used = fit_readout(params, X[is_used], targets[is_used], weights[is_used], n_classes)
    disputed = list_disputed(X, targets, is_disputed, findings)
    without = replace(findings.readout, scenes=used.scenes, discriminant=used.discriminant)
    return replace(without, disputed=disputed), is_used


@contextmanager
def _memory_watched(
    settings: FitSettings, window_size: int, device: torch.device
) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceMemoryError(
            f"There is not enough memory on {device} for this training. Lower batch_size "
            f"({settings.batch_size}) first; then window_size ({window_size}), n_components or the "
            "width and depth in vision_params, or raise patch_size; or take another device."
        ) from error


def _results(net: Any) -> dict[str, Any]:
    module = net.module_
    result: dict[str, Any] = {"net": net, "interrupted": net.interrupted_}
    if module.head is not None:
        return {**result, "n_features_out": module.head.in_features}
    with torch.inference_mode():
        prototypes = module.prototypes().cpu().numpy()
        scale = float(module.logit_scale())
    n_features = prototypes.shape[1]
    if module.encodes_texts:
        result["text_embeddings"] = prototypes
    return {**result, "prototypes": prototypes, "logit_scale": scale, "n_features_out": n_features}
