"""Arrays, pictures and spectra as pages hold them."""

import base64
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from hsvlm._reports.map_view import MapClass, MappedSpectra, MapView, RankedProbabilities, ordinal
from hsvlm._reports.packing import pack, pack_image, png_bytes
from hsvlm._reports.page import Section, render_page
from hsvlm._reports.spectra import Components, fit_components


def unpacked(block, place=0):
    data = zlib.decompress(base64.b64decode(block.data[place]))
    return np.frombuffer(data, dtype=block.types[place]).reshape(block.shape)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", ">i2"])
def test_arrays_are_packed_as_they_are(dtype):
    values = np.random.default_rng(0).integers(0, 99, (2, 5, 7)).astype(dtype)
    block = pack([values, values[:, ::-1]], 10_000)
    assert block.step == 1
    np.testing.assert_array_equal(unpacked(block), values)
    np.testing.assert_array_equal(unpacked(block, 1), values[:, ::-1])


def test_arrays_that_do_not_fit_are_thinned():
    values = np.random.default_rng(0).integers(0, 256, (1, 100, 60), dtype=np.uint8)
    block = pack([values], 2000)
    assert block.n_bytes <= 2000
    assert block.step > 1
    np.testing.assert_array_equal(unpacked(block), values[:, :: block.step, :: block.step])
    assert pack([values[:, :1, :1]], 1).step == 1  # nothing is left to thin


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (6, 9)])
def test_images_are_png_files(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(png_bytes(image)))), image)


def test_images_that_do_not_fit_are_thinned():
    image = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    text = pack_image(image, 4000)
    assert len(text) <= 4000
    thinned = np.asarray(Image.open(BytesIO(base64.b64decode(text))))
    step = -(-90 // thinned.shape[0])
    np.testing.assert_array_equal(thinned, image[::step, ::step])


def test_spectra_are_reconstructed_as_exactly_as_stated():
    rng = np.random.default_rng(0)
    spectra = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 30)) + 10
    components = fit_components(spectra)
    assert len(components.axes) == 4
    scores = components.scores(spectra)
    assert scores.dtype == np.uint8
    assert scores.min() >= 1
    rebuilt = components.spectra(scores)
    errors = np.sqrt(((rebuilt - spectra) ** 2).mean(axis=1))
    np.testing.assert_allclose(components.errors(spectra), errors)
    assert np.median(errors) < 0.02 * spectra.std()


def test_spectra_with_missing_values_have_scores_of_zero():
    spectra = np.random.default_rng(0).normal(size=(9, 3))
    components = fit_components(spectra)
    spectra[4, 1] = np.nan
    scores = components.scores(spectra)
    assert (scores[4] == 0).all()
    assert (np.delete(scores, 4, axis=0) > 0).all()


@pytest.mark.parametrize("spectra", [np.ones((1, 3)), np.zeros((5, 1)), np.ones((7, 4))])
def test_spectra_without_variance_are_their_mean(spectra):
    components = fit_components(spectra)
    np.testing.assert_allclose(components.spectra(components.scores(spectra)), spectra)


def test_ordinals():
    texts = list(map(ordinal, (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)))
    assert texts == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]


@pytest.mark.slow
def test_pages_stay_below_20_megabytes_whatever_they_show():
    rng = np.random.default_rng(0)

    def noise(*shape, high=256, dtype=np.uint8):
        return rng.integers(0, high, shape, dtype=dtype)

    side, n_classes = 2000, 300
    classes = [MapClass("name", "#123456", 1, "", ("prompt",), rng.random(200))] * n_classes
    codes = noise(side, side, high=n_classes + 1, dtype=np.uint16)
    ranks = noise(2, side, side, high=n_classes + 1, dtype=np.uint16)
    axes = rng.random((16, 200))
    components = Components(axes[0], axes, axes[:, 0], axes[:, 1])
    scores = noise(16, 400, 400)
    view = MapView(
        codes,
        classes,
        noise(1000, 1000, 3),
        (side, side),
        probabilities=RankedProbabilities(noise(side, side), ranks, noise(2, side, side)),
        entropy=noise(side, side),
        reference=codes[::-1],
        agreement=noise(side, side, high=4),
        spectra=MappedSpectra(scores, components, 5, np.arange(200.0), "band", "value", ""),
    )
    page = render_page("Noise", [Section("Map", [view])])
    assert 10e6 < len(page) < 20e6
    assert "The entropy is stored for every 2nd row and column of this map." in page
