"""The network of masked pre-training: an encoder of some tokens, and a decoder of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.pretraining._tokens import TokenEncoder, list_token_encoders

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MaskedModel", "PartOfBatch", "mask_order"]

_WIDTH: Final = 64
_N_HEADS: Final = 4
_ANGLE_WEIGHT: Final = 0.1
# The angle has no finite slope where the cosine is 1 or -1.
_LARGEST_COSINE: Final = 1 - 1e-6


class MaskedModel(nn.Module):
    """Predicts the values of hidden tokens from the others.

    Only tokens that are not hidden pass through the encoder. One layer predicts all of them from
    these; it serves the training only.
    """

    def __init__(
        self, encoder: nn.Module, windows: Tensor, *, mask_ratio: float, loss: str
    ) -> None:
        super().__init__()
        if not isinstance(encoder, TokenEncoder):
            names = ", ".join(f'"{name}"' for name in list_token_encoders())
            raise ParameterError(
                f"The vision encoder {type(encoder).__name__} has no tokens that can be hidden. "
                f"Use one of {names}, or give it the methods of hsvlm.pretraining.TokenEncoder."
            )
        with torch.no_grad():
            _, self.n_tokens, n_values = encoder.token_values(windows).shape
            width = encoder.to_tokens(windows).shape[2]
        if self.n_tokens < 2:
            raise ParameterError(
                f"The vision encoder makes a single token of a window of {windows.shape[1]} x "
                f"{windows.shape[2]} pixels with {windows.shape[3]} channels, so that none can be "
                "hidden. Raise window_size, lower patch_size, or use "
                'vision_encoder="group-vit", whose tokens are groups of bands.'
            )
        self.encoder: Any = encoder
        self.n_groups = getattr(encoder, "n_groups", 1)
        if loss == "multi-target" and self.n_groups < 2:
            raise ParameterError(
                'loss="multi-target" compares sums over groups of channels, and the tokens of the '
                f"vision encoder {type(encoder).__name__} are no such groups. Use "
                'vision_encoder="spectralgpt" or "group-vit", or loss="mse".'
            )
        self.loss = loss
        self.n_hidden = min(max(1, round(mask_ratio * self.n_tokens)), self.n_tokens - 1)
        self.enter = nn.Linear(width, _WIDTH)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, _WIDTH))
        self.positions = nn.Parameter(torch.empty(1, self.n_tokens, _WIDTH))
        nn.init.normal_(self.positions, std=0.02)
        self.decoder = nn.TransformerEncoderLayer(
            _WIDTH,
            _N_HEADS,
            2 * _WIDTH,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.norm = nn.LayerNorm(_WIDTH)
        self.leave = nn.Linear(_WIDTH, n_values)

    def forward(self, windows: Tensor, order: Tensor) -> Tensor:
        """Return the loss of each window; the last `n_hidden` tokens of its order are hidden.

        Shapes: `windows` (n, size, size, n_channels), `order` (n, n_tokens); returns (n,).
        """
        hidden = order[:, -self.n_hidden :]
        all_values, all_predicted = self.encoder.token_values(windows), self.predict(windows, order)
        values, predicted = _take(all_values, hidden), _take(all_predicted, hidden)
        losses = (predicted - values).square().mean(dim=(1, 2))
        if self.loss == "multi-target":
            errors = (all_predicted - all_values).unflatten(1, (self.n_groups, -1))
            losses = losses + errors.sum(dim=1).square().mean(dim=(1, 2))
        if self.loss == "mse+sam":
            cosines = functional.cosine_similarity(predicted, values, dim=2)
            angles = cosines.clamp(-_LARGEST_COSINE, _LARGEST_COSINE).acos()
            losses = losses + _ANGLE_WEIGHT * angles.mean(dim=1)
        return losses

    def predict(self, windows: Tensor, order: Tensor) -> Tensor:
        """Predict all tokens from those that are not hidden; shape (n, n_tokens, n_values)."""
        visible = order[:, : -self.n_hidden]
        encoded = self.encoder.run_tokens(_take(self.encoder.to_tokens(windows), visible))
        entered = self.enter(encoded)
        n_more = encoded.shape[1] - visible.shape[1]
        tokens = self.mask_token.expand(len(windows), self.n_tokens, -1)
        tokens = tokens.scatter(1, _spread(visible, _WIDTH), entered[:, n_more:]) + self.positions
        decoded = self.decoder(torch.cat([entered[:, :n_more], tokens], dim=1))[:, n_more:]
        predicted: Tensor = self.leave(self.norm(decoded))
        return predicted

    def reconstruct(self, windows: Tensor, order: Tensor) -> Tensor:
        """Predict each token while it is hidden, in several passes; same shape as the values.

        Shape: `order` (n_tokens,), in which tokens are hidden.
        """
        result = torch.empty_like(self.encoder.token_values(windows))
        for start in range(0, self.n_tokens, self.n_hidden):
            turned = order.roll(-start - self.n_hidden)
            hidden = turned[-self.n_hidden :]
            result[:, hidden] = self.predict(windows, turned.expand(len(windows), -1))[:, hidden]
        return result


def mask_order(n_windows: int, n_tokens: int, generator: torch.Generator) -> Tensor:
    """Draw a random order of the tokens of each window; shape (n_windows, n_tokens)."""
    noise = torch.rand(n_windows, n_tokens, generator=generator, device=generator.device)
    return noise.argsort(dim=1)


class PartOfBatch(nn.Module):
    """The model on parts of a batch, given by the numbers of their windows."""

    def __init__(self, model: MaskedModel, windows: Tensor, order: Tensor) -> None:
        super().__init__()
        self.model = model
        self._inputs: Sequence[Tensor] = (windows, order)

    def forward(self, part: Tensor) -> Tensor:
        windows, order = self._inputs
        losses: Tensor = self.model(windows[part], order[part])
        return losses


def _take(tokens: Tensor, index: Tensor) -> Tensor:
    return tokens.gather(1, _spread(index, tokens.shape[2]))


def _spread(index: Tensor, width: int) -> Tensor:
    return index[:, :, None].expand(-1, -1, width)
