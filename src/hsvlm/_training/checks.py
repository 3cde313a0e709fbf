"""Check settings that contradict each other or the data of a fit."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.class_weight import compute_sample_weight
from torch.nn.modules.batchnorm import _BatchNorm

from hsvlm._data.class_table import ClassEntry
from hsvlm._data.texts import quoted
from hsvlm._storage.checkpoints import check_checkpointing
from hsvlm._system.progress import bar_class
from hsvlm._training.callbacks import check_callbacks
from hsvlm.contrastive.adapter_settings import AdapterSettings
from hsvlm.contrastive.losses import make_criterion, uses_text
from hsvlm.contrastive.losses.arguments import criterion_arguments
from hsvlm.contrastive.losses.text_diversity import TextCriterion
from hsvlm.exceptions import MissingNameWarning, ParameterError
from hsvlm.preprocessing.default import normalization_of
from hsvlm.preprocessing.sources import spectral_steps
from hsvlm.prompts import resolve_prompts
from hsvlm.readout.scene import readout_settings
from hsvlm.text import can_encode
from hsvlm.vision import get_vision_encoder, vision_encoder_name
from hsvlm.vision.arguments import encodes_texts, refuse_geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm._prediction.model import FittedModel
    from hsvlm._training.settings import FitSettings

__all__ = [
    "announce_prompts",
    "check_batch_norm",
    "check_parameters",
    "check_stated_sources",
    "check_warm_start",
    "class_weights",
    "encoder_class",
    "is_same",
]

_SHOWN = 3  # prompts quoted in a warning


def check_parameters(settings: FitSettings) -> None:
    """Refuse parameters of a classifier that contradict each other, before data are needed."""
    _check_criterion(settings)
    refuse_geometry(settings.vision_params)
    _check_adapter(settings)
    has_validation = settings.validation_fraction is not None
    check_callbacks(settings.callbacks, settings.lr_schedule, has_validation=has_validation)
    readout_settings(settings.spatial_params)
    check_checkpointing(
        settings.checkpoint_dir, resume=settings.resume, random_state=settings.random_state
    )


def _check_criterion(settings: FitSettings) -> None:
    criterion = make_criterion(
        settings.criterion,
        criterion_arguments(
            settings.criterion,
            n_hard=settings.n_hard,
            n_semi_hard=settings.n_semi_hard,
            params=settings.criterion_params,
        ),
    )
    is_diverse = isinstance(criterion, TextCriterion) and criterion.text_diversity > 0
    trains_texts = settings.projection == "text" or encodes_texts(
        encoder_class(settings.vision_encoder)
    )
    if is_diverse and not trains_texts:
        raise ParameterError(
            f"text_diversity={criterion.text_diversity} moves the texts of the classes apart, but "
            f"projection={settings.projection!r} trains nothing on the side of the texts. Set "
            'projection="text", or leave out text_diversity.'
        )


def _check_adapter(settings: FitSettings) -> None:
    if settings.adapter is not None:
        AdapterSettings.of(settings.adapter, settings.adapter_params)
        if settings.pretrained is None:
            raise ParameterError(
                f"adapter={settings.adapter!r} adapts pre-trained weights, but pretrained=None. "
                "Set pretrained to a file or folder of such weights, or adapter=None."
            )


def check_batch_norm(encoder: torch.nn.Module, batch_size: int) -> None:
    """Refuse batch normalization where windows would depend on others, or have none beside them."""
    layers = [layer for layer in encoder.modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        return
    name = vision_encoder_name(type(encoder)) or type(encoder).__name__
    if any(layer.running_mean is None for layer in layers):
        raise ParameterError(
            f"Batch normalization of the vision encoder {name!r} keeps no running statistics, so "
            "that predictions would depend on the other windows of a batch. Make it with "
            "track_running_stats=True."
        )
    encoder.train()
    if not any(layer.training for layer in layers):
        return  # an encoder may keep them frozen
    if getattr(encoder, "independent_windows", False):
        raise ParameterError(
            f"The vision encoder {name!r} states independent_windows=True, but has batch "
            "normalization, which looks at all windows of a batch. State False."
        )
    if batch_size == 1:
        raise ParameterError(
            f"batch_size=1 leaves the batch normalization of the vision encoder {name!r} a single "
            "window. Use 2 or more."
        )


def check_stated_sources(settings: FitSettings, sources: Mapping[str, slice] | None) -> None:
    """Refuse stated sources of data that know none, where steps mix the channels of all."""
    stated = (settings.vision_params or {}).get("sources")
    has_own = sources is not None and len(sources) > 1
    if has_own or not isinstance(stated, Mapping) or len(stated) < 2:
        return
    mixing = [f"n_components={settings.n_components!r}"] * (settings.n_components is not None)
    if settings.normalize not in ("auto", None):
        mixing += [f"normalize={settings.normalize!r}"]
    if mixing:
        raise ParameterError(
            f"vision_params states sources={dict(stated)}, but {mixing[0]} mixes all channels, so "
            "that none of them belongs to a source any more.",
            "Pass a Scene(cube, labels, auxiliary={...}), whose sources are reduced one by one, or "
            "set n_components=None and normalize=None.",
        )


def check_warm_start(
    settings: FitSettings, previous: FittedModel, names: Mapping[Any, str]
) -> None:
    """Refuse changed settings that a continued fit cannot follow."""
    changed = []
    if uses_text(settings.criterion) and previous.text_embeddings is not None:
        if resolve_prompts(settings.prompts, previous.classes, names) != previous.prompts:
            changed.append("the prompts or class_names")
        has_own_texts = encodes_texts(encoder_class(settings.vision_encoder))
        if not has_own_texts and not is_same(settings.text_encoder, previous.text_encoder):
            changed.append("text_encoder")
    pca = dict(spectral_steps(previous.preprocessing)).get("pca")
    if (None if pca is None else pca.n_components) != settings.n_components:
        changed.append("n_components")
    normalization = normalization_of(previous.preprocessing)
    if settings.normalize not in ("auto", normalization):
        changed.append("normalize")
    if changed:
        raise ParameterError(
            (
                "warm_start=True continues with the prompts and the preprocessing of the previous "
                "fit, "
                f"but {', '.join(changed)} changed."
            ),
            "Set them back, or set warm_start=False.",
        )


def is_same(value: Any, other: Any) -> bool:
    """Tell whether two values of a parameter are the same."""
    if value is other:
        return True
    if isinstance(value, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(value, other)
    return bool(value == other)


def announce_prompts(
    settings: FitSettings, prompts: Mapping[Any, tuple[str, ...]], names: Mapping[Any, str]
) -> None:
    """Print the prompt of every class where asked to; warn of classes that are bare numbers."""
    if not uses_text(settings.criterion) or not can_encode(settings.text_encoder):
        return
    if settings.verbose:
        for label, texts in prompts.items():
            bar_class().write(f"prompt of class {label}: {'; '.join(texts)}", file=sys.stderr)
    if settings.prompts is not None and not (
        isinstance(settings.prompts, str) and "{}" in settings.prompts
    ):
        return
    bare = [one for one in prompts if not ClassEntry(one, names.get(one)).is_named]
    if bare:
        more = " and others" if len(bare) > _SHOWN else ""
        shown = bare[:_SHOWN]
        listed = ", ".join(quoted(prompts[label][0]) for label in shown)
        counted = f"{', '.join(map(str, shown))}{more} of {len(prompts)}"
        problem = (
            f"Class {counted} has no name, so its prompt is {listed}."
            if len(bare) == 1
            else f"Classes {counted} have no names, so their prompts are {listed}{more}."
        )
        warnings.warn(
            MissingNameWarning(
                problem,
                "Pass class_names, prompts, or a Scene with class names.",
                option_hint="Give --prompts a file with the names or texts of the classes.",
            ),
            stacklevel=6,
        )


def class_weights(class_weight: Any, y: NDArray[Any]) -> NDArray[np.float64]:
    values = list(class_weight.values()) if isinstance(class_weight, Mapping) else [1.0]
    numbers = all(isinstance(one, Real) for one in values)
    if not (numbers and np.isfinite(values).all() and min(values, default=0) >= 0 and any(values)):
        raise ParameterError(
            f"class_weight={dict(class_weight)} must hold finite weights of at least 0, not all "
            'of them 0. Leave a class out to give it weight 1, or use "balanced".'
        )
    given = dict(class_weight) if isinstance(class_weight, Mapping) else class_weight
    try:
        return np.asarray(compute_sample_weight(given, y), dtype=np.float64)
    except ValueError as error:
        raise ParameterError(
            f"class_weight={given} has weights for labels that y does not hold, and none for some "
            f"that it does: {np.unique(y).tolist()}. Use the labels of y as keys, of the same type."
        ) from error


def encoder_class(encoder: Any) -> type[torch.nn.Module]:
    if isinstance(encoder, str):
        return get_vision_encoder(encoder)
    if isinstance(encoder, type) and issubclass(encoder, torch.nn.Module):
        return encoder
    raise ParameterError(
        f"vision_encoder={encoder!r} is neither a registered name nor a torch.nn.Module subclass. "
        "Pass the class itself, not an instance."
    )
