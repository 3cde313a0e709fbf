"""Parameters, prompts and names as they should not be: refused before any training."""

import numpy as np
import pytest
from sklearn.utils._param_validation import InvalidParameterError

from hsvlm import HSIPromptClassifier, SpectralPCA
from hsvlm.exceptions import HSVLMError, ParameterError, PromptError, UnknownNameError
from hsvlm.prompts import resolve_prompts
from hsvlm.text import encode_texts

THREE = np.array([1, 2, 3])

COUNT = ["1", 0, -1, 1.5, 2.0, np.nan, np.inf, True, None, [3], np.array(3), 2**31]
NATURAL = ["1", -1, 1.5, np.nan, True, False, None, 10**400]
RATE = ["1", 0, -1e-3, np.nan, np.inf, -np.inf, True, None, [1.0], np.array(0.1), 1e39, 10**400]
SHARE = ["0.5", 0, 1, 1.0, -0.5, np.nan, np.inf, True, [0.5]]
CHOICE = ["other", "", 0, True, None, ["a"], b"reflect"]
FLAG = ["True", 1, 0, None, np.nan, "yes"]

REFUSED = {
    "prompts": [5, b"a {}", ["a", "b", "c"], True, np.nan],
    "class_names": ["oats", 5, ["oats"], True],
    "vision_params": ["depth", 5, ["depth"], True],
    "pretrained": [5, True, np.nan, ["a"], b"weights.pth"],
    "adapter": ["krone", 5, True, ["lora"]],
    "adapter_params": ["rank", 5, ["rank"], True],
    "n_components": ["all", 0, -1, 1.0, 1.5, np.nan, np.inf, True, [3], np.array(3), 2**31],
    "window_size": COUNT,
    "patch_size": COUNT,
    "padding": CHOICE,
    "projection": CHOICE,
    "n_hard": NATURAL,
    "n_semi_hard": NATURAL,
    "criterion_params": ["margin", 5, ["margin"], True],
    "criterion": [0, True, None, ["clip"], {}, b"clip", np.array("clip")],
    "max_epochs": [*COUNT, "all", ""],
    "batch_size": COUNT,
    "lr": RATE,
    "lr_schedule": CHOICE,
    "weight_decay": [one for one in RATE if not (isinstance(one, int) and one == 0)] + [-1],
    "augment": FLAG,
    "class_weight": ["even", 5, [1.0, 1.0, 1.0], True],
    "validation_fraction": SHARE,
    "normalize": ["mean", 5, True, ["snv"], {}],
    "spatial": ["diffusion", 5, True, ["random-walk"], {}],
    "spatial_params": ["restart", 5, ["restart"], True],
    "callbacks": ["stop", (), 5, {}],
    "checkpoint_dir": [5, True, [], b"here"],
    "checkpoint_every": COUNT,
    "resume": FLAG,
    "warm_start": FLAG,
    "unlabeled": [{}, b"", 0j, np.array(0)],
    "precision": [*CHOICE, "float16", 16],
    "random_state": ["0", -1, 1.5, np.nan, [0], 2**33],
    "verbose": ["1", -1, 1.5, None],
}
# What these may be, only the machine and the libraries tell.
ELSEWHERE = {"text_encoder", "vision_encoder", "device"}


@pytest.fixture
def make(settings):
    return lambda **changes: HSIPromptClassifier(**{**settings, "max_epochs": 1, **changes})


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr("hsvlm._training.fit.fit_net", None)


def test_every_parameter_is_looked_at():
    assert REFUSED.keys() | ELSEWHERE == HSIPromptClassifier().get_params().keys()


@pytest.mark.parametrize("name", REFUSED)
def test_values_of_the_wrong_type_or_size(no_training, make, cube, labels, name):
    for value in REFUSED[name]:
        with pytest.raises(InvalidParameterError) as error:
            make(**{name: value}).fit(cube, labels)
        start = f"The {name!r} parameter of HSIPromptClassifier must be "
        assert str(error.value).startswith(start), value
        assert str(error.value).endswith(f"Got {value!r} instead."), value


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
@pytest.mark.parametrize("value", [5.5, np.nan, True, None, [1], {}, "", "nowhere/none"])
def test_encoders_and_devices_that_are_none(no_training, make, cube, labels, name, value):
    with pytest.raises((ParameterError, UnknownNameError)):
        make(**{name: value}).fit(cube, labels)


def test_arrays_are_no_devices(no_training, make, cube, labels):
    with pytest.raises(ParameterError, match=r"^device=array\("):
        make(device=np.ones(3)).fit(cube, labels)


SCALARS = {
    "window_size": np.int64(5),
    "patch_size": np.uint8(1),
    "n_components": np.float32(0.9),
    "n_hard": np.int16(2),
    "n_semi_hard": np.int64(0),
    "max_epochs": np.int64(1),
    "batch_size": np.int8(32),
    "lr": np.float32(0.01),
    "weight_decay": np.float16(0.01),
    "validation_fraction": np.float32(0.3),
    "augment": np.bool_(True),
    "warm_start": np.bool_(False),
    "criterion": np.str_("clip"),
    "unlabeled": np.int64(0),
    "random_state": np.int64(0),
    "verbose": np.int64(0),
}


@pytest.mark.slow
def test_scalars_of_numpy_are_numbers(make, cube, labels, tmp_path):
    plain = {name: value.item() for name, value in SCALARS.items()}
    plain["n_components"], plain["validation_fraction"] = 0.9, 0.3
    clf = make(**SCALARS).fit(cube, labels)
    expected = make(**plain).fit(cube, labels).predict(cube)
    np.testing.assert_array_equal(clf.predict(cube), expected)
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(cube), expected)


def test_components_of_numpy(cube):
    assert SpectralPCA(np.float32(0.5)).fit(cube).n_components_ >= 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"vision_params": {"n_channels": 3, "window_size": 7}},
            "vision_params sets n_channels, window_size, which the encoder is given anyway. Use "
            "the parameters window_size and patch_size; the channels follow from the data.",
        ),
        (
            {"callbacks": [5]},
            "callbacks contains 5, which is not a skorch callback. Give callbacks, or pairs (name, "
            "callback).",
        ),
        (
            {"callbacks": [("stop", None)]},
            "callbacks contains ('stop', None), which is not a skorch callback. Give callbacks, "
            "or pairs (name, callback).",
        ),
        (
            {"class_weight": {1: "heavy"}},
            "class_weight={1: 'heavy'} must hold finite weights of at least 0, not all of them 0. "
            'Leave a class out to give it weight 1, or use "balanced".',
        ),
        (
            {"class_weight": {"1": 2.0}},
            "class_weight={'1': 2.0} has weights for labels that y does not hold, and none for "
            "some that it does: [1, 2, 3]. Use the labels of y as keys, of the same type.",
        ),
    ],
)
def test_values_that_contradict_each_other(no_training, make, cube, labels, parameters, message):
    with pytest.raises(ParameterError) as error:
        make(**parameters).fit(cube, labels)
    assert str(error.value) == message


def test_spectra_too_few_to_hold_some_out(no_training, make, cube, labels):
    X, y = cube[labels > 0], labels[labels > 0]
    with pytest.raises(ParameterError) as error:
        make(validation_fraction=0.001).fit(X, y)
    assert str(error.value).startswith(
        "validation_fraction=0.001 cannot be held out of 224 samples: "
    )
    assert str(error.value).endswith(
        "Change the fraction, give more samples, or pass validation_fraction=None."
    )


# Texts


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["🌾 👩‍🌾", "תבואה", "شعير", "a field\n\tof oats", "{} of {name} in {0} }{", "a" * 100_000],
    ids=["emoji", "Hebrew", "Arabic", "lines", "braces", "long"],
)
def test_texts_of_all_kinds_stay_as_they_are(text):
    assert resolve_prompts({1: text, 2: "b", 3: "c"}, THREE)[1] == (text,)
    if "\n" not in text:
        assert resolve_prompts("{}", THREE, {1: text})[1] == (text,)


def test_every_place_of_a_template_is_filled():
    assert resolve_prompts("{} {name} and {}", THREE)[2] == ("2 {name} and 2",)


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x85", "\ud800"])
def test_control_characters(character):
    text = f"oats{character}[31m"
    with pytest.raises(PromptError) as error:
        resolve_prompts({1: text, 2: "b", 3: "c"}, THREE)
    assert str(error.value) == (
        f"A prompt of class 1 holds the control character {character!r}: {text!r}. Remove it; in a "
        "template, it may come from the name of the class."
    )
    with pytest.raises(PromptError) as error:
        resolve_prompts(None, THREE, {1: text})
    assert str(error.value) == (
        f"class_names[1] holds the control character {character!r}, got {text!r}. Remove it."
    )
    with pytest.raises(ParameterError) as error:
        encode_texts([text], "all-MiniLM-L6-v2")
    assert str(error.value) == f"{text!r} holds the control character {character!r}. Remove it."


def test_line_breaks_in_names():
    with pytest.raises(PromptError, match=r"class_names\[1\] holds the control character '\\n'"):
        resolve_prompts(None, THREE, {1: "oats\nand corn"})


@pytest.mark.parametrize("text", ["\u200b", "\u2060\ufeff", "\u00a0", "\0"])
def test_texts_that_nobody_sees_are_empty(text):
    for call in (
        lambda: resolve_prompts({1: text, 2: "b", 3: "c"}, THREE),
        lambda: resolve_prompts(None, THREE, {1: text}),
        lambda: encode_texts([text], "all-MiniLM-L6-v2"),
    ):
        with pytest.raises(HSVLMError, match="empty"):
            call()


@pytest.mark.parametrize(
    "pair", [("café", "cafe\u0301"), ("corn", "co\u200brn"), ("STRASSE", "straße"), ("①", "1")]
)
def test_texts_that_look_alike_are_the_same(pair):
    with pytest.raises(PromptError, match="Classes 1 and 2 have the same prompt"):
        resolve_prompts({1: pair[0], 2: pair[1], 3: "c"}, THREE)


@pytest.mark.parametrize(
    "prompts",
    [
        "x" * 100_000,
        {1: "a" * 100_000, 2: "a" * 100_000, 3: "c"},
        {1: [["a"] * 9999], 2: "b", 3: "c"},
    ],
)
def test_messages_stay_short(prompts):
    with pytest.raises(PromptError) as error:
        resolve_prompts(prompts, THREE)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    "prompts", [{1: np.array(5), 2: "b", 3: "c"}, {1: 5, 2: "b", 3: "c"}, "a {0}", "a {name}", ""]
)
def test_prompts_of_other_forms(prompts):
    with pytest.raises(PromptError):
        resolve_prompts(prompts, THREE)


def test_a_text_in_an_array():
    assert resolve_prompts({1: np.array("a"), 2: "b", 3: "c"}, THREE)[1] == ("a",)


@pytest.mark.parametrize("texts", [None, 5, {"a": 1}, {"a", "b"}, b"ab", iter(["a"]), [["a"]]])
def test_what_is_no_list_of_texts(texts):
    with pytest.raises(ParameterError) as error:
        encode_texts(texts, "all-MiniLM-L6-v2")
    assert str(error.value) == f"texts must be a list of strings that are not empty, got {texts!r}."
