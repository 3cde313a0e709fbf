import pytest
import torch
from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.vision.multi_scale import MultiScaleFusion


@pytest.mark.parametrize(
    ("n_maps", "kind", "size"),
    [(50, "dense", 88_306), (50, "depthwise", 2_556), (3, "dense", 355), (1, "depthwise", 51)],
)
def test_number_of_parameters(n_maps, kind, size):
    n_hidden, n_seen = max(4, n_maps // 8), n_maps if kind == "dense" else 1
    weights = 2 * n_maps * n_hidden + n_hidden + n_maps
    assert weights + 35 * n_maps * n_seen + 3 * n_maps == size
    made = MultiScaleFusion(n_maps, kind)
    assert sum(parameter.numel() for parameter in made.parameters()) == size


@pytest.mark.parametrize("kind", ["dense", "depthwise"])
@torch.no_grad()
def test_weighted_maps_are_convolved_at_three_scales(kind):
    torch.manual_seed(0)
    fusion, maps = MultiScaleFusion(6, kind), torch.randn(2, 6, 5, 5)
    first, _, second = fusion.weigh
    scores = sum(
        second(functional.relu(first(pooled)))
        for pooled in (maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3)))
    )
    weighted = maps / (1 + torch.exp(-scores))[:, :, None, None]
    expected = maps.clone()
    for layer, size in zip(fusion.convolutions, (1, 3, 5), strict=True):
        assert layer.weight.shape[2:] == (size, size)
        edge = size // 2
        padded = functional.pad(weighted, [edge] * 4)
        n_groups = 1 if kind == "dense" else 6
        expected += functional.conv2d(padded, layer.weight, layer.bias, groups=n_groups)
    torch.testing.assert_close(fusion(maps), expected, rtol=1e-5, atol=1e-5)


def test_depthwise_maps_mix_through_weights_only():
    torch.manual_seed(0)
    fusion, maps = MultiScaleFusion(4, "depthwise"), torch.randn(1, 4, 5, 5, requires_grad=True)
    torch.nn.init.zeros_(fusion.weigh[2].weight)
    fusion(maps)[0, 1].sum().backward()
    assert (maps.grad.abs().sum(dim=(0, 2, 3)) > 0).tolist() == [False, True, False, False]


def test_single_pixels_are_mapped_linearly():
    torch.manual_seed(0)
    fusion, pixel = MultiScaleFusion(3), torch.randn(2, 3, 1, 1)
    matrix = sum(
        layer.weight[:, :, layer.padding[0], layer.padding[0]] for layer in fusion.convolutions
    )
    bias = sum(layer.bias for layer in fusion.convolutions)
    weights = (2 * fusion.weigh(pixel.flatten(1))).sigmoid()
    expected = pixel.flatten(1) + (pixel.flatten(1) * weights) @ matrix.T + bias
    torch.testing.assert_close(fusion(pixel).flatten(1), expected)


def test_unknown_convolutions_are_refused():
    with pytest.raises(ParameterError) as error:
        MultiScaleFusion(3, "dilated")
    assert str(error.value) == 'convolutions=\'dilated\' is unknown. Use "dense" or "depthwise".'
