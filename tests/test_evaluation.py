import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hsvlm import PixelSamples
from hsvlm.evaluation import coordinate_predictions, leaking_share


@given(st.integers(0, 1000), st.sampled_from([1, 3, 5, 9]))
def test_leaking_share_counts_windows_with_a_training_pixel(seed, size):
    rng = np.random.default_rng(seed)
    cubes = [np.zeros((12, 14, 1)), np.zeros((9, 9, 1))]
    X = PixelSamples(cubes, rng.integers(0, 9, (40, 2)), rng.integers(0, 2, 40))
    train, test = X[:8], X[8:]
    expected = 0
    for scene, (row, col) in zip(test.scene_ids, test.coords, strict=True):
        inside = (abs(train.coords - [row, col]) <= size // 2).all(axis=1)
        expected += (inside & (train.scene_ids == scene)).any()
    assert leaking_share(train, test, size) == expected / len(test)


def test_nearest_training_pixel_of_the_same_scene():
    cube = np.zeros((20, 20, 1))
    X = PixelSamples([cube, cube.copy()], [[0, 0], [19, 19], [0, 0], [19, 18]], [0, 0, 1, 1])
    train, test = X[[0, 3]], X[[1, 2]]
    predicted = coordinate_predictions(train, np.array(["first", "second"]), test)
    assert predicted.tolist() == ["first", "second"]
