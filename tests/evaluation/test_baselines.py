import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hsvlm import PixelSamples, pixel_samples
from hsvlm.datasets import make_synthetic_scene
from hsvlm.evaluation import CoordinateNeighbors, SmoothedSVM, spectral_svm
from hsvlm.exceptions import DataError


@pytest.mark.slow
@given(st.integers(0, 1000), st.integers(1, 12))
def test_label_of_the_nearest_training_pixel_of_the_same_scene(seed, n_train):
    rng = np.random.default_rng(seed)
    cubes = [np.zeros((30, 9, 1)), np.zeros((9, 30, 1))]
    X = PixelSamples(cubes, rng.integers(0, 9, (40, 2)), rng.integers(0, 2, 40))
    y = np.array([f"label {n}" for n in range(40)])
    predicted = CoordinateNeighbors().fit(X[:n_train], y[:n_train]).predict(X[n_train:])
    for test, label in zip(range(n_train, 40), predicted, strict=True):
        chosen = y.tolist().index(label)
        same = X.scene_ids[:n_train] == X.scene_ids[test]
        if same.any():
            distances = ((X.coords[:n_train] - X.coords[test]) ** 2).sum(axis=1)
            assert same[chosen]
            assert distances[chosen] == distances[same].min()


def test_no_spectrum_is_read():
    cube = np.zeros((20, 20, 1))
    X = PixelSamples([cube, cube.copy()], [[0, 0], [19, 19], [0, 0], [19, 18]], [0, 0, 1, 1])
    model = CoordinateNeighbors().fit(X[[0, 3]], np.array(["first", "second"]))
    assert model.predict(X[[1, 2]]).tolist() == ["first", "second"]
    assert model.classes_.tolist() == ["first", "second"]
    changed = PixelSamples([cube + 5, cube - 5], X.coords, X.scene_ids)
    assert model.predict(changed[[1, 2]]).tolist() == ["first", "second"]


def test_spectral_svm_is_scikit_learns(cube, labels):
    X, y = pixel_samples(cube, labels)
    scaler = StandardScaler().fit(np.asarray(X[::7]))
    svm = SVC(C=100, kernel="rbf").fit(scaler.transform(np.asarray(X[::7])), y[::7])
    expected = svm.predict(scaler.transform(np.asarray(X)))
    np.testing.assert_array_equal(spectral_svm().fit(X[::7], y[::7]).predict(X), expected)


@pytest.fixture(scope="module")
def noisy():
    """Three classes in squares of 10 pixels, hardly told apart by single spectra."""
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(1, 4, (4, 5)), np.ones((10, 10), dtype=int))
    cube = rng.normal(scale=4.0, size=(40, 50, 8))
    for label in (1, 2, 3):
        cube[labels == label, label] += 4
    return cube, labels


def test_smoothing_helps_where_spectra_are_noisy(noisy):
    X, y = pixel_samples(*noisy)
    train = np.random.default_rng(0).permutation(len(X))[:150]
    smoothed, plain = (SmoothedSVM(sigma).fit(X[train], y[train]).score(X, y) for sigma in (2, 0))
    assert smoothed > 0.8
    assert smoothed > plain + 0.05
    assert plain > 0.5


@pytest.mark.parametrize("sigma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("place", [(20, 25), (0, 0), (39, 3)], ids=["middle", "corner", "edge"])
def test_predictions_depend_on_their_window_and_nothing_else(noisy, sigma, place):
    cube, labels = noisy
    X, y = pixel_samples(cube, labels)
    model = SmoothedSVM(sigma).fit(X[::13], y[::13])
    # Gaussian to three deviations, and the pixels that the outermost of these is averaged over.
    assert model.window_size_ == 2 * (round(3 * sigma) + 1) + 1
    radius = model.window_size_ // 2

    def scores(cube):
        return model._smoothed_scores(cube, np.array([place]))

    distance = abs(np.indices(labels.shape) - np.reshape(place, (2, 1, 1))).max(axis=0)
    outside = np.where(distance[..., None] > radius, 100.0, cube)
    np.testing.assert_array_equal(scores(outside), scores(cube))
    rim = np.where(distance[..., None] == radius, 100 * cube, cube)
    assert not np.array_equal(scores(rim), scores(cube))


def test_scenes_are_smoothed_one_by_one(noisy):
    cube, labels = noisy
    X, y = pixel_samples([cube, cube[:17, ::-1]], [labels, labels[:17, ::-1]])
    model = SmoothedSVM(1.0).fit(X[::20], y[::20])
    both = model.predict(X)
    for number in (0, 1):
        here = X.scene_ids == number
        alone = PixelSamples(X.cubes[number], X.coords[here])
        np.testing.assert_array_equal(both[here], model.predict(alone))
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(model.predict(X[order]), both[order])


def test_unlabelled_pixels_around_a_sample_count(noisy):
    cube, labels = noisy
    X, y = pixel_samples(cube, labels)
    model = SmoothedSVM().fit(X[::20], y[::20])
    scores = model._smoothed_scores(cube, X.coords)
    for number in (0, 30, 777, len(X) - 1):
        alone = model._smoothed_scores(cube, X.coords[[number]])
        np.testing.assert_allclose(alone, scores[[number]])
        assert model.predict(X[[number]]) == model.classes_[scores[number].argmax()]


def test_string_labels_and_constant_spectra():
    cube = np.zeros((12, 12, 3))
    cube[:, 6:] = [1, 0, 2]
    X, y = pixel_samples(cube, np.where(cube[..., 2] > 0, "corn", "water"), unlabeled=None)
    model = SmoothedSVM(1.0).fit(X[::3], y[::3])
    assert model.classes_.tolist() == ["corn", "water"]
    # Next to corn, averages of water hold corn, and constant spectra have no shape of their own.
    inside = X.coords[:, 1] != 5
    assert model.score(X[inside], y[inside]) == 1


@pytest.mark.parametrize("model", [CoordinateNeighbors(), SmoothedSVM()])
def test_positions_are_needed(noisy, model):
    X, y = pixel_samples(*noisy)
    message = (
        f"{type(model).__name__} reads positions, which ndarray does not have. "
        "Pass PixelSamples: X, y = pixel_samples(cube, labels)."
    )
    with pytest.raises(DataError) as error:
        clone(model).fit(np.asarray(X), y)
    assert str(error.value) == message
    with pytest.raises(NotFittedError):
        clone(model).predict(X)
    fitted = clone(model).fit(X[::20], y[::20])
    with pytest.raises(DataError) as error:
        fitted.predict(np.asarray(X))
    assert str(error.value) == message


@pytest.mark.slow
def test_pixels_without_data_have_no_say():
    scene = make_synthetic_scene(noise=0.6, random_state=0)
    X, y = pixel_samples(scene.cube, scene.labels)
    cube = scene.cube.astype(np.float64)
    missing = np.zeros(cube.shape[:2], dtype=bool)
    missing[:6] = True
    cube[missing] = np.nan
    there = ~missing[tuple(X.coords.T)]
    with_gap = PixelSamples(cube, X.coords[there])
    cropped = PixelSamples(scene.cube[6:], X.coords[there] - [6, 0])
    y = y[there]
    predictions = [SmoothedSVM().fit(one[::5], y[::5]).predict(one) for one in (with_gap, cropped)]
    assert (predictions[0] == predictions[1]).mean() > 0.97
    with pytest.raises(ValueError, match="NaN"):
        SmoothedSVM().fit(cropped, y).predict(PixelSamples(cube, [[0, 0]]))
