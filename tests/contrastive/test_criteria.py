"""Every registered criterion, by itself and in the classifier."""

import pickle

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from sklearn.base import clone

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.contrastive import losses as registry
from hsvlm.contrastive.losses import (
    get_criterion,
    list_criteria,
    make_criterion,
    register_criterion,
    uses_text,
)
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.persistence import load
from hsvlm.plotting import LossLandscapeDisplay


class Pull(torch.nn.Module):
    """Asks for everything that a criterion may be given, and has a parameter of its own."""

    seen = ()

    def __init__(self, strength=0.5):
        super().__init__()
        self.strength = strength

    def forward(self, similarities, targets, *, embeddings, prototypes, generator):
        Pull.seen = similarities.shape, embeddings, prototypes, generator
        drawn = torch.rand(len(targets), generator=generator)
        apart = (embeddings - prototypes[targets]).square().sum(dim=1)
        losses = torch.nn.functional.cross_entropy(similarities, targets, reduction="none")
        return losses + self.strength * (0.9 + 0.2 * drawn) * apart


@pytest.fixture
def pull(monkeypatch):
    monkeypatch.setattr(registry._CRITERIA, "entries", dict(registry._CRITERIA.entries))
    register_criterion("pull", Pull)


def problem(n_classes, n_samples, seed):
    generator = torch.Generator().manual_seed(seed)
    similarities = 5 * torch.randn(n_samples, n_classes, generator=generator, dtype=torch.float64)
    return similarities, torch.randint(n_classes, (n_samples,), generator=generator)


@pytest.mark.parametrize("name", list_criteria())
def test_a_finite_loss_and_gradient_per_sample(name):
    similarities, targets = problem(6, 5, 3)
    similarities.requires_grad_()
    losses = make_criterion(name)(similarities, targets)
    assert losses.shape == (5,)
    losses.sum().backward()
    assert torch.isfinite(similarities.grad).all()
    assert similarities.grad.abs().sum() > 0


@pytest.mark.parametrize("name", list_criteria())
def test_losses_depend_on_the_batch_only_if_stated(name):
    similarities, targets = problem(4, 6, 1)
    criterion = make_criterion(name)
    alone = torch.cat(
        [criterion(similarities[[row]], targets[[row]]) for row in range(len(targets))]
    )
    same = torch.allclose(alone, criterion(similarities, targets))
    assert same is not getattr(criterion, "within_batch", False)


@pytest.mark.parametrize("name", list_criteria())
def test_the_loss_falls_as_the_true_class_becomes_more_similar(name):
    similarities, targets = problem(6, 5, 3)
    closer = similarities.scatter_add(1, targets[:, None], torch.full((5, 1), 3.0).double())
    criterion = make_criterion(name)
    assert (criterion(closer, targets) < criterion(similarities, targets)).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", list_criteria())
def test_the_classifier_learns_saves_and_loads(name, cube, labels, settings, tmp_path):
    clf = HSIPromptClassifier(**{**settings, "criterion": name}).fit(cube, labels)
    known = labels > 0
    assert (clf.predict(cube)[known] == labels[known]).mean() > 0.8
    assert hasattr(clf, "prototypes_") is uses_text(name)
    loaded = load(clf.save(tmp_path / "model.zip"))
    np.testing.assert_array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))


@pytest.mark.slow
def test_the_shortest_way_to_a_criterion(cube, labels, settings, pull, tmp_path):
    changes = {"criterion": "pull", "criterion_params": {"strength": 0.7}}
    clf = HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)
    shape, embeddings, prototypes, generator = Pull.seen
    assert shape == (len(embeddings), len(prototypes))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(len(embeddings)))
    torch.testing.assert_close(prototypes.norm(dim=1), torch.ones(len(prototypes)))
    assert generator is not None
    again = pickle.loads(pickle.dumps(clone(clf).fit(cube, labels)))
    np.testing.assert_array_equal(again.predict_proba(cube), clf.predict_proba(cube))
    other = clone(clf).set_params(criterion_params={"strength": 0.0}).fit(cube, labels)
    assert not np.array_equal(other.predict_proba(cube), clf.predict_proba(cube))
    loaded = load(clf.save(tmp_path / "model.zip"))
    np.testing.assert_array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))
    assert loaded.criterion_params == {"strength": 0.7}
    assert loaded.net_.criterion_._chosen.strength == 0.7


def test_projected_texts_learn_from_prototypes(cube, labels, settings, pull):
    changes = {"criterion": "pull", "projection": "text", "max_epochs": 1}
    clf = HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)
    assert clf.net_.module_.text_projection.weight.grad.abs().sum() > 0


@pytest.mark.slow
def test_the_loss_landscape_is_that_of_the_training(cube, labels, settings, pull):
    clf = HSIPromptClassifier(**{**settings, "criterion": "pull", "augment": False})
    clf.fit(cube, labels)
    display = LossLandscapeDisplay.from_estimator(
        clf, *pixel_samples(cube, labels), n_steps=3, random_state=0, ax=Figure().subplots()
    )
    # With the weights of the network itself, it is the loss of the last epoch.
    assert display.losses[1, 1] == pytest.approx(clf.history_[-1, "train_loss"], rel=0.3)


def test_parameters_that_a_criterion_does_not_take(cube, labels, settings, pull):
    def message(**changes):
        with pytest.raises(ParameterError) as error:
            HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)
        return str(error.value)

    assert message(criterion="pull", criterion_params={"force": 1}).endswith(
        "got an unexpected keyword argument 'force'. Its parameters: strength."
    )
    assert message(criterion="clip", criterion_params={"force": 1}).endswith(
        "parameters: text_diversity."
    )
    assert message(criterion_params={"n_hard": 1}) == (
        "criterion_params sets n_hard, which the classifier sets itself. Use its parameters of the "
        "same names."
    )


def test_names():
    assert get_criterion("clip").__name__ == "Clip"
    with pytest.raises(UnknownNameError) as error:
        make_criterion("triplet")
    known = ", ".join(map(repr, list_criteria()))
    assert str(error.value) == f"Unknown criterion 'triplet'. Known: {known}."
    with pytest.raises(ParameterError, match=r"'clip' is already registered\. Choose another name"):
        register_criterion("clip", Pull)
