import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm import PixelSamples
from hsvlm.exceptions import ParameterError
from hsvlm.model_selection import spatial_holdout


@pytest.mark.slow
@given(st.integers(0, 50), st.sampled_from([2, 3, 5]), st.sampled_from([0.1, 0.3, 0.5]))
def test_whole_blocks_are_held_out(seed, block_size, fraction):
    rng = np.random.RandomState(seed)
    X = PixelSamples(np.zeros((20, 15, 1)), np.argwhere(rng.rand(20, 15) < 0.7))
    y = rng.randint(0, 3, size=len(X))
    kept, held = spatial_holdout(X, y, fraction, block_size, np.random.RandomState(seed))
    assert sorted([*kept, *held]) == list(range(len(X)))
    assert 0 < len(held) <= fraction * len(X)
    blocks = [{tuple(one) for one in X.coords[index] // block_size} for index in (kept, held)]
    assert not blocks[0] & blocks[1]
    for label in range(3):
        assert 2 * (y[kept] == label).sum() >= (y == label).sum()


def test_scenes_have_blocks_of_their_own():
    grid = np.argwhere(np.ones((4, 4)))
    X = PixelSamples([np.zeros((4, 4, 1))] * 2, np.vstack([grid, grid]), [0] * 16 + [1] * 16)
    y = np.tile([0, 1], 16)
    kept, held = spatial_holdout(X, y, 0.5, 4, np.random.RandomState(0))
    assert len(set(X.scene_ids[kept])) == len(set(X.scene_ids[held])) == 1


def test_nothing_can_be_held_out():
    X = PixelSamples(np.zeros((4, 4, 1)), np.argwhere(np.ones((4, 4))))
    with pytest.raises(ParameterError) as error:
        spatial_holdout(X, np.arange(16) % 2, 0.25, 4, np.random.RandomState(0))
    assert str(error.value) == (
        "validation_fraction=0.25 leaves no block of 4 x 4 pixels that can be held out while every "
        "class keeps half of its samples. Raise the fraction, label more pixels, or pass "
        "validation_fraction=None."
    )
