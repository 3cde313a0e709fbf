import pytest
import torch
from torch import nn

from hsvlm.vision._parts import to_planes  # the input of the layer under test
from hsvlm.vision.hit import HiT

SMALL = {"n_channels": 9, "window_size": 7, "depths": (1, 1), "width": 16}


def test_each_window_is_convolved_with_its_own_mixture_of_kernels():
    torch.manual_seed(0)
    layer = HiT(**SMALL).eval().volumes[0]
    volumes = to_planes(torch.randn(3, 7, 7, 9)) + torch.arange(3.0).view(3, 1, 1, 1, 1)
    nn.init.normal_(layer.gate[3].weight)
    mixtures = (layer.mixture(volumes.mean(dim=(2, 3, 4))) / 4).softmax(dim=1)
    assert mixtures.std(dim=0).min() > 0.005
    maps = layer(volumes)
    assert maps.shape == (3, 4, 5, 4, 4)
    for window in range(3):
        kernel = sum(mixtures[window, i] * layer.kernels[i] for i in range(4))
        gate = layer.gate(volumes[window : window + 1].mean(dim=(3, 4)))
        convolved = nn.functional.conv3d(
            volumes[window : window + 1] * gate[..., None, None], kernel, stride=2, padding=1
        )
        torch.testing.assert_close(maps[window], convolved[0])


@pytest.mark.parametrize("as_published", [False, True])
def test_the_published_code_reads_maps_in_the_order_of_memory(as_published):
    torch.manual_seed(0)
    encoder = HiT(**SMALL, as_published=as_published).eval()
    windows = torch.randn(2, 7, 7, 9)
    maps = encoder.pyramid(encoder.volumes(to_planes(windows)).flatten(1, 2))
    assert maps.shape == (2, 16, 2, 2)
    numbers = maps.flatten(1)
    pixels = numbers.view(2, 4, 16) if as_published else numbers.view(2, 16, 4).transpose(1, 2)
    expected = nn.functional.layer_norm(pixels, (16,)).mean(dim=1)
    torch.testing.assert_close(encoder(windows), expected)
