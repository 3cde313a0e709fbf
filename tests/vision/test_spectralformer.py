"""Tokens of the encoder `spectralformer`."""

import pytest
import torch

from hsvlm.exceptions import ParameterError
from hsvlm.vision.spectralformer import SpectralFormer


def test_a_token_holds_the_pixels_of_neighboring_bands():
    encoder = SpectralFormer(n_channels=6, window_size=2, n_neighbors=3).eval()
    seen = []
    encoder.embed.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    windows = torch.arange(24.0).reshape(1, 2, 2, 6)
    encoder(windows)
    bands = windows.flatten(1, 2)[0].T
    for band, token in enumerate(seen[0][0]):
        torch.testing.assert_close(
            token, torch.cat([bands[(band + step) % 6] for step in (-1, 0, 1)])
        )


@pytest.mark.parametrize("n_neighbors", [0, 2])
def test_a_group_has_a_band_in_the_middle(n_neighbors):
    with pytest.raises(ParameterError, match=r"Use 1, 3 or another odd number\."):
        SpectralFormer(n_channels=6, window_size=1, n_neighbors=n_neighbors)
