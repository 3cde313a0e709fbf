"""How many epochs a training has, given as a number or left to the number of samples."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils._param_validation import InvalidParameterError
from skorch.callbacks import Callback

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm._training.fit import fit_net
from hsvlm._training.settings import FitSettings, count_batches


class PowerCutError(Exception):
    pass


class Cut(Callback):
    """Ends everything in an epoch."""

    epoch = None

    def on_epoch_end(self, net, **_):
        if len(net.history) == self.epoch:
            raise PowerCutError


@pytest.fixture
def make(settings):
    return lambda **changes: HSIPromptClassifier(**{**settings, "max_epochs": "auto", **changes})


@pytest.fixture
def few_steps(monkeypatch):
    """Lets trainings be short: 2 epochs, or as many as give 12 steps."""
    monkeypatch.setattr("hsvlm._training.settings._BUDGETS", {"auto": (2, 12)})


@pytest.fixture
def planned(monkeypatch):
    """Samples and epochs of the trainings, which are cut to one epoch."""
    seen = []

    def record(params, settings, training, *arguments, **keywords):
        seen.append((len(training), settings.max_epochs))
        return fit_net(params, replace(settings, max_epochs=1), training, *arguments, **keywords)

    monkeypatch.setattr("hsvlm._training.fit.fit_net", record)
    return seen


def n_epochs(n_samples, **parameters):
    return FitSettings.of(HSIPromptClassifier(**parameters)).n_epochs(n_samples)


@pytest.mark.parametrize(
    ("budget", "few", "many"), [("short", 400, 20), ("auto", 1000, 60), ("long", 2000, 100)]
)
def test_a_budget_is_least_steps_and_least_epochs(budget, few, many):
    assert n_epochs(64, max_epochs=budget) == few
    assert n_epochs(10**6, max_epochs=budget) == many


@pytest.mark.parametrize("name", ["fast", "accurate"])
def test_presets_train_few_labels_too(name):
    clf = HSIPromptClassifier.from_preset(name)
    assert FitSettings.of(clf).n_epochs(30) >= 400


def test_auto_is_the_default():
    assert HSIPromptClassifier().max_epochs == "auto"


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "expected"),
    [
        (1, 64, 1000),
        (64, 64, 1000),
        (65, 64, 1000),
        (66, 64, 500),
        (128, 64, 500),
        (200, 64, 250),
        (1024, 64, 63),
        (1024 + 1, 64, 63),
        (1024 + 2, 64, 60),
        (50_000, 64, 60),
        (100, 1, 60),
        (10, 1, 100),
        (3000, 10_000, 1000),
        (600, np.int8(32), 60),
        (300, np.uint8(200), 500),
    ],
)
def test_epochs_for_a_thousand_steps(n_samples, batch_size, expected):
    found = n_epochs(n_samples, batch_size=batch_size)
    assert found == expected
    assert type(found) is int


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_no_fewer_epochs_would_do(batch_size):
    for n_samples in range(1, 3000, 37):
        found = n_epochs(n_samples, batch_size=batch_size)
        n_steps = count_batches(n_samples, batch_size)
        assert found >= 60
        assert found * n_steps >= 1000
        assert found == 60 or (found - 1) * n_steps < 1000


@pytest.mark.parametrize("max_epochs", [1, 59, 2000, np.int8(7), np.uint64(61)])
def test_numbers_are_obeyed(max_epochs):
    for n_samples in (1, 100, 10**6):
        found = n_epochs(n_samples, max_epochs=max_epochs)
        assert found == max_epochs
        assert type(found) is int


@pytest.mark.slow
def test_a_fit_makes_as_many_epochs(make, cube, labels, few_steps):
    clf = make(batch_size=64).fit(cube, labels)
    n_samples = np.count_nonzero(labels)
    expected = -(-12 // -(-n_samples // 64))
    assert expected > 2
    assert len(clf.history_) == expected
    assert clf.net_.max_epochs == expected
    assert clf.max_epochs == "auto"
    # Fewer samples, more epochs.
    X, y = pixel_samples(cube, labels)
    assert len(clf.fit(X[::4], y[::4]).history_) == 12
    # The learning rate is planned over all of them.
    rates = clf.history_[:, "lr"]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * rates[0]


@pytest.mark.slow
def test_a_fit_with_auto_is_that_with_the_number(make, cube, labels, few_steps):
    clf = make(batch_size=64).fit(cube, labels)
    same = make(batch_size=64, max_epochs=len(clf.history_)).fit(cube, labels)
    np.testing.assert_array_equal(clf.predict_proba(cube), same.predict_proba(cube))


def test_samples_that_watch_the_training_do_not_count(make, cube, labels, planned):
    X, y = pixel_samples(cube, labels)
    batch_size = 3 * len(y) // 4
    make(batch_size=batch_size).fit(X, y)
    make(batch_size=batch_size, validation_fraction=0.6).fit(X, y)
    make(batch_size=batch_size, validation_fraction=0.6).fit(np.asarray(X), y)
    (whole, few), (spatial, more), (random, as_many) = planned
    assert (whole, few) == (len(y), 500)
    assert max(spatial, random) <= batch_size
    assert more == as_many == 1000


def test_repeated_samples_count_once(make, cube, labels, planned):
    X, y = pixel_samples(cube, labels)
    twice = PixelSamples(X.cubes, np.concatenate([X.coords, X.coords]))
    make(batch_size=len(y)).fit(twice, np.tile(y, 2))
    assert planned == [(len(y), 1000)]


@pytest.mark.slow
def test_trainings_for_the_read_out_have_a_twelfth_of_the_epochs(make, cube, labels, planned):
    X, y = pixel_samples(cube, labels)
    make(batch_size=len(y), spatial="random-walk").fit(X, y)
    assert [each for _, each in planned] == [84, 84, 84, 1000]


def test_a_continued_fit_counts_its_own_samples(make, cube, labels, planned):
    X, y = pixel_samples(cube, labels)
    clf = make(warm_start=True, batch_size=len(y) // 2).fit(X, y)
    clf.fit(X[::3], y[::3])
    assert planned[-1] == (len(y[::3]), 1000)


@pytest.mark.slow
def test_checkpoints_continue(make, cube, labels, few_steps, tmp_path):
    whole = make(batch_size=100).fit(cube, labels)
    given = {"checkpoint_dir": tmp_path / "runs", "checkpoint_every": 1, "batch_size": 100}
    Cut.epoch = 3
    with pytest.raises(PowerCutError):
        make(**given, callbacks=[Cut()]).fit(cube, labels)
    Cut.epoch = None
    resumed = make(**given, callbacks=[Cut()], resume=True).fit(cube, labels)
    assert len(resumed.history_) == len(whole.history_) > 3
    assert "batches" not in resumed.history_[0] or not resumed.history_[0]["batches"]
    np.testing.assert_array_equal(resumed.predict_proba(cube), whole.predict_proba(cube))
    # The same training, planned by its number.
    counted = make(**given, callbacks=[Cut()], resume=True, max_epochs=len(whole.history_))
    counted.fit(cube, labels)
    assert len(list((tmp_path / "runs").iterdir())) == 1


@pytest.mark.slow
def test_saved_classifiers_keep_the_word(make, cube, labels, few_steps, tmp_path):
    clf = make(batch_size=100).fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    assert loaded.max_epochs == "auto"
    assert loaded.net_.max_epochs == clf.net_.max_epochs
    assert len(loaded.fit(cube, labels).history_) == len(clf.history_)


@pytest.mark.parametrize("value", ["Auto", "automatic", "60", ""])
def test_other_words_are_refused(make, cube, labels, value):
    with pytest.raises(InvalidParameterError) as error:
        make(max_epochs=value).fit(cube, labels)
    message = str(error.value)
    assert message.startswith("The 'max_epochs' parameter of HSIPromptClassifier must be a str")
    assert all(repr(word) in message for word in ("short", "auto", "long"))
    assert message.endswith(f"or an int in the range [1, 2147483647]. Got {value!r} instead.")
