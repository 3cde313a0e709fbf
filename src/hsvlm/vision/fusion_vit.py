"""A vision transformer over spectra and further sources of the same pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._parts import check_patch, check_range, check_share
from hsvlm.vision._sources import FurtherSources, check_sources
from hsvlm.vision.multi_scale import MultiScaleFusion
from hsvlm.vision.overlap import OverlapViT
from hsvlm.vision.prompt_matrices import PromptMatrices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["FusionViT"]


class FusionViT(nn.Module):
    """Vision transformer over the joined maps of spectra and of further sources.

    The channels of a pixel are groups: the first one is the spectra, the others are further
    sources, such as heights or radar images on the same grid. Further sources are standardized by
    batch normalization, joined with the spectra by
    :class:`~hsvlm.vision.prompt_matrices.PromptMatrices`, and fused over several sizes by
    :class:`~hsvlm.vision.multi_scale.MultiScaleFusion`. Both parts are our reconstruction of those
    of CF-IPT [1]_, which has a frozen image encoder behind them. Here, a small transformer over
    overlapping patches, :class:`~hsvlm.vision.overlap.OverlapViT`, reads the fused maps. Several
    further sources are lifted to the number of channels of the spectra together, as if they were
    one, which is our choice, too.

    Parameters
    ----------
    n_channels : int
        Number of channels of a pixel, those of all sources.
    window_size : int
        Side of the window in pixels; 7 to 11 in [1]_.
    patch_size : int
        Side of a patch in pixels, at most `window_size`.
    sources : mapping of str to int or None, default=None
        Number of channels of every source, in their order; the first one is the spectra. None: all
        channels are spectra.
    fusion : {"cross", "concat", "none"}, default="cross"
        ``"cross"`` joins the sources by prompt matrices, ``"concat"`` puts the lifted further
        sources beside the spectra, and ``"none"`` reads the spectra only, as does every encoder
        with a single source.
    multi_scale : bool, default=True
        Whether the joined maps are fused over several sizes, or read as they are.
    convolutions : {"dense", "depthwise"}, default="dense"
        Kind of the convolutions of this fusion. The dense ones have 35 weights for each pair of
        maps: prefer ``"depthwise"`` for whole spectra.
    source_dropout : float, default=0.0
        Probability that a further source of a window is zeroed, thus replaced by its mean, in
        training. Above 0, a classifier predicts scenes without these sources, too, and says so.
    width : int, default=64
        Length of a token.
    depth : int, default=4
        Number of layers.
    n_heads : int, default=4
        Number of attention heads; must divide `width`.
    mlp_width : int, default=64
        Hidden length of the feed-forward part of a layer.
    mask_ratio : float, default=0.0
        Share of the patch tokens dropped at random in training.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, equal to `width`.
    sources : dict of str to int
        Number of channels of every source.
    fusion : str
        How they are joined; ``"none"`` for a single source.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side: True without masking if only spectra
        are read.

    Raises
    ------
    ParameterError
        If `sources` do not add up to `n_channels`, `fusion` or `convolutions` is unknown, the patch
        is larger than the window, a size is below 1, the heads do not divide the width, or a share
        lies outside [0, 1).

    References
    ----------
    .. [1] Ji, Qu, Dong and Li, "CF-IPT: Cross-modal fusion interactive prompt tuning of
       vision-language pre-trained model for multisource remote sensing data classification", CVPR
       2026, pp. 23021-23030.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.fusion_vit import FusionViT
    >>> encoder = FusionViT(26, 9, 3, sources={"spectra": 25, "lidar": 1}).eval()
    >>> encoder(torch.zeros(2, 9, 9, 26)).shape
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
        sources: Mapping[str, int] | None = None,
        fusion: Literal["cross", "concat", "none"] = "cross",
        multi_scale: bool = True,
        convolutions: Literal["dense", "depthwise"] = "dense",
        source_dropout: float = 0.0,
        width: int = 64,
        depth: int = 4,
        n_heads: int = 4,
        mlp_width: int = 64,
        mask_ratio: float = 0.0,
    ) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        check_patch(patch_size, window_size)
        if fusion not in ("cross", "concat", "none"):
            raise ParameterError(f'fusion={fusion!r} is unknown. Use "cross", "concat" or "none".')
        self.sources = check_sources(sources, n_channels)
        self.fusion = fusion if len(self.sources) > 1 else "none"
        self.n_spectral, *further = self.sources.values()
        check_share("source_dropout", source_dropout)
        n_maps = self.n_spectral
        self.join: _JoinedSources | None = None
        if self.fusion != "none":
            self.join = _JoinedSources(self.n_spectral, further, self.fusion, source_dropout)
            n_maps *= 2
        self.fuse = MultiScaleFusion(n_maps, convolutions) if multi_scale else nn.Identity()
        self.vit = OverlapViT(
            n_maps,
            window_size,
            patch_size,
            width=width,
            depth=depth,
            n_heads=n_heads,
            mlp_width=mlp_width,
            mask_ratio=mask_ratio,
        )
        self.n_features = self.vit.n_features
        self.independent_windows = self.join is None and self.vit.independent_windows

    def prepare(self, windows: Tensor, generator: torch.Generator | None = None) -> None:
        """Let the statistics of further sources start as those of training windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.
        generator : torch.Generator or None, default=None
            Not used: nothing is drawn.
        """
        if self.join is not None:
            self.join.further.start_from(windows[..., self.n_spectral :])

    def forward(self, windows: Tensor) -> Tensor:
        """Encode windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels, the channels of one source after those of another.

        Returns
        -------
        Tensor of shape (n_windows, n_features)
            One feature vector per window, not normalized.
        """
        if self.join is None:
            pixels = windows[..., : self.n_spectral].flatten(1, 2)
        else:
            pixels = self.join(windows)
        maps = self.fuse(pixels.transpose(1, 2).unflatten(2, windows.shape[1:3]))
        features: Tensor = self.vit(maps.permute(0, 2, 3, 1))
        return features

    @property
    def absent_values(self) -> Tensor | None:
        """Values of further channels, (n_further,), that stand for absent sources.

        None unless the encoder was trained to do without them, by `source_dropout`.
        """
        if self.join is None or not self.join.further.dropout:
            return None
        return self.join.further.norm.running_mean

    def prompt_matrices(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the matrices that join the sources of windows, with rows that sum to 1.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        of_channels : Tensor of shape (n_windows, n_spectral, n_spectral)
            The spectral prompt matrix.
        of_pixels : Tensor of shape (n_windows, window_size ** 2, window_size ** 2)
            The spatial prompt matrix; pixels are counted row by row.

        Raises
        ------
        ParameterError
            If the sources are not joined by prompt matrices.
        """
        if self.join is None or not isinstance(self.join.by, PromptMatrices):
            raise ParameterError(
                f'fusion="{self.fusion}" has no prompt matrices. Use fusion="cross" and two or '
                "more sources."
            )
        return self.join.by.matrices(*self.join.split(windows))


class _JoinedSources(nn.Module):
    """Join spectra and further sources, standardized.

    Shapes: `windows` (n_windows, size, size, n_channels); returns (n_windows, size ** 2, 2 *
    n_spectral).
    """

    def __init__(self, n_spectral: int, further: list[int], fusion: str, dropout: float) -> None:
        super().__init__()
        self.n_spectral = n_spectral
        self.further = FurtherSources(further, dropout)
        by = PromptMatrices if fusion == "cross" else _Stack
        self.by = by(n_spectral, sum(further))

    def split(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        pixels = windows.flatten(1, 2)
        return pixels[..., : self.n_spectral], self.further(pixels[..., self.n_spectral :])

    def forward(self, windows: Tensor) -> Tensor:
        joined: Tensor = self.by(*self.split(windows))
        return joined


class _Stack(nn.Module):
    """Put lifted further sources beside the spectra.

    Shapes: `spectra` (n_windows, n_pixels, n_channels), `further` (n_windows, n_pixels,
    n_further); returns (n_windows, n_pixels, 2 * n_channels).
    """

    def __init__(self, n_channels: int, n_further: int) -> None:
        super().__init__()
        self.lift = nn.Linear(n_further, n_channels)

    def forward(self, spectra: Tensor, further: Tensor) -> Tensor:
        return torch.cat([spectra, self.lift(further)], dim=2)
