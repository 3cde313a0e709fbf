"""The trained network: a vision encoder and class prototypes in one space."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hsvlm.contrastive.scale import LogitScale
from hsvlm.exceptions import ParameterError

__all__ = ["AlignedModel"]

_REDUCED = {"float32": None, "bfloat16": torch.bfloat16}


class AlignedModel(nn.Module):
    """A vision encoder and class prototypes in one space.

    Shapes: `prototypes` (n_classes, n_text_features).
    """

    def __init__(
        self,
        encoder: type[nn.Module],
        encoder_params: dict[str, Any],
        prototypes: Tensor | None,
        n_classes: int,
        projection: str,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        self._reduced = _REDUCED[precision]
        try:
            self.encoder = encoder(**encoder_params)
        except TypeError as error:
            raise ParameterError(
                f"The vision encoder {encoder.__name__} cannot be made from {encoder_params}: "
                f"{error}.",
                "It has to take n_channels, window_size, and the names in vision_params.",
            ) from error
        width: int = self.encoder.n_features  # type: ignore[assignment]
        self.vision_projection: nn.Module = nn.Identity()
        self.text_projection: nn.Module = nn.Identity()
        self.head: nn.Linear | None = None
        if prototypes is None:
            self.head = nn.Linear(width, n_classes)
            return
        self.logit_scale = LogitScale()
        # Not among the weights: a warm start may come with the prompts of other classes.
        self.register_buffer("text_embeddings", prototypes, persistent=False)
        if projection == "vision":
            self.vision_projection = nn.Linear(width, prototypes.shape[1], bias=False)
        else:
            self.text_projection = nn.Linear(prototypes.shape[1], width)

    def embed(self, windows: Tensor) -> Tensor:
        """Unit embeddings, shape (n_windows, n_features), of windows."""
        return functional.normalize(self._features(windows, self.vision_projection), dim=1)

    def prototypes(self, text_embeddings: Tensor | None = None) -> Tensor:
        """Unit prototypes, shape (n_classes, n_features), in the joint space."""
        texts = self.text_embeddings if text_embeddings is None else text_embeddings
        return functional.normalize(self.text_projection(texts), dim=1)

    def forward(self, windows: Tensor) -> Tensor:
        """Scaled similarities (or head outputs), shape (n_windows, n_classes)."""
        if self.head is not None:
            return self._features(windows, self.head)
        return self.similarities(self.embed(windows), self.prototypes())

    def similarities(self, embeddings: Tensor, prototypes: Tensor) -> Tensor:
        """Scaled similarities, shape (n_windows, n_classes), of unit vectors."""
        scaled: Tensor = self.logit_scale() * embeddings @ prototypes.T
        return scaled

    def _features(self, windows: Tensor, last: nn.Module) -> Tensor:
        # Here and not around a step: parts of a batch run in threads, and each has its own context.
        kind, dtype = windows.device.type, self._reduced
        with nullcontext() if dtype is None else torch.autocast(kind, dtype):
            features: Tensor = last(self.encoder(windows))
        # Losses and similarities are worth all their digits.
        return features.float()
