import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm import PixelSamples
from hsvlm.evaluation import leakage_report
from hsvlm.exceptions import DataError, ParameterError


@pytest.mark.slow
@given(st.integers(0, 1000), st.sampled_from([1, 3, 5, 9]), st.integers(1, 8))
def test_windows_are_counted_pixel_by_pixel(seed, size, n_train):
    rng = np.random.default_rng(seed)
    cubes = [np.zeros((12, 14, 1)), np.zeros((9, 9, 1))]
    X = PixelSamples(cubes, rng.integers(0, 9, (40, 2)), rng.integers(0, 2, 40))
    train, test = X[:n_train], X[n_train:]
    reach = range(-(size // 2), size // 2 + 1)

    def window(scene, place):
        return {(scene, place[0] + down, place[1] + right) for down in reach for right in reach}

    centres = {(scene, *place) for scene, place in zip(train.scene_ids, train.coords, strict=True)}
    covered = set().union(*(window(scene, (row, col)) for scene, row, col in centres))
    windows = [window(*one) for one in zip(test.scene_ids, test.coords, strict=True)]
    report = leakage_report(train, test, size)
    assert (report.window_size, report.n_train, report.n_test) == (size, n_train, 40 - n_train)
    assert report.share_containing == np.mean([bool(one & centres) for one in windows])
    assert report.share_overlapping == np.mean([bool(one & covered) for one in windows])
    distances = sorted(
        min((abs(train.coords[n] - place).max() for n in range(n_train) if same[n]), default=np.inf)
        for same, place in zip(test.scene_ids[:, None] == train.scene_ids, test.coords, strict=True)
    )
    assert report.share_adjacent == np.mean(np.array(distances) <= 1)
    for quantile, distance in report.distance_quantiles.items():
        # The largest distance that no more than this share of the pixels falls short of.
        assert distance == distances[int(np.floor(quantile * (len(distances) - 1)))]
    assert list(report.distance_quantiles) == [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]


def test_scene_without_training_pixels_is_infinitely_far():
    cube = np.zeros((4, 4, 1))
    X = PixelSamples([cube, cube.copy()], [[0, 0], [0, 0], [1, 1]], [0, 1, 1])
    report = leakage_report(X[:1], X[1:], window_size=3)
    assert report.share_containing == report.share_overlapping == 0
    assert set(report.distance_quantiles.values()) == {np.inf}


def test_prints_as_text():
    X = PixelSamples(np.zeros((9, 9, 1)), [[0, 0], [0, 1], [0, 5], [8, 8]])
    assert str(leakage_report(X[:1], X[1:], window_size=7)).split("\n") == [
        "1 training and 3 test samples, windows of 7 x 7 pixels",
        "test windows that contain a training pixel:  33.3%",
        "test windows that overlap a training window: 66.7%",
        "pixels to the nearest training pixel, by quantile: "
        "1 (0%), 1 (5%), 1 (25%), 5 (50%), 5 (75%), 5 (95%), 8 (100%)",
    ]


def test_errors():
    X = PixelSamples(np.zeros((9, 9, 1)), [[0, 0], [0, 1]])

    def message(error, *args):
        with pytest.raises(error) as caught:
            leakage_report(*args)
        return str(caught.value)

    for size in (0, 4, -3):
        assert message(ParameterError, X, X, size) == (
            f"window_size={size} has no center pixel. Use an odd number of pixels."
        )
    for name, args in (("X_train", (np.asarray(X), X)), ("X_test", (X, np.asarray(X)))):
        assert message(DataError, *args, 3) == (
            f"{name} is ndarray, which has no positions. "
            "Pass PixelSamples: X, y = pixel_samples(cube, labels)."
        )
    for name, args in (("X_train", (X[:0], X)), ("X_test", (X, X[:0]))):
        assert message(DataError, *args, 3) == (
            f"{name} holds no sample. Both sides of a split need at least one."
        )
    other = PixelSamples(np.zeros((9, 8, 1)), [[0, 0]])
    assert message(DataError, X, other, 3) == (
        "Training and test samples come from different scenes, so their positions cannot be "
        "compared. Make both by indexing the same PixelSamples."
    )
