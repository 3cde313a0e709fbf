"""Encoders that look at training windows once, before they are trained."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm._training import loop


class PowerCutError(Exception):
    pass


class Cut(Callback):
    """Ends everything after the second epoch while it is switched on."""

    is_on = False

    def on_epoch_end(self, net, **_):
        if self.is_on and len(net.history) == 2:
            raise PowerCutError


class Centered(torch.nn.Module):
    """Starts from the mean spectrum of the training windows."""

    calls = ()

    def __init__(self, n_channels, window_size):
        super().__init__()
        self.n_features = n_channels
        self.mean = torch.nn.Parameter(torch.zeros(n_channels))
        self.scale = torch.nn.Linear(n_channels, n_channels)

    def prepare(self, windows, generator):
        # A draw, so that a training that prepares twice differs from one that does once.
        noise = 0.01 * torch.randn(len(self.mean), generator=generator)
        self.mean.copy_(windows.mean(dim=(0, 1, 2)) + noise)
        calls = [*Centered.calls, (windows, self.training, torch.is_grad_enabled())]
        Centered.calls = tuple(calls)

    def forward(self, windows):
        return self.scale(windows.mean(dim=(1, 2)) - self.mean)


@pytest.fixture
def make(settings, monkeypatch):
    monkeypatch.setattr(Centered, "calls", ())
    fixed = {**settings, "vision_encoder": Centered, "vision_params": None}
    return lambda **changes: HSIPromptClassifier(**{**fixed, **changes})


@pytest.mark.slow
def test_an_encoder_is_shown_the_training_windows_before_the_first_step(make, cube, labels):
    X, y = pixel_samples(cube, labels)
    clf = make(lr=1e-30).fit(X, y)
    ((windows, was_training, had_gradients),) = Centered.calls
    assert windows.shape == (len(y), 5, 5, 6)
    assert windows.dtype == torch.float32
    assert not was_training
    assert not had_gradients
    # In random order, each window once.
    every = clf.preprocessing_.transform(np.asarray(X))
    np.testing.assert_allclose(
        np.sort(windows[:, 2, 2, 0].numpy()), np.sort(every[:, 0]), atol=1e-5
    )
    assert not np.allclose(windows[:, 2, 2, 0], every[:, 0], atol=1e-5)
    # The training continues from there, in its own mode.
    mean = clf.net_.module_.encoder.mean.detach()
    torch.testing.assert_close(mean, windows.mean(dim=(0, 1, 2)), rtol=0, atol=0.05)
    assert mean.abs().max() > 0.05


def test_the_training_itself_is_in_training_mode(make, cube, labels):
    modes = []

    class Looks(Callback):
        def on_grad_computed(self, net, **_):
            modes.append(net.module_.encoder.training)

    make(callbacks=[Looks()], max_epochs=2).fit(cube, labels)
    assert modes
    assert all(modes)


@pytest.mark.slow
def test_the_seed_decides(make, cube, labels):
    fits = [make(random_state=seed).fit(cube, labels).predict_proba(cube) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert not np.array_equal(fits[0], fits[2])


@pytest.mark.slow
def test_large_sets_and_large_windows_are_sampled(make, cube, labels, monkeypatch):
    monkeypatch.setattr(loop, "_MOST_WINDOWS", 50)
    make().fit(cube, labels)
    monkeypatch.setattr(loop, "_MOST_NUMBERS", 20 * 5 * 5 * 6 + 5)
    make().fit(cube, labels)
    monkeypatch.setattr(loop, "_MOST_NUMBERS", 3)
    make().fit(cube, labels)
    assert [len(windows) for windows, *_ in Centered.calls] == [50, 20, 1]


def test_samples_whose_labels_are_set_aside_are_not_shown(make, cube, labels, monkeypatch):
    weights = torch.ones(np.count_nonzero(labels))
    weights[10:] = 0
    fit_net = loop.fit_net

    def with_weights(params, settings, training, *arguments, **keywords):
        training.weights = weights
        return fit_net(params, settings, training, *arguments, **keywords)

    monkeypatch.setattr("hsvlm._training.fit.fit_net", with_weights)
    make(max_epochs=1).fit(cube, labels)
    ((windows, *_),) = Centered.calls
    assert len(windows) == 10


@pytest.mark.slow
def test_a_continued_fit_keeps_what_it_learned(make, cube, labels):
    clf = make(warm_start=True, lr=1e-30).fit(cube, labels)
    before = clf.net_.module_.encoder.mean.clone()
    clf.set_params(random_state=5).fit(cube, labels)
    assert len(Centered.calls) == 1
    torch.testing.assert_close(clf.net_.module_.encoder.mean, before)


@pytest.mark.slow
def test_a_resumed_fit_is_the_one_that_was_not_interrupted(make, cube, labels, tmp_path):
    whole = make(callbacks=[Cut()]).fit(cube, labels)
    given = {"checkpoint_dir": tmp_path / "runs", "checkpoint_every": 1, "callbacks": [Cut()]}
    Cut.is_on = True
    try:
        with pytest.raises(PowerCutError):
            make(**given, resume=True).fit(cube, labels)
    finally:
        Cut.is_on = False
    assert len(Centered.calls) == 2  # nothing to resume from: prepared as usual
    resumed = make(**given, resume=True).fit(cube, labels)
    assert len(Centered.calls) == 2
    np.testing.assert_array_equal(resumed.predict_proba(cube), whole.predict_proba(cube))


@pytest.mark.slow
def test_trainings_for_the_read_out_are_prepared_too(make, cube, labels):
    make(spatial="random-walk").fit(cube, labels)
    assert len(Centered.calls) == 4
    assert len(Centered.calls[0][0]) < len(Centered.calls[-1][0])


@pytest.mark.slow
def test_saved_networks_are_not_prepared(make, cube, labels, tmp_path):
    clf = make().fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), vision_encoder=Centered)
    assert len(Centered.calls) == 1
    np.testing.assert_array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))
