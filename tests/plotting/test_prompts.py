import numpy as np
import pytest
from matplotlib.figure import Figure

from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting import PromptSimilarityDisplay


def test_prompt_similarities(fitted):
    display = PromptSimilarityDisplay.from_estimator(fitted).plot()
    np.testing.assert_allclose(display.similarities, [[1, 0.6], [0.6, 1]])
    assert [one.get_text() for one in display.ax_.get_yticklabels()] == ["corn", "oats"]
    assert [one.get_text() for one in display.ax_.texts] == ["1", ".60", ".60", "1"]


def test_similarities_are_written_short_and_readable():
    embeddings = [[1, 0, 0], [-0.1, 1, 0], [0.001, 0, -1]]
    display = PromptSimilarityDisplay.from_embeddings(embeddings, ["a", "b", "c"]).plot()
    texts = display.ax_.texts
    expected = ["1", "\N{MINUS SIGN}.10", ".00", "\N{MINUS SIGN}.10", "1", ".00", ".00", ".00", "1"]
    assert [one.get_text() for one in texts] == expected
    assert [one.get_color() for one in texts[:2]] == ["black", "white"]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 16, 30])
def test_nothing_is_cut_off(count, is_cut_off):
    names = [f"class with a long name {number}" for number in range(count)]
    display = PromptSimilarityDisplay.from_embeddings(np.eye(count), names)
    assert not is_cut_off(display.figure_)
    assert len(display.ax_.texts) == (count**2 if count <= 20 else 0)


def test_embeddings_without_a_direction_or_a_name():
    with pytest.raises(DataError) as error:
        PromptSimilarityDisplay.from_embeddings([[0, 0], [1, 0], [np.nan, 1]], ["a", "b", "c"])
    assert str(error.value) == (
        "The embeddings of 'a', 'c' are zero or not finite, so they have no direction. Leave them "
        "out, or encode them again."
    )
    with pytest.raises(DataError) as error:
        PromptSimilarityDisplay.from_embeddings(np.eye(2), ["a", "b", "c"])
    assert str(error.value) == (
        "Embeddings of 3 classes have shape (3, n_features), got (2, 2). Pass one vector and one "
        "name per class."
    )


def test_similarities_need_prototypes(fitted):
    del fitted.prototypes_
    with pytest.raises(ParameterError) as error:
        PromptSimilarityDisplay.from_estimator(fitted)
    assert str(error.value) == (
        "The classifier has no prototypes: it is not fitted, or was fitted with "
        'criterion="cross-entropy". Fit it with another criterion.'
    )


def test_displays_draw_into_given_axes():
    axes = Figure().subplots()
    display = PromptSimilarityDisplay.from_embeddings(np.eye(3), list("abc"), ax=axes)
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
