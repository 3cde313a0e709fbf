"""The encoder of SpectralGPT: a vision transformer over cubes of three channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.vision._parts import check_range
from hsvlm.vision._transformer import PlainTransformer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SpectralGPT"]

_CHANNELS = 3  # of a token
_PIXELS = 8  # the side of a token
# Two standard deviations below and above the mean fill the range from 0 to 1, as in the published
# pre-training, which stored images with 8 bits.
_DEVIATIONS = 4


class _PatchEmbedding(nn.Module):
    """A linear map of cubes. Shapes: (n, 1, n_channels, side, side) to (n, width, t, h, w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        size = (_CHANNELS, _PIXELS, _PIXELS)
        self.proj = nn.Conv3d(1, width, kernel_size=size, stride=size)

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.proj(images)
        return result


class SpectralGPT(PlainTransformer):
    """Vision transformer over cubes of 3 channels and 8 x 8 pixels, as SpectralGPT has it [1]_.

    A window is resized to ``image_size`` x ``image_size`` pixels by bilinear interpolation. Every
    cube becomes one token; the order is that of the channels, then of the positions. A learned
    position in the image and one along the channels are added. The feature vector is the mean of
    the normalized tokens after the last layer. With 12 channels and its default sizes it is the
    encoder of the published weights, see :func:`hsvlm.pretraining.load_pretrained`.

    Channels are standardized as the training windows say, and the range of two standard deviations
    around the mean is mapped to [0, 1], as in the pre-training; values beyond it are clipped.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands or components) of a pixel, a multiple of 3; the published weights
        were trained on 12.
    window_size : int
        Side of the window in pixels.
    width : int, default=768
        Length of a token.
    depth : int, default=12
        Number of layers.
    n_heads : int, default=12
        Number of attention heads; must divide `width`.
    mlp_width : int or None, default=None
        Hidden length of the feed-forward part of a layer; None is four times `width`.
    image_size : int, default=32
        Side of the resized window, a multiple of 8. The published weights were trained on 96 and
        128 pixels.
    norm_eps : float, default=1e-6
        Added to the variance by which a token is normalized.
    pooling : {"mean", "spectralgpt"}, default="mean"
        ``"spectralgpt"`` is what the published code for classification does: the first token is
        left out of the mean, as if it were a class token, and the mean is normalized, not the
        tokens.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, equal to `width`.
    n_groups : int
        Number of groups of channels; tokens are ordered by them, then by positions.
    independent_windows : bool
        True: parts of a batch may be encoded side by side.

    Raises
    ------
    ParameterError
        If the number of channels or the image size does not consist of whole cubes, a size is below
        1, the heads do not divide the width, or `pooling` is unknown.

    References
    ----------
    .. [1] D. Hong et al., "SpectralGPT: spectral remote sensing foundation model", IEEE TPAMI 46,
       2024.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.spectralgpt import SpectralGPT
    >>> encoder = SpectralGPT(n_channels=12, window_size=9, width=24, depth=2, n_heads=2)
    >>> encoder.to_tokens(torch.zeros(2, 9, 9, 12)).shape
    torch.Size([2, 64, 24])
    >>> encoder(torch.zeros(2, 9, 9, 12)).shape
    torch.Size([2, 24])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 3
    CHANNEL_STEP: ClassVar[int] = _CHANNELS

    channel_mean: Tensor
    channel_scale: Tensor

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        *,
        width: int = 768,
        depth: int = 12,
        n_heads: int = 12,
        mlp_width: int | None = None,
        image_size: int = 32,
        norm_eps: float = 1e-6,
        pooling: Literal["mean", "spectralgpt"] = "mean",
    ) -> None:
        check_range(self, n_channels, window_size)
        if n_channels % _CHANNELS:
            raise ParameterError(
                f"n_channels={n_channels} is not a multiple of {_CHANNELS}, the channels of a "
                'token of the vision encoder "spectralgpt".',
                f"Reduce the bands to a multiple of {_CHANNELS}: n_components=12 in a classifier, "
                "n_channels=12 in a pre-training.",
            )
        if image_size < _PIXELS or image_size % _PIXELS:
            raise ParameterError(
                f"image_size={image_size} is not a multiple of {_PIXELS}, the pixels of a token. "
                "Use 32, or 96 as in the pre-training."
            )
        if pooling not in ("mean", "spectralgpt"):
            raise ParameterError(f'pooling={pooling!r} is neither "mean" nor "spectralgpt".')
        super().__init__(
            width=width,
            depth=depth,
            n_heads=n_heads,
            mlp_width=4 * width if mlp_width is None else mlp_width,
            norm_eps=norm_eps,
        )
        self.image_size = image_size
        self.pooling = pooling
        self.patch_embed = _PatchEmbedding(width)
        n_positions, self.n_groups = (image_size // _PIXELS) ** 2, n_channels // _CHANNELS
        self.pos_embed_spatial = nn.Parameter(torch.empty(1, n_positions, width))
        self.pos_embed_temporal = nn.Parameter(torch.empty(1, self.n_groups, width))
        self._init_weights()
        # Of standardized channels, until `prepare` has seen training windows.
        self.register_buffer("channel_mean", torch.zeros(n_channels))
        self.register_buffer("channel_scale", torch.ones(n_channels))

    def _init_weights(self) -> None:
        # Those of masked autoencoders. With the usual ones of torch, tokens of images in [0, 1]
        # differ so little that short trainings from scratch fail.
        for layer in self.blocks.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        nn.init.xavier_uniform_(self.patch_embed.proj.weight.view(self.n_features, -1))
        for positions in (self.pos_embed_spatial, self.pos_embed_temporal):
            nn.init.normal_(positions, std=0.02)

    def prepare(self, windows: Tensor, generator: torch.Generator | None = None) -> None:
        """Take mean and standard deviation of the channels from training windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.
        generator : torch.Generator or None, default=None
            Not used: nothing is drawn.
        """
        deviation, mean = torch.std_mean(self.to_channels(windows), dim=(0, 1, 2), correction=0)
        self.channel_mean.copy_(mean)
        self.channel_scale.copy_(torch.where(deviation > 0, deviation, 1.0))

    def forward(self, windows: Tensor) -> Tensor:
        """Encode windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_features)
            One feature vector per window, not normalized.
        """
        tokens = self.to_tokens(windows)
        if self.pooling == "mean":
            return self.run_tokens(tokens).mean(dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        result: Tensor = self.norm(tokens[:, 1:].mean(dim=1))
        return result

    def token_values(self, windows: Tensor) -> Tensor:
        """Return the values that each token stands for.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_groups * n_positions, 192)
            The pixels of each cube of the resized window, channel by channel and row by row, in
            standard deviations of the channels; they are clipped at two.
        """
        images = (self.to_images(windows) - 0.5) * _DEVIATIONS
        cubes = images.unflatten(3, (-1, _PIXELS)).unflatten(2, (-1, _PIXELS))
        # (n, groups, channels of a cube, rows of cubes, rows, columns of cubes, columns)
        cubes = cubes.unflatten(1, (-1, _CHANNELS)).permute(0, 1, 3, 5, 2, 4, 6)
        values: Tensor = cubes.flatten(4).flatten(1, 3)
        return values

    def to_tokens(self, windows: Tensor) -> Tensor:
        """Resize windows and embed their cubes, with positions.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_groups * n_positions, width)
            Tokens of the first three channels, row by row, then of the next three, and so on.
        """
        cubes = self.patch_embed(self.to_images(windows).unsqueeze(1))
        positions = self.pos_embed_temporal.unsqueeze(2) + self.pos_embed_spatial.unsqueeze(1)
        tokens: Tensor = cubes.flatten(3).permute(0, 2, 3, 1) + positions
        return tokens.flatten(1, 2)

    def to_channels(self, windows: Tensor) -> Tensor:
        """Return the channels that cubes are cut from: those of the windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of the same shape
            The pixels.
        """
        return windows

    def to_images(self, windows: Tensor) -> Tensor:
        """Bring windows to the range and size of the images in the pre-training.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_channels, image_size, image_size)
            Values in [0, 1].
        """
        standardized = (self.to_channels(windows) - self.channel_mean) / self.channel_scale
        values = (standardized / _DEVIATIONS + 0.5).clamp(0, 1).permute(0, 3, 1, 2)
        size = (self.image_size, self.image_size)
        is_larger = windows.shape[1] > self.image_size  # then all pixels are to count
        return functional.interpolate(values, size, mode="bilinear", antialias=is_larger)

    def resized(self, name: str, tensor: Tensor) -> Tensor:
        """Interpolate positions of another image size or number of channels.

        Parameters
        ----------
        name : str
            Name of a weight.
        tensor : Tensor
            Its values in the pre-training.

        Returns
        -------
        Tensor
            Positions in the image by bicubic, those along the channels by linear interpolation;
            other weights, and positions of the same number, as they are.
        """
        own = {
            "pos_embed_spatial": self.pos_embed_spatial,
            "pos_embed_temporal": self.pos_embed_temporal,
        }.get(name)
        if own is None or tensor.ndim != 3 or tensor.shape[1] in (0, own.shape[1]):
            return tensor
        rows = tensor.transpose(1, 2)
        if name == "pos_embed_temporal":
            return functional.interpolate(rows, own.shape[1], mode="linear").transpose(1, 2)
        side = math.isqrt(rows.shape[2])
        if side**2 != rows.shape[2]:
            return tensor
        grid = rows.unflatten(2, (side, side))
        new_side = self.image_size // _PIXELS
        resized = functional.interpolate(grid, (new_side, new_side), mode="bicubic")
        return resized.flatten(2).transpose(1, 2)
