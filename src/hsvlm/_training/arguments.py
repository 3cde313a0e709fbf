"""Arguments of the network and of its training, from the settings of a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsvlm._training.checks import encoder_class
from hsvlm._training.net import TrainingSettings
from hsvlm.contrastive.losses import uses_text
from hsvlm.vision.arguments import encoder_arguments, encodes_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from hsvlm._training.settings import FitSettings

__all__ = ["model_arguments", "training_settings"]


def model_arguments(
    settings: FitSettings,
    texts: Mapping[str, Any],
    n_channels: int,
    sources: Mapping[str, int] | None,
    window_size: int,
) -> dict[str, Any]:
    """Return what the network is made of."""
    encoder = encoder_class(settings.vision_encoder)
    return {
        "encoder": encoder,
        "encoder_params": encoder_arguments(
            encoder,
            n_channels=n_channels,
            window_size=window_size,
            patch_size=int(settings.patch_size),
            sources=sources,
            params=settings.vision_params,
        ),
        **_text_params(settings, encoder, texts),
        "n_classes": len(texts["classes"]),
        "projection": settings.projection,
        "precision": settings.precision,
    }


def _text_params(
    settings: FitSettings, encoder: type[nn.Module], texts: Mapping[str, Any]
) -> dict[str, Any]:
    """Vectors of the classes, or their texts if the encoder encodes them itself."""
    if not uses_text(settings.criterion):
        return {"prototypes": None}
    if not encodes_texts(encoder):
        return {"prototypes": texts["text_embeddings"]}
    return {
        "prototypes": None,
        "texts": [texts["prompts"][one] for one in texts["classes"].tolist()],
    }


def training_settings(settings: FitSettings, n_samples: int) -> TrainingSettings:
    """Return what the training of `n_samples` windows goes by."""
    return TrainingSettings(
        criterion=settings.criterion,
        n_hard=int(settings.n_hard),
        n_semi_hard=int(settings.n_semi_hard),
        criterion_params=dict(settings.criterion_params or {}),
        max_epochs=settings.n_epochs(n_samples),
        batch_size=int(settings.batch_size),
        lr=float(settings.lr),
        weight_decay=float(settings.weight_decay),
        lr_schedule=settings.lr_schedule,
        augment=settings.augment,
        callbacks=tuple(settings.callbacks or ()),
        verbose=int(settings.verbose),
    )
