import pickle

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from sklearn.metrics import log_loss
from torch import nn

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.contrastive.losses.clip import clip_loss
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting import LossLandscapeDisplay
from hsvlm.plotting._loss_surface import filter_normalized_direction


@pytest.fixture(scope="module")
def samples(cube, labels):
    X, y = pixel_samples(cube, labels)
    return X[::4], y[::4]


def landscape(clf, samples, **options):
    options = {"n_steps": 3, "random_state": 0, "ax": Figure().subplots(), **options}
    return LossLandscapeDisplay.from_estimator(clf, *samples, **options)


@pytest.mark.slow
def test_the_classifier_is_left_as_it_is(classifier, samples):
    model = classifier.net_.module_
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stored, state = pickle.dumps(classifier), torch.get_rng_state()
    expected = classifier.predict_proba(samples[0])
    landscape(classifier, samples)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert not model.training
    assert pickle.dumps(classifier) == stored
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)
    np.testing.assert_array_equal(classifier.predict_proba(samples[0]), expected)


@pytest.mark.slow
def test_the_seed_decides(classifier, samples):
    first, again, other = (
        landscape(classifier, samples, random_state=seed).losses for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert first[1, 1] == pytest.approx(other[1, 1], rel=0.2)
    assert not np.array_equal(first, other)


@pytest.mark.slow
def test_every_kind_of_seed_leaves_the_global_generator_alone(classifier, samples):
    before = np.random.get_state()[1].copy()

    def losses(seed):
        return landscape(classifier, samples, random_state=seed).losses

    drawn, same = np.random.RandomState(4), np.random.RandomState(4)
    np.testing.assert_array_equal(losses(drawn), losses(same))
    assert not np.array_equal(losses(drawn), losses(None))
    assert not np.array_equal(losses(None), losses(None))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["all-negatives", "cross-entropy"])
def test_the_center_is_the_loss_of_the_trained_weights(criterion, cube, labels, settings, samples):
    weights = {1: 3.0, 2: 1.0, 3: 0.5}
    clf = HSIPromptClassifier(criterion=criterion, class_weight=weights, **settings)
    clf.fit(cube, labels)
    X, y = samples
    expected = log_loss(y, clf.predict_proba(X), sample_weight=[weights[one] for one in y])
    assert landscape(clf, samples).losses[1, 1] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_losses_within_batches_keep_their_batches(cube, labels, settings, samples):
    clf = HSIPromptClassifier(criterion="clip", batch_size=16, **settings).fit(cube, labels)
    X, y = samples
    scores = torch.from_numpy(clf.decision_function(X))
    targets = torch.from_numpy(np.searchsorted(clf.classes_, y))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(5))
    parts = [clip_loss(scores[index], targets[index]) for index in order.split(16)]
    found = landscape(clf, samples, random_state=5).losses[1, 1]
    assert found == pytest.approx(float(torch.cat(parts).mean()), rel=1e-4)


@pytest.mark.slow
def test_other_prompts_have_a_loss_of_their_own(cube, labels, settings, samples):
    class Letters:
        def encode(self, texts, **_):
            return np.array([np.roll(np.eye(8)[0], len(text)) for text in texts])

    prompts = {1: "a", 2: "ab", 3: "abc"}
    clf = HSIPromptClassifier(
        prompts, criterion="all-negatives", **{**settings, "text_encoder": Letters()}
    ).fit(cube, labels)
    moved = clf.with_prompts({1: "abc", 2: "a", 3: "ab"})
    X, y = samples
    expected = log_loss(y, moved.predict_proba(X))
    assert landscape(moved, samples).losses[1, 1] == pytest.approx(expected, rel=1e-4)
    assert landscape(clf, samples).losses[1, 1] < expected / 2


def test_filters_of_a_direction_are_as_long_as_those_of_the_model():
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    model.register_parameter("positions", nn.Parameter(torch.ones(1, 5, 3)))
    direction = filter_normalized_direction(model, torch.Generator().manual_seed(0))
    assert set(direction) == {"0.weight", "3.weight"}
    for name, moved in direction.items():
        weights = model.get_parameter(name).detach()
        torch.testing.assert_close(moved.flatten(1).norm(dim=1), weights.flatten(1).norm(dim=1))
        assert moved.shape == weights.shape
        assert not torch.allclose(moved, weights)


@pytest.mark.slow
def test_rows_are_steps_along_the_second_direction():
    losses = np.array([[4.0, 3.0, 4.0], [2.0, 1.0, 2.5], [5.0, 3.5, 5.0]])
    display = LossLandscapeDisplay(losses, np.array([-0.5, 0.0, 0.5]), "star: trained").plot()
    first, second = display.profile_ax_.lines
    np.testing.assert_array_equal(first.get_ydata(), losses[1])
    np.testing.assert_array_equal(second.get_ydata(), losses[:, 1])
    np.testing.assert_array_equal(first.get_xdata(), [-0.5, 0.0, 0.5])
    assert display.ax_.get_title() == "star: trained"
    assert display.colorbar_.ax.get_ylabel() == r"$\log_{10}$ loss"
    assert display.profile_ax_.get_yscale() == "log"


@pytest.mark.slow
def test_nothing_is_cut_off(is_cut_off):
    losses = np.geomspace(1e-5, 1e3, 25).reshape(5, 5)
    display = LossLandscapeDisplay(losses, np.linspace(-1, 1, 5), "title").plot()
    assert not is_cut_off(display.figure_)
    assert display.figure_.get_figwidth() <= 7.2


@pytest.mark.slow
@pytest.mark.parametrize("losses", [np.zeros((3, 3)), np.ones((3, 3)), np.eye(3)])
@pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")
def test_losses_of_zero_and_flat_ones_are_drawn(losses):
    display = LossLandscapeDisplay(losses, np.linspace(-1, 1, 3)).plot()
    display.figure_.draw_without_rendering()


def test_given_axes_hold_the_plane_alone(classifier, samples):
    axes = Figure().subplots()
    display = landscape(classifier, samples, ax=axes, extent=0.5)
    assert display.ax_ is axes
    assert display.profile_ax_ is None
    np.testing.assert_array_equal(display.steps, [-0.5, 0.0, 0.5])


@pytest.mark.parametrize("n_steps", [1, 4])
def test_the_weights_lie_on_the_grid(classifier, samples, n_steps):
    with pytest.raises(ParameterError) as error:
        landscape(classifier, samples, n_steps=n_steps)
    assert str(error.value) == (
        f"n_steps={n_steps} leaves the trained weights off the grid. Use an odd number of at "
        "least 3."
    )


@pytest.mark.parametrize("extent", [0.0, -1.0, float("inf"), float("nan")])
def test_the_extent_is_a_length(classifier, samples, extent):
    with pytest.raises(ParameterError) as error:
        landscape(classifier, samples, extent=extent)
    assert str(error.value) == f"extent={extent} must be a finite number above 0, such as 1.0."


def test_classes_without_a_loss(classifier, samples):
    X, y = samples
    with pytest.raises(DataError) as error:
        landscape(classifier, (X, np.where(y == 1, 7, y)))
    assert str(error.value) == (
        "The classifier was not trained on classes [7], so their samples have no loss. Leave them "
        "out."
    )


def test_weights_come_with_fit(samples):
    with pytest.raises(ParameterError) as error:
        landscape(HSIPromptClassifier(), samples)
    assert str(error.value) == (
        "The classifier is not fitted, so it has no weights. Call fit first."
    )
