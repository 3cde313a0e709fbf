"""Values of label maps that stand for "no label" by habit, and what settles them."""

import warnings

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, Scene, pixel_samples
from hsvlm.exceptions import DataError, HSVLMWarning

HEIGHT, WIDTH = 20, 30


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 4))


@pytest.fixture(scope="module")
def truth():
    """Half of the pixels without a label (0), and classes 1 to 4."""
    rng = np.random.default_rng(1)
    return np.where(rng.random((HEIGHT, WIDTH)) < 0.5, 0, rng.integers(1, 5, (HEIGHT, WIDTH)))


def marked(truth, value, dtype):
    """Pixels without a label carry `value`; classes are 0 to 3."""
    return np.where(truth == 0, value, truth - 1).astype(dtype)


NEGATIVE = [
    (-1, "i1"),
    (-1, "i8"),
    (-99, "i2"),
    (-128, "i1"),
    (-999, "i4"),
    (-9999, "i2"),
    (-9999, "f4"),
    (-32768, "i2"),
    (-2147483648, "i4"),
    (-(2**63), "i8"),
    (-3.4028234663852886e38, "f4"),
]


@pytest.mark.parametrize(("value", "dtype"), NEGATIVE)
def test_a_negative_value_beside_classes_is_refused_until_it_is_settled(image, truth, value, dtype):
    for label_map in (marked(truth, value, dtype), np.where(truth == 0, value, truth)):
        with pytest.raises(DataError, match=r"has -.*\) in addition to .*1.*unlabeled=-") as error:
            pixel_samples(image, label_map)
        assert "--unlabeled 0,-" in error.value.for_command_line()
    label_map = marked(truth, value, dtype)
    np.testing.assert_array_equal(pixel_samples(image, label_map, value)[1], truth[truth > 0] - 1)
    both = pixel_samples(image, label_map, [value, 0])[1]
    np.testing.assert_array_equal(both, truth[truth > 1] - 1)
    assert value in pixel_samples(image, label_map, [0])[1]
    assert {0, value} <= set(pixel_samples(image, label_map, None)[1].tolist())


SENTINELS = [
    (255, "u1"),
    (127, "i1"),
    (65535, "u2"),
    (32767, "i2"),
    (255, "i8"),
    (99, "u1"),
    (999, "i4"),
    (9999, "f4"),
    (2147483647, "i4"),
    (4294967295, "u4"),
]


@pytest.mark.parametrize(("value", "dtype"), SENTINELS)
@pytest.mark.parametrize("background", ["instead of 0", "beside 0"])
def test_a_fill_value_far_beyond_the_classes_is_pointed_out(image, truth, value, dtype, background):
    replaced = 0 if background == "instead of 0" else 4
    label_map = np.where(truth == replaced, value, truth).astype(dtype)
    with pytest.warns(HSVLMWarning, match=f"holds {value} .*unlabeled=\\[0, {value}\\]"):
        pixel_samples(image, label_map)
    _, y = pixel_samples(image, label_map, [0, value])
    assert set(y.tolist()) == {1, 2, 3, 4} - {replaced}
    assert value in pixel_samples(image, label_map, [0])[1]
    names = {1: "oats", 2: "corn", 3: "soil", 4: "woods", value: "water"}
    X, _ = Scene(image, label_map, names).samples()
    assert len(X) == (label_map != 0).sum()


COMMON = {
    "background and classes": lambda truth: truth,
    "small integers": lambda truth: truth.astype(np.uint8),
    "floats": lambda truth: truth.astype(np.float32),
    "objects": lambda truth: truth.astype(object),
    "codes in steps": lambda truth: 20 * truth,
    "codes of land cover": lambda truth: np.array([0, 111, 112, 211, 999])[truth],
    "neighbors of a sentinel": lambda truth: np.array([0, 97, 98, 99, 100])[truth],
    "negative classes": lambda truth: -truth,
    "minus and plus one": lambda truth: np.where(truth > 2, 1, -1),
    "masked": lambda truth: np.ma.masked_equal(truth, 0),
    "masked negative": lambda truth: np.ma.masked_equal(np.where(truth, truth, -9999), -9999),
    "few pixels without a label": lambda truth: np.where(truth, truth, 1 + np.arange(WIDTH) % 4),
}


@pytest.mark.parametrize("change", [c for n, c in COMMON.items() if n != "codes of land cover"])
def test_usual_maps_pass_without_a_word(image, truth, change):
    label_map = change(truth)
    _, y = pixel_samples(image, label_map)
    assert len(y) == (np.ma.filled(label_map, 0) != 0).sum()


@pytest.mark.slow
def test_several_values_mark_pixels_without_a_label_everywhere(image, truth, settings, tmp_path):
    label_map = np.where(truth == 4, -1, truth)
    known = np.where(truth == 4, 0, truth)
    clf, expected = (
        HSIPromptClassifier(**{**settings, "max_epochs": 1, "n_components": 3, **changes})
        for changes in ({"unlabeled": [0, -1]}, {})
    )
    clf.fit(image, label_map)
    expected.fit(image, known)
    np.testing.assert_array_equal(clf.predict(image), expected.predict(image))
    assert clf.score(image, label_map) == expected.score(image, known)
    clf.save(tmp_path / "model")
    assert HSIPromptClassifier.load(tmp_path / "model").unlabeled == [0, -1]


WORDS = ["", " ", "nan", "NaN", "None", "null", "<NA>", "Unlabeled", "unclassified", "No data", "0"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("kind", ["U", "O"])
def test_texts_that_name_no_class(image, truth, word, kind):
    names = np.array(["ignored", "oats", "soil", "corn", word], dtype=kind)
    label_map = names[truth]
    with pytest.raises(DataError, match=r"stands for \"no label\".*unlabeled=\['ignored', "):
        pixel_samples(image, label_map, "ignored")
    _, y = pixel_samples(image, label_map, ["ignored", word])
    assert set(y) == {"oats", "soil", "corn"}
    with pytest.warns(HSVLMWarning, match="no label"):
        pixel_samples(image, label_map, None)


def test_background_may_be_a_class_of_texts(image, truth):
    label_map = np.array(["", "oats", "soil", "corn", "Background"])[truth]
    with pytest.warns(HSVLMWarning, match="'Background'"):
        _, y = pixel_samples(image, label_map, "")
    assert "Background" in y


@pytest.mark.parametrize("dense", [True, False])
def test_a_class_named_zero_is_not_left_out(image, truth, dense, settings):
    label_map = truth if not dense else np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 5
    names = dict(enumerate(["water", "oats", "soil", "corn", "woods"]))
    with pytest.raises(DataError, match="0 is the class 'water' by its name"):
        Scene(image, label_map, names).samples()
    clf = HSIPromptClassifier(**{**settings, "prompts": names})
    with pytest.raises(DataError, match="0 is the class 'water' by its name"):
        clf.fit(image, label_map)
    assert 0 in Scene(image, label_map, names).samples(unlabeled=None)[1]
    assert 0 not in Scene(image, label_map, names).samples(unlabeled=[0])[1]


@pytest.mark.parametrize("name", ["Unclassified", "background", "Unlabeled", "no data", "", "None"])
def test_zero_may_have_a_name_that_says_no_label(image, truth, name):
    names = {0: name, 1: "oats", 2: "soil", 3: "corn", 4: "woods"}
    assert 0 not in Scene(image, truth, names).samples()[1]


@pytest.mark.parametrize("background", [True, False])
def test_names_that_begin_at_zero_for_labels_that_begin_at_one(image, truth, background):
    label_map = truth if background else np.where(truth == 0, 1, truth)
    names = dict(enumerate(["oats", "soil", "corn", "woods"]))
    with pytest.raises(DataError, match="4 has no name: are the names off by one"):
        Scene(image, label_map, names).samples()


def test_zero_that_is_as_rare_as_a_class_is_pointed_out(image):
    label_map = np.random.default_rng(3).integers(0, 4, (HEIGHT, WIDTH))
    with pytest.warns(HSVLMWarning, match="holds 0 to 3.*unlabeled=None if 0 is a class"):
        pixel_samples(image, label_map)
    names = {1: "oats", 2: "soil", 3: "corn"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Scene(image, label_map, names).samples()
        pixel_samples(image, label_map, [0])
        pixel_samples(image, label_map, None)
