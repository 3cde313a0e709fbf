"""Small parts that several vision encoders share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.vision import vision_encoder_name

__all__ = [
    "BandDropout",
    "DropPath",
    "Tokenizer",
    "averaging_matrix",
    "center_spectra",
    "check_patch",
    "check_range",
    "check_share",
    "check_transformer",
    "complete_groups",
    "init_narrow",
    "overlapping_means",
    "to_planes",
]


def check_range(
    encoder: nn.Module,
    n_channels: int,
    window_size: int,
    *,
    window_needs: str = "which needs",
    channels_need: str = "which needs",
) -> None:
    """Refuse windows and channels below the `MIN_WINDOW` and `MIN_CHANNELS` of an encoder.

    The two phrases continue ``the vision encoder "<name>", `` and come before the number.
    """
    name = vision_encoder_name(type(encoder)) or type(encoder).__name__
    least: int = type(encoder).MIN_WINDOW  # type: ignore[attr-defined]
    if window_size < least:
        otherwise = ', or an encoder for single pixels such as "mlp"' if least > 1 else ""
        raise ParameterError(
            f'window_size={window_size} is too small for the vision encoder "{name}", '
            f"{window_needs} {least} or more. Choose window_size >= {least}{otherwise}."
        )
    least = type(encoder).MIN_CHANNELS  # type: ignore[attr-defined]
    if n_channels < least:
        raise ParameterError(
            f'n_channels={n_channels} is too few for the vision encoder "{name}", '
            f"{channels_need} {least} or more. Raise n_components, or set it to None to keep all "
            "bands."
        )


def check_patch(patch_size: int, window_size: int | None = None) -> None:
    """Refuse a patch without pixels, or one that does not fit into the window, if that is given."""
    if patch_size < 1:
        raise ParameterError(f"patch_size={patch_size} is too small. Use 1 or more.")
    if window_size is not None and patch_size > window_size:
        raise ParameterError(
            f"patch_size={patch_size} is larger than window_size={window_size}. Choose a patch "
            "that fits into the window."
        )


def check_transformer(*, width: int, depth: int, n_heads: int, mlp_width: int) -> None:
    """Refuse sizes of a transformer that contradict each other."""
    sizes = {"width": width, "depth": depth, "n_heads": n_heads, "mlp_width": mlp_width}
    for name, size in sizes.items():
        if size < 1:
            raise ParameterError(f"{name}={size} is too small. Use 1 or more.")
    if width % n_heads:
        raise ParameterError(
            f"n_heads={n_heads} does not divide width={width}. Use a divisor of it."
        )


def check_share(name: str, value: float) -> None:
    """Refuse a share, such as a dropout rate, outside [0, 1)."""
    if not 0 <= value < 1:
        raise ParameterError(f"{name}={value} is not in [0, 1). Use 0 to switch it off.")


def to_planes(windows: Tensor) -> Tensor:
    """Turn windows into the volumes of a 3-D convolution.

    Shapes: `windows` (n, size, size, n_channels); returns (n, 1, n_channels, size, size).
    """
    return windows.permute(0, 3, 1, 2).unsqueeze(1)


def center_spectra(windows: Tensor, size: int) -> Tensor:
    """Return mean spectra of the central `size` x `size` pixels, at most the whole window.

    Shapes: `windows` (n, side, side, n_channels); returns (n, n_channels).
    """
    side = windows.shape[1]
    size = min(size, side)
    inside = slice((side - size) // 2, (side - size) // 2 + size)
    return windows[:, inside, inside].mean(dim=(1, 2))


def overlapping_means(windows: Tensor, patch_size: int) -> Tensor:
    """Return the mean spectrum of every patch that fits into the window.

    Shapes: `windows` (n, size, size, n_channels); returns (n, n_patches, n_channels).
    """
    means = functional.avg_pool2d(windows.permute(0, 3, 1, 2), patch_size, stride=1)
    return means.flatten(2).transpose(1, 2)


def averaging_matrix(n_inputs: int, n_cells: int) -> Tensor:
    """Return the matrix (n_cells, n_inputs) of adaptive average pooling, whose cells overlap."""
    cells, inputs = torch.arange(n_cells)[:, None], torch.arange(n_inputs)
    starts, stops = cells * n_inputs // n_cells, ((cells + 1) * n_inputs - 1) // n_cells + 1
    is_inside = ((inputs >= starts) & (inputs < stops)).float()
    return is_inside / is_inside.sum(dim=1, keepdim=True)


def complete_groups(windows: Tensor, n_groups: int) -> Tensor:
    """Repeat the last channel until groups of equal size divide the channels.

    Shapes: `windows` (n_windows, size, size, n_channels); returns the same, with more channels.
    """
    n_missing = -windows.shape[3] % n_groups
    return torch.cat([windows, windows[..., -1:].expand(-1, -1, -1, n_missing)], dim=3)


class BandDropout(nn.Module):
    """Set bands of whole windows to zero at random, in training only.

    Shapes: `windows` (n_windows, ..., n_channels); returns the same.
    """

    # The others are not raised in return, as by dropout: this imitates bands that a sensor lost.

    def __init__(self, rate: float) -> None:
        super().__init__()
        check_share("band_dropout", rate)
        self.rate = rate

    def forward(self, windows: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return windows
        shape = (len(windows), *[1] * (windows.ndim - 2), windows.shape[-1])
        return windows * (torch.rand(shape, device=windows.device) >= self.rate)


class DropPath(nn.Module):
    """Drop a residual branch for whole windows at random, in training only [1]_."""

    # [1] G. Huang et al., "Deep networks with stochastic depth", ECCV 2016.

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        shape = (len(branch), *[1] * (branch.ndim - 1))
        is_kept = torch.rand(shape, device=branch.device) >= self.rate
        return branch * is_kept / (1 - self.rate)


class Tokenizer(nn.Module):
    """Mean values of the pixels of a window under several learned weightings.

    Shapes: `pixels` (n_windows, n_pixels, n_channels); returns (n_windows, n_tokens, width).
    """

    # L. Sun et al., "Spectral-spatial feature tokenization transformer for hyperspectral image
    # classification", IEEE TGRS 60, 2022, equations of the tokenization module.

    def __init__(self, n_channels: int, n_tokens: int, width: int) -> None:
        super().__init__()
        self.weighting = nn.Parameter(torch.empty(1, n_tokens, n_channels))
        self.values = nn.Parameter(torch.empty(1, n_channels, width))
        nn.init.xavier_normal_(self.weighting)
        nn.init.xavier_normal_(self.values)

    def forward(self, pixels: Tensor) -> Tensor:
        weights = (self.weighting @ pixels.transpose(1, 2)).softmax(dim=2)
        tokens: Tensor = weights @ (pixels @ self.values)
        return tokens


def init_narrow(module: nn.Module) -> None:
    """Draw weights of all linear layers from a normal law of deviation 0.02; zero biases.

    Published code cuts the law at 100 deviations, which is never reached; releases of torch differ
    in the numbers that they draw for it.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
