"""The steps of a fit: class prototypes, channels, windows, held-out samples and training."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight

from hsvlm._inputs import merge_repeated
from hsvlm._runtime import resolve_device
from hsvlm._training import TrainingSettings, WindowDataset, fit_net
from hsvlm._windows import WindowSource
from hsvlm.contrastive.loss import CRITERIA
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.model_selection import spatial_holdout
from hsvlm.preprocessing import (
    SpectralPCA,
    SpectralTransformer,
    centre_spectra,
    check_finite,
    standard_normal_variate,
)
from hsvlm.prompts import resolve_prompts
from hsvlm.samples import PixelSamples
from hsvlm.text import encode_prompts
from hsvlm.vision import get_vision_encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["encode_classes", "input_source", "train"]


def encode_classes(clf: Any) -> None:
    """Set ``prompts_`` and ``prototypes_`` (as the text encoder gives them) of a classifier.

    Parameters
    ----------
    clf : HSIPromptClassifier
        With ``classes_`` set.

    Raises
    ------
    PromptError, ParameterError, UnknownNameError
        If prompts, text encoder or criterion cannot be used.
    """
    if clf.criterion not in CRITERIA:
        raise UnknownNameError.of("criterion", clf.criterion, CRITERIA)
    clf.prompts_ = resolve_prompts(clf.prompts, clf.classes_, clf.class_names)
    if clf.criterion == "cross-entropy":
        return
    if clf.criterion == "hard-semi-hard" and clf.n_hard + clf.n_semi_hard == 0:
        message = (
            "n_hard=0 and n_semi_hard=0 leave nothing to contrast with. Raise one of them, or use "
            'criterion="all-negatives".'
        )
        raise ParameterError(message)
    device = str(resolve_device(clf.device))
    clf.prototypes_ = encode_prompts(clf.prompts_, clf.text_encoder, device=device)


def train(
    clf: Any,
    X: PixelSamples | NDArray[Any],
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    *,
    warm: bool,
) -> None:
    """Fit preprocessing and network of a classifier and set its fitted attributes.

    Parameters
    ----------
    clf : HSIPromptClassifier
        With ``classes_``, ``prompts_`` and text embeddings in ``prototypes_`` set.
    X : PixelSamples or ndarray of 2 or 4 dimensions
        Training samples.
    targets : ndarray of shape (n_samples,)
        Class indices.
    weights : ndarray of shape (n_samples,)
        Sample weights, positive.
    warm : bool
        Continue from the net and preprocessing the classifier already has.
    """
    device = resolve_device(clf.device)
    seed = _seed(clf.random_state)
    window_size = clf.window_size if isinstance(X, PixelSamples) else _side(X)
    weights = weights * compute_sample_weight(clf.class_weight, clf.classes_[targets])
    X, targets, weights = merge_repeated(X, targets, weights)
    kept, held = _holdout(clf, X, targets, window_size, seed)
    if not warm:
        clf.preprocessing_ = _fitted_preprocessing(clf, X[kept])
        embeddings = None if clf.criterion == "cross-entropy" else clf.prototypes_
    else:
        head = clf.net_.module_.head
        embeddings = None if head is not None else clf.net_.module_.text_embeddings.cpu().numpy()
    clf.window_size_ = window_size

    def dataset(index: NDArray[np.intp]) -> WindowDataset:
        source = input_source(clf, X[index], device)
        relative = weights[index] / weights[index].mean()
        return WindowDataset(
            source,
            torch.from_numpy(targets[index].astype(np.int64)).to(device),
            torch.from_numpy(relative.astype(np.float32)).to(device),
        )

    training = dataset(kept)
    model_params = {
        "encoder": _encoder_class(clf.vision_encoder),
        "encoder_params": {
            "n_channels": training.source.n_channels,
            "window_size": window_size,
            "patch_size": min(clf.patch_size, window_size),
            **(clf.vision_params or {}),
        },
        "prototypes": embeddings,
        "n_classes": len(clf.classes_),
        "projection": clf.projection,
    }
    clf.net_ = fit_net(
        model_params,
        _settings(clf),
        training,
        dataset(held) if len(held) else None,
        seed=seed,
        previous=clf.net_ if warm else None,
    )
    _set_results(clf, device)


def input_source(clf: Any, X: PixelSamples | NDArray[Any], device: torch.device) -> WindowSource:
    """Windows of a classifier's inputs, preprocessed.

    Parameters
    ----------
    clf : HSIPromptClassifier
        With ``preprocessing_`` and ``window_size_`` set.
    X : PixelSamples or ndarray of 2 or 4 dimensions
        The samples.
    device : torch.device
        Where the windows are needed.

    Returns
    -------
    WindowSource
        In the order of `X`.
    """
    reduce = clf.preprocessing_.transform
    if isinstance(X, PixelSamples):
        return WindowSource.from_samples(X, reduce, clf.window_size_, clf.padding, device)
    return WindowSource.from_array(X, reduce, device)


def _seed(random_state: Any) -> int:
    # None must not draw from NumPy's global generator, which is somebody else's.
    if random_state is None:
        return secrets.randbelow(2**31)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _side(X: NDArray[Any]) -> int:
    return int(X.shape[1]) if X.ndim == 4 else 1


def _encoder_class(encoder: Any) -> type[torch.nn.Module]:
    if isinstance(encoder, str):
        return get_vision_encoder(encoder)
    if isinstance(encoder, type) and issubclass(encoder, torch.nn.Module):
        return encoder
    message = (
        f"vision_encoder={encoder!r} is neither a registered name nor a torch.nn.Module subclass. "
        "Pass the class itself, not an instance."
    )
    raise ParameterError(message)


def _fitted_preprocessing(clf: Any, X: PixelSamples | NDArray[Any]) -> Pipeline:
    spectra = centre_spectra(X)
    check_finite(spectra)
    steps: list[tuple[str, Any]] = [("scale", SpectralTransformer(StandardScaler()))]
    if clf.n_components is not None:
        reductions: list[tuple[str, Any]] = [("pca", SpectralPCA(clf.n_components))]
        if clf.n_snv_components is not None:
            count = min(clf.n_snv_components, *spectra.shape)
            normalise = FunctionTransformer(standard_normal_variate)
            reductions.append(("snv", make_pipeline(normalise, SpectralPCA(count))))
        steps.insert(0, ("reduce", FeatureUnion(reductions)))
    return Pipeline(steps).fit(spectra)


def _holdout(
    clf: Any, X: PixelSamples | NDArray[Any], targets: NDArray[np.intp], block_size: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    every = np.arange(len(targets))
    if clf.validation_fraction is None:
        return every, every[:0]
    if isinstance(X, PixelSamples):
        random_state = np.random.RandomState(seed)
        return spatial_holdout(X, targets, clf.validation_fraction, block_size, random_state)
    kept, held = train_test_split(
        every, test_size=clf.validation_fraction, stratify=targets, random_state=seed
    )
    return np.sort(kept), np.sort(held)


def _settings(clf: Any) -> TrainingSettings:
    return TrainingSettings(
        criterion=clf.criterion,
        n_hard=clf.n_hard,
        n_semi_hard=clf.n_semi_hard,
        max_epochs=clf.max_epochs,
        batch_size=clf.batch_size,
        lr=clf.lr,
        weight_decay=clf.weight_decay,
        lr_schedule=clf.lr_schedule,
        augment=clf.augment,
        callbacks=tuple(clf.callbacks or ()),
        verbose=int(clf.verbose),
    )


def _set_results(clf: Any, device: torch.device) -> None:
    model = clf.net_.module_
    clf.history_ = clf.net_.history
    clf.device_ = str(device)
    if model.head is None:
        with torch.inference_mode():
            clf.prototypes_ = model.prototypes().cpu().numpy()
            clf.logit_scale_ = float(model.logit_scale())
        clf._n_features_out = clf.prototypes_.shape[1]
    else:
        clf._n_features_out = model.head.in_features
