"""The term that keeps the texts of different classes apart."""

import math

import pytest
import torch

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.contrastive.losses import list_criteria, make_criterion, uses_text
from hsvlm.contrastive.losses.text_diversity import text_diversity_loss
from hsvlm.exceptions import ParameterError

WITH_TEXT = [name for name in list_criteria() if uses_text(name)]


def unit_vectors(n_classes, width, seed=0):
    drawn = torch.randn(n_classes, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(drawn.double(), dim=1)


@pytest.mark.parametrize(("n_classes", "width"), [(1, 3), (2, 2), (5, 3), (4, 8)])
def test_it_is_the_mean_over_all_pairs(n_classes, width):
    vectors = unit_vectors(n_classes, width)
    total = 0.0
    for i, first in enumerate(vectors.tolist()):
        for j, second in enumerate(vectors.tolist()):
            lengths = math.hypot(*first) * math.hypot(*second)
            cosine = sum(a * b for a, b in zip(first, second, strict=True)) / lengths
            total += abs(cosine - (1 if i == j else 0))
    assert text_diversity_loss(vectors).item() == pytest.approx(total / n_classes**2, abs=1e-12)


def test_orthonormal_texts_have_none():
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))[0]
    assert text_diversity_loss(torch.eye(6)[:4]) == 0
    assert text_diversity_loss(rotation[:4]).item() == pytest.approx(0, abs=1e-6)


def test_equal_and_opposite_texts_have_most():
    assert text_diversity_loss(torch.ones(4, 1)).item() == pytest.approx(3 / 4)
    assert text_diversity_loss(torch.tensor([[1.0], [-1.0]])).item() == pytest.approx(1 / 2)


@pytest.mark.parametrize("name", WITH_TEXT)
def test_every_criterion_with_text_can_add_it(name):
    similarities = 5 * unit_vectors(6, 5, seed=1)
    targets, prototypes = torch.tensor([0, 1, 2, 3, 4, 0]), unit_vectors(5, 3)
    plain = make_criterion(name)
    generator = {"generator": torch.Generator().manual_seed(0)}
    options = generator if name == "hard-semi-hard" else {}
    losses = plain(similarities, targets, **options)
    assert torch.equal(plain(similarities, targets, prototypes=prototypes, **options), losses)
    diverse = make_criterion(name, {"text_diversity": 0.5})
    expected = losses + 0.5 * text_diversity_loss(prototypes)
    raised = diverse(similarities, targets, prototypes=prototypes, **options)
    torch.testing.assert_close(raised, expected)
    with pytest.raises(ParameterError, match="Pass their unit vectors as prototypes"):
        diverse(similarities, targets)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_factors_outside_the_range_are_refused(value):
    with pytest.raises(ParameterError) as error:
        make_criterion("clip", {"text_diversity": value})
    assert str(error.value) == (
        f"text_diversity={value} is not a factor of 0 or more. Use 0 to switch it off, or a small "
        "one such as 0.02."
    )


@pytest.fixture
def similar_texts():
    """Embeddings of three classes with cosines near 0.8."""
    vectors = torch.ones(3, 8) + 0.5 * unit_vectors(3, 8).float() * 8**0.5
    return torch.nn.functional.normalize(vectors, dim=1).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_TEXT)
def test_texts_move_apart(name, cube, labels, settings, similar_texts):
    def distance(factor):
        changes = {
            "criterion": name,
            "criterion_params": {"text_diversity": factor},
            "projection": "text",
            "text_encoder": similar_texts,
        }
        clf = HSIPromptClassifier(**{**settings, **changes}).fit(*pixel_samples(cube, labels))
        return text_diversity_loss(torch.from_numpy(clf.prototypes_)).item()

    assert distance(5.0) < 0.9 * distance(0.0)


@pytest.mark.parametrize("projection", ["vision", "fixed"])
def test_texts_that_are_not_trained_are_refused(projection, cube, labels, settings):
    changes = {"projection": projection, "criterion_params": {"text_diversity": 0.02}}
    with pytest.raises(ParameterError) as error:
        HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)
    assert str(error.value) == (
        "text_diversity=0.02 moves the texts of the classes apart, but "
        f"projection={projection!r} trains nothing on the side of the texts. Set "
        'projection="text", or leave out text_diversity.'
    )


@pytest.mark.slow
def test_a_factor_of_zero_changes_nothing(cube, labels, settings):
    plain = HSIPromptClassifier(**{**settings, "max_epochs": 1}).fit(cube, labels)
    zero = HSIPromptClassifier(
        **{**settings, "max_epochs": 1, "criterion_params": {"text_diversity": 0}}
    ).fit(cube, labels)
    assert torch.equal(*(torch.from_numpy(clf.decision_function(cube)) for clf in (plain, zero)))
    # So that batches are divided among threads as before.
    assert not plain.net_.criterion_.needs_alignment
