"""What a fit keeps of its scenes, and the settings of the read-out."""

import itertools

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, PixelSamples
from hsvlm._data.lazy import MaskedCube
from hsvlm.exceptions import ParameterError
from hsvlm.readout.scene import fit_readout, readout_settings


def kept(X, **changes):
    """Keep what a fit to these samples would keep."""
    targets, weights = np.arange(len(X)) % 3, np.arange(1.0, len(X) + 1)
    params = HSIPromptClassifier(**changes).spatial_params
    return fit_readout(params, X, targets, weights, targets.max() + 1)


@pytest.fixture
def samples(cube):
    """Every 37th pixel of the scene."""
    return PixelSamples(cube, np.argwhere(np.ones((18, 20)))[::37])


def test_what_is_kept(cube, samples):
    readout = kept(samples, spatial_params={"contrast": 2, "agreement": 1, "n_steps": np.int64(9)})
    settings = readout.contrast, readout.agreement, readout.n_steps
    assert (readout.restart, *settings) == (0.0005, 2.0, 1.0, 9)
    assert [type(one) for one in settings] == [float, float, int]
    assert (readout.temperature, readout.weights, readout.noise) == (1, (0.5, 0.5, 0), 0)
    assert len(readout.disputed) == 0
    (scene,) = readout.scenes
    assert scene.shape == (18, 20, 12)
    np.testing.assert_array_equal(scene.coords, samples.coords)
    np.testing.assert_array_equal(scene.targets, np.arange(10) % 3)
    np.testing.assert_array_equal(scene.weights, np.arange(1.0, 11))
    # Spectra of up to 16 of them, not the cube.
    np.testing.assert_array_equal(scene.references, np.asarray(samples))


def test_the_scale_is_the_usual_distance_of_neighbours(cube, samples):
    readout = kept(samples)
    features = readout.edges.transform(cube).astype(float)
    distances = [
        np.sum((features[row, col] - features[row + down, col + right]) ** 2)
        for row, col in samples.coords
        for down, right in itertools.product((-1, 0, 1), repeat=2)
        if (down or right) and 0 <= row + down < 18 and 0 <= col + right < 20
    ]
    assert readout.scale == pytest.approx(np.mean(distances), rel=1e-5)


def test_broken_and_masked_neighbours_have_no_distance(cube, samples):
    valid = np.random.default_rng(0).random((18, 20)) > 0.3
    valid[tuple(samples.coords.T)] = True
    broken = np.where(valid[..., None], cube, np.nan)
    masked = MaskedCube(np.where(valid[..., None], cube, 1e6), valid)
    found = [kept(PixelSamples(one, samples.coords)).scale for one in (broken, masked)]
    assert found[0] == found[1] != kept(samples).scale


@pytest.mark.parametrize("value", [-9999.0, -32768.0, 1e9])
def test_a_marker_beside_a_training_pixel_hides_no_edges(cube, samples, value):
    broken = cube.copy()
    broken[tuple(samples.coords[3] + [0, 1])] = value
    found = kept(PixelSamples(broken, samples.coords)).scale
    assert found == pytest.approx(kept(samples).scale, rel=0.1)


def test_a_scene_without_differences_has_a_scale():
    coords = np.argwhere(np.ones((4, 4)))
    assert kept(PixelSamples(np.ones((4, 4, 3)), coords)).scale == 1.0


def test_every_scene_with_samples_is_kept(cube, samples):
    X = PixelSamples([cube, cube[:5], cube[:9]], samples.coords % 9, [0, 2] * 5)
    readout = kept(X)
    assert [one.shape[0] for one in readout.scenes] == [18, 9]
    np.testing.assert_array_equal(readout.scenes[1].coords, X.coords[1::2])


def test_scenes_are_known_again(cube, samples):
    (scene,) = kept(samples).scenes
    changed = cube.copy()
    changed[tuple(samples.coords[0])] += 0.1
    elsewhere = cube.copy()
    elsewhere[0, 1] += 0.1  # no reference
    missing = cube.copy()
    missing[0, 0] = np.nan
    for one in (cube, cube.copy(), cube.astype(float), cube * np.float32(1.0001), elsewhere):
        assert scene.matches(one)
    for one in (cube[:, :-1], cube[:17], cube[..., :-1], changed, missing, cube[::-1], cube + 1):
        assert not scene.matches(one)


@pytest.mark.parametrize("scale", [1e-12, 1e-7, 1.0, 1e7])
def test_scenes_in_any_unit_are_known_again(cube, samples, scale):
    (scene,) = kept(PixelSamples(cube * scale, samples.coords)).scenes
    assert scene.matches(cube * scale)
    assert scene.matches((cube * scale).astype(np.float32))
    assert not scene.matches(cube[::-1] * scale)
    assert not scene.matches(np.zeros_like(cube))


def test_defaults():
    expected = {
        "restart": 0.0005,
        "contrast": 4.0,
        "agreement": 2.0,
        "n_steps": 100,
        "weights": "auto",
    }
    assert readout_settings(None) == readout_settings({}) == expected
    assert readout_settings({"weights": "auto"}) == expected
    given = {"restart": 1, "contrast": 0}
    assert readout_settings(given) == {**expected, **given}


@pytest.mark.parametrize("convert", [tuple, list, np.array, np.float32])
@pytest.mark.parametrize(("given", "expected"), [((1, 0.5), (1, 0.5, 0)), ((1, 0, 2), (1, 0, 2))])
def test_weights_are_two_or_three_numbers(samples, given, expected, convert):
    weights = convert(given)
    assert readout_settings({"weights": weights})["weights"] == expected
    found = kept(samples, spatial_params={"weights": weights})
    assert found.weights == expected
    assert {type(one) for one in found.weights} == {float}
    # What has no weight is not computed.
    assert (found.discriminant is None) == (expected[2] == 0)


@pytest.mark.parametrize(
    "weights",
    [
        "equal",
        None,
        1,
        0.5,
        np.array(0.5),
        np.ones((2, 2)),
        (),
        (1,),
        (1, 1, 1, 1),
        (0, 0),
        (0, 0, 0),
        (-1, 1),
        (1, 101),
        (1, np.nan),
        (1, np.inf),
        (1, True),
        ("1", "1"),
        {0: 1, 1: 1},
        {0, 1},
    ],
    ids=repr,
)
def test_weights_that_cannot_be_used(weights):
    with pytest.raises(ParameterError) as caught:
        readout_settings({"weights": weights})
    assert str(caught.value) == (
        f'spatial_params: weights={weights!r} must be "auto" or two or three numbers, the '
        "weights of walks, of windows and of spectra, each a float in the range [0.0, 100.0], and "
        "not all 0."
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"alpha": 0.1, "steps": 3},
            "spatial_params sets 'alpha', 'steps', which the read-out does not know. It may set "
            "'restart', 'contrast', 'agreement', 'n_steps', 'weights'.",
        ),
        (
            {1: 2, "a": 3},
            "spatial_params sets 1, 'a', which the read-out does not know. It may set 'restart', "
            "'contrast', 'agreement', 'n_steps', 'weights'.",
        ),
        (
            {"restart": 0},
            "spatial_params: restart=0 must be a float in the range (0.0, 1.0].",
        ),
        (
            {"restart": "auto"},
            "spatial_params: restart='auto' must be a float in the range (0.0, 1.0].",
        ),
        (
            {"restart": None},
            "spatial_params: restart=None must be a float in the range (0.0, 1.0].",
        ),
        (
            {"contrast": -1.0},
            "spatial_params: contrast=-1.0 must be a float in the range [0.0, 1000000.0].",
        ),
        (
            {"contrast": np.nan},
            "spatial_params: contrast=nan must be a float in the range [0.0, 1000000.0].",
        ),
        (
            {"agreement": 101},
            "spatial_params: agreement=101 must be a float in the range [0.0, 100.0].",
        ),
        (
            {"n_steps": 0},
            "spatial_params: n_steps=0 must be an int in the range [1, 10000].",
        ),
        (
            {"n_steps": True},
            "spatial_params: n_steps=True must be an int in the range [1, 10000].",
        ),
    ],
)
def test_settings_that_cannot_be_used(given, message):
    with pytest.raises(ParameterError) as caught:
        readout_settings(given)
    assert str(caught.value) == message
