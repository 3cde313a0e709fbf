"""Images for pre-trained encoders, from feature maps of small windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["InputAdaptation"]

_WIDTHS: Final = (64, 32, 16, 3)
_ENLARGEMENT: Final = 16  # four layers that double the side


class InputAdaptation(nn.Module):
    """Enlarge feature maps of windows to images in three colors, by learned filters.

    Maps are brought to a sixteenth of the side of the image by bilinear interpolation. Four
    transposed convolutions of 64, 32, 16 and 3 maps, 4 pixels wide and 2 pixels apart, double the
    side each. Batch normalization and GELU follow the first three; the last one has neither, so
    that images have values of both signs, as normalized photographs have. It is the part IAE of
    CF-IPT [1]_, reconstructed from public summaries, which have four transposed convolutions with
    batch normalization and GELU, and an image of 224 x 224 pixels. All other numbers, the
    interpolation and the bare last layer are our reading.

    Parameters
    ----------
    n_maps : int
        Number of feature maps.
    image_size : int, default=224
        Side of the image in pixels, a multiple of 16.

    Raises
    ------
    ParameterError
        If the side of the image is not a multiple of 16.

    References
    ----------
    .. [1] Ji, Qu, Dong and Li, "CF-IPT: Cross-modal fusion interactive prompt tuning of
       vision-language pre-trained model for multisource remote sensing data classification", CVPR
       2026, pp. 23021-23030.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.input_adaptation import InputAdaptation
    >>> adapt = InputAdaptation(n_maps=50)
    >>> sum(parameter.numel() for parameter in adapt.parameters())
    93267
    >>> adapt(torch.zeros(2, 50, 9, 9)).shape
    torch.Size([2, 3, 224, 224])
    """

    def __init__(self, n_maps: int, image_size: int = 224) -> None:
        super().__init__()
        if image_size < _ENLARGEMENT or image_size % _ENLARGEMENT:
            raise ParameterError(
                f"image_size={image_size} is not a multiple of {_ENLARGEMENT}. Use that of the "
                "pre-trained encoder, such as 224."
            )
        self.start_size = image_size // _ENLARGEMENT
        layers: list[nn.Module] = []
        for n_inputs, n_outputs in zip((n_maps, *_WIDTHS), _WIDTHS, strict=False):
            layers += [
                nn.ConvTranspose2d(n_inputs, n_outputs, 4, stride=2, padding=1),
                nn.BatchNorm2d(n_outputs),
                nn.GELU(),
            ]
        self.layers = nn.Sequential(*layers[:-2])

    def forward(self, maps: Tensor) -> Tensor:
        """Make images.

        Parameters
        ----------
        maps : Tensor of shape (n_windows, n_maps, size, size), float32
            Feature maps of windows of any size.

        Returns
        -------
        Tensor of shape (n_windows, 3, image_size, image_size)
            The images.
        """
        # Products, since the interpolation of torch has no deterministic gradient on CUDA.
        rows = _interpolation(maps.shape[2], self.start_size).to(maps)
        columns = _interpolation(maps.shape[3], self.start_size).to(maps)
        images: Tensor = self.layers(rows @ maps @ columns.T)
        return images


def _interpolation(n_inputs: int, n_outputs: int) -> Tensor:
    """Return the matrix (n_outputs, n_inputs) of linear interpolation between cell centers."""
    identity = torch.eye(n_inputs)[None]
    return functional.interpolate(identity, n_outputs, mode="linear")[0].T
