import pytest
import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision.input_adaptation import InputAdaptation


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("n_maps", "size"), [(50, 93_267), (288, 336_979), (3, 45_139)])
def test_number_of_parameters(n_maps, size):
    weights = 16 * (n_maps * 64 + 64 * 32 + 32 * 16 + 16 * 3)
    assert weights + (64 + 32 + 16 + 3) + 2 * (64 + 32 + 16) == size
    assert count(InputAdaptation(n_maps)) == size
    assert count(InputAdaptation(n_maps, image_size=32)) == size


@pytest.mark.parametrize(("window_size", "image_size"), [(1, 32), (7, 64), (9, 32), (3, 16)])
@torch.no_grad()
def test_maps_are_interpolated_and_enlarged(window_size, image_size):
    torch.manual_seed(0)
    adapt, maps = InputAdaptation(5, image_size), torch.randn(2, 5, window_size, window_size)
    start = (image_size // 16, image_size // 16)
    expected = nn.functional.interpolate(maps, start, mode="bilinear", align_corners=False)
    kinds = [type(layer) for layer in adapt.layers]
    assert kinds == [*[nn.ConvTranspose2d, nn.BatchNorm2d, nn.GELU] * 3, nn.ConvTranspose2d]
    for layer in adapt.layers:
        before = expected.shape[2]
        expected = layer(expected)
        is_enlarging = isinstance(layer, nn.ConvTranspose2d)
        assert expected.shape[2] == (2 * before if is_enlarging else before)
    images = adapt(maps)
    assert images.shape == (2, 3, image_size, image_size)
    torch.testing.assert_close(images, expected, rtol=1e-3, atol=1e-4)


def test_images_have_values_of_both_signs_and_gradients():
    torch.manual_seed(0)
    adapt, maps = InputAdaptation(5, 32), torch.randn(4, 5, 7, 7, requires_grad=True)
    images = adapt(maps)
    assert images.min() < 0 < images.max()
    (images * torch.randn_like(images)).sum().backward()
    assert (maps.grad != 0).any(dim=1).sum() > 0
    for name, weight in adapt.named_parameters():
        if weight.ndim > 1:
            assert weight.grad.abs().max() > 1e-4, name


@torch.no_grad()
def test_a_window_has_the_same_image_alone_and_in_a_batch():
    torch.manual_seed(0)
    adapt, maps = InputAdaptation(5, 32), torch.randn(6, 5, 7, 7)
    adapt(maps)
    adapt.eval()
    alone = torch.cat([adapt(window[None]) for window in maps])
    torch.testing.assert_close(alone, adapt(maps), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("image_size", [0, 100])
def test_sides_that_do_not_come_from_doubling_are_refused(image_size):
    with pytest.raises(ParameterError) as error:
        InputAdaptation(5, image_size)
    assert str(error.value) == (
        f"image_size={image_size} is not a multiple of 16. Use that of the pre-trained encoder, "
        "such as 224."
    )
