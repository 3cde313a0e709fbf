"""The steps of a fit: class prototypes, channels, windows, held-out samples and training."""

from __future__ import annotations

import copy
import math
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from hsvlm._data.labels import warn_of_spellings
from hsvlm._inputs.kinds import class_targets, fit_inputs, merge_duplicates
from hsvlm._inputs.windows import input_source
from hsvlm._prediction.model import FittedModel
from hsvlm._system.devices import is_out_of_memory, resolve_device, seed_of
from hsvlm._training.checkpoint import Checkpoint, Identity
from hsvlm._training.checks import (
    announce_prompts,
    check_parameters,
    check_warm_start,
    class_weights,
    encoder_class,
    names_of_codes,
    warn_of_unused_settings,
)
from hsvlm._training.loop import fit_net
from hsvlm._training.net import TrainingSettings, WindowDataset
from hsvlm._training_record import make_record, summarize_spectra
from hsvlm.exceptions import DeviceMemoryError, ParameterError
from hsvlm.model_selection import spatial_holdout
from hsvlm.preprocessing.centers import center_spectra
from hsvlm.preprocessing.default import fit_preprocessing
from hsvlm.prompts import resolve_prompts
from hsvlm.readout.restart import choose_restart
from hsvlm.readout.scene import fit_readout
from hsvlm.samples import PixelSamples, agreed_names, own_names, remembered_names
from hsvlm.text import encode_prompts
from hsvlm.text.models import encoder_identity
from hsvlm.vision.arguments import encoder_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["fit_classifier"]


def fit_classifier(clf: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """Fit a classifier and set all its fitted attributes, or none of them."""
    before = [name for name in vars(clf) if _is_fitted(name)]
    draft = copy.copy(clf)
    warm = clf.warm_start and "net_" in before
    if not warm:
        for name in before:
            delattr(draft, name)
    check_parameters(draft)
    X, y, weights = fit_inputs(draft, X, y, sample_weight)
    draft.classes_, targets = class_targets(y, clf.classes_ if warm else None)
    warn_of_spellings(draft.classes_)
    stated, prompts = names_of_codes(clf, X, y, warm=warm)
    named = agreed_names(remembered_names(X, y), stated)
    weights = weights * class_weights(draft.class_weight, y)
    warn_of_unused_settings(draft, X)
    if not warm:
        _encode_classes(draft, prompts, named.names)
        draft.class_names_ = own_names(draft.classes_, named.names)
        draft.text_classes_ = named.is_text
    else:
        check_warm_start(draft, named.names)
    _train(draft, X, targets, weights, previous=clf.net_ if warm else None)
    for name in before:
        delattr(clf, name)
    vars(clf).update({name: value for name, value in vars(draft).items() if _is_fitted(name)})


def _is_fitted(name: str) -> bool:
    return name == "_n_features_out" or (name.endswith("_") and not name.startswith("_"))


def _encode_classes(clf: Any, prompts: Any, names: Mapping[Any, str]) -> None:
    clf.prompts_ = resolve_prompts(prompts, clf.classes_, names)
    announce_prompts(clf, names)
    if clf.criterion == "cross-entropy":
        return
    # Kept, so that a fitted classifier does not change with its parameters.
    clf.text_encoder_ = clf.text_encoder
    clf.text_encoder_identity_ = encoder_identity(clf.text_encoder)
    device = str(resolve_device(clf.device))
    clf.text_embeddings_ = encode_prompts(clf.prompts_, clf.text_encoder, device=device)


def _train(
    clf: Any,
    X: PixelSamples | NDArray[Any],
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    *,
    previous: Any,
) -> None:
    device = resolve_device(clf.device)
    seed = seed_of(clf.random_state)
    clf.window_size_ = int(clf.window_size) if isinstance(X, PixelSamples) else _side(X)
    clf.padding_ = clf.padding
    X, targets, weights = merge_duplicates(X, targets, weights)
    kept, held = _holdout(clf, X, targets, clf.window_size_, seed)
    spectra = center_spectra(X[kept])
    if previous is None:
        clf.preprocessing_ = fit_preprocessing(clf, spectra)
    summary = summarize_spectra(spectra, targets[kept])
    del spectra

    identity = Identity()
    seen = None if clf.checkpoint_dir is None else identity.add_rows

    def dataset(index: NDArray[np.intp], seen: Any = None) -> WindowDataset:
        how = clf.preprocessing_, clf.window_size_, clf.padding_, device
        source = input_source(X[index], *how, seen)
        relative = weights[index] / weights[index].mean()
        return WindowDataset(
            source,
            torch.from_numpy(targets[index].astype(np.int64)).to(device),
            torch.from_numpy(relative.astype(np.float32)).to(device),
            clf.classes_,
        )

    with _memory_watched(clf, device):
        training = dataset(kept, seen)
        validation = dataset(held, seen) if len(held) else None
        model_params = _model_params(clf, training.source.n_channels)
        settings = _settings(clf)
        checkpoint = None
        if clf.checkpoint_dir is not None:
            identity.add(device.type, seed)
            identity.add_training(model_params, settings, (training, validation), previous)
            path = Path(clf.checkpoint_dir).expanduser() / f"{identity.hexdigest()[:16]}.zip"
            checkpoint = Checkpoint(path, clf.checkpoint_every, clf.resume)
        data = training, validation
        clf.net_ = fit_net(
            model_params, settings, *data, seed=seed, previous=previous, checkpoint=checkpoint
        )
        _set_results(clf, device)

        def fit_part(part: NDArray[np.intp]) -> FittedModel:
            other = copy.copy(clf)
            n_epochs = math.ceil(settings.max_epochs / 2)
            quiet = replace(settings, max_epochs=n_epochs, callbacks=(), verbose=0)
            other.net_ = fit_net(
                model_params, quiet, dataset(kept[part]), None, seed=seed, interruptible=False
            )
            _set_results(other, device)
            return FittedModel.from_attributes(vars(other))

        _set_readout(clf, X[kept], targets[kept], weights[kept], fit_part, seed)
    known = None if clf.readout_ is None or len(held) else clf.readout_.scenes
    clf.training_ = make_record(X, summary, known, getattr(clf, "training_", None))


def _set_readout(
    clf: Any,
    X: PixelSamples | NDArray[Any],
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    fit_part: Callable[[NDArray[np.intp]], FittedModel],
    seed: int,
) -> None:
    former = getattr(clf, "readout_", None)
    clf.readout_ = None
    if clf.spatial is None or not isinstance(X, PixelSamples):
        return
    clf.readout_ = fit_readout(clf.spatial_params, X, targets, weights)
    if clf.readout_.restart is None and former is not None:
        # The fit that is continued has seen the labels that would be held out.
        kept = {"restart": former.restart, "temperature": former.temperature}
        clf.readout_ = replace(clf.readout_, **kept)
    if clf.readout_.restart is None:
        parts = X, targets, weights, fit_part, seed
        clf.readout_, interrupted = choose_restart(clf.readout_, *parts)
        clf.interrupted_ |= interrupted


@contextmanager
def _memory_watched(clf: Any, device: torch.device) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceMemoryError(
            f"There is not enough memory on {device} for this training. Lower batch_size "
            f"({clf.batch_size}) first; then window_size ({clf.window_size_}), n_components or the "
            "width and depth in vision_params, or raise patch_size; or take another device."
        ) from error


def _model_params(clf: Any, n_channels: int) -> dict[str, Any]:
    encoder = encoder_class(clf.vision_encoder)
    return {
        "encoder": encoder,
        "encoder_params": encoder_arguments(
            encoder,
            n_channels=n_channels,
            window_size=clf.window_size_,
            patch_size=int(clf.patch_size),
            params=clf.vision_params,
        ),
        "prototypes": None if clf.criterion == "cross-entropy" else clf.text_embeddings_,
        "n_classes": len(clf.classes_),
        "projection": clf.projection,
        "precision": clf.precision,
    }


def _side(X: NDArray[Any]) -> int:
    return int(X.shape[1]) if X.ndim == 4 else 1


def _holdout(
    clf: Any, X: PixelSamples | NDArray[Any], targets: NDArray[np.intp], block_size: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    every = np.arange(len(targets))
    if clf.validation_fraction is None:
        return every, every[:0]
    if isinstance(X, PixelSamples):
        random_state = np.random.RandomState(seed)
        return spatial_holdout(X, targets, clf.validation_fraction, block_size, random_state)
    try:
        kept, held = train_test_split(
            every, test_size=float(clf.validation_fraction), stratify=targets, random_state=seed
        )
    except ValueError as error:
        raise ParameterError(
            f"validation_fraction={clf.validation_fraction} cannot be held out of {len(every)} "
            f"samples: {error} Change the fraction, give more samples, or pass "
            "validation_fraction=None."
        ) from error
    return np.sort(kept), np.sort(held)


def _settings(clf: Any) -> TrainingSettings:
    return TrainingSettings(
        criterion=clf.criterion,
        n_hard=int(clf.n_hard),
        n_semi_hard=int(clf.n_semi_hard),
        max_epochs=int(clf.max_epochs),
        batch_size=int(clf.batch_size),
        lr=float(clf.lr),
        weight_decay=float(clf.weight_decay),
        lr_schedule=clf.lr_schedule,
        augment=clf.augment,
        callbacks=tuple(clf.callbacks or ()),
        verbose=int(clf.verbose),
    )


def _set_results(clf: Any, device: torch.device) -> None:
    model = clf.net_.module_
    clf.history_ = clf.net_.history
    clf.device_ = str(device)
    clf.interrupted_ = clf.net_.interrupted_
    if model.head is None:
        with torch.inference_mode():
            clf.prototypes_ = model.prototypes().cpu().numpy()
            clf.logit_scale_ = float(model.logit_scale())
        clf._n_features_out = clf.prototypes_.shape[1]
    else:
        clf._n_features_out = model.head.in_features
