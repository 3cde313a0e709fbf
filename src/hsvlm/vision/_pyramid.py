"""Two stages of residual blocks over the pixels of a window, the second at half the side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._parts import DropPath, check_share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

__all__ = ["MixBlock", "Pyramid"]


class MixBlock(nn.Module):
    """Residual block that mixes the pixels of a window, then the channels of each pixel.

    Shapes: `maps` (n_windows, width, side, side); returns the same. The mixer maps pixels
    (n_windows, side, side, width), which are normalized, to the same shape.
    """

    def __init__(self, width: int, mixer: nn.Module, drop_path: float, ratio: int = 3) -> None:
        super().__init__()
        self.norm_mixer = nn.LayerNorm(width)
        self.mixer = mixer
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width)
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, maps: Tensor) -> Tensor:
        pixels: Tensor = maps.movedim(1, 3)
        pixels = pixels + self.drop_path(self.mixer(self.norm_mixer(pixels)))
        pixels = pixels + self.drop_path(self.mlp(self.norm_mlp(pixels)))
        return pixels.movedim(3, 1)


class Pyramid(nn.Sequential):
    """Blocks, a 2 x 2 convolution of stride 2, and blocks of another width.

    Shapes: `maps` (n_windows, widths[0], side, side); returns (n_windows, widths[1], side // 2,
    side // 2). `make_block` takes width, side and drop-path rate, which grows from block to block.
    """

    def __init__(
        self,
        make_block: Callable[[int, int, float], nn.Module],
        side: int,
        widths: tuple[int, int],
        depths: Sequence[int],
        drop_path: float,
    ) -> None:
        if len(depths) != 2 or min(depths) < 1:
            raise ParameterError(
                f"depths={tuple(depths)} are not two numbers of blocks. Use 1 or more for each "
                "stage, such as (2, 4)."
            )
        if widths[1] < 8 or widths[1] % 8:
            raise ParameterError(
                f"width={widths[1]} is not a positive multiple of 8. Use 512 as published, or 64 "
                "for a small network."
            )
        check_share("drop_path", drop_path)
        n_first, n_all = depths[0], sum(depths)
        rates = [drop_path * number / (n_all - 1) for number in range(n_all)]
        super().__init__(
            *(make_block(widths[0], side, rate) for rate in rates[:n_first]),
            nn.Conv2d(*widths, 2, stride=2),
            *(make_block(widths[1], side // 2, rate) for rate in rates[n_first:]),
        )
