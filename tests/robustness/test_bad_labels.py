"""Labels, label maps and sample weights as they should not be."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from hsvlm import HSIPromptClassifier, Scene, pixel_samples
from hsvlm._data.label_maps import no_label
from hsvlm.exceptions import DataError, HSVLMError, HSVLMWarning

ALLOWED = "Labels are whole numbers, booleans or strings."
MISSING = "{} of {} labels are missing. Leave these samples out."
KINDS = ["cube", "samples", "spectra", "windows"]


@pytest.fixture
def make(settings):
    return lambda **changes: HSIPromptClassifier(**{**settings, "max_epochs": 1, **changes})


@pytest.fixture(scope="module")
def data(cube, labels):
    X, y = pixel_samples(cube, labels)
    spectra = np.asarray(X)
    windows = X.windows(5)
    return {
        "cube": (cube, labels),
        "samples": (X, y),
        "spectra": (spectra, y),
        "windows": (windows, y),
    }


def refusal(call):
    with pytest.raises(DataError) as caught:
        call()
    assert isinstance(caught.value, HSVLMError)
    return str(caught.value)


def renamed(names):
    return lambda labels: np.array(names, dtype=object)[labels]


# From 1, 2 and 3; a map has 0 for "no label".
GOOD = {
    "floats": (lambda labels: labels.astype(float), [1.0, 2.0, 3.0], "f8"),
    "half precision": (lambda labels: labels.astype(np.float16), [1.0, 2.0, 3.0], "f2"),
    "extended precision": (lambda labels: labels.astype(np.longdouble), [1.0, 2.0, 3.0], "f8"),
    "other byte order": (lambda labels: labels.astype(">i4"), [1, 2, 3], "i4"),
    "negative": (lambda labels: -labels.astype(int), [-3, -2, -1], "i8"),
    "large": (lambda labels: labels.astype(int) * 2**40, [2**40, 2**41, 3 * 2**40], "i8"),
    "objects": (lambda labels: labels.astype(object), [1, 2, 3], "i8"),
    "objects of two types": (renamed([0, 1.0, 2, np.int8(3)]), [1.0, 2.0, 3.0], "f8"),
    "list": (lambda labels: labels.tolist(), [1, 2, 3], "i8"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("change", "classes", "dtype"), GOOD.values(), ids=GOOD)
def test_labels_of_many_types(make, data, tmp_path, change, classes, dtype):
    for kind in ("cube", "spectra"):
        X, y = data[kind]
        clf = make().fit(X, change(y))
        assert clf.classes_.tolist() == classes
        assert clf.classes_.dtype == clf.predict(X).dtype == np.dtype(dtype)
        clf.save(tmp_path / f"{kind}.zip")
        assert HSIPromptClassifier.load(tmp_path / f"{kind}.zip").classes_.tolist() == classes


BAD = {
    "fractions": (
        lambda labels: labels + 0.5 * (labels == 2),
        "Unknown label type: continuous, such as 2.5. " + ALLOWED + " Floats may stand for whole "
        "numbers up to 2**53.",
    ),
    "huge floats": (
        lambda labels: labels * 1e300,
        "Unknown label type: continuous, such as 1e+300. " + ALLOWED + " Floats may stand for "
        "whole numbers up to 2**53.",
    ),
    "times": (
        lambda labels: labels.astype("M8[D]"),
        f"y has dtype datetime64[D]. {ALLOWED} Convert it: y.astype(str).",
    ),
    "spans": (
        lambda labels: labels.astype("m8[D]"),
        f"y has dtype timedelta64[D]. {ALLOWED} Convert it: y.astype(str).",
    ),
    "complex": (
        lambda labels: labels.astype(complex),
        f"y has dtype complex128. {ALLOWED} Convert it: y.astype(str).",
    ),
    "bytes": (
        lambda labels: np.array([b"", b"a", b"b", b"c"])[labels],
        f"y has dtype |S1. {ALLOWED} Convert it: y.astype(str).",
    ),
    "records": (
        lambda labels: np.zeros(labels.shape, dtype=[("a", int)]),
        f"y has dtype [('a', '<i8')]. {ALLOWED} Convert it: y.astype(str).",
    ),
    "mixed": (
        renamed(["none", "a", 2, "c"]),
        f"y holds objects of types int, str. {ALLOWED} Convert all of them to one of these.",
    ),
    "tuples": (
        renamed(["none", 1, (2,), 3]),
        f"y holds objects of types int, tuple. {ALLOWED} Convert all of them to one of these.",
    ),
    "None": (
        renamed(["none", 1, None, 3]),
        "{} of {} labels are missing. Leave these samples out.",
    ),
    "pandas NA": (
        renamed(["none", "a", pd.NA, "c"]),
        "{} of {} labels are missing. Leave these samples out.",
    ),
    "NaN objects": (
        renamed(["none", 1, np.nan, 3]),
        "{} of {} labels are missing. Leave these samples out.",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("kind", KINDS)
def test_labels_that_name_no_class(make, data, kind, change, message):
    X, y = data[kind]
    given = change(y)
    background = {"O": "none", "S": b""}.get(given.dtype.kind, 0)
    clf = make(unlabeled=None if kind != "cube" else background)
    if kind == "cube" and given.dtype.kind in "mMSV":
        # No parameter says what is background there, so every pixel is labelled.
        clf.set_params(unlabeled=None)
    expected = message.format((y == 2).sum(), (y > 0).sum())
    assert refusal(lambda: clf.fit(X, given)) == expected


@pytest.mark.parametrize("kind", KINDS[1:])
def test_label_vectors_that_do_not_fit(make, data, labels, kind):
    X, y = data[kind]
    clf = make().fit(X, y)
    broken = np.where(y == 2, np.nan, y)
    n_broken = (y == 2).sum()
    for call in (clf.score, make().fit):
        assert refusal(lambda call=call: call(X, y[1:])) == (
            f"X holds {len(y)} samples and y {len(y) - 1} labels. Give one label per sample."
        )
        assert refusal(lambda call=call: call(X, broken)) == (
            f"y holds {n_broken} NaN or infinite labels. Leave these samples out; in a label map, "
            "give them the value of the parameter `unlabeled`."
        )
        assert refusal(lambda call=call: call(X, np.ma.masked_equal(y, 2))) == (
            f"{n_broken} of {len(y)} labels are masked. Leave these samples out of X and y."
        )
        assert refusal(lambda call=call: call(X, labels)) == (
            "y should be a 1d array, got an array of shape (18, 20) instead."
        )
        assert refusal(lambda call=call: call(X, None)) == (
            "HSIPromptClassifier requires y to be passed, but the target y is None."
        )
    assert refusal(lambda: clf.score(X, y.astype(str))) == (
        "y holds strings, but the classes of the classifier are numbers. Pass labels as in fit."
    )


def test_cubes_without_a_map(make, cube, labels):
    clf = make().fit(cube, labels)
    for call in (clf.score, make().fit):
        assert refusal(lambda call=call: call(cube, None)) == (
            "HSIPromptClassifier requires y to be passed, but the target y is None. Pass the label "
            "map of the cube, of shape (18, 20)."
        )


class CountsLetters:
    def encode(self, texts):
        return [[text.count(letter) for letter in "abcdefgh"] for text in texts]


@pytest.mark.parametrize(
    ("labels_of_prompts", "message"),
    [
        ((None, 1), "1 of 2 labels are missing. Leave these samples out."),
        (
            ((1, 2), 3),
            f"y holds objects of types int, tuple. {ALLOWED} Convert all of them to one ",
        ),
        ((1.5, 2), "Unknown label type: continuous, such as 1.5. "),
        ((b"a", b"b"), f"y holds objects of type bytes. {ALLOWED} Convert all of them "),
    ],
)
def test_labels_of_new_prompts(make, cube, labels, labels_of_prompts, message):
    letters = {1: "a", 2: "b", 3: "c"}
    clf = make(text_encoder=CountsLetters(), prompts=letters).fit(cube, labels)
    assert clf.with_prompts({"x": "d", "yy": "e"}).classes_.dtype.kind == "U"
    prompts = dict(zip(labels_of_prompts, ["d", "e"], strict=True))
    assert refusal(lambda: clf.with_prompts(prompts)).startswith(message)


def test_false_is_no_label_unless_told_otherwise(make, cube, labels):
    assert refusal(lambda: make().fit(cube, labels > 1)) == (
        "There is only one class in y: True. Classification needs labels of at least two classes."
    )
    clf = make(unlabeled=None, text_encoder=np.eye(2)).fit(cube, labels > 1)
    assert clf.classes_.tolist() == [False, True]


@pytest.mark.slow
def test_the_largest_value_of_a_map_is_probably_background(make, cube, labels):
    marked = np.where(labels == 0, 255, labels).astype(np.uint8)
    np.testing.assert_array_equal(
        make(unlabeled=255).fit(cube, marked).predict(cube), make().fit(cube, labels).predict(cube)
    )
    with pytest.warns(HSVLMWarning) as caught:
        make(text_encoder=np.eye(4)).fit(cube, marked)
    assert str(caught[0].message) == (
        "The label map holds 255 (136 pixels), which often stands for background and is used as a "
        "class. Pass unlabeled=[0, 255] if that and 0 stand for no label, unlabeled=255 if 0 is "
        "a class, or unlabeled=[0] if 255 is one."
    )


def test_maps_of_numbers_and_of_strings_do_not_mix(cube, labels):
    names = np.array(["d", "a", "b", "c"])[labels]
    assert refusal(lambda: pixel_samples([cube, cube], [names, labels], unlabeled=None)) == (
        "Some label maps hold numbers and others strings. Give all of them the same kind."
    )


@pytest.mark.parametrize(
    ("classes", "unlabeled", "expected"),
    [
        (np.array([0, 2**64 - 1], dtype=np.uint64), 0, 1),
        (np.array([0, 2**64 - 1], dtype=np.uint64), -1, 1),
        (np.array([1, 2**53 + 1]), 0.5, 0),
        (np.array([0, -1]), 0, -2),
        (np.array([1, 2], dtype=np.int8), 255, 255),
    ],
)
def test_no_class_never_makes_labels_coarser(classes, unlabeled, expected):
    value = no_label(classes, unlabeled)
    together = np.promote_types(classes.dtype, np.min_scalar_type(value))
    assert together.kind in "iu"
    assert classes.astype(together).tolist() == classes.tolist()
    assert value == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-1.0, "sample_weight holds 0 NaN or infinite and 1 negative values. "),
        (
            np.nan,
            "sample_weight holds 1 NaN or infinite and 0 negative values. Weights are finite ",
        ),
        (
            np.inf,
            "sample_weight holds 1 NaN or infinite and 0 negative values. Weights are finite ",
        ),
        (1j, "sample_weight has dtype complex128. Pass real numbers."),
        ("heavy", "sample_weight has dtype <U"),
        (None, "sample_weight holds 1 NaN or infinite and 0 negative values. "),
    ],
    ids=str,
)
def test_weights_that_weigh_nothing(make, data, kind, weight, message):
    X, y = data[kind]
    weights = np.ones(y.shape, dtype=object)
    weights[tuple(np.argwhere(y)[0])] = weight
    weights = np.array(weights.tolist(), dtype=object if weight is None else None)
    clf = make().fit(X, y)
    for call in (clf.score, make().fit):
        assert refusal(lambda call=call: call(X, y, weights)).startswith(message)
    for value, expected in (
        (
            0.0,
            "Sample weights must contain at least one non-zero number. Raise the weights of the ",
        ),
        (1e307, "The sum of sample_weight is infinite. Divide all weights by the largest."),
    ):
        assert refusal(lambda value=value: clf.score(X, y, np.full(y.shape, value))).startswith(
            expected
        )


def test_weights_of_another_number(make, data):
    X, y = data["spectra"]
    assert refusal(lambda: make().fit(X, y, np.ones(3))) == (
        f"sample_weight has shape (3,), but there are {len(y)} samples. Give one weight per sample."
    )


def test_classes_without_weight_are_named(make, cube, labels):
    with pytest.warns(HSVLMWarning) as caught:
        clf = make(text_encoder=np.eye(2)).fit(cube, labels, np.where(labels == 2, 0, 1))
    assert str(caught[0].message) == (
        "All samples of class 2 have weight 0, so the classifier does not know them."
    )
    assert clf.classes_.tolist() == [1, 3]


def test_one_pixel_of_each_class_is_enough(make, cube, labels):
    single = np.zeros_like(labels)
    single[5, [4, 9, 15]] = 1, 2, 3
    assert make(n_components="auto").fit(cube, single).score(cube, single) <= 1


TALL = np.random.default_rng(0).normal(size=(6, 9, 4))
GRID = np.arange(54).reshape(6, 9) % 3 + 1


@pytest.mark.parametrize(
    ("image", "label_map", "hint"),
    [
        (TALL, GRID.T, "It fits if rows and columns are exchanged. Pass labels.T"),
        (np.moveaxis(TALL, -1, 0), GRID, "the bands seem to come first. Pass np.moveaxis(cube, 0"),
        (np.moveaxis(TALL, -1, 1), GRID, "the bands seem to come second. Pass np.moveaxis(cube, 1"),
        (
            np.moveaxis(TALL, -1, 0),
            GRID.T,
            "come first, with rows and columns exchanged.",
        ),
        (TALL, GRID.ravel(), "It has one value per pixel. Pass labels.reshape(6, 9)"),
        (TALL, GRID.reshape(-1, 1), "It has one value per pixel. Pass labels.reshape(6, 9)"),
        (TALL, GRID[..., None], "Its last axis has 1 values. Pass labels[..., 0]."),
        (
            TALL,
            np.eye(4)[GRID],
            "Its last axis has 4 values. Pass labels[..., 0], or labels",
        ),
        (TALL, GRID[None], "Pass labels[0]."),
        (TALL, GRID[:5], "Both must cover the same grid of (height, width) pixels."),
    ],
)
def test_maps_of_other_shapes_say_which_order_of_axes_fits(image, label_map, hint):
    calls = [lambda: pixel_samples(image, label_map), lambda: Scene(image, label_map)]
    for call in calls:
        assert hint in refusal(call)


@pytest.mark.parametrize("dims", [("y", "x"), ("x", "y")])
def test_named_axes_of_maps_are_those_of_the_cube(make, dims):
    square = np.random.default_rng(1).normal(size=(12, 12, 4))
    label_map = np.arange(144).reshape(12, 12) % 4
    named = xr.DataArray(square, dims=("y", "x", "band"))
    labels = xr.DataArray(label_map, dims=("y", "x")).transpose(*dims)
    expected = pixel_samples(square, label_map, None)[1]
    np.testing.assert_array_equal(pixel_samples(named, labels, None)[1], expected)
    np.testing.assert_array_equal(Scene(named, labels).labels, label_map)
    plain = make(unlabeled=None, n_components=3, text_encoder=np.eye(4)).fit(square, label_map)
    clf = make(unlabeled=None, n_components=3, text_encoder=np.eye(4)).fit(named, labels)
    np.testing.assert_array_equal(clf.predict(square), plain.predict(square))


def test_maps_in_other_containers():
    square = np.random.default_rng(1).normal(size=(6, 9, 4))
    expected = pixel_samples(square, GRID)[1].tolist()
    for label_map in (pd.DataFrame(GRID), torch.from_numpy(GRID), GRID.tolist(), GRID.astype("O")):
        assert pixel_samples(square, label_map)[1].tolist() == expected


@pytest.mark.parametrize(("dtype", "bits"), [("f2", 11), ("f4", 24), ("f8", 53)])
def test_floats_that_merge_neighboring_codes_are_refused(make, data, dtype, bits):
    X, y = data["samples"]
    codes = np.where(y == 1, 2.0**bits, y).astype(dtype)
    assert make().fit(X, codes).classes_.tolist() == [2, 3, 2**bits]
    too_large = np.where(y == 1, np.nextafter(codes, np.inf, dtype=dtype), codes).astype(dtype)
    assert f"whole numbers up to 2**{bits}." in refusal(lambda: make().fit(X, too_large))


@pytest.mark.parametrize("spelling", ["oats ", " oats", "Oats", "OATS", "o\u00adats", "\uff4fats"])
@pytest.mark.parametrize("kind", ["cube", "spectra"])
def test_spellings_of_one_class_are_named(make, data, kind, spelling):
    X, y = data[kind]
    names = np.array(["", "oats", spelling, "soil"])[y]
    prompts = {"oats": "a", spelling: "b", "soil": "c"}
    with pytest.warns(HSVLMWarning) as caught:
        make(unlabeled="", prompts=prompts, text_encoder=CountsLetters()).fit(X, names)
    messages = [str(one.message) for one in caught if "differ only in case" in str(one.message)]
    assert len(messages) == 1
    assert "'oats'" in messages[0]
    assert repr(spelling) in messages[0]


@pytest.mark.parametrize(("share", "warned"), [(1.0, True), (0.6, True), (0.3, False)])
def test_classes_whose_pixels_have_no_data_are_counted(cube, labels, share, warned):
    members = np.argwhere(labels == 2)
    lost = members[: int(share * len(members))]
    valid = np.ones(labels.shape, dtype=bool)
    valid[tuple(lost.T)] = False
    scene = Scene(cube, labels, valid=valid)
    if not warned:
        assert len(scene.samples()[1]) == (labels > 0).sum() - len(lost)
        return
    with pytest.warns(HSVLMWarning) as caught:
        _, y = scene.samples()
    assert str(caught[0].message).startswith(
        f"Labeled pixels without data are left out: {len(lost)} of {len(members)} of class 2."
    )
    assert len(y) == (labels > 0).sum() - len(lost)


def test_no_labeled_pixel_has_data(cube, labels):
    assert refusal(Scene(cube, labels, valid=labels == 0).samples) == (
        f"None of the {(labels > 0).sum()} labeled pixels has data, so no pixel can be a sample. "
        "Check the mask or the no-data value of the cube."
    )
