"""What a network of several sources attends to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from hsvlm._inputs.batches import in_batches
from hsvlm._inputs.kinds import predict_inputs
from hsvlm._inputs.windows import input_source
from hsvlm.exceptions import ParameterError
from hsvlm.plotting._base import Display, new_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_WINDOWS = 1000


class PromptMatrixDisplay(Display):
    """Mean matrices by which the encoder "fusion-vit" joins its sources.

    Parameters
    ----------
    of_channels : ndarray of shape (n_channels, n_channels)
        Share of each channel of the second source (columns) in what is added to each spectral
        channel (rows); rows sum to 1.
    of_pixels : ndarray of shape (window_size, window_size)
        Share of each pixel of the window in what is added to the center pixel of the second
        source; the sum is 1.

    Attributes
    ----------
    ax_, figure_
        Axes of the matrix of channels and their figure, after :meth:`plot`.
    pixels_ax_ : matplotlib Axes or None
        Axes of the shares of pixels, in a figure of its own.

    See Also
    --------
    hsvlm.vision.prompt_matrices.PromptMatrices : How they are computed.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.plotting import PromptMatrixDisplay
    >>> display = PromptMatrixDisplay(np.full((4, 4), 1 / 4), np.full((3, 3), 1 / 9)).plot()
    >>> display.pixels_ax_.get_title()
    'pixels of the window'
    """

    pixels_ax_: Any

    def __init__(self, of_channels: NDArray[Any], of_pixels: NDArray[Any]) -> None:
        self.of_channels = of_channels
        self.of_pixels = of_pixels

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, ax: Any = None) -> Self:
        """Draw the matrices of a fitted classifier, averaged over samples.

        Parameters
        ----------
        estimator : HSIPromptClassifier
            Fitted with the vision encoder ``"fusion-vit"`` or ``"clip-prompt"`` to several
            sources.
        X : PixelSamples, Scene or cube
            Samples; of more than 1,000, a thousand spread evenly are used.
        ax : matplotlib Axes, default=None
            Where to draw the matrix of channels; None makes a figure with both.

        Returns
        -------
        PromptMatrixDisplay
            Drawn.

        Raises
        ------
        ParameterError
            If the classifier is not fitted, or its encoder joins no sources by matrices.
        """
        module: Any = getattr(vars(estimator).get("net_"), "module_", None)
        encoder: Any = getattr(module, "encoder", None)
        if not hasattr(encoder, "prompt_matrices"):
            raise ParameterError(
                'Only "fusion-vit" and "clip-prompt" join sources by matrices. Fit '
                'HSIPromptClassifier(vision_encoder="fusion-vit") to a scene with several sources.'
            )
        samples = predict_inputs(estimator, X).samples
        chosen = np.linspace(0, len(samples) - 1, min(len(samples), _MAX_WINDOWS)).astype(int)
        device = next(encoder.parameters()).device
        how = estimator.preprocessing_, estimator.window_size_, estimator.padding_, device
        source = input_source(samples[chosen], *how)

        def matrices(windows: torch.Tensor) -> torch.Tensor:
            of_channels, of_pixels = encoder.prompt_matrices(windows)
            center = of_pixels[:, of_pixels.shape[1] // 2]
            return torch.cat([of_channels.flatten(1), center], dim=1)

        mean = in_batches(matrices, source).mean(dim=0).cpu().numpy()
        size = estimator.window_size_
        of_channels, of_pixels = np.split(mean, [len(mean) - size**2])
        side = int(np.sqrt(len(of_channels)))
        return cls(of_channels.reshape(side, side), of_pixels.reshape(size, size)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the matrices.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw the matrix of channels; None makes a figure with both.

        Returns
        -------
        self
            With ``ax_``, ``figure_`` and ``pixels_ax_``.
        """
        self.pixels_ax_ = None
        if ax is None:
            ax, self.pixels_ax_ = new_axes(None, (7.2, 3.0), ncols=2)
            image = self.pixels_ax_.imshow(self.of_pixels, cmap="viridis", vmin=0)
            self.pixels_ax_.set(title="pixels of the window", xticks=[], yticks=[])
            self.pixels_ax_.figure.colorbar(image, ax=self.pixels_ax_, label="share")
        image = ax.imshow(self.of_channels, cmap="viridis", vmin=0)
        ax.set(title="channels", xlabel="lifted second source", ylabel="spectral channel")
        ax.figure.colorbar(image, ax=ax, label="share")
        return self._keep(ax)
