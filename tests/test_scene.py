import numpy as np
import pytest

from hsvlm import Scene
from hsvlm.exceptions import DataError


def test_repr_tells_what_matters(cube, labels):
    scene = Scene(cube, labels, {1: "oats"}, np.linspace(400, 900, 12), name="field")
    assert repr(scene) == (
        "Scene('field', 18 x 20 pixels, 12 bands from 400 to 900 nm, float32, 1 classes)"
    )
    assert scene.n_bands == 12


def test_wavelengths_become_an_array():
    scene = Scene(np.zeros((2, 2, 3)), wavelengths_nm=[450, 550, 650])
    assert scene.wavelengths_nm.dtype == np.float64
    assert repr(scene) == "Scene('', 2 x 2 pixels, 3 bands from 450 to 650 nm, float64)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"cube": np.zeros((3, 4))},
            "A scene needs a cube of shape (height, width, n_bands), got (3, 4). A single band "
            "needs a last axis: cube[..., np.newaxis].",
        ),
        (
            {"cube": np.zeros((3, 4, 2)), "labels": np.zeros((3, 5))},
            "The cube is 3 x 4 pixels, but the label map has shape (3, 5). Both must cover the "
            "same grid of (height, width) pixels.",
        ),
        (
            {"cube": np.zeros((3, 4, 2)), "wavelengths_nm": np.zeros(3)},
            "The cube has 2 bands, but wavelengths_nm has shape (3,). Give one band centre in "
            "nanometres per band.",
        ),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(DataError) as error:
        Scene(**arguments)
    assert str(error.value) == message
