"""Folds of whole fields: connected regions of one class."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.utils._param_validation import InvalidParameterError

from hsvlm import PixelSamples, pixel_samples
from hsvlm.evaluation import leakage_report
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection import FieldKFold, GroupMapKFold, field_numbers


@st.composite
def label_maps(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    shape, patch = rng.integers(6, 14, size=2), draw(st.sampled_from([1, 3]))
    classes = rng.integers(0, 3, size=shape // patch + 1)
    labels = np.kron(classes, np.ones((patch, patch), dtype=int))[: shape[0], : shape[1]]
    labels[rng.random(shape) < draw(st.sampled_from([0, 0.6]))] = 0
    return labels


def fields_by_search(labels, gap):
    """Number fields by visiting pixels of the same class that are at most `gap` + 1 away."""
    fields, count = np.zeros_like(labels), 0
    places = [tuple(place) for place in np.argwhere(labels > 0)]
    for start in places:
        if fields[start]:
            continue
        count += 1
        fields[start], front = count, [start]
        while front:
            row, col = front.pop()
            for place in places:
                near = max(abs(place[0] - row), abs(place[1] - col)) <= gap + 1
                if near and not fields[place] and labels[place] == labels[row, col]:
                    fields[place] = count
                    front.append(place)
    return fields


def as_partition(numbers):
    return {tuple(np.flatnonzero(numbers == number)) for number in np.unique(numbers[numbers > 0])}


@pytest.mark.slow
@given(label_maps(), st.integers(0, 2))
def test_fields_are_those_of_a_search(labels, dilation):
    numbers = field_numbers(labels, dilation)
    assert as_partition(numbers.ravel()) == as_partition(
        fields_by_search(labels, 2 * dilation).ravel()
    )
    assert set(np.unique(numbers[labels > 0])) == set(range(1, numbers.max() + 1))
    assert not numbers[labels == 0].any()


def splits_of(cv, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SplitWarning)
        try:
            return list(cv.split(*args))
        except ParameterError:  # fewer fields than folds
            reject()


@pytest.mark.slow
@given(label_maps(), st.integers(0, 2), st.integers(2, 3), st.integers(0, 100))
def test_whole_fields_are_left_out_once(labels, dilation, n_splits, seed):
    if not labels.any():
        reject()
    X, y = PixelSamples(np.zeros((*labels.shape, 1)), np.argwhere(labels)), labels[labels > 0]
    fields = field_numbers(labels, dilation)
    field = fields[labels > 0]
    n_fields = {label: len(np.unique(field[y == label])) for label in np.unique(y)}
    splits = splits_of(FieldKFold(n_splits, dilation, seed), X, y)
    tested = np.concatenate([test for _, test in splits])
    assert sorted(tested) == [n for n, label in enumerate(y) if n_fields[label] > 1]
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(len(X)))
        assert not set(field[train]) & set(field[test])
        assert leakage_report(X[train], X[test], 1, fields).share_same_group == 0
    others = splits_of(GroupMapKFold(fields, n_splits, seed), X, y)
    as_ids = splits_of(FieldKFold(n_splits, 0, seed), np.asarray(X), y, field)
    for pair, other, third in zip(splits, others, as_ids, strict=True):
        for side in range(2):
            assert pair[side].tolist() == other[side].tolist() == third[side].tolist()


def chessboard(side=4, n_fields=6):
    """Label fields of three classes, apart from each other."""
    classes = 1 + np.add.outer(np.arange(n_fields), np.arange(n_fields)) % 3
    block = np.pad(np.ones((side, side), dtype=int), (0, 2))
    return np.kron(classes, block)


def test_classes_of_several_fields_are_in_every_fold():
    X, y = pixel_samples(np.zeros((36, 36, 1)), chessboard())
    for train, test in FieldKFold(4).split(X, y):
        np.testing.assert_allclose(np.bincount(y[test])[1:] / np.bincount(y)[1:], 0.25)
        assert set(y[train]) == {1, 2, 3}


def test_scenes_have_fields_of_their_own():
    labels = np.zeros((3, 4), dtype=int)
    labels[:, :2], labels[:, 2:] = 1, 2
    X, y = pixel_samples([np.zeros((3, 4, 1)), np.zeros((3, 4, 1))], [labels, labels])
    for train, test in FieldKFold(2).split(X, y):
        assert set(y[train]) == set(y[test]) == {1, 2}
    positions = np.column_stack([X.scene_ids, X.coords])
    expected = [test.tolist() for _, test in FieldKFold(2).split(X, y)]
    found = FieldKFold(2).split(np.asarray(X), y, positions)
    assert [test.tolist() for _, test in found] == expected


def test_names_of_polygons_as_groups():
    y = np.repeat(["corn", "oats"], [6, 4])
    polygons = np.array(["a", "a", "b", "c", "c", "c", "d", "d", "e", "e"])
    X = np.zeros((10, 3))
    for train, test in FieldKFold(2).split(X, y, polygons):
        assert not set(polygons[train]) & set(polygons[test])
        assert set(y[test]) == {"corn", "oats"}


def test_in_scikit_learn():
    rng = np.random.default_rng(0)
    X, y = pixel_samples(rng.normal(size=(36, 36, 3)), chessboard())
    cv = FieldKFold(3)
    expected = [
        GaussianNB().fit(X[train], y[train]).score(X[test], y[test])
        for train, test in cv.split(X, y)
    ]
    assert cross_val_score(GaussianNB(), X, y, cv=cv).tolist() == expected
    spectra = np.asarray(X)
    assert cross_val_score(GaussianNB(), spectra, y, cv=cv, groups=X.coords).tolist() == expected
    with config_context(enable_metadata_routing=True):
        routed = cross_val_score(GaussianNB(), spectra, y, cv=cv, params={"groups": X.coords})
    assert routed.tolist() == expected


def test_a_class_of_one_field_is_trained_on_and_never_tested():
    labels = chessboard()
    labels[:4, :4] = 9
    X, y = pixel_samples(np.zeros((36, 36, 1)), labels)
    with pytest.warns(SplitWarning) as caught:
        splits = list(FieldKFold(3).split(X, y))
    assert [str(one.message) for one in caught] == [
        "Class 9 with too few fields: trained on in every split and never tested. Averages over "
        "classes leave them out."
    ]
    assert caught[0].filename == __file__
    for train, test in splits:
        assert 9 in y[train]
        assert 9 not in y[test]


def test_messages():
    X, y = pixel_samples(np.zeros((6, 12, 1)), chessboard()[:6, :12])

    def message(error, cv, *args):
        with pytest.raises(error) as caught:
            next(cv.split(*args))
        return str(caught.value)

    assert message(ParameterError, FieldKFold(2), X, y) == (
        "0 of 2 fields can be left out while every class keeps one, fewer than n_splits=2. Classes "
        "1, 2 with a single field. Use fewer splits, or blocks."
    )
    assert message(DataError, FieldKFold(2), X, y, np.ones(5)) == (
        "groups has shape (5,), but there are 32 samples. Give the field of every sample, or its "
        "position as (row, column) or (scene, row, column)."
    )
    assert message(DataError, FieldKFold(2), np.asarray(X), y) == (
        "FieldKFold has to know where every sample lies, and got ndarray without positions. Pass "
        "PixelSamples, or groups= with one row (row, column) or (scene, row, column) per sample."
    )
    assert "'dilation' parameter" in message(InvalidParameterError, FieldKFold(dilation=-1), X, y)
    assert message(DataError, FieldKFold(2), X[:0], y[:0]) == (
        "FieldKFold got no samples. Check what selected them."
    )
    with pytest.raises(DataError) as error:
        field_numbers(y)
    assert str(error.value) == (
        "labels has shape (32,), but must be a map of shape (height, width)."
    )
    with pytest.raises(ParameterError) as error:
        field_numbers(chessboard(), -1)
    assert str(error.value) == "dilation=-1 is negative. Use 0 or more pixels."


@pytest.mark.parametrize(
    ("missing", "dtype"),
    [(np.nan, float), (np.nan, object), (None, object), (pd.NA, object), ("masked", "U1")],
)
def test_samples_without_a_field_are_refused(missing, dtype):
    y = np.repeat([1, 2], 6)
    fields = np.repeat([1, 2, 3, 4], 3).astype(dtype)
    is_masked = isinstance(missing, str)
    if is_masked:
        fields = np.ma.array(fields, mask=np.arange(12) < 2)
    else:
        fields[:2] = missing
    for groups in (fields,) if is_masked else (fields, pd.Series(fields)):
        with pytest.raises(DataError) as error:
            list(FieldKFold(2).split(np.zeros((12, 3)), y, groups))
        assert str(error.value) == (
            "2 of 12 samples have no field: groups is missing there. Leave these samples out, or "
            "give each the number or name of its field."
        )


def test_kinds_of_fields():
    y = np.repeat([1, 2], 6)
    names = np.repeat(["a", "b", "c", "d"], 3)
    expected = [test.tolist() for _, test in FieldKFold(2).split(y, y, names)]
    for groups in (
        names.tolist(),
        names.astype(object),
        pd.Series(names),
        pd.Series(names, dtype="category"),
        np.ma.array(names),
        np.repeat([1.0, 2, 3, 4], 3),
        np.repeat(np.array([1, 2, 3, 255], dtype=np.uint8), 3),
    ):
        assert [test.tolist() for _, test in FieldKFold(2).split(y, y, groups)] == expected
    with pytest.raises(DataError, match="numbers only, or names only"):
        list(FieldKFold(2).split(y, y, np.array([*names[:6], *range(6)], dtype=object)))


def test_pixels_that_were_drawn_before_splitting_are_said():
    labels = chessboard()
    X, y = pixel_samples(np.zeros((36, 36, 1)), labels)
    drawn = np.random.default_rng(0).permutation(len(y))[:40]
    with pytest.warns(SplitWarning) as caught:
        next(FieldKFold(2).split(X[drawn], y[drawn]))
    assert len(caught) == 1
    assert str(caught[0].message).endswith(
        "of 40 pixels touch no other pixel of their class and count as fields of their own, so "
        "that pixels of one field may lie on both sides. Split all labeled pixels and draw "
        "afterwards, raise dilation, or pass the field of every sample as groups."
    )
    assert caught[0].filename == __file__
    # The same pixels twice do not touch others either.
    twice = np.tile(drawn, 2)
    with pytest.warns(SplitWarning, match="of 40 pixels touch no other"):
        next(FieldKFold(2).split(X[twice], y[twice]))
    fields = field_numbers(labels)[tuple(X.coords[drawn].T)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(FieldKFold(2).split(X, y))
        list(FieldKFold(2, dilation=3).split(X[drawn], y[drawn]))
        list(FieldKFold(2).split(X[drawn], y[drawn], fields))


def test_maps_of_labels_of_all_kinds():
    labels = chessboard()
    expected = np.where(labels == 2, 0, field_numbers(labels))
    marked = np.where(labels == 2, 255, labels)
    for label_map in (
        np.ma.masked_equal(labels, 2),
        np.ma.masked_equal(marked.astype(np.uint8), 255),
        np.where(labels == 2, np.nan, labels),
        np.where(labels == 2, -1, labels),
    ):
        assert as_partition(field_numbers(label_map).ravel()) == as_partition(expected.ravel())
    with pytest.raises(DataError) as error:
        field_numbers(np.array(["", "corn", "oats", "soil"])[labels])
    assert str(error.value) == (
        "labels has dtype <U4, but must hold numbers of classes. Number them: np.unique(labels, "
        "return_inverse=True)[1], with 0 for no label."
    )


@pytest.mark.parametrize("dilation", [0, 2])
def test_fields_far_apart(dilation):
    rng = np.random.default_rng(dilation)
    labels = rng.integers(0, 3, (30, 30)) * (rng.random((30, 30)) < 0.3)
    labels[:, 10:20] = labels[5:15] = 0
    places, y = np.argwhere(labels), labels[labels > 0]
    # The gap of ten rows and columns grows beyond any memory, and stays a gap.
    moved = places + 10**7 * (places > 12)
    spectra = np.zeros((len(y), 2))
    pairs = [splits_of(FieldKFold(2, dilation), spectra, y, groups) for groups in (places, moved)]
    for pair, other in zip(*pairs, strict=True):
        for side, expected in zip(pair, other, strict=True):
            np.testing.assert_array_equal(side, expected)


def test_seeds():
    X, y = pixel_samples(np.zeros((36, 36, 1)), chessboard())

    def draw(seed):
        splits = FieldKFold(3, random_state=seed).split(X, y)
        return [side.tolist() for pair in splits for side in pair]

    assert draw(1) == draw(1) != draw(2)
    assert repr(FieldKFold()) == "FieldKFold(dilation=0, n_splits=5, random_state=0)"
