"""Samples and scenes that contradict themselves."""

import numpy as np
import pytest

from hsvlm import PixelSamples, Scene
from hsvlm.exceptions import DataError, HSVLMError, HSVLMWarning, ParameterError


def refusal(call, error=DataError):
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, HSVLMError)
    return str(caught.value)


@pytest.mark.parametrize(
    ("coords", "message"),
    [
        ([[1e300, 0]], "coords must hold whole numbers, got 1e+300. Convert them to integers."),
        (
            np.array([[2**63, 0]], dtype=np.uint64),
            "coords must hold whole numbers, got 9223372036854775808. Convert them to integers.",
        ),
        ([[1, 2], [3]], "coords, of type list, cannot be turned into an array (setting an array "),
    ],
)
def test_coordinates_that_are_none(cube, coords, message):
    assert refusal(lambda: PixelSamples(cube, coords)).startswith(message)


@pytest.mark.parametrize("size", ["5", 5.0, None, True])
def test_window_sizes_that_are_no_numbers(cube, size):
    assert refusal(lambda: PixelSamples(cube, [[3, 3]]).windows(size), ParameterError) == (
        f"window_size={size!r} is not a whole number. Use an odd number of pixels, such as 5."
    )


@pytest.mark.parametrize("limit", [1, 2**26], ids=["lazy", "at once"])
def test_functions_of_spectra_that_lose_rows(cube, monkeypatch, limit):
    monkeypatch.setattr("hsvlm.samples._MAX_EAGER_VALUES", limit)
    X = PixelSamples(cube, [[3, 3]])
    assert refusal(
        lambda: np.asarray(X.map_spectra(lambda spectra: spectra.mean(axis=1)))
    ).endswith("n_new_bands).")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"wavelengths_nm": [400, -1, np.inf]},
            "wavelengths_nm holds -1 (2 of 3 are negative or infinite). Give the band centers in "
            "nanometers, and NaN if unknown.",
        ),
        ({"wavelengths_nm": list("abc")}, "wavelengths_nm has dtype <U1. Pass real numbers."),
        (
            {"bad_bands": [0, 2, 5]},
            "bad_bands must hold True or False everywhere, got int64: [0, 2, 5].",
        ),
        (
            {"valid": [[0.5, 1], [1, 1]]},
            "valid must hold True or False everywhere, got float64: [[0.5, 1], [1, 1]].",
        ),
        ({"transform": "abcdef"}, "transform has dtype <U1. Pass real numbers."),
    ],
)
def test_scenes_that_contradict_themselves(arguments, message):
    assert refusal(lambda: Scene(np.ones((2, 2, 3)), **arguments)) == message


def test_wavelengths_in_micrometres():
    with pytest.warns(HSVLMWarning) as caught:
        Scene(np.ones((2, 2, 3)), wavelengths_nm=[0.4, 0.5, 2.5])
    assert str(caught[0].message) == (
        "wavelengths_nm lie between 0.4 and 2.5, which looks like micrometers. Multiply them by "
        "1000."
    )


@pytest.mark.parametrize("values", [[400, 650, 2.5], [np.nan, 400, 2.5]])
def test_wavelengths_partly_in_micrometers(values):
    with pytest.warns(HSVLMWarning) as caught:
        Scene(np.ones((2, 2, 3)), wavelengths_nm=values)
    assert str(caught[0].message) == (
        f"wavelengths_nm holds 2.5 beside {np.nanmax(values):g}: 1 of 3 values are too small for "
        "nanometers, as micrometers are. Give all of them in nanometers."
    )


def test_bands_in_any_order_and_nested_lists():
    scene = Scene(np.ones((2, 2, 3)).tolist(), [[0, 1], [1, 2]], wavelengths_nm=[900, 400, 650])
    assert repr(scene) == "Scene('', 2 x 2 pixels, 3 bands from 400 to 900 nm, float64)"
    assert scene.select_bands([1, 2]).labels.tolist() == [[0, 1], [1, 2]]


@pytest.mark.parametrize(
    ("wavelengths", "span"), [([0, 400, np.nan], " from 400 to 400 nm"), ([0, np.nan, 0], "")]
)
def test_unknown_wavelengths_do_not_count(wavelengths, span):
    scene = Scene(np.ones((2, 2, 3)), wavelengths_nm=wavelengths)
    assert repr(scene) == f"Scene('', 2 x 2 pixels, 3 bands{span}, float64)"
    assert ("wavelengths" in scene.summary()) == bool(span)
