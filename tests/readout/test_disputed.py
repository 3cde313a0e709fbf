"""Labels that everything else speaks against are listed, and not used."""

from dataclasses import replace

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm._training.fit import fit_net
from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import HSVLMWarning
from hsvlm.readout.disputed import find_disputed, warn_of_disputed
from hsvlm.readout.held_out import Findings

NAMES = np.array(["asphalt", "bare soil", "grass", "water"])
SETTINGS = {
    "text_encoder": np.eye(4),
    "vision_params": {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16},
    "max_epochs": 8,
    "lr": 5e-3,
    "device": "cpu",
    "random_state": 0,
}


def make(**changes):
    return HSIPromptClassifier(**{**SETTINGS, **changes})


def fit(X, y, *, warns=True, **changes):
    """Fit, and expect one warning or none."""
    clf = make(**changes)
    if not warns:
        return clf.fit(X, y)
    with pytest.warns(HSVLMWarning, match="probably wrong") as caught:
        clf.fit(X, y)
    assert len([one for one in caught if issubclass(one.category, HSVLMWarning)]) == 1
    return clf


@pytest.fixture(scope="module")
def scene():
    """32 x 32 pixels, half of them labeled."""
    return make_synthetic_scene(n_bands=18, noise=0.2, random_state=0)


@pytest.fixture(scope="module")
def training(scene):
    return pixel_samples(scene.cube, scene.labels)


@pytest.fixture(scope="module")
def corrupted(training):
    """Labels of which a fifth is another class, and which these are."""
    y, rng = training[1], np.random.default_rng(0)
    is_wrong = rng.random(len(y)) < 0.2
    return (y - 1 + is_wrong * rng.integers(1, 4, len(y))) % 4 + 1, is_wrong


@pytest.fixture(scope="module")
def noisy(training, corrupted):
    """Fitted on them; not to be changed."""
    return fit(training[0], corrupted[0])


@pytest.fixture
def distrust(monkeypatch):
    """Lets held-out labels say that some are wrong."""

    def apply(numbers, noise=0.5):
        def hold_out(readout, X, targets, weights, fit_part, seed):
            trust = np.ones(len(targets))
            trust[numbers] = np.linspace(0.3, 0.1, len(numbers))
            # So much noise that no class has too many of them.
            return Findings(replace(readout, noise=noise), trust, (targets + 1) % 4)

        monkeypatch.setattr("hsvlm._training.fit.hold_out", hold_out)

    return apply


def numbers_of(disputed, X):
    """Numbers of the samples in a list."""
    positions = zip(X.scene_ids.tolist(), *X.coords.T.tolist(), strict=True)
    order = {position: number for number, position in enumerate(positions)}
    return [order[position] for position in disputed[["scene", "row", "col"]].tolist()]


# The rule


def test_labels_that_are_rather_wrong_are_disputed():
    targets = np.repeat([0, 1], [6, 40])
    trust = np.concatenate([[0.0, 0.49, 0.5, 0.51, 1.0, 1.0], np.ones(40)])
    np.testing.assert_array_equal(np.flatnonzero(find_disputed(targets, trust, 0.1)), [0, 1])


@pytest.mark.parametrize(("noise", "limit"), [(0.0, 1), (0.01, 2), (0.1, 7), (0.5, 23)])
def test_no_class_has_many_more_wrong_labels_than_the_noise_explains(noise, limit):
    # Of 60 labels of two other classes, a share is given to the third.
    targets, trust = np.repeat([0, 1, 2], [30, 30, 30]), np.ones(90)
    trust[:25] = np.linspace(0.4, 0.0, 25)
    disputed = np.flatnonzero(find_disputed(targets, trust, noise))
    np.testing.assert_array_equal(disputed, np.arange(25)[-limit:])


def test_no_class_loses_all_labels():
    targets, trust = np.array([0, 0, 1, 1, 1, 2]), np.zeros(6)
    trust[1] = 0.1
    disputed = find_disputed(targets, trust, 0.5)
    assert np.bincount(targets[~disputed], minlength=3).min() == 1
    assert not disputed[[1, 5]].any()
    assert not find_disputed(np.zeros(4, dtype=int), np.ones(4), 0.0).any()


@pytest.mark.parametrize(
    ("counts", "start"),
    [
        ((1, 90), "1 of 90 training labels is probably wrong: "),
        ((7, 90), "7 of 90 training labels are probably wrong: "),
    ],
)
def test_the_warning(counts, start):
    with pytest.warns(HSVLMWarning) as caught:
        warn_of_disputed(*counts)
    message = caught[0].message
    common = (
        f"{start}networks that were trained without them, and the labels around them, speak for "
        f"other classes. {'It is' if counts[0] == 1 else 'They are'} not used. "
    )
    assert str(message) == (
        f"{common}disputed_labels_ lists them; correct them, or use every label with "
        'spatial_params={"weights": (0.5, 0.5)}.'
    )
    assert message.for_command_line().startswith(common)
    assert '--set "spatial_params={weights: [0.5, 0.5]}"' in message.for_command_line()


# Wrong labels in a scene


@pytest.mark.slow
def test_most_wrong_labels_are_listed_and_few_others(noisy, training, corrupted):
    (X, truth), (labels, is_wrong) = training, corrupted
    disputed = noisy.disputed_labels_
    numbers = numbers_of(disputed, X)
    assert is_wrong[numbers].mean() > 0.9
    assert is_wrong[numbers].sum() > 0.75 * is_wrong.sum()
    np.testing.assert_array_equal(disputed["label"], labels[numbers])
    assert (disputed["suggested"] == truth[numbers]).mean() > 0.8
    assert (disputed["suggested"] != disputed["label"]).all()
    assert (np.diff(disputed["probability"]) >= 0).all()
    assert (disputed["probability"] < 0.5).all()
    assert noisy.readout_.noise == pytest.approx(is_wrong.mean(), abs=0.05)


@pytest.mark.slow
def test_accuracy_of_the_training_counts_the_used_labels(noisy, training):
    n_used = len(training[0]) - len(noisy.disputed_labels_)
    n_correct = noisy.history_[-1, "train_acc"] * n_used
    assert n_correct == pytest.approx(round(n_correct), abs=1e-6)


@pytest.mark.slow
def test_the_map_is_right_where_labels_are_wrong(noisy, training, corrupted):
    (X, truth), (labels, is_wrong) = training, corrupted
    predicted = noisy.predict(X)
    assert (predicted[is_wrong] == truth[is_wrong]).mean() > 0.75
    used = np.delete(np.arange(len(X)), numbers_of(noisy.disputed_labels_, X))
    np.testing.assert_array_equal(predicted[used], labels[used])
    every = fit(X, labels, warns=False, spatial_params={"weights": (0.5, 0.5)})
    assert len(every.disputed_labels_) == 0
    np.testing.assert_array_equal(every.predict(X), labels)
    assert noisy.score(X, truth) > every.score(X, truth) + 0.1


def test_disputed_labels_are_not_known_to_the_scene(noisy, training, corrupted):
    X = training[0]
    used = np.delete(np.arange(len(X)), numbers_of(noisy.disputed_labels_, X))
    (scene,) = noisy.readout_.scenes
    np.testing.assert_array_equal(scene.coords, X.coords[used])
    np.testing.assert_array_equal(noisy.classes_[scene.targets], corrupted[0][used])
    # They are training data all the same: whoever tests on them is told.
    assert noisy.training_.spectra.n_spectra == len(X)
    assert sum(len(one.coords) for one in noisy.training_.scenes) == len(X)


@pytest.mark.slow
def test_where_no_label_is_wrong_none_is_listed():
    scene = make_synthetic_scene(n_bands=18, noise=0.1, random_state=2)
    X, y = pixel_samples(scene.cube, scene.labels)
    clf = fit(X, y, warns=False, max_epochs=25)
    assert len(clf.disputed_labels_) == 0
    assert len(clf.readout_.scenes[0].coords) == len(X)
    np.testing.assert_array_equal(clf.predict(X), y)
    # Without disputed labels, scenes are kept once.
    assert clf.training_.scenes[0] is clf.readout_.scenes[0]


@pytest.mark.slow
def test_the_only_pixel_of_its_class_nearby_is_known_by_its_spectrum():
    scene = make_synthetic_scene(n_bands=18, noise=0.1, random_state=0)
    clf = fit(*pixel_samples(scene.cube, scene.labels), max_epochs=25, warns=False)
    assert len(clf.disputed_labels_) == 0


@pytest.mark.slow
def test_the_same_labels_are_disputed_again(noisy, training, corrupted, scene):
    label_map = np.zeros(scene.labels.shape, dtype=int)
    label_map[tuple(training[0].coords.T)] = corrupted[0]
    again = fit(scene.cube, label_map)
    for name in noisy.disputed_labels_.dtype.names:
        np.testing.assert_array_equal(again.disputed_labels_[name], noisy.disputed_labels_[name])
    np.testing.assert_array_equal(again.predict_proba(scene.cube), noisy.predict_proba(scene.cube))


# The training


def test_disputed_labels_have_no_weight_in_the_training(training, distrust, monkeypatch):
    (X, y), seen = training, []
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))

    def record(params, settings, data, *arguments, **keywords):
        seen.append(data.weights.numpy().copy())
        return fit_net(params, settings, data, *arguments, **keywords)

    monkeypatch.setattr("hsvlm._training.fit.fit_net", record)
    distrust([3, 50, 200])
    with pytest.warns(HSVLMWarning, match="3 of 529 training labels"):
        clf = make(max_epochs=1).fit(X, y, sample_weight=weights)
    expected = weights / weights.mean()
    expected[[3, 50, 200]] = 0
    np.testing.assert_allclose(seen, [expected], rtol=1e-6)
    (scene,) = clf.readout_.scenes
    np.testing.assert_array_equal(scene.weights, np.delete(weights, [3, 50, 200]))


@pytest.mark.slow
def test_the_network_does_not_depend_on_disputed_labels(training, distrust, scene):
    X, y = training
    other = y.copy()
    distrust([3, 50, 200])
    other[[3, 50, 200]] = y[[3, 50, 200]] % 4 + 1
    one, another = (fit(X, labels, max_epochs=2) for labels in (y, other))
    np.testing.assert_array_equal(one.transform(scene.cube), another.transform(scene.cube))
    np.testing.assert_array_equal(one.predict_proba(scene.cube), another.predict_proba(scene.cube))
    distrust([3, 50])
    third = fit(X, y, max_epochs=2)
    assert (third.transform(scene.cube) != one.transform(scene.cube)).any()


@pytest.mark.slow
def test_batches_of_disputed_labels_only(training, distrust):
    X, y = (one[::4] for one in training)
    distrust(np.arange(0, 100, 3))
    clf = fit(X, y, max_epochs=1, batch_size=1)
    assert np.isfinite(clf.history_[-1, "train_loss"])
    assert np.isfinite(clf.transform(X)).all()


@pytest.mark.slow
def test_a_class_that_seems_wrong_is_used(training, distrust):
    X, y = training
    wrong = np.flatnonzero(y == 2)[1::2]
    distrust(np.concatenate([np.flatnonzero(y == 1), wrong]), noise=0.0)
    clf = fit(X, y, max_epochs=1)
    np.testing.assert_array_equal(np.sort(clf.disputed_labels_["label"]), [1, 2])


@pytest.mark.slow
def test_labels_that_watch_the_training_are_not_disputed(training, corrupted):
    clf = fit(training[0], corrupted[0], validation_fraction=0.3)
    n_seen = len(clf.disputed_labels_) + len(clf.readout_.scenes[0].coords)
    assert n_seen < len(corrupted[0])
    assert clf.readout_.noise > 0.1


@pytest.mark.slow
def test_a_continued_fit_uses_what_it_is_given(training, corrupted):
    X, labels = training[0], corrupted[0]
    clf = fit(X, labels, warm_start=True)
    before = clf.readout_
    clf.fit(X, labels)
    assert len(clf.disputed_labels_) == 0
    assert len(clf.readout_.scenes[0].coords) == len(X)
    assert clf.readout_.noise == before.noise


# The list


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["U", "O"])
def test_labels_of_text(training, distrust, kind):
    X, y = training
    distrust([3, 50, 200])
    names = NAMES[y - 1].astype(kind)
    table, expected = (fit(X, one, max_epochs=1).disputed_labels_ for one in (names, y))
    assert len(table) == 3
    assert table.dtype["label"].kind == table.dtype["suggested"].kind == kind
    for name in ("label", "suggested"):
        np.testing.assert_array_equal(table[name], NAMES[expected[name] - 1])
    np.testing.assert_array_equal(table["row"], expected["row"])


@pytest.mark.slow
def test_several_scenes(training, distrust, scene):
    X, y = training
    second = make_synthetic_scene(n_bands=18, noise=0.2, random_state=2)
    coords = np.concatenate([X.coords, np.argwhere(second.labels)])
    ids = np.repeat([0, 2], [len(X), len(coords) - len(X)])
    labels = np.concatenate([y, second.labels[second.labels > 0]])
    both = PixelSamples([scene.cube, scene.cube, second.cube], coords, ids)
    wrong = np.array([5, 60, len(y) + 9])
    distrust(wrong)
    clf = fit(both, labels, max_epochs=1)
    disputed = clf.disputed_labels_
    np.testing.assert_array_equal(disputed["scene"], [2, 0, 0])
    np.testing.assert_array_equal(disputed["probability"], [0.1, 0.2, 0.3])
    assert numbers_of(disputed, both) == wrong[::-1].tolist()
    np.testing.assert_array_equal(disputed["label"], labels[wrong[::-1]])
    assert [len(one.coords) for one in clf.readout_.scenes] == [
        len(y) - 2,
        len(labels) - len(y) - 1,
    ]


@pytest.mark.slow
def test_a_scene_of_which_every_label_is_disputed(training, distrust, scene):
    X, y = training
    coords, ids = np.vstack([X.coords, [[3, 3]]]), np.append(np.zeros(len(y), dtype=int), 1)
    lonely = PixelSamples([scene.cube, scene.cube + 1], coords, ids)
    distrust([len(y)])
    clf = fit(lonely, np.append(y, 1), max_epochs=1)
    assert clf.disputed_labels_[["scene", "row", "col"]].tolist() == [(1, 3, 3)]
    assert len(clf.readout_.scenes) == 1
    clf.predict(scene.cube)


@pytest.mark.slow
def test_without_a_weighed_read_out_the_list_is_empty(training):
    X, y = training
    with pytest.raises(AttributeError):
        _ = make().disputed_labels_
    for changes in ({"spatial": None}, {"spatial_params": {"weights": (1, 1)}}):
        table = fit(X, y, warns=False, max_epochs=1, **changes).disputed_labels_
        assert table.shape == (0,)
        assert table.dtype["label"] == table.dtype["suggested"] == y.dtype
        assert table.dtype.names == ("scene", "row", "col", "label", "suggested", "probability")
