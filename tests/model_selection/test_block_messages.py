"""What the block splitters say when they cannot do what is asked, or only in part."""

import numpy as np
import pytest
from sklearn.utils._param_validation import InvalidParameterError

from hsvlm import PixelSamples
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection import SpatialBlockKFold, SpatialBlockShuffleSplit

SPLITTERS = [SpatialBlockKFold, SpatialBlockShuffleSplit]


def striped(height, width, stripe):
    X = PixelSamples(np.zeros((height, width, 1)), np.argwhere(np.ones((height, width))))
    return X, X.coords[:, 1] // stripe % 3


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_errors(splitter):
    X, y = striped(8, 8, 2)
    name = splitter.__name__

    def message(error, *args, **settings):
        with pytest.raises(error) as caught:
            next(splitter(**settings).split(*args))
        return str(caught.value)

    assert message(DataError, np.asarray(X), y) == (
        f"{name} has to know where every sample lies, and got ndarray without positions. "
        "Pass PixelSamples, or groups= with one row (row, column) or (scene, row, column) "
        "per sample."
    )
    assert message(DataError, np.zeros((8, 8, 1)), y.reshape(8, 8)) == (
        f"{name} has to know where every sample lies, and got a cube. "
        "Turn the cube and its label map into samples: X, y = pixel_samples(cube, labels)."
    )
    wrong = (
        f"groups has shape {{}}, but {name} reads positions from it: one row (row, column) or "
        "(scene, row, column) for each of the 64 samples."
    )
    assert message(DataError, X, y, y) == wrong.format("(64,)")
    assert message(DataError, X, y, X.coords[:9]) == wrong.format("(9, 2)")
    assert message(DataError, X, y, np.ones((64, 4))) == wrong.format("(64, 4)")
    assert message(DataError, X, y, X.coords + 0.5) == (
        "groups must hold whole numbers, got 0.5. Convert them to integers."
    )
    assert message(DataError, X) == (
        f"{name} balances classes and needs y. Pass the label of every sample."
    )
    assert message(DataError, X, y[:9]) == (
        "y has shape (9,), but there are 64 samples. Give one label per sample."
    )
    assert message(ParameterError, X, y, block_size=8) == (
        "block_size=8 cuts the labeled pixels into 1 block, and "
        f"{name} needs at least {5 if splitter is SpatialBlockKFold else 2}. Use smaller blocks."
    )


@pytest.mark.parametrize("cv", [SpatialBlockKFold(4, 4), SpatialBlockShuffleSplit(1, 0.25, 4)])
def test_buffer_that_empties_the_test_side(cv):
    X, y = striped(8, 8, 1)
    with pytest.raises(ParameterError) as error:
        next(cv.split(X, y))
    assert str(error.value) == (
        "buffer=7 leaves split 0 without a test sample: every pixel of its test blocks of 4 x 4 "
        "lies within 7 pixels of a training pixel. Use blocks of more than twice the buffer "
        "(block_size=15 or more), or a smaller buffer."
    )


def test_blocks_of_the_size_that_the_error_names_leave_a_test_side():
    for buffer in (1, 2, 3):
        side = 3 * (2 * buffer + 1)
        X, y = striped(side, side, 1)
        cv = SpatialBlockKFold(9, block_size=2 * buffer + 1, buffer=buffer)
        assert all(len(test) for _, test in cv.split(X, y))
        with pytest.raises(ParameterError, match="without a test sample"):
            list(SpatialBlockKFold(9, block_size=2 * buffer, buffer=buffer).split(X, y))


def test_buffer_that_empties_the_training_side():
    X, y = striped(8, 8, 1)
    with pytest.raises(ParameterError) as error:
        next(SpatialBlockKFold(2, 4, buffer=4, discard="train").split(X, y))
    assert str(error.value) == (
        "buffer=4 leaves split 0 without a training sample: every pixel outside its test blocks of "
        "4 x 4 lies within 4 pixels of a test pixel. Use a smaller buffer, or discard='test'."
    )


def test_buffer_that_leaves_a_single_class_to_train_on():
    X, y = striped(4, 12, 1)
    y = np.where(X.coords[:, 1] % 11 == 0, "oats", "rye")  # oats: the first and last column
    cv = SpatialBlockKFold(3, 4, buffer=3, discard="train")
    with pytest.raises(ParameterError) as error:
        list(cv.split(X, y))
    assert str(error.value) == (
        "buffer=3 leaves split 2 training samples of class oats only: every other pixel outside "
        "its test blocks of 4 x 4 lies within 3 pixels of a test pixel. Use a smaller buffer, or "
        "discard='test'."
    )


def test_class_that_the_buffer_takes_out_of_the_training():
    X, y = striped(8, 16, 1)
    y[X.coords[:, 1] == 7], y[X.coords[:, 1] == 8] = 7, 7  # on both sides of a border
    cv = SpatialBlockKFold(2, 8, buffer=2, discard="train")
    with pytest.warns(SplitWarning) as caught:
        list(cv.split(X, y))
    assert [str(one.message) for one in caught] == [
        "Class 7 has no training sample in split 0, 1: its other pixels lie in the same blocks or "
        "within the buffer. Use smaller blocks or a smaller buffer, or leave the class out."
    ]
    assert caught[0].filename == __file__


def test_too_few_blocks_for_the_folds():
    X, y = striped(8, 8, 2)
    with pytest.raises(ParameterError) as error:
        next(SpatialBlockKFold(5, block_size=4).split(X, y))
    assert str(error.value) == (
        "block_size=4 cuts the labeled pixels into 4 blocks, and SpatialBlockKFold needs at least "
        "5. Use smaller blocks or fewer splits."
    )


def test_a_draw_that_would_need_every_block():
    X = PixelSamples(np.zeros((4, 8, 1)), np.argwhere(np.ones((4, 8))))
    cv = SpatialBlockShuffleSplit(block_size=4, buffer=0)
    with (
        pytest.warns(SplitWarning, match="trains on 100.0%"),
        pytest.raises(ParameterError) as error,
    ):
        next(cv.split(X, X.coords[:, 1] // 4))
    assert str(error.value) == (
        "Split 0 trains on every block, since every class lies in a single block of 4 x 4 pixels. "
        "Use smaller blocks."
    )


def test_class_in_a_single_block():
    X, y = striped(12, 12, 1)
    y[0] = 7
    cv = SpatialBlockKFold(2, block_size=4, buffer=0)
    with pytest.warns(SplitWarning) as caught:
        splits = list(cv.split(X, y))
    where = 0 if 0 in splits[0][1] else 1
    assert [str(one.message) for one in caught] == [
        f"Class 7 has no training sample in split {where}: its pixels lie in too few blocks. "
        "Use smaller blocks, or leave the class out."
    ]
    assert caught[0].filename == __file__


def test_class_that_no_split_tests():
    X, y = striped(12, 12, 1)
    y[0] = 7
    cv = SpatialBlockShuffleSplit(2, train_size=0.4, block_size=4, buffer=0)
    with pytest.warns(SplitWarning) as caught:
        list(cv.split(X, y))
    text = (
        "No split tests {}: all pixels are training pixels or lie within the buffer. Averages over "
        "classes leave them out. Use other blocks or a smaller buffer to have them tested."
    )
    assert [str(one.message) for one in caught] == [text.format("class 7")]
    assert caught[0].filename == __file__
    y[1] = 8
    with pytest.warns(SplitWarning) as caught:
        list(cv.split(X, y))
    assert [str(one.message) for one in caught] == [text.format("the classes 7, 8")]


def test_training_share_that_blocks_do_not_allow():
    X, y = striped(8, 8, 1)
    with pytest.warns(SplitWarning) as caught:
        list(SpatialBlockShuffleSplit(1, train_size=0.1, block_size=4, buffer=0).split(X, y))
    assert [str(one.message) for one in caught] == [
        "Split 0 trains on 25.0% of the samples instead of 10.0%: blocks of 4 x 4 pixels do not "
        "allow better. Use smaller blocks."
    ]
    assert caught[0].filename == __file__


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_splits", 0),
        ("n_splits", 2.5),
        ("block_size", 0),
        ("buffer", -1),
        ("train_size", 1),
        ("train_size", 0.0),
        ("random_state", "seed"),
        ("discard", "both"),
    ],
)
def test_settings_out_of_range(splitter, name, value):
    other = {"train_size": SpatialBlockKFold, "discard": SpatialBlockShuffleSplit}
    if splitter is other.get(name):
        with pytest.raises(TypeError):
            splitter(**{name: value})
        return
    X, y = striped(8, 8, 2)
    with pytest.raises(InvalidParameterError) as error:
        next(splitter(**{name: value}).split(X, y))
    start = f"The {name!r} parameter of {splitter.__name__} must be "
    assert str(error.value).startswith(start)
    assert str(error.value).endswith(f"Got {value!r} instead.")


def test_one_fold_is_no_fold():
    with pytest.raises(InvalidParameterError) as error:
        next(SpatialBlockKFold(1).split(*striped(8, 8, 2)))
    assert str(error.value) == (
        "The 'n_splits' parameter of SpatialBlockKFold must be an int in the range [2, inf). "
        "Got 1 instead."
    )
