import numpy as np
import pytest

from hsvlm import pixel_samples
from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import ParameterError


@pytest.mark.parametrize("n_classes", [2, 4, 8])
@pytest.mark.parametrize("seed", range(5))
def test_every_class_is_there(n_classes, seed):
    scene = make_synthetic_scene(n_classes=n_classes, random_state=seed)
    assert scene.cube.shape == (32, 32, 30)
    assert scene.cube.dtype == np.float32
    counts = np.bincount(scene.labels.ravel(), minlength=n_classes + 1)
    assert len(counts) == len(scene.class_names) + 1
    assert counts.min() >= 5


@pytest.mark.parametrize("seed", range(20))
def test_every_class_is_there_in_the_smallest_scenes(seed):
    scene = make_synthetic_scene(
        height=8, width=8, n_classes=8, labeled_share=0.01, random_state=seed
    )
    assert np.bincount(scene.labels.ravel())[1:].min() >= 5


def test_the_seed_decides():
    first, second, other = (make_synthetic_scene(random_state=seed).cube for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_classes_are_separable_and_regions_coherent():
    from sklearn.svm import SVC

    scene = make_synthetic_scene(labeled_share=1.0, random_state=0)
    X, y = pixel_samples(scene.cube, scene.labels)
    assert SVC().fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9
    assert (scene.labels[:, 1:] == scene.labels[:, :-1]).mean() > 0.8


def test_scenes_that_are_too_small():
    with pytest.raises(ParameterError) as error:
        make_synthetic_scene(height=4)
    assert str(error.value) == "A scene of 4 x 32 pixels is too small. Use at least 8 x 8."


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"height": 16.5}, "height=16.5 is not a whole number."),
        ({"n_bands": 30.0}, "n_bands=30.0 is not a whole number."),
        ({"n_classes": "4"}, "n_classes='4' is not a whole number."),
        ({"n_classes": 9}, "n_classes=9 is out of range. Use 2 to 8."),
        ({"n_bands": 1}, "n_bands=1 is out of range. Use at least 2."),
        ({"noise": -0.1}, "noise=-0.1 is out of range. Use 0 or more."),
        (
            {"labeled_share": 0},
            "labeled_share=0 is out of range. Use more than 0 and at most 1.",
        ),
    ],
)
def test_parameters_out_of_range(parameter, message):
    with pytest.raises(ParameterError) as error:
        make_synthetic_scene(**parameter)
    assert str(error.value) == message
