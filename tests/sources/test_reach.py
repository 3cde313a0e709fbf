"""Values that look beyond their pixel need more distance between training and test pixels."""

import numpy as np
import pytest

from hsvlm import PixelSamples, Raster, Scene
from hsvlm.evaluation import evaluate, leakage_report, spectral_svm
from hsvlm.exceptions import ParameterError
from hsvlm.model_selection import SpatialBlockKFold, nearest_distance


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    labels = 1 + rng.integers(0, 2, (48, 48))
    texture = Raster(rng.normal(size=(48, 48)), reach=3)
    return Scene(rng.normal(size=(48, 48, 4)), labels, auxiliary={"lidar": texture}).samples()


def test_windows_are_wider_by_the_reach():
    plain = PixelSamples(np.ones((40, 40, 2)), [[0, 0], [0, 7], [0, 20]])
    report = leakage_report(plain[:1], plain[1:], window_size=5)
    assert report.share_overlapping == 0
    far = Scene(np.ones((40, 40, 2)), np.ones((40, 40), int), reach=3).samples()[0]
    X = far[[0, 7, 20]]
    wide = leakage_report(X[:1], X[1:], window_size=5)
    assert (wide.window_size, wide.share_containing, wide.share_overlapping) == (11, 0, 0.5)
    assert "windows of 11 x 11 pixels" in str(wide)


def test_buffers_grow_by_the_reach_of_both_sides(samples):
    X, y = samples
    places = np.column_stack([X.scene_ids, X.coords])
    for discard in ("test", "train"):
        splitter = SpatialBlockKFold(2, block_size=24, buffer=2, discard=discard)
        for train, test in splitter.split(X, y):
            assert nearest_distance(places[test], places[train]).min() == 2 + 2 * 3 + 1
    without = SpatialBlockKFold(2, block_size=24, buffer=0)
    train, test = next(without.split(X, y))
    assert nearest_distance(places[test], places[train]).min() == 1
    with pytest.raises(ParameterError, match="buffer=40 for values that look 3 pixels beyond"):
        list(SpatialBlockKFold(2, block_size=24, buffer=40).split(X, y))


@pytest.mark.slow
def test_reports_state_the_wider_window(samples):
    X, y = samples
    cv = SpatialBlockKFold(2, block_size=24, buffer=4)
    report = evaluate({"svm": spectral_svm()}, X, y, cv=cv, baselines=())
    assert report.window_size == 7
    assert "that overlap a training window: 0.0%" in "\n".join(report.leakage_lines())
