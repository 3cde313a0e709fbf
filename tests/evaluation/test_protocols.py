import warnings
from dataclasses import replace

import numpy as np
import pytest

from hsvlm.datasets import StandardSplit, load_indian_pines, make_synthetic_scene
from hsvlm.evaluation import PROTOCOLS, evaluate, indian_pines_protocol, scene_protocol
from hsvlm.exceptions import DataError, ParameterError, SplitWarning, UnknownNameError
from hsvlm.model_selection import PerClassShareSplit


@pytest.fixture
def standard_maps(monkeypatch):
    """Stand-ins for the published maps, which cannot be shipped: alternate pixels."""
    labels = load_indian_pines().labels
    first = np.indices(labels.shape).sum(axis=0) % 2 == 0
    maps = StandardSplit(np.where(first, labels, 0), np.where(first, 0, labels))
    asked = []

    def fetch(*, data_home):
        asked.append(data_home)
        return maps

    monkeypatch.setattr("hsvlm.evaluation._protocols.fetch_indian_pines_split", fetch)
    return maps, asked


@pytest.mark.slow
def test_random_split_gives_everything_away():
    protocol = indian_pines_protocol("random-10", n_splits=2)
    report = evaluate(
        {}, protocol.X, protocol.y, protocol.cv, window_size=15, baselines=["coordinates"]
    )
    (name,) = report.names
    for result, leakage in zip(report.results_for(name), report.leakage, strict=True):
        assert 0.97 < result.overall_accuracy < 0.982
        assert leakage.share_containing > 0.999
        assert (leakage.n_train, leakage.n_test) == (1024, 9225)


@pytest.mark.slow
def test_blocks_give_no_window_away():
    protocol = indian_pines_protocol("blocks", n_splits=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SplitWarning)
        report = evaluate({}, protocol.X, protocol.y, protocol.cv, window_size=15)
    coordinates, spectral, smoothed, majority = (
        np.mean([one.overall_accuracy for one in report.results_for(name)]) for name in report.names
    )
    assert [leakage.share_containing for leakage in report.leakage] == [0, 0]
    assert all(950 < leakage.n_train < 1150 for leakage in report.leakage)
    assert majority < coordinates < spectral < smoothed


def test_maps_bring_their_own_labels(standard_maps):
    maps, asked = standard_maps
    protocol = indian_pines_protocol("map-695", n_splits=3, data_home="somewhere")
    assert asked == ["somewhere"]
    splits = list(protocol.cv.split(protocol.X, protocol.y))
    assert len(splits) == 3
    train, test = splits[2]
    assert len(train) == np.count_nonzero(maps.train_map)
    assert len(test) == np.count_nonzero(maps.test_map)
    assert np.array_equal(protocol.y[test], maps.test_map[maps.test_map != 0])


def test_ten_pixels_of_every_class():
    protocol = indian_pines_protocol("ten-per-class", n_splits=2)
    splits = list(protocol.cv.split(protocol.X, protocol.y))
    assert len(splits) == 2
    for train, test in splits:
        labels, counts = np.unique(protocol.y[train], return_counts=True)
        assert labels.tolist() == list(range(1, 17))
        assert counts.tolist() == [10] * 16
        assert sorted([*train, *test]) == list(range(10249))
    assert set(splits[0][0]) != set(splits[1][0])
    again = indian_pines_protocol("ten-per-class", n_splits=1)
    assert np.array_equal(next(again.cv.split(again.X, again.y))[0], splits[0][0])


def test_unknown_protocol():
    with pytest.raises(UnknownNameError) as error:
        indian_pines_protocol("random")
    assert "random-10" in str(error.value)
    assert list(PROTOCOLS) == ["random-10", "map-695", "blocks", "ten-per-class"]


def test_protocols_that_other_scenes_do_not_have():
    scene = make_synthetic_scene(random_state=0)
    with pytest.raises(UnknownNameError) as error:
        scene_protocol(scene, "random")
    assert str(error.value) == (
        "Unknown protocol 'random'. Known: 'blocks', 'groups', 'random-10', 'ten-per-class', "
        "'test-map'."
    )
    with pytest.raises(ParameterError) as error:
        scene_protocol(scene, "map-695")
    assert str(error.value) == (
        "The protocol 'map-695' consists of maps of Indian Pines. Use 'random-10', 'blocks', "
        "'ten-per-class' or 'groups', or 'test-map' with a test map of your own."
    )


@pytest.mark.filterwarnings("ignore::hsvlm.exceptions.SplitWarning")
def test_labels_of_a_single_class_are_refused():
    scene = make_synthetic_scene(random_state=0)
    label = scene.labels.max()
    name = scene.class_names[label]
    upper = np.where(np.arange(scene.shape[0])[:, None] < 9, scene.labels, 0)
    single = replace(scene, labels=np.where(upper == label, upper, 0))
    message = (
        rf"^All \d+ labels are of one class, {name}\. Classification needs labels of at least two "
        r"classes\.$"
    )
    for more in ({"name": "random-10"}, {"name": "test-map", "test_labels": scene.labels}):
        with pytest.raises(DataError, match=message):
            scene_protocol(single, **more)
    with pytest.raises(DataError, match=r"labels are of one class"):
        evaluate({}, single, cv=PerClassShareSplit(2))
