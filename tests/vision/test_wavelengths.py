"""The embedding that is told wavelengths, and the encoder with it."""

import math
import pickle

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import ParameterError
from hsvlm.vision.wavelength_vit import WavelengthViT
from hsvlm.vision.wavelengths import WavelengthEmbedding

CENTERS = np.linspace(400, 2500, 200)
GAIN = 64  # the sum of the shares


def embedding(wavelengths_nm=CENTERS, width=16, patch_size=1):
    torch.manual_seed(0)
    return WavelengthEmbedding(list(wavelengths_nm), width, patch_size)


def smooth_spectra(wavelengths_nm, n_spectra=50):
    """Return sums of broad bumps, shape (n_spectra, n_bands)."""
    rng = np.random.default_rng(0)
    middle = rng.uniform(400, 2500, (n_spectra, 8, 1))
    width, height = rng.uniform(80, 400, middle.shape), rng.normal(size=middle.shape)
    bumps = height * np.exp(-(((wavelengths_nm - middle) / width) ** 2))
    return torch.from_numpy(bumps.sum(axis=1)).float()


@pytest.mark.parametrize(("patch_size", "size"), [(1, 10_496), (3, 43_776)])
def test_number_of_parameters(patch_size, size):
    for n_bands in (3, 200):
        made = embedding(np.linspace(400, 900, n_bands), 64, patch_size)
        assert sum(parameter.numel() for parameter in made.parameters()) == size


def test_a_token_is_an_integral_over_the_spectrum():
    centers = [900.0, 400.0, 500.0, 600.0]
    made = embedding(centers)
    torch.nn.init.normal_(made.bias)
    x = torch.tensor([[2.0, -1.0, 3.0, 1.5]])
    # Steps of 100, 100 and 300 nm, of which the last counts as 200.
    shares = np.array([100, 50, 100, 150]) / 400
    expected = made.bias.detach().clone()
    for band, (center, share) in enumerate(zip(centers, shares, strict=True)):
        position = (center - 400) / 2100
        turns = [math.pi * 64 ** (number / 15) for number in range(16)]
        waves = [math.sin(turn * position) for turn in turns]
        waves += [math.cos(turn * position) for turn in turns]
        expected += GAIN * share * made.to_weights(torch.tensor(waves)).detach() * x[0, band]
    torch.testing.assert_close(made(x)[0], expected)


def test_order_of_the_bands_is_of_no_importance():
    order = np.random.default_rng(1).permutation(len(CENTERS))
    spectra = smooth_spectra(CENTERS)
    torch.testing.assert_close(
        embedding(CENTERS[order])(spectra[:, order]), embedding()(spectra), rtol=1e-4, atol=1e-5
    )


def test_every_second_band_says_nearly_the_same():
    tokens = embedding()(smooth_spectra(CENTERS))
    half = embedding(CENTERS[::2])(smooth_spectra(CENTERS[::2]))
    assert torch.corrcoef(torch.stack([tokens.flatten(), half.flatten()]))[0, 1] > 0.99
    assert (half.std() / tokens.std()).item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("patch_size", [1, 3])
def test_it_collapses_to_a_matrix(patch_size):
    made = embedding(CENTERS[:7], 5, patch_size)
    matrix = made.collapsed()
    assert matrix.shape == (7, patch_size**2 * 5)
    patches = torch.randn(4, patch_size**2, 7)
    weights = matrix.view(7, patch_size**2, 5)
    expected = torch.einsum("npb,bpd->nd", patches, weights) + made.bias
    torch.testing.assert_close(made(patches.flatten(1)), expected, rtol=1e-4, atol=1e-5)


def test_one_band_and_equal_bands_have_equal_shares():
    assert embedding([550]).shares.tolist() == [GAIN]
    assert embedding([550, 550]).shares.tolist() == pytest.approx([GAIN / 2] * 2)


def test_weights_are_those_of_other_bands():
    encoder = WavelengthViT(200, 5, 3, wavelengths_nm=CENTERS.tolist()).eval()
    other = WavelengthViT(100, 5, 3, wavelengths_nm=CENTERS[::2].tolist()).eval()
    other.load_state_dict(encoder.state_dict())
    pixels = smooth_spectra(CENTERS, 25).view(1, 5, 5, 200)
    with torch.inference_mode():
        features, half = encoder(pixels), other(pixels[..., ::2])
    assert (features - half).abs().max() < 0.1 * features.abs().max()
    again = pickle.loads(pickle.dumps(other))
    assert torch.equal(again(pixels[..., ::2]), other(pixels[..., ::2]))


UNKNOWN = (
    "wavelengths_nm holds {} for band 1: the wavelengths of 2 of 4 bands are not known. Look them "
    "up in the documents of the instrument and state them, as in Scene(wavelengths_nm=...), or "
    "leave these bands out: scene.select_bands(...)."
)


@pytest.mark.parametrize("value", [None, 0, math.nan, -5.0, math.inf])
def test_unknown_wavelengths_are_refused(value):
    with pytest.raises(ParameterError) as error:
        WavelengthEmbedding([500, value, 600, value], 4)
    assert str(error.value) == UNKNOWN.format(value)


@pytest.mark.parametrize(
    ("wavelengths_nm", "message"),
    [
        (
            [0.4, 2.5],
            "wavelengths_nm lie between 0.4 and 2.5, which looks like micrometers. Multiply them "
            "by 1000.",
        ),
        (
            [0.45, 550],
            "wavelengths_nm holds 0.45 for band 0 beside 550: 1 of 2 values are too small for "
            "nanometers, as micrometers and numbers of bands are. Give all of them in nanometers.",
        ),
        (
            None,
            "wavelengths_nm=None is not a list of numbers. Give the band centers in nanometers.",
        ),
        (
            550,
            "wavelengths_nm=550 is not a list of numbers. Give the band centers in nanometers.",
        ),
        (
            ["red", "blue"],
            "wavelengths_nm=['red', 'blue'] is not a list of numbers. Give the band centers in "
            "nanometers.",
        ),
        (
            [500, 600, 700],
            "wavelengths_nm holds 3 values, the pixels have 2 channels. Give the band center in "
            "nanometers of each channel; bands that were combined have none.",
        ),
    ],
)
def test_errors(wavelengths_nm, message):
    with pytest.raises(ParameterError) as error:
        WavelengthViT(2, 1, 1, wavelengths_nm=wavelengths_nm)
    assert str(error.value) == message


@pytest.mark.parametrize("stated", [550, "visible", ["red"] * 12, [[450, 550]] * 6])
def test_what_a_classifier_is_told_has_to_be_a_list_of_numbers(cube, labels, settings, stated):
    changes = {"vision_encoder": "wavelength-vit", "n_components": None}
    params = {"vision_params": {"wavelengths_nm": stated}}
    with pytest.raises(ParameterError, match=r"is not a list of numbers\. Give the band centers"):
        HSIPromptClassifier(**{**settings, **changes, **params}).fit(cube, labels)


def test_numbers_of_bands_are_no_wavelengths():
    with pytest.raises(ParameterError, match="1 for band 0 beside 200: 99 of 200 values are too"):
        WavelengthEmbedding(range(1, 201), 4)
    assert WavelengthEmbedding([100, 12_000], 4).shares.tolist() == [GAIN / 2] * 2
