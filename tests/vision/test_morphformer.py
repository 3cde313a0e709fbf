"""Morphology of the encoder `morphformer`."""

import numpy as np
import pytest
import torch
from scipy.ndimage import grey_dilation, grey_erosion

from hsvlm.exceptions import ParameterError
from hsvlm.vision._dilation import _dilate_by_shifts, dilate
from hsvlm.vision.morphformer import MorphFormer


@pytest.mark.parametrize("size", [3, 5])
def test_dilation_and_erosion_are_those_of_images(size):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 3, 8, 8)).astype(np.float32)
    elements = rng.normal(size=(4, 3, size, size)).astype(np.float32)
    dilated = dilate(torch.from_numpy(images), torch.from_numpy(elements)).numpy()
    eroded = -dilate(-torch.from_numpy(images), torch.from_numpy(elements)).numpy()
    options = {"mode": "constant", "cval": 0.0}
    for window in range(2):
        for number in range(4):
            # SciPy mirrors the structuring element of a dilation.
            expected = [
                grey_dilation(image, structure=element[::-1, ::-1], **options)
                for image, element in zip(images[window], elements[number], strict=True)
            ]
            np.testing.assert_allclose(dilated[window, number], np.max(expected, 0), rtol=1e-5)
            expected = [
                grey_erosion(image, structure=element, **options)
                for image, element in zip(images[window], elements[number], strict=True)
            ]
            np.testing.assert_allclose(eroded[window, number], np.min(expected, 0), rtol=1e-5)


def plain_dilation(images, elements):
    """All sums at once, of which automatic differentiation finds the largest."""
    size = elements.shape[-1]
    around = torch.nn.functional.unfold(images, size, padding=size // 2).unsqueeze(1)
    sums = around + elements.flatten(1).unsqueeze(2)
    return sums.max(dim=2).values.unflatten(2, images.shape[2:])


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("cached_sums", [1, 2**12, 2**18])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dilation_and_its_gradient_are_those_of_all_sums(monkeypatch, size, cached_sums, dtype):
    monkeypatch.setattr("hsvlm.vision._dilation._CACHED_SUMS", cached_sums)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(5, 3, 6, 4, generator=generator).to(dtype).requires_grad_()
    elements = torch.randn(4, 3, size, size, generator=generator, requires_grad=True)
    weights = torch.randn(5, 4, 6, 4, generator=generator)
    expected = plain_dilation(images.float() if dtype == torch.bfloat16 else images, elements)
    found = dilate(images, elements)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    with torch.no_grad():
        torch.testing.assert_close(dilate(images, elements), expected, rtol=0, atol=0)
    gradients = [
        torch.autograd.grad((values * weights).sum(), (images, elements))
        for values in (expected, found)
    ]
    for here, there in zip(*gradients, strict=True):
        torch.testing.assert_close(here, there)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_devices_with_many_cores_compute_the_same(size):
    generator = torch.Generator().manual_seed(0)
    tensors = [
        torch.randn(shape, generator=generator, requires_grad=True)
        for shape in [(5, 3, 6, 4), (4, 3, size, size)]
    ]
    weights = torch.randn(5, 4, 6, 4, generator=generator)
    results = [function(*tensors) for function in (dilate, _dilate_by_shifts)]
    torch.testing.assert_close(*results, rtol=0, atol=0)
    gradients = [torch.autograd.grad((values * weights).sum(), tensors) for values in results]
    for here, there in zip(*gradients, strict=True):
        torch.testing.assert_close(here, there)


def test_equal_sums_give_their_gradient_to_one_place():
    images = torch.zeros(1, 2, 3, 3, requires_grad=True)
    elements = torch.zeros(1, 2, 3, 3, requires_grad=True)
    dilate(images, elements).sum().backward()
    assert elements.grad.count_nonzero() == 1
    assert elements.grad.sum() == 9


def test_dilation_of_nan_is_nan():
    images = torch.zeros(1, 1, 4, 4)
    images[0, 0, 0, 0] = torch.nan
    elements = torch.zeros(1, 1, 3, 3, requires_grad=True)
    values = dilate(images, elements)
    assert values.isnan().nonzero()[:, 2:].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    values.nansum().backward()
    assert elements.grad.sum() == 12


@pytest.mark.parametrize("n_tokens", [0, 3])
def test_tokens_are_halved(n_tokens):
    with pytest.raises(ParameterError, match=f"n_tokens={n_tokens} cannot be halved. Use 2, 4 or"):
        MorphFormer(n_channels=20, window_size=5, n_tokens=n_tokens)
