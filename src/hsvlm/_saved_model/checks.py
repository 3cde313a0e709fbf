"""Whether the parts of a loaded model belong together, before anything is computed with them."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from hsvlm.preprocessing import ShapeAndBrightness
from hsvlm.preprocessing.checks import check_array, check_names, check_steps, expect, is_count
from hsvlm.preprocessing.sources import spectral_steps

if TYPE_CHECKING:
    from hsvlm._prediction.model import FittedModel

__all__ = ["check_model"]

# A classifier has one of them, which counts the training spectra.
_SCALERS = (ShapeAndBrightness, StandardScaler)


def check_model(model: FittedModel, parameters: Mapping[str, Any]) -> None:
    """Refuse fitted values that contradict each other; the network is not looked at."""
    n_classes = len(model.classes)
    stated, unlabeled = parameters.get("class_names"), parameters.get("unlabeled")
    expect(
        model.classes.ndim == 1
        and n_classes > 1
        and np.array_equal(np.unique(model.classes), model.classes),
        "classes_",
    )
    expect(list(model.prompts) == model.classes.tolist(), "prompts_")
    for texts in model.prompts.values():
        expect(type(texts) is tuple and all(type(one) is str for one in texts), "prompts_")
    expect(model.padding in ("reflect", "zero"), "padding_")
    expect(type(model.device) is str, "device_")
    expect(type(model.interrupted) is bool, "interrupted_")
    expect(is_count(model.window_size), "window_size_")
    expect(is_count(model.n_features_out), "_n_features_out")
    expect(stated is None or isinstance(stated, Mapping), "class_names")
    expect(type(model.text_classes) is bool, "text_classes_")
    named = model.class_names
    expect(type(named) is dict and set(named) <= set(model.classes.tolist()), "class_names_")
    expect(all(type(name) is str for name in named.values()), "class_names_")
    marks = unlabeled if isinstance(unlabeled, (list, tuple)) else [unlabeled]
    if unlabeled is not None:
        expect(all(isinstance(mark, (str, Number, np.generic)) for mark in marks), "unlabeled")
    if model.prototypes is not None:
        _check_text(model, n_classes)
    check_names(model.feature_names_in, model.n_features_in)
    steps = spectral_steps(model.preprocessing)
    scaled = any(isinstance(step.transformer_, _SCALERS) for _, step in steps)
    expect(scaled, "preprocessing")
    check_steps([step for _, step in model.preprocessing.steps], model.n_features_in)


def _check_text(model: FittedModel, n_classes: int) -> None:
    prototypes: Any = model.prototypes
    texts: Any = model.text_embeddings
    check_array(prototypes, (n_classes, model.n_features_out), "prototypes_")
    check_array(texts, (n_classes, *texts.shape[1:2]), "text_embeddings_")
    expect(prototypes.dtype == texts.dtype == np.float32, "prototypes_")
    scale = model.logit_scale
    expect(type(scale) is float and 0 < scale < np.inf, "logit_scale_")
    identity = model.text_encoder_identity
    expect(identity is None or type(identity) is str, "text_encoder_identity")
