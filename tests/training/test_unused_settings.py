"""A parameter that cannot take effect is said, and classes without names as well."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hsvlm import HSIPromptClassifier, SpectralTransformer, pixel_samples
from hsvlm.exceptions import (
    HSVLMWarning,
    MissingNameWarning,
    ParameterError,
    UnusedSettingWarning,
)

SMALL = {"vision_params": {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16}}
NAMES = {1: "oats", 2: "wheat", 3: "woods"}


class Letters:
    """Draws a row for the letters of a text."""

    def encode(self, texts):
        return [np.random.default_rng(list(text.encode())).normal(size=32) for text in texts]


@pytest.fixture
def make():
    few = {"max_epochs": 1, "device": "cpu", "random_state": 0, "text_encoder": Letters()}

    def made(**parameters):
        given = {**SMALL, **few, **parameters}
        if given.get("criterion") == "cross-entropy" and "text_encoder" not in parameters:
            del given["text_encoder"]
        return HSIPromptClassifier(**{"class_names": NAMES, **given})

    return made


@pytest.fixture
def data(cube, labels):
    X, y = pixel_samples(cube, labels)
    return {
        "samples": (X, y),
        "spectra": (np.asarray(X), y),
        "windows": (X.windows(5), y),
        "cube": (cube, labels),
    }


ALL = ("samples", "spectra", "windows", "cube")
IMAGES = ("samples", "cube")

# What is given, with which kinds of X it cannot take effect, and the parameters to be named.
UNUSED = [
    ({"window_size": 7}, ("spectra", "windows"), ["window_size"]),
    ({"patch_size": 5}, ("spectra",), ["patch_size"]),
    ({"padding": "zero"}, ("spectra", "windows"), ["padding"]),
    ({"window_size": 7, "padding": "zero"}, ("spectra", "windows"), ["window_size", "padding"]),
    ({"window_size": 1, "patch_size": 5}, ("samples", "spectra", "cube"), ["patch_size"]),
    ({"window_size": 1, "padding": "zero"}, ("samples", "spectra", "cube"), ["padding"]),
    ({"spatial_params": {"restart": 0.5}}, ("spectra", "windows"), ["spatial_params"]),
    ({"spatial_params": {"restart": 0.5}, "spatial": None}, ALL, ["spatial_params"]),
    ({"criterion": "all-negatives", "n_hard": 2}, ALL, ["n_hard"]),
    ({"criterion": "clip", "n_semi_hard": 2}, ALL, ["n_semi_hard"]),
    ({"criterion": "cross-entropy", "n_hard": 2}, ALL, ["n_hard"]),
    ({"criterion": "cross-entropy", "prompts": "soil of {}"}, ALL, ["prompts"]),
    ({"criterion": "cross-entropy", "text_encoder": np.eye(3)}, ALL, ["text_encoder"]),
    ({"criterion": "cross-entropy", "projection": "text"}, ALL, ["projection"]),
    ({"checkpoint_every": 3}, ALL, ["checkpoint_every"]),
    ({"class_weight": {1: 1, 2: 2, 3: 1, 9: 2}}, ALL, ["class_weight"]),
    (
        {"class_names": {"1": "oats"}, "prompts": {1: "oats", 2: "wheat", 3: "woods"}},
        ALL,
        ["class_names"],
    ),
    (
        {"class_names": {**NAMES, "2": "wheat"}, "prompts": {1: "oats", 2: "wheat", 3: "woods"}},
        ALL,
        ["class_names"],
    ),
]
# What looks alike and does take effect, or asks for what happens anyway.
USED = [
    ({}, ALL),
    ({"window_size": 5, "patch_size": 3, "padding": "reflect"}, ALL),
    ({"window_size": 1}, ("samples", "spectra", "cube")),
    ({"window_size": 7, "padding": "zero"}, IMAGES),
    ({"patch_size": 1}, ALL),
    ({"augment": False, "spatial": None}, ALL),
    ({"spatial_params": {"restart": 0.5}}, IMAGES),
    ({"spatial_params": {}}, ALL),
    ({"spatial_params": {"weights": "auto"}, "spatial": None}, ALL),
    ({"criterion": "cross-entropy"}, ALL),
    ({"criterion": "hard-semi-hard", "n_hard": 2, "n_semi_hard": 2}, ALL),
    ({"normalize": "snv", "n_components": None}, ALL),
    ({"class_weight": {1: 2}}, ALL),
    ({"class_weight": {1: 1, 2: 2, 3: 1, 9: 2}, "class_names": {**NAMES, 9: "lake"}}, ALL),
    ({"precision": "bfloat16", "lr_schedule": "constant", "unlabeled": None}, ("spectra",)),
]


def warned(function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [one.message for one in caught if isinstance(one.message, HSVLMWarning)]


@pytest.mark.slow
@pytest.mark.parametrize(("parameters", "kinds", "names"), UNUSED)
@pytest.mark.parametrize("kind", ALL)
def test_settings_that_cannot_take_effect_are_said_once(make, data, kind, parameters, kinds, names):
    if kind not in kinds and kind == "windows" and parameters.get("window_size") == 1:
        pytest.skip("another row")
    messages = warned(lambda: make(**parameters).fit(*data[kind]))
    messages = [str(one) for one in messages if isinstance(one, UnusedSettingWarning)]
    assert len(messages) == (kind in kinds)
    for message in messages:
        assert all(name in message.split(":")[0] for name in names)
        assert len(message) < 340


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "kind"), [(parameters, kind) for parameters, kinds in USED for kind in kinds]
)
def test_settings_that_take_effect_are_not_said(make, data, parameters, kind):
    assert not warned(lambda: make(**parameters).fit(*data[kind]))


def test_every_parameter_has_been_thought_of():
    always = {
        # these take effect in every fit, or are requests that a fit without them fulfills
        "vision_encoder", "vision_params", "normalize", "n_components", "criterion", "max_epochs",
        "batch_size", "lr", "lr_schedule", "weight_decay", "augment", "validation_fraction",
        "spatial", "device", "precision", "random_state", "verbose", "warm_start",
        "pretrained",
        # these are refused where they cannot take effect
        "callbacks", "checkpoint_dir", "resume", "criterion_params", "adapter", "adapter_params",
        # see below
        "unlabeled",
    }  # fmt: skip
    said = {name for parameters, _, _ in UNUSED for name in parameters}
    assert always | said == set(inspect.signature(HSIPromptClassifier).parameters)


@pytest.mark.slow
def test_a_pipeline_that_loses_the_windows_says_what_keeps_them(make, data):
    clf = make(window_size=7)
    with pytest.warns(UnusedSettingWarning, match=r"SpectralTransformer\(StandardScaler\(\)\)"):
        make_pipeline(StandardScaler(), clf).fit(*data["samples"])
    kept = make_pipeline(SpectralTransformer(StandardScaler()), clf)
    assert not warned(lambda: kept.fit(*data["samples"]))
    assert kept[-1].window_size_ == 7


def test_bagging_says_that_it_loses_the_windows(make, data):
    with pytest.warns(UnusedSettingWarning, match=r"window_size has no effect.*BaggingClassifier"):
        BaggingClassifier(make(window_size=7, class_names=None), n_estimators=2).fit(
            *data["samples"]
        )


@pytest.mark.slow
def test_unlabeled_in_a_vector_is_a_class_and_said(make, data):
    X, y = data["samples"]
    vector = np.where(y == 3, -1, y.astype(int))
    clf = make(unlabeled=-1, class_names={1: "oats", 2: "wheat", -1: "woods"})
    with pytest.warns(UnusedSettingWarning, match="unlabeled=-1 has no effect and class -1 is"):
        clf.fit(X, vector)
    cube, labels = data["cube"]
    signed = np.where(labels == 3, -1, labels.astype(int))
    made = make(unlabeled=-1, class_names={0: "soil", 1: "oats", 2: "wheat"})
    assert not warned(lambda: made.fit(cube, signed))
    assert made.classes_.tolist() == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"prompts": "soil under {}"}, "the prompts or class_names"),
        ({"text_encoder": np.eye(3)}, "text_encoder"),
        ({"n_components": 4}, "n_components"),
        ({"normalize": "snv"}, "normalize"),
        ({"normalize": "snv-brightness"}, "normalize"),
        ({"n_components": None, "normalize": "snv"}, "n_components, normalize"),
    ],
)
def test_a_warm_start_refuses_what_it_could_not_follow(make, data, changes, names):
    clf = make(warm_start=True).fit(*data["samples"])
    before = clf.predict_proba(data["samples"][0])
    with pytest.raises(ParameterError, match=f"but {names} changed. Set them back"):
        clf.set_params(**changes).fit(*data["samples"])
    np.testing.assert_array_equal(clf.predict_proba(data["samples"][0]), before)


@pytest.mark.slow
def test_a_warm_start_follows_other_settings(make, data):
    clf = make(warm_start=True).fit(*data["samples"])
    clf.set_params(lr=1e-4, max_epochs=2, criterion="all-negatives", padding="zero")
    assert len(clf.fit(*data["samples"]).history_) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALL)
def test_classes_without_names_are_said(make, data, kind):
    clf = make(class_names=None)
    with pytest.warns(MissingNameWarning, match="Classes 1, 2, 3 of 3 have no names") as caught:
        clf.fit(*data[kind])
    (message,) = [one.message for one in caught]
    assert "'an aerial photograph of 1'" in str(message)
    assert "--prompts" in message.for_command_line()
    assert "class_names" not in message.for_command_line()


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"class_names": NAMES},
        {"prompts": {1: "oats", 2: "wheat", 3: "woods"}},
        {"prompts": "pavia-university"},
        {"text_encoder": np.eye(3)},
        {"criterion": "cross-entropy"},
    ],
)
def test_nothing_is_said_where_texts_say_something_or_do_not_count(make, data, parameters):
    assert not warned(lambda: make(**{"class_names": None, **parameters}).fit(*data["samples"]))


@pytest.mark.slow
def test_a_single_class_without_a_name_is_said(make, data):
    clf = make(class_names={1: "oats", 2: "wheat"}, prompts="a field of {}")
    with pytest.warns(MissingNameWarning, match="Class 3 of 3 has no name, so .* 'a field of 3'"):
        clf.fit(*data["samples"])


@pytest.mark.slow
def test_labels_that_are_texts_are_names(make, data):
    X, y = data["samples"]
    words = np.array(["", "oats", "wheat", "woods"])[y]
    assert not warned(lambda: make(class_names=None).fit(X, words))
    with pytest.warns(MissingNameWarning, match="Classes 1, 2, 3"):
        make(class_names=None).fit(X, y.astype(str))


@pytest.mark.slow
def test_fit_prints_the_prompts(make, data, capsys):
    make(verbose=1).fit(*data["samples"])
    shown = capsys.readouterr().err
    for label, name in NAMES.items():
        assert f"prompt of class {label}: an aerial photograph of {name}" in shown
    make(verbose=0).fit(*data["samples"])
    assert "prompt" not in capsys.readouterr().err
