"""Selection of kernels in the encoder `a2s2k`."""

import pytest
import torch

from hsvlm.vision.a2s2k import A2S2K


@pytest.mark.parametrize("shared", [False, True])
def test_both_kernels_count_the_same_only_if_one_layer_weighs_them(shared):
    torch.manual_seed(0)
    encoder = A2S2K(n_channels=12, window_size=5, shared_selection=shared).eval()
    hidden = torch.rand(3, 6)
    scores = torch.stack([encoder.weigh[0](hidden), encoder.weigh[-1](hidden)], dim=1)
    weights = scores.softmax(dim=1)
    assert torch.allclose(weights, torch.full_like(weights, 0.5)) == shared


@pytest.mark.parametrize("kernel", [0, 1])
def test_a_kernel_that_is_not_selected_does_not_count(kernel):
    torch.manual_seed(0)
    encoder = A2S2K(n_channels=12, window_size=5).eval()
    windows = torch.rand(2, 5, 5, 12)
    with torch.no_grad():
        before = encoder(windows)
        encoder.weigh[kernel].bias += 1e6
        selected = encoder(windows)
        for parameter in (encoder.around if kernel == 0 else encoder.pixel).parameters():
            parameter += 1
        torch.testing.assert_close(encoder(windows), selected)
    assert not torch.allclose(before, selected)
