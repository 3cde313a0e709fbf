import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm.exceptions import DataError
from hsvlm.model_selection import nearest_distance


@pytest.mark.slow
@given(st.integers(0, 1000), st.integers(0, 12), st.integers(1, 12))
def test_nearest_distance_is_the_smallest_of_all(seed, n_positions, n_reference):
    rng = np.random.default_rng(seed)
    positions, reference = (
        np.column_stack([rng.integers(0, 3, n), rng.integers(-9, 9, (n, 2))])
        for n in (n_positions, n_reference)
    )
    expected = [
        min(
            (
                max(abs(row - other[1]), abs(col - other[2]))
                for other in reference.tolist()
                if other[0] == scene
            ),
            default=np.inf,
        )
        for scene, row, col in positions.tolist()
    ]
    assert nearest_distance(positions, reference).tolist() == expected


def test_nothing_to_measure_the_distance_to():
    none = np.zeros((0, 3), dtype=int)
    assert nearest_distance([[0, 1, 2]], none).tolist() == [np.inf]
    assert nearest_distance(none, [[0, 1, 2]]).tolist() == []


def test_positions_without_a_scene_are_refused():
    good, short = [[0, 1, 2]], [[1, 2], [3, 4]]
    for name, args in (("positions", (short, good)), ("reference", (good, short))):
        with pytest.raises(DataError) as error:
            nearest_distance(*args)
        assert str(error.value) == (
            f"{name} has shape (2, 2), but must have shape (n, 3): scene, row and column of every "
            "pixel. Pass np.column_stack([X.scene_ids, X.coords])."
        )
