"""In the made scene, each source alone stays below its bound, and both together do not."""

from dataclasses import replace

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, Raster
from hsvlm.datasets import make_two_source_scene
from hsvlm.evaluation import spectral_svm
from hsvlm.exceptions import ParameterError
from hsvlm.model_selection import PerClassShuffleSplit
from hsvlm.plotting import PromptMatrixDisplay

NOISE = 0.03  # of accuracies on about a thousand test pixels


@pytest.fixture(scope="module")
def scene():
    return make_two_source_scene(height=48, width=48, random_state=0)


@pytest.fixture(scope="module")
def split(scene):
    return next(PerClassShuffleSplit(1, train_per_class=20).split(*scene.samples()))


def bounds(y):
    """The accuracies of who knows the material only, and of who knows the height only."""
    counts = np.bincount(y)[1:].reshape(2, 2)  # material, height
    return counts.max(axis=1).sum() / len(y), counts.max(axis=0).sum() / len(y)


def accuracy(clf, scene, split):
    X, y = scene.samples()
    train, test = split
    return clf.fit(X[train], y[train]).score(X[test], y[test])


def shuffled(scene):
    heights = np.asarray(scene.select_sources(["lidar"]).cube)
    others = np.random.default_rng(0).permutation(heights.reshape(-1, 1)).reshape(heights.shape)
    spectra = replace(scene.select_sources(["spectra"]), sources=None)
    return replace(spectra, auxiliary={"lidar": Raster(others)})


def test_each_source_alone_stays_below_its_bound(scene, split):
    _, test = split
    _, y = scene.samples()
    for name, bound in zip(("spectra", "lidar"), bounds(y[test]), strict=True):
        assert accuracy(spectral_svm(), scene.select_sources([name]), split) < bound + NOISE
    assert accuracy(spectral_svm(), scene, split) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["fusion-vit", "mlp"])
def test_networks_need_both(scene, split, encoder):
    clf = HSIPromptClassifier(
        text_encoder=np.eye(4, 8, dtype=np.float32),
        vision_encoder=encoder,
        spatial=None,
        max_epochs=20,
        random_state=0,
    )
    assert accuracy(clf, scene, split) > 0.95
    _, test = split
    _, y = scene.samples()
    assert accuracy(clf, shuffled(scene), split) < bounds(y[test])[0] + NOISE


@pytest.mark.slow
def test_matrices_are_drawn(scene, split):
    X, y = scene.samples()
    train = split[0]
    clf = HSIPromptClassifier(
        text_encoder=np.eye(4, 8, dtype=np.float32),
        vision_encoder="fusion-vit",
        n_components=6,
        spatial=None,
        max_epochs=1,
    ).fit(X[train], y[train])
    display = PromptMatrixDisplay.from_estimator(clf, X)
    assert display.of_channels.shape == (6, 6)
    np.testing.assert_allclose(display.of_channels.sum(axis=1), 1, atol=1e-5)
    assert display.of_pixels.shape == (5, 5)
    assert display.of_pixels.sum() == pytest.approx(1, abs=1e-5)
    assert display.pixels_ax_ is not None
    with pytest.raises(ParameterError, match='Only "fusion-vit" and "clip-prompt"'):
        PromptMatrixDisplay.from_estimator(HSIPromptClassifier(), X)
