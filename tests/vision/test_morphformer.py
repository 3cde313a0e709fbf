"""Morphology of the encoder `morphformer`."""

import numpy as np
import pytest
import torch
from scipy.ndimage import grey_dilation, grey_erosion

from hsvlm.exceptions import ParameterError
from hsvlm.vision.morphformer import MorphFormer, _dilate


@pytest.mark.parametrize("size", [3, 5])
def test_dilation_and_erosion_are_those_of_images(size):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 3, 8, 8)).astype(np.float32)
    elements = rng.normal(size=(4, 3, size, size)).astype(np.float32)
    dilated = _dilate(torch.from_numpy(images), torch.from_numpy(elements)).numpy()
    eroded = -_dilate(-torch.from_numpy(images), torch.from_numpy(elements)).numpy()
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


@pytest.mark.parametrize("n_tokens", [0, 3])
def test_tokens_are_halved(n_tokens):
    with pytest.raises(ParameterError, match=f"n_tokens={n_tokens} cannot be halved. Use 2, 4 or"):
        MorphFormer(n_channels=20, window_size=5, n_tokens=n_tokens)
