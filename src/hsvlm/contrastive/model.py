"""The trained network: a vision encoder and class prototypes in one space."""

from __future__ import annotations

from contextlib import nullcontext
from numbers import Integral
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from hsvlm.contrastive.adapters import Factors, adapt, merge, set_factors
from hsvlm.contrastive.scale import LogitScale
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hsvlm.contrastive.adapter_settings import AdapterSettings

__all__ = ["AlignedModel"]

_REDUCED = {"float32": None, "bfloat16": torch.bfloat16}


class Weights(Protocol):
    """Weights that an encoder starts from."""

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """Tensors by their names in the encoder."""

    def copy_into(self, encoder: nn.Module) -> None:
        """Copy them into an encoder."""


class FixedProjection(nn.Module):
    """Projection by a random matrix with orthonormal rows or columns, which is not trained."""

    def __init__(self, n_features: int, n_outputs: int) -> None:
        super().__init__()
        weight = torch.empty(n_outputs, n_features)
        if weight.device.type != "meta":
            # The same for every classifier, so that files need not hold it.
            nn.init.orthogonal_(weight, generator=torch.Generator().manual_seed(0))
        self.weight: Tensor
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        return functional.linear(features, self.weight)


class AlignedModel(nn.Module):
    """A vision encoder and class prototypes in one space.

    The encoder starts from `pretrained` weights, if there are any, and is adapted as `adapter` says
    until `merge` is called. One that encodes texts itself is given those of the classes instead of
    `prototypes`, of shape (n_classes, n_text_features), until `keep_texts` is called.
    """

    def __init__(
        self,
        encoder: type[nn.Module],
        encoder_params: dict[str, Any],
        prototypes: Tensor | None,
        n_classes: int,
        projection: str,
        precision: str = "float32",
        pretrained: Weights | None = None,
        adapter: AdapterSettings | None = None,
        texts: Sequence[Sequence[str]] | None = None,
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
        self._has_volumes = any(
            isinstance(layer, nn.Conv3d) or getattr(layer, "convolves_volumes", False)
            for layer in self.encoder.modules()
        )
        self._base: set[str] = set()
        if pretrained is not None:
            pretrained.copy_into(self.encoder)
            if adapter is not None:
                self._base = set(pretrained.weights)
                adapt(self.encoder, adapter, self._base)
        self._width = width = _width_of(self.encoder)
        self.vision_projection: nn.Module = nn.Identity()
        self.text_projection: nn.Module = nn.Identity()
        self.head: nn.Linear | None = None
        self._texts = texts
        if prototypes is None and texts is None:
            self.head = nn.Linear(width, n_classes)
            return
        self.text_embeddings: Tensor | None
        # Not among the weights: a warm start may come with the prompts of other classes.
        self.register_buffer("text_embeddings", prototypes, persistent=False)
        if self.encodes_texts:
            scale: float = getattr(self.encoder, "logit_scale", 1 / 0.07)
            self.logit_scale = LogitScale(scale)
            return
        if prototypes is None:
            raise ParameterError(f"{encoder.__name__} does not encode texts: pass prototypes.")
        self.logit_scale = LogitScale()
        if projection == "fixed":
            self.vision_projection = FixedProjection(width, prototypes.shape[1])
        elif projection == "vision":
            self.vision_projection = nn.Linear(width, prototypes.shape[1], bias=False)
        else:
            self.text_projection = nn.Linear(prototypes.shape[1], width)

    @property
    def encodes_texts(self) -> bool:
        """Whether the encoder of windows encodes texts as well, into the same space."""
        return callable(getattr(self.encoder, "encode_texts", None))

    def continue_from(self, state: dict[str, Tensor], factors: Mapping[str, Tensor] | None) -> None:
        """Set the weights to those of a merged model, its factors to those that it had."""
        if factors is None:
            self.load_state_dict(state)
            return
        of_base = {f"encoder.{name}" for name in self._base}
        self.load_state_dict(
            {name: tensor for name, tensor in state.items() if name not in of_base}, strict=False
        )
        if factors:
            set_factors(self.encoder, factors)

    def merge(self) -> Factors:
        """Add the factors of an adapter to the weights, and return them."""
        return merge(self.encoder)

    def embed(self, windows: Tensor) -> Tensor:
        """Unit embeddings, shape (n_windows, n_features), of windows."""
        return functional.normalize(self._features(windows, self.vision_projection), dim=1)

    def prototypes(self, text_embeddings: Tensor | None = None) -> Tensor:
        """Unit prototypes, shape (n_classes, n_features), in the joint space."""
        vectors = self.text_embeddings if text_embeddings is None else text_embeddings
        if vectors is None:
            vectors = self._encoded_texts()
        return functional.normalize(self.text_projection(vectors), dim=1)

    @torch.no_grad()
    def keep_texts(self) -> None:
        """Keep the vectors of texts that the encoder encoded itself, which it no longer changes."""
        if self.head is None and self.text_embeddings is None:
            self.text_embeddings = self.prototypes()
        self._texts = None

    def _encoded_texts(self) -> Tensor:
        """Mean of the unit vectors of the texts of each class."""
        texts = self._texts or ()
        encoded = self.encoder.encode_texts([text for group in texts for text in group])  # type: ignore[operator]
        groups = functional.normalize(encoded, dim=1).split([len(group) for group in texts])
        return torch.stack([group.mean(dim=0) for group in groups])

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
        # On CPUs, gradients of 3-D convolutions in bfloat16 come from memory that torch 2.13 has
        # not written: they are NaN, or wrong.
        is_sound = kind != "cpu" or not self._has_volumes
        with nullcontext() if dtype is None or not is_sound else torch.autocast(kind, dtype):
            encoded = self.encoder(windows)
            if encoded.shape != (expected := (len(windows), self._width)):
                raise ParameterError(
                    f"The vision encoder {type(self.encoder).__name__} returned a tensor of shape "
                    f"{tuple(encoded.shape)}, not {expected}. It has to return n_features numbers "
                    "for each window, also for a single one."
                )
            features: Tensor = last(encoded)
        # Losses and similarities are worth all their digits.
        return features.float()


def _width_of(encoder: nn.Module) -> int:
    """Return the number of features that an encoder states."""
    width: Any = getattr(encoder, "n_features", None)
    if type(width) is bool or not isinstance(width, Integral) or width < 1:
        raise ParameterError(
            f"The vision encoder {type(encoder).__name__} has n_features={width!r}. Set the "
            "attribute n_features to the number of features of a window, an integer."
        )
    return int(width)
