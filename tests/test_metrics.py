import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm.exceptions import DataError
from hsvlm.metrics import classification_summary


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_figures_follow_their_definitions(pairs):
    truth, predicted = np.array([(0, 0), (1, 2), *pairs]).T
    summary = classification_summary(truth, predicted)
    agreement = np.mean(truth == predicted)
    recalls = [np.mean(predicted[truth == one] == one) for one in np.unique(truth)]
    chance = sum(np.mean(truth == one) * np.mean(predicted == one) for one in range(4))
    assert summary.overall_accuracy == pytest.approx(agreement)
    assert summary.average_accuracy == pytest.approx(np.mean(recalls))
    assert summary.kappa == pytest.approx((agreement - chance) / (1 - chance))
    assert [row.label for row in summary.per_class] == np.unique(truth).tolist()
    assert sum(row.support for row in summary.per_class) == summary.n_samples == 2 + len(pairs)


def test_unlabelled_pixels_do_not_count():
    truth = np.array([[0, 1], [2, 2]])
    summary = classification_summary(truth, np.array([[1, 1], [2, 1]]), unlabeled=0)
    assert summary.n_samples == 3
    assert summary.overall_accuracy == pytest.approx(2 / 3)


def test_kappa_of_a_single_class_is_undefined(recwarn):
    summary = classification_summary(["oats", "oats"], ["oats", "oats"])
    assert np.isnan(summary.kappa)
    assert summary.overall_accuracy == summary.average_accuracy == 1
    assert classification_summary(["oats", "oats"], ["oats", "corn"]).kappa == 0
    assert not recwarn


def test_table_is_aligned():
    text = classification_summary([1, 1, 2], [1, 2, 2]).to_text({1: "oats"})
    assert text.split("\n") == [
        "class   recall %  precision %    F1 %  support",
        "oats       50.00       100.00   66.67        2",
        "2         100.00        50.00   66.67        1",
    ]


def test_errors():
    with pytest.raises(DataError) as error:
        classification_summary([1, 2], [1, 2, 3])
    assert str(error.value) == (
        "The reference has shape (2,) and the prediction (3,). Both must cover the same samples "
        "or pixels."
    )
    with pytest.raises(DataError) as error:
        classification_summary([0, 0], [1, 2], unlabeled=0)
    assert str(error.value) == (
        "The reference holds no label, so there is nothing to compare with."
    )
