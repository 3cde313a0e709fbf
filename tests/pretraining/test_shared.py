"""Test pixels that a pre-training has read."""

from dataclasses import replace

import numpy as np
import pytest

from hsvlm import PixelSamples, Scene
from hsvlm.exceptions import DataError, HSVLMWarning
from hsvlm.pretraining import PretrainedEncoder, load_pretrained, shared_pixels


def test_all_pixels_are_shared_with_a_pre_training_on_all(fitted, scene):
    X, y = scene.samples()
    shared = shared_pixels(fitted.encoder_, X)
    assert (shared.n_shared, shared.n_pixels, shared.share) == (len(y), len(y), 1.0)


def test_excluded_pixels_are_not_shared(make, scene, tmp_path):
    X, _ = scene.samples()
    pretrainer = make().fit(scene, exclude=X[:30])
    loaded = load_pretrained(pretrainer.save(tmp_path / "encoder"))
    for encoder in (pretrainer.encoder_, loaded):
        assert shared_pixels(encoder, X[:30]).n_shared == 0
        # Neighbors of excluded pixels are not centers, but lie in windows.
        assert 0.8 < shared_pixels(encoder, X[40:]).share <= 1


def test_pixels_in_windows_are_shared(make, scene):
    centers = PixelSamples(scene.cube, [[5, 5], [5, 6], [9, 9]])
    encoder = make().fit(centers).encoder_
    around = PixelSamples(scene.cube, [[4, 4], [6, 7], [10, 8], [3, 5], [12, 9]])
    assert shared_pixels(encoder, around).n_shared == 3
    assert encoder.provenance["scenes"][0]["n_read"] == 12 + 9
    assert encoder.provenance["scenes"][0]["n_centers"] == 3


def test_invalid_pixels_are_not_read(make, scene):
    valid = np.ones(scene.shape, dtype=bool)
    valid[:, 7] = False
    masked = replace(scene, valid=valid)
    record = make().fit(masked).encoder_.provenance["scenes"][0]
    assert record["shape"] == [16, 20, 30]
    assert record["n_read"] == record["n_centers"] == 16 * 19


def test_other_scenes_share_nothing(fitted, scene):
    cube = np.array(scene.cube)
    other = PixelSamples(cube[:5], [[1, 2]])
    assert shared_pixels(fitted.encoder_, other).share == 0
    copied = PixelSamples([cube[:5], cube], [[1, 2], [3, 4]], [0, 1])
    assert shared_pixels(fitted.encoder_, copied).n_shared == 1
    with pytest.warns(HSVLMWarning) as warned:
        assert shared_pixels(fitted.encoder_, PixelSamples(2 * cube, [[1, 2]])).n_shared == 0
    assert str(warned[0].message) == (
        "A scene of 16 x 20 pixels and 30 bands has the size of one of the pre-training, but other "
        "values, so its pixels count as not shared. If it is the same place, pass samples with the "
        "bands and values pre-trained on."
    )


def test_no_pixels_share_nothing(fitted, scene):
    X, _ = scene.samples()
    assert shared_pixels(fitted.encoder_, X[:0]).share == 0


def test_the_type_of_the_values_does_not_matter(make):
    counts = np.random.default_rng(0).integers(0, 4000, (6, 7, 12)).astype(np.int16)
    encoder = make().fit(Scene(counts)).encoder_
    for dtype in (np.int32, np.float64, ">f4"):
        X = PixelSamples(counts.astype(dtype), [[0, 0]])
        assert shared_pixels(encoder, X).n_shared == 1


def test_encoders_from_elsewhere_do_not_tell(scene):
    X, _ = scene.samples()
    with pytest.raises(DataError) as error:
        shared_pixels(PretrainedEncoder("vit", {}, {}, ""), X)
    assert str(error.value) == (
        "The provenance of the pre-trained encoder does not state which scenes it has read. Use an "
        "encoder of MaskedPretrainer, or compare the scenes yourself."
    )


def test_nothing_is_known_of_plain_spectra(make, scene):
    X, _ = scene.samples()
    encoder = make().fit(np.asarray(X)).encoder_
    with pytest.raises(DataError, match="does not state which scenes it has read"):
        shared_pixels(encoder, X)
