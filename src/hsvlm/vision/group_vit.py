"""A vision transformer over groups of neighboring bands of a mean spectrum."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.vision._blocks import TransformerBlock
from hsvlm.vision._parts import center_spectra, check_patch, check_range, check_transformer

__all__ = ["GroupViT"]


class GroupViT(nn.Module):
    """Vision transformer whose tokens are groups of neighboring bands.

    The mean spectrum of ``patch_size`` x ``patch_size`` pixels in the middle of the window is cut
    into groups of bands. Every group has a linear map of its own [1]_ and a learned position, and
    the mean of the encoded groups is the feature vector. It is the network that
    :class:`hsvlm.pretraining.MaskedPretrainer` trains on plain spectra, whose hidden bands can be
    told from the others.

    Parameters
    ----------
    n_channels : int
        Number of channels of a pixel, in the order of their wavelengths.
    window_size : int
        Side of the window in pixels.
    patch_size : int
        Side of the square whose mean spectrum is used, at most `window_size`.
    group_bands : int, default=10
        Number of bands of a group, at most half of all; the last group may have fewer.
    width : int, default=64
        Length of a token.
    depth : int, default=4
        Number of layers.
    n_heads : int, default=4
        Number of attention heads; must divide `width`.
    mlp_width : int, default=128
        Hidden length of the feed-forward part of a layer.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, equal to `width`.
    n_groups : int
        Number of groups of bands, and of tokens.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side: True.

    Raises
    ------
    ParameterError
        If the square is larger than the window, a size is below 1, or the heads do not divide the
        width.

    References
    ----------
    .. [1] L. Scheibenreif, M. Mommert and D. Borth, "Masked vision transformers for hyperspectral
       image classification", CVPR Workshops 2023.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.group_vit import GroupViT
    >>> encoder = GroupViT(n_channels=200, window_size=3, patch_size=3)
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    148096
    >>> encoder(torch.zeros(2, 3, 3, 200)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        patch_size: int,
        *,
        group_bands: int = 10,
        width: int = 64,
        depth: int = 4,
        n_heads: int = 4,
        mlp_width: int = 128,
    ) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        check_patch(patch_size, window_size)
        check_transformer(width=width, depth=depth, n_heads=n_heads, mlp_width=mlp_width)
        if group_bands < 1:
            raise ParameterError(f"group_bands={group_bands} is too small. Use 1 or more.")
        self.n_features = width
        self.independent_windows = True
        self.patch_size = patch_size
        # A group that is alone could not be told from others.
        self.group_bands = min(group_bands, -(-n_channels // 2))
        self.n_groups = -(-n_channels // self.group_bands)
        # A bias would only be added to the positions.
        self.maps = nn.Parameter(torch.empty(self.n_groups, self.group_bands, width))
        self.positions = nn.Parameter(torch.empty(1, self.n_groups, width))
        self.blocks = nn.Sequential(
            *(TransformerBlock(width, n_heads, mlp_width) for _ in range(depth))
        )
        self.norm = nn.LayerNorm(width)
        nn.init.uniform_(self.maps, -(self.group_bands**-0.5), self.group_bands**-0.5)
        nn.init.normal_(self.positions, std=0.5)  # about as large as the embedded groups

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
        return self.run_tokens(self.to_tokens(windows)).mean(dim=1)

    def token_values(self, windows: Tensor) -> Tensor:
        """Return the values that each token is embedded from.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_groups, group_bands)
            The mean spectrum in groups; zeros complete the last group.
        """
        spectra = center_spectra(windows, self.patch_size)
        padded = functional.pad(spectra, (0, -spectra.shape[1] % self.group_bands))
        values: Tensor = padded.unflatten(1, (-1, self.group_bands))
        return values

    def to_tokens(self, windows: Tensor) -> Tensor:
        """Embed the groups of windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_groups, n_features)
            Tokens, with their positions.
        """
        values = self.token_values(windows).transpose(0, 1)
        return torch.bmm(values, self.maps).transpose(0, 1) + self.positions

    def run_tokens(self, tokens: Tensor) -> Tensor:
        """Encode any of the tokens of a window.

        Parameters
        ----------
        tokens : Tensor of shape (n_windows, n_tokens, n_features)
            Some or all of the embedded groups, in any order.

        Returns
        -------
        Tensor of shape (n_windows, n_tokens, n_features)
            The encoded tokens.
        """
        encoded: Tensor = self.norm(self.blocks(tokens))
        return encoded
