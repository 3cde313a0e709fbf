"""Attention along the bands of a spectrum, and a memory of learned prototypes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._blocks import TransformerBlock
from hsvlm.vision._k_means import k_means
from hsvlm.vision._parts import BandDropout, center_spectra, check_patch, check_range

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SpectralMemory"]

# Windows that are encoded at a time while the memory is prepared.
_PREPARED_AT_ONCE = 256


class SpectralMemory(nn.Module):
    r"""Spectral attention with an external memory, on the spectrum in the middle of a window.

    Each band is a token, made of its value by one linear layer and of a learned position. Two
    transformer layers of width 64 with four heads mix the bands, and the mean over the bands,
    normalized, is a query q. It is compared with M learned prototypes :math:`m_j` by scaled
    dot-product attention [1]_, and the features are the query and the weighted mean of the
    prototypes, added up and normalized (LN):

    .. math::

       \operatorname{LN}\Bigl(q + \sum_j w_j m_j\Bigr), \quad
       w = \operatorname{softmax}_j (q \cdot m_j / \sqrt{64})

    The prototypes start as the centers of clusters, found by k-means, of the queries of training
    windows. The design follows an idea without a publication, in which the mean of the prototypes
    is all that the classifier sees (``add_query=False``); all numbers are ours. Without the query,
    trainings on Indian Pines and Houston 2018 ended at a far higher loss. It is meant to be trained
    with ``criterion="cross-entropy"``, ``criterion_params={"label_smoothing": 0.1}``,
    ``n_components=None`` and ten prototypes per class. Time grows with the square of the number of
    bands.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands or components) of a pixel.
    window_size : int
        Side of the window in pixels.
    patch_size : int
        Side, in pixels, of the square in the middle of the window that is averaged; 1 is the pixel
        alone, and the whole window is the largest.
    n_prototypes : int, default=128
        Number M of prototypes; 0 leaves out the memory, and the query is the feature vector.
    k_means_start : bool, default=True
        Whether prototypes start as centers of clusters, or as random numbers.
    add_query : bool, default=True
        Whether the query is added to the weighted mean of the prototypes, so that what these do not
        express gets through; otherwise, the features are that mean alone.
    band_dropout : float, default=0.1
        Share of the bands that are set to zero in training, others for each window.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 64.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side in training: only without dropout.

    Raises
    ------
    ParameterError
        If a size is too small, or the dropout lies outside [0, 1).

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, equation 1.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.spectral_memory import SpectralMemory
    >>> encoder = SpectralMemory(n_channels=200, window_size=1, patch_size=1).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    88320
    >>> encoder(torch.zeros(2, 1, 1, 200)).shape
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
        n_prototypes: int = 128,
        k_means_start: bool = True,
        add_query: bool = True,
        band_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        check_patch(patch_size)
        if n_prototypes < 0:
            raise ParameterError(
                f"n_prototypes={n_prototypes} is negative. Use about 10 per class, or 0 for none."
            )
        self.n_features = width = 64
        self.independent_windows = band_dropout == 0
        self.patch_size = patch_size
        self.k_means_start = k_means_start
        self.band_dropout = BandDropout(band_dropout)
        self.embed = nn.Linear(1, width)
        self.positions = nn.Parameter(torch.empty(n_channels, width))
        self.blocks = nn.Sequential(*(TransformerBlock(width, 4, 2 * width) for _ in range(2)))
        self.norm = nn.LayerNorm(width)
        # As large as the embedded values that they are added to. With the usual 0.02, bands are
        # hardly told apart: 400 steps on a tenth of Houston 2018, without a memory, reached 90 % of
        # the test pixels, not 95 %.
        nn.init.normal_(self.positions)
        self.norm_sum = nn.LayerNorm(width) if n_prototypes and add_query else None
        self.memory: nn.Parameter | None = None
        if n_prototypes:
            self.memory = nn.Parameter(torch.empty(n_prototypes, width))
            nn.init.normal_(self.memory)  # as large as queries

    def prepare(self, windows: Tensor, generator: torch.Generator) -> None:
        """Let the prototypes start as centers of clusters of queries.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            Training windows.
        generator : torch.Generator
            Source of random draws, on the device of the windows.
        """
        if self.memory is None or not self.k_means_start:
            return
        with torch.no_grad():
            queries = torch.cat([self._query(part) for part in windows.split(_PREPARED_AT_ONCE)])
            self.memory.copy_(k_means(queries, len(self.memory), generator))

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
        query = self._query(windows)
        if self.memory is None:
            return query
        weights = (query @ self.memory.T / math.sqrt(self.n_features)).softmax(dim=1)
        features: Tensor = weights @ self.memory
        return features if self.norm_sum is None else self.norm_sum(query + features)

    def _query(self, windows: Tensor) -> Tensor:
        spectra = self.band_dropout(center_spectra(windows, self.patch_size))
        tokens = self.embed(spectra.unsqueeze(2)) + self.positions
        query: Tensor = self.norm(self.blocks(tokens).mean(dim=1))
        return query
