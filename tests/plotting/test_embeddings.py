import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from hsvlm import pixel_samples
from hsvlm.exceptions import (
    DataError,
    MissingDependencyError,
    ParameterError,
    UnknownNameError,
)
from hsvlm.plotting import EmbeddingDisplay, class_palette

METHODS = ("pca", "tsne", pytest.param("umap", marks=pytest.mark.slow))


@pytest.fixture
def method(request, monkeypatch):
    """Name of a method; UMAP is interpreted, since compiling takes numba half a minute."""
    if request.param == "umap":
        monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
        # Something else may have imported numba before.
        pytest.importorskip("numba").core.config.reload_config()
        pytest.importorskip("umap")
    return request.param


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(0)
    centers = np.repeat(np.eye(3, 6), 10, axis=0)
    return centers + 0.1 * rng.normal(size=centers.shape)


@pytest.fixture
def groups():
    return np.repeat([1, 2, 3], 10)


def legend(display):
    return [text.get_text() for text in display.legend_.get_texts()]


@pytest.mark.slow
def test_pixels_and_prototypes_of_a_classifier(classifier, cube, labels):
    X, y = pixel_samples(cube, labels)
    display = EmbeddingDisplay.from_estimator(classifier, X, y, random_state=0)
    vectors = classifier.transform(X)
    assert display.points.shape == (len(y), 2)
    spread = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(display.points, axis=0), spread[:2], rtol=1e-3)
    share = spread[0] ** 2 / (spread**2).sum()
    assert display.ax_.get_xlabel() == f"PC 1 ({100 * share:.0f}% of the variance)"
    assert list(display.prototypes) == [1, 2, 3]
    assert legend(display) == ["corn", "oats", "3", "pixel", "prototype"]
    stars = display.ax_.collections[1]
    np.testing.assert_allclose(stars.get_offsets(), list(display.prototypes.values()))
    np.testing.assert_allclose(
        stars.get_facecolors()[:, :3], [to_rgb(one) for one in class_palette(3)]
    )


def test_points_have_the_color_of_their_class(embeddings, groups):
    display = EmbeddingDisplay.from_embeddings(embeddings, groups, colors={2: "red"})
    points = display.ax_.collections[0]
    for point, color in zip(points.get_offsets(), points.get_facecolors(), strict=True):
        place = np.flatnonzero((display.points == point).all(axis=1))[0]
        assert tuple(color[:3]) == to_rgb(display.colors[groups[place]])
    assert display.colors[2] == "red"


def test_cubes_with_their_label_map(classifier, cube, labels):
    X, y = pixel_samples(cube, labels)
    by_map = EmbeddingDisplay.from_estimator(classifier, cube, labels, random_state=0)
    by_samples = EmbeddingDisplay.from_estimator(classifier, X, y, random_state=0)
    np.testing.assert_array_equal(by_map.points, by_samples.points)
    np.testing.assert_array_equal(by_map.labels, y)


@pytest.mark.slow
def test_without_a_text_side_there_are_no_prototypes(vision_only, cube, labels):
    display = EmbeddingDisplay.from_estimator(vision_only, cube, labels)
    assert display.prototypes == {}
    assert legend(display) == ["1", "2", "3"]
    assert len(display.ax_.collections) == 1


@pytest.mark.slow
def test_few_of_many_samples_are_drawn(classifier, cube, labels):
    draw = EmbeddingDisplay.from_estimator
    first, again, other = (
        draw(classifier, cube, labels, max_samples=50, random_state=seed) for seed in (0, 0, 1)
    )
    assert first.points.shape == (50, 2)
    np.testing.assert_array_equal(first.points, again.points)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.array_equal(first.labels, other.labels)
    every = draw(classifier, cube, labels, max_samples=None)
    assert len(every.labels) == (labels != 0).sum()


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS, indirect=True)
def test_the_seed_decides_and_no_other_generator(method, embeddings, groups):
    stars = dict(zip((1, 2, 3), np.eye(3, 6), strict=True))
    before = np.random.get_state()[1].copy()
    # With the prototypes, more than the 15 neighbors of UMAP.
    first, again = (
        EmbeddingDisplay.from_embeddings(
            embeddings[::2], groups[::2], prototypes=stars, method=method, random_state=seed
        )
        for seed in (7, 7)
    )
    EmbeddingDisplay.from_embeddings(embeddings[::6], groups[::6], method=method)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.testing.assert_array_equal(first.points, again.points)
    assert first.prototypes == again.prototypes
    assert first.points.shape == (15, 2)
    assert np.isfinite(first.points).all()


@pytest.mark.parametrize("method", METHODS, indirect=True)
def test_few_samples_are_enough(method, embeddings):
    display = EmbeddingDisplay.from_embeddings(embeddings[::6], [1, 1, 2, 2, 3], method=method)
    assert np.isfinite(display.points).all()


@pytest.mark.slow
def test_axes_name_the_method(embeddings, groups):
    display = EmbeddingDisplay.from_embeddings(embeddings, groups, method="tsne", title="here")
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("t-SNE 1", "t-SNE 2")
    assert display.ax_.get_title() == "here"


def test_classes_without_pixels_are_named_if_they_have_a_prototype(embeddings, groups):
    names = {1: "corn", 2: "oats", 3: "soil", 4: "rye", 5: "wheat"}
    display = EmbeddingDisplay.from_embeddings(
        embeddings, groups, prototypes={4: np.ones(6)}, class_names=names
    )
    assert legend(display) == ["corn", "oats", "soil", "rye", "pixel", "prototype"]


@pytest.mark.slow
def test_nothing_is_cut_off(embeddings, groups, is_cut_off):
    names = {label: f"class with a long name {label}" for label in (1, 2, 3)}
    display = EmbeddingDisplay.from_embeddings(
        embeddings, groups, class_names=names, title="embeddings"
    )
    assert not is_cut_off(display.figure_)


def test_umap_is_optional(embeddings, groups, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingDependencyError) as error:
        EmbeddingDisplay.from_embeddings(embeddings, groups, method="umap")
    assert str(error.value) == (
        'umap is needed here and is not installed. Install it with: pip install "hsvlm[plot]"'
    )


def test_methods_are_known(embeddings, groups):
    with pytest.raises(UnknownNameError) as error:
        EmbeddingDisplay.from_embeddings(embeddings, groups, method="isomap")
    assert str(error.value) == "Unknown method 'isomap'. Known: 'pca', 'tsne', 'umap'."


def test_embeddings_labels_and_prototypes_must_match(embeddings, groups):
    with pytest.raises(DataError) as error:
        EmbeddingDisplay.from_embeddings(embeddings[:3], groups[:3])
    assert str(error.value) == (
        "A plane of embeddings needs at least 4 vectors of two or more numbers, got shape (3, 6)."
    )
    with pytest.raises(DataError) as error:
        EmbeddingDisplay.from_embeddings(embeddings, groups[1:])
    assert str(error.value) == (
        "There are 30 embeddings, but labels has shape (29,). Give one label per embedding."
    )
    with pytest.raises(DataError) as error:
        EmbeddingDisplay.from_embeddings(embeddings, groups, prototypes={2: [1.0, 0.0]})
    assert str(error.value) == (
        "The prototype of 2 has shape (2,), but embeddings have 6 numbers. Both must lie in the "
        "same space."
    )


def test_too_few_samples_asked_for(classifier, cube, labels):
    with pytest.raises(ParameterError) as error:
        EmbeddingDisplay.from_estimator(classifier, cube, labels, max_samples=3)
    assert str(error.value) == "max_samples=3 is too few: at least 4, or None for all."


def test_displays_draw_into_given_axes(embeddings, groups):
    axes = Figure().subplots()
    display = EmbeddingDisplay.from_embeddings(embeddings, groups, ax=axes)
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
    assert axes.get_legend() is display.legend_
