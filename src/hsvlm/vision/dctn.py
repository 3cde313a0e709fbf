"""Convolutions and gated blocks side by side, after a stem of groups of bands and of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.vision._parts import (
    DropPath,
    averaging_matrix,
    check_range,
    complete_groups,
    init_narrow,
    to_planes,
)
from hsvlm.vision._pyramid import Pyramid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["DCTN"]

# From this number of bands on, the settings of the publication are those for Indian Pines.
_MANY_BANDS = 150


class DCTN(nn.Module):
    """Dual-branch convolutional transformer network.

    The stem adds 2-D convolutions within groups of neighboring channels to 3-D convolutions, and
    halves the side. A branch of 2-D convolutions, two stages of residual blocks and a single
    convolution read its maps; the three results are joined, and their mean over the pixels is the
    feature vector [1]_. Instead of attention, a block has three gates that follow from means of its
    maps: one over rows, one over columns and one over channels, each of which sees the means of
    those before it.

    With 200 bands and windows of 15 pixels it is the network whose cost the comparison in [2]_
    states for "DCTN", without its last layer. That size is made for a GPU; `depths`, `width` and
    `group_width` make it smaller. Neighboring channels are convolved, so these should be bands
    (``n_components=None``).

    Parameters
    ----------
    n_channels : int
        Number of channels (bands) of a pixel, at least 19.
    window_size : int
        Side of the window in pixels, at least 5; 15 in [2]_.
    n_groups : int, default=None
        Number of groups of channels in the stem. The last channel is repeated until it divides
        them. None means 5 below 150 channels and 11 from there on, the settings of the
        publication's code for Pavia University and for Indian Pines.
    group_width : int, default=None
        Number of maps per group; their total has to be a multiple of 8. None means 64 below 150
        channels and 40 from there on.
    depths : sequence of two int, default=(4, 8)
        Number of blocks of the stages.
    width : int, default=512
        Number of maps of the second stage, a multiple of 8.
    drop_path : float, default=0.1
        Share of windows for which the last block is skipped in training; earlier blocks are skipped
        less often, the first one never.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, `width`.

    Raises
    ------
    ParameterError
        If the window or the number of channels is too small, or an argument lies outside its range.

    References
    ----------
    .. [1] Y. Zhou, X. Huang, X. Yang, J. Peng and Y. Ban, "DCTN: Dual-branch convolutional
       transformer network with efficient interactive self-attention for hyperspectral image
       classification", IEEE Transactions on Geoscience and Remote Sensing 62, 2024,
       doi:10.1109/TGRS.2024.3364143.
    .. [2] A. Chatterjee and S. Ghosh, "Learning hyperspectral images with curated text prompts for
       efficient multimodal alignment", arXiv:2509.22697, 2025, table 1.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.dctn import DCTN
    >>> small = {"n_groups": 4, "group_width": 8, "depths": (1, 2), "width": 64}
    >>> encoder = DCTN(n_channels=30, window_size=7, **small).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    222006
    >>> encoder(torch.zeros(2, 7, 7, 30)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 5
    MIN_CHANNELS: ClassVar[int] = 19

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        *,
        n_groups: int | None = None,
        group_width: int | None = None,
        depths: Sequence[int] = (4, 8),
        width: int = 512,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        check_range(
            self,
            n_channels,
            window_size,
            window_needs="which halves the side twice, once without padding, and needs",
            channels_need="whose two unpadded 3-D convolutions need",
        )
        n_groups, group_width = _group_sizes(n_channels, n_groups, group_width)
        n_maps = n_groups * group_width
        self.n_features = width
        self.groups = _GroupedMaps(n_channels, n_groups, n_maps)
        self.volumes = _VolumeMaps(n_channels, n_maps)
        self.weights = nn.Parameter(torch.ones(2))
        self.reduce = nn.Conv2d(n_maps, n_maps, 3, stride=2)
        side = (window_size - 1) // 2
        self.pyramid = Pyramid(_Block, side, (n_maps, width), depths, drop_path)
        self.convolutions = _make_convolutions(n_maps, width)
        self.shortcut = nn.Conv2d(n_maps, width, 2, stride=2)
        self.join = nn.Conv2d(3 * width, width, 1)
        self.norm = nn.LayerNorm(width)
        init_narrow(self)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)

    def forward(self, windows: Tensor) -> Tensor:
        """Encode windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_features)
            One feature vector per window, not normalized to unit length.
        """
        parts = self.volumes(to_planes(windows)), self.groups(windows)
        maps = self.reduce(self.weights[0] * parts[0] + self.weights[1] * parts[1])
        branches = [self.convolutions(maps), self.pyramid(maps), self.shortcut(maps)]
        pixels = self.join(torch.cat(branches, dim=1)).movedim(1, 3)
        features: Tensor = self.norm(pixels).mean(dim=(1, 2))
        return features


def _group_sizes(n_channels: int, n_groups: int | None, group_width: int | None) -> tuple[int, int]:
    """Return number of groups and maps per group, those of the publication by default."""
    published = (11, 40) if n_channels >= _MANY_BANDS else (5, 64)
    n_groups = published[0] if n_groups is None else n_groups
    group_width = published[1] if group_width is None else group_width
    if n_groups < 1 or group_width < 1 or n_groups * group_width % 8:
        raise ParameterError(
            f"n_groups={n_groups} and group_width={group_width} give {n_groups * group_width} "
            "maps, which have to be a positive multiple of 8. Use None for both, or another pair."
        )
    return n_groups, group_width


class _GroupedMaps(nn.Module):
    """2-D convolutions within groups of neighboring channels.

    Shapes: `windows` (n_windows, size, size, n_channels); returns (n_windows, n_maps, size, size).
    """

    def __init__(self, n_channels: int, n_groups: int, n_maps: int) -> None:
        super().__init__()
        self.n_groups = n_groups
        n_inputs = n_channels + -n_channels % n_groups
        self.first = nn.Sequential(
            nn.Conv2d(n_inputs, n_maps, 1, groups=n_groups), nn.BatchNorm2d(n_maps), nn.ReLU()
        )
        self.residual = nn.Sequential(
            nn.Conv2d(n_maps, n_maps, 3, padding=1, groups=n_groups),
            nn.BatchNorm2d(n_maps),
            nn.ReLU(),
            nn.Conv2d(n_maps, n_maps, 5, padding=2, groups=n_groups),
            nn.BatchNorm2d(n_maps),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(n_maps, n_maps, 1), nn.BatchNorm2d(n_maps))

    def forward(self, windows: Tensor) -> Tensor:
        maps = self.first(complete_groups(windows, self.n_groups).permute(0, 3, 1, 2))
        return functional.relu(self.residual(maps) + self.shortcut(maps))


class _VolumeMaps(nn.Module):
    """3-D convolutions, and means over neighboring channels.

    Shapes: `volumes` (n_windows, 1, n_channels, size, size); returns (n_windows, n_maps, size,
    size).
    """

    cells: Tensor

    def __init__(self, n_channels: int, n_maps: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv3d(1, 4, (11, 7, 7), padding=(0, 3, 3)),
            nn.Conv3d(4, 8, (9, 5, 5), padding=(0, 2, 2)),
        )
        self.norm = nn.BatchNorm3d(8)
        cells = averaging_matrix(n_channels - 18, n_maps // 8)
        self.register_buffer("cells", cells, persistent=False)

    def forward(self, volumes: Tensor) -> Tensor:
        volumes = self.convolutions(volumes)
        # A product, since the adaptive pooling of torch has no deterministic gradient on CUDA.
        means = (self.cells @ volumes.flatten(3)).unflatten(3, volumes.shape[3:])
        maps: Tensor = self.norm(means).flatten(1, 2)
        return maps


def _make_convolutions(n_maps: int, width: int) -> nn.Sequential:
    def layers(n_inputs: int, n_outputs: int, n_groups: int = 1) -> list[nn.Module]:
        convolution = nn.Conv2d(n_inputs, n_outputs, 3, padding=1, groups=n_groups)
        return [convolution, nn.BatchNorm2d(n_outputs), nn.GELU()]

    narrow, middle = width // 4, width // 2
    return nn.Sequential(
        *layers(n_maps, narrow),
        *layers(narrow, narrow, narrow),
        *layers(narrow, middle),
        nn.MaxPool2d(2),
        *layers(middle, middle),
        *layers(middle, width),
        *layers(width, width, width),
    )


class _Block(nn.Module):
    """Gates, then convolutions, each after a norm from which the residual starts.

    Shapes: `maps` (n_windows, width, side, side); returns the same.
    """

    def __init__(self, width: int, side: int, drop_path: float) -> None:
        super().__init__()
        n_groups = 8 if width % 16 else 16
        self.norm_gates = nn.GroupNorm(n_groups, width)
        self.gates = _InteractiveGates(width, side)
        self.norm_mlp = nn.GroupNorm(n_groups, width)
        hidden = 3 * width
        self.mlp = nn.Sequential(
            nn.Conv2d(width, hidden, 1, bias=False),
            nn.GELU(),
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False),
            nn.GELU(),
            nn.Conv2d(hidden, width, 1, bias=False),
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.norm_gates(maps)
        maps = maps + self.drop_path(self.gates(maps))
        maps = self.norm_mlp(maps)
        result: Tensor = maps + self.drop_path(self.mlp(maps))
        return result


class _InteractiveGates(nn.Module):
    """Three mixtures of the channels, gated by row, by column and by channel, and joined.

    Shapes: `maps` (n_windows, width, side, side); returns the same.
    """

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.mixtures = nn.ModuleList(nn.Conv2d(width, width, 1, bias=False) for _ in range(3))
        self.rows_to_channels = nn.Linear(side, width)
        self.columns_to_channels = nn.Linear(side, width)
        self.row_gate, self.column_gate, self.channel_gate = (_make_gate(n) for n in (1, 2, 3))
        self.join = nn.Conv2d(3 * width, width, 1, bias=False)
        self.linear = nn.Linear(width, width)
        self.weights = nn.Parameter(torch.ones(2))

    def forward(self, maps: Tensor) -> Tensor:
        by_row, by_column, by_channel = (functional.gelu(mix(maps)) for mix in self.mixtures)
        rows, columns = by_row.mean(dim=(1, 3)), by_column.mean(dim=(1, 2))
        channels = by_channel.mean(dim=(2, 3))
        both = self.rows_to_channels(rows), self.columns_to_channels(columns)
        row_gate = self.row_gate(rows[:, None])
        column_gate = self.column_gate(torch.stack([rows, columns], dim=1))
        channel_gate = self.channel_gate(torch.stack([*both, channels], dim=1))
        gated = [
            by_row * row_gate[..., None],
            by_column * column_gate[:, :, None],
            by_channel * channel_gate.transpose(1, 2)[..., None],
        ]
        joined = self.linear(self.join(torch.cat(gated, dim=1)).movedim(1, 3)).movedim(3, 1)
        result: Tensor = self.weights[0] * joined + self.weights[1] * maps
        return result


def _make_gate(n_inputs: int) -> nn.Sequential:
    """Make a gate from several sequences (n_windows, n_inputs, length): (n_windows, 1, length)."""
    return nn.Sequential(
        nn.Conv1d(n_inputs, 1, 1, bias=False),
        nn.Sigmoid(),
        nn.Conv1d(1, 1, 3, padding=1),
        nn.Sigmoid(),
    )
