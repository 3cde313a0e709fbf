"""Classifiers by the name of their encoder."""

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.evaluation import evaluate, with_encoders
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.model_selection import SpatialBlockKFold
from hsvlm.vision import list_vision_encoders

BLOCKS = SpatialBlockKFold(2, block_size=5, buffer=1)


def test_default_is_the_classifier_without_arguments():
    made = with_encoders("default")
    assert repr(made) == "{'default': HSIPromptClassifier()}"


def test_every_registered_name_makes_a_classifier():
    names = list_vision_encoders()
    made = with_encoders(names)
    changed = {"vit": "vit:patch_size=1", "hybridsn": "hybridsn:window_size=9"}
    changed["spectralgpt"] = "spectralgpt:n_components=12"
    assert list(made) == [changed.get(name, name) for name in names]
    assert [clf.vision_encoder for clf in made.values()] == names
    # What is added to a name is what the name says.
    for name, clf in with_encoders(list(made)).items():
        assert repr(clf) == repr(made[name])


def test_settings_that_an_encoder_cannot_work_with_are_changed():
    base = HSIPromptClassifier(window_size=3, patch_size=2, n_components=6)
    names = [
        "default",
        "vit",
        "a2s2k",
        "hybridsn",
        "wavelength-vit",
        "mlp",
        "vit:window_size=9:patch_size=3",
    ]
    assert list(with_encoders(names, base)) == [
        *("default", "vit:patch_size=1", "a2s2k:n_components=7"),
        *("hybridsn:window_size=9:n_components=13", "wavelength-vit:n_components=none"),
        *("mlp", "vit:window_size=9:patch_size=3"),
    ]
    assert (base.window_size, base.patch_size, base.n_components) == (3, 2, 6)


def test_what_a_name_states_is_kept():
    names = ["vit:patch_size=2", "hybridsn:window_size=7 :n_components=20"]
    assert list(with_encoders(names)) == names


def test_other_settings_are_those_of_the_classifier(settings):
    base = HSIPromptClassifier(**settings, vision_encoder="vit")
    made = with_encoders(["default", "overlap-vit", "vit"], base)
    for clf in made.values():
        assert clf is not base
        assert (clf.window_size, clf.max_epochs, clf.spatial) == (5, 8, None)
    # An encoder without patches would warn of their size.
    assert [clf.patch_size for clf in with_encoders(["vit", "ssftt"], base).values()] == [1, 3]
    # Another encoder has other arguments.
    params = [clf.vision_params for clf in made.values()]
    assert params == [settings["vision_params"], None, settings["vision_params"]]
    assert base.get_params() == HSIPromptClassifier(**settings, vision_encoder="vit").get_params()


def test_settings_in_a_name(settings):
    base = HSIPromptClassifier(**settings)
    name = "vit:window_size=9:depth=1 : spatial=none:width=32:lr=1e-2:augment=no"
    clf = with_encoders([name], base)[name]
    assert (clf.vision_encoder, clf.vision_params) == ("vit", {"depth": 1, "width": 32})
    assert (clf.window_size, clf.spatial, clf.lr, clf.augment) == (9, None, 0.01, False)
    assert (clf.batch_size, clf.max_epochs) == (64, 8)


def test_names_among_the_settings_of_an_encoder():
    name = "fusion-vit:fusion=none:multi_scale=false"
    assert with_encoders([name])[name].vision_params == {"fusion": "none", "multi_scale": False}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vit:depth=none", "'depth=none' cannot be used: depth takes a whole number."),
        ("vit:window_size", "'window_size' is not a setting. Write name=value, such as "),
        ("vit:=3", "'=3' is not a setting. Write name=value"),
        ("vit:window_size=", "'window_size=' is not a setting."),
        ("vit:random_state=3", "'random_state' is not a setting. The encoder has depth, "),
        ("vit:patch=3", "'patch' is not a setting. The encoder has depth, "),
        ("vit:window_size=four", "The 'window_size' parameter of HSIPromptClassifier must be"),
    ],
)
def test_settings_that_cannot_be_used(name, message):
    with pytest.raises(ParameterError) as error:
        with_encoders([name])
    assert message in str(error.value)


def test_unknown_names():
    with pytest.raises(UnknownNameError) as error:
        with_encoders(["vit", "transformer"])
    assert str(error.value) == (
        "Unknown vision encoder 'transformer'. Known: "
        f"{', '.join(map(repr, sorted(['default', *list_vision_encoders()])))}."
    )


@pytest.mark.slow
def test_evaluate_takes_names(cube, labels, monkeypatch, settings):
    quick = {**settings, "max_epochs": 1, "vision_params": None}
    defaults = {**HSIPromptClassifier().get_params(), **quick}
    monkeypatch.setattr(
        "hsvlm.evaluation._evaluate.HSIPromptClassifier",
        lambda **given: HSIPromptClassifier(**{**defaults, **given}),
    )
    scene = Scene(cube, labels, {1: "oats", 2: "soil", 3: "lake"})
    by_name = evaluate(["vit", "default"], scene, cv=BLOCKS, baselines=[], random_state=0)
    assert by_name.names == ("vit", "default")
    by_object = evaluate(
        {
            "vit": HSIPromptClassifier(**quick, vision_encoder="vit"),
            "default": HSIPromptClassifier(**quick),
        },
        *(scene,),
        cv=BLOCKS,
        baselines=[],
        random_state=0,
    )
    assert [result.correct.tolist() for result in by_name.results] == [
        result.correct.tolist() for result in by_object.results
    ]
    assert evaluate("vit", scene, cv=BLOCKS, baselines=[]).names == ("vit",)


@pytest.mark.slow
def test_class_names_of_the_report_reach_the_prompts(cube, labels, monkeypatch):
    seen = []

    def fit(self, X, y):
        seen.append(self.class_names)
        raise InterruptedError

    monkeypatch.setattr(HSIPromptClassifier, "fit", fit)
    names = {1: "oats", 2: "soil", 3: "lake"}
    for X, y, given in ((cube, labels, names), (Scene(cube, labels, names), None, None)):
        with pytest.raises(InterruptedError):
            evaluate(["vit"], X, y, BLOCKS, baselines=[], class_names=given)
    # Samples of a scene bring their names themselves.
    assert seen == [names, None]


def test_lists_hold_names_only():
    with pytest.raises(ParameterError) as error:
        evaluate(["vit", HSIPromptClassifier()], np.zeros((4, 4, 3)), np.ones((4, 4)), BLOCKS)
    assert str(error.value) == (
        "estimators is a list with a HSIPromptClassifier. Pass a dict of {name: estimator}, or a "
        'list of names of vision encoders, such as ["vit", "default"].'
    )


def test_lists_of_numbers():
    (made,) = with_encoders("hit:depths=[1, 2]:width=64").values()
    assert made.vision_params == {"depths": [1, 2], "width": 64}
    with pytest.raises(ParameterError) as error:
        with_encoders("hit:depths=[1, 2")
    assert str(error.value) == (
        "'hit:depths=[1, 2': 'depths=[1, 2' is not a list. Write numbers with commas between "
        "them, such as [1, 2]."
    )
