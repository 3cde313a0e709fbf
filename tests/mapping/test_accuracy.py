import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm.exceptions import DataError
from hsvlm.mapping import map_accuracy

# Olofsson et al. 2014, their worked example: deforestation, gain, stable forest, stable non-forest.
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])


def test_the_example_of_the_reference():
    found = map_accuracy(COUNTS, PIXELS)
    total = PIXELS.sum()
    assert round(total * found.shares[0]) == 235_086
    assert round(1.96 * total * found.shares_error[0]) == 68_418
    assert found.overall == pytest.approx(0.947, abs=5e-4)
    np.testing.assert_allclose(found.users, [0.88, 0.73, 0.93, 0.96], atol=5e-3)
    np.testing.assert_allclose(found.producers, [0.75, 0.85, 0.93, 0.96], atol=5e-3)
    np.testing.assert_array_equal(found.confusion, COUNTS)


def test_figures_follow_the_formulas_written_out():
    found = map_accuracy(COUNTS, PIXELS)
    sampled, weights = COUNTS.sum(axis=1), PIXELS / PIXELS.sum()
    users = [COUNTS[i, i] / sampled[i] for i in range(4)]
    variance = sum(weights[i] ** 2 * users[i] * (1 - users[i]) / (sampled[i] - 1) for i in range(4))
    assert found.overall == pytest.approx(sum(weights * users))
    assert found.overall_error == pytest.approx(variance**0.5)
    for j in range(4):
        rate = COUNTS[:, j] / sampled
        cells = weights * rate
        share = sum(cells)
        assert found.shares[j] == pytest.approx(share)
        variance = sum((weights * cells - cells**2) / (sampled - 1))
        assert found.shares_error[j] == pytest.approx(variance**0.5)
        assert found.users_error[j] == pytest.approx(
            (users[j] * (1 - users[j]) / (sampled[j] - 1)) ** 0.5
        )
        producer = cells[j] / share
        own = PIXELS[j] ** 2 * (1 - producer) ** 2 * users[j] * (1 - users[j]) / (sampled[j] - 1)
        others = producer**2 * sum(
            PIXELS[i] ** 2 * rate[i] * (1 - rate[i]) / (sampled[i] - 1) for i in range(4) if i != j
        )
        estimated = sum(PIXELS / sampled * COUNTS[:, j])
        assert found.producers[j] == pytest.approx(producer)
        assert found.producers_error[j] == pytest.approx(((own + others) / estimated**2) ** 0.5)


@pytest.mark.slow
@given(
    st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=3, max_size=3),
    st.lists(st.floats(0.1, 1e6), min_size=3, max_size=3),
)
def test_shares_make_up_the_whole(rows, areas):
    counts = np.array(rows) + 2 * np.eye(3, dtype=int)
    found = map_accuracy(counts, areas)
    assert found.shares.sum() == pytest.approx(1)
    assert found.overall == pytest.approx(np.average(found.users, weights=areas))
    errors = (found.shares_error, found.users_error, found.producers_error)
    assert all(np.isfinite(one).all() for one in errors)


def test_a_faultless_sample_leaves_the_areas_of_the_map():
    found = map_accuracy(np.diag([5, 9]), [30.0, 10.0])
    np.testing.assert_allclose(found.shares, [0.75, 0.25])
    assert found.overall == 1
    assert (found.shares_error == 0).all()


def test_areas_may_be_in_any_unit():
    one, other = map_accuracy(COUNTS, PIXELS), map_accuracy(COUNTS, 0.09 * PIXELS)
    np.testing.assert_allclose(one.shares, other.shares)
    np.testing.assert_allclose(one.producers_error, other.producers_error)


def test_a_class_that_the_map_lacks_needs_no_reference():
    found = map_accuracy([[8, 0, 2], [1, 9, 0], [0, 0, 0]], [50, 50, 0])
    assert np.isnan(found.users[2])
    assert found.shares[2] == pytest.approx(0.1)
    assert found.producers[2] == 0
    assert np.isfinite(found.shares_error).all()
    assert np.isfinite([found.overall, found.overall_error]).all()


def test_without_reference_in_a_class_of_the_map_the_whole_is_not_known():
    found = map_accuracy([[8, 2], [0, 0]], [50, 50])
    assert np.isnan([found.overall, *found.shares, *found.producers]).all()
    assert found.users[0] == 0.8
    assert np.isnan(found.users[1])


def test_a_single_reference_pixel_has_no_spread():
    found = map_accuracy([[8, 2], [0, 1]], [50, 50])
    assert found.overall == pytest.approx(0.9)
    assert np.isnan([found.overall_error, found.users_error[1], *found.shares_error]).all()
    assert np.isfinite(found.users_error[0])


@pytest.mark.parametrize(
    ("counts", "areas", "message"),
    [
        (
            [[1, 2]],
            [1.0],
            "confusion has shape (1, 2) and mapped (1,). Give a square matrix, its rows the "
            "classes of the map, and one area per class.",
        ),
        (
            [[1, 2], [3, 4]],
            [1.0, -1.0],
            "Counts and areas must be finite and 0 or more, and some area must be mapped; got "
            "counts from 1 to 4 and areas [1.0, -1.0].",
        ),
        (
            [[1, 2], [3, 4]],
            [0.0, 0.0],
            "Counts and areas must be finite and 0 or more, and some area must be mapped; got "
            "counts from 1 to 4 and areas [0.0, 0.0].",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(counts, areas, message):
    with pytest.raises(DataError) as caught:
        map_accuracy(counts, areas)
    assert str(caught.value) == message
