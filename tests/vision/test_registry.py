import sys
import warnings

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.exceptions import ParameterError, UnknownNameError, UnusedSettingWarning
from hsvlm.vision import get_vision_encoder, list_vision_encoders, register_vision_encoder
from hsvlm.vision._parts import check_range


class MeanSpectrum(torch.nn.Module):
    """Has no patches."""

    def __init__(self, n_channels, window_size):
        super().__init__()
        self.n_features = n_channels
        self.scale = torch.nn.Parameter(torch.ones(n_channels))

    def forward(self, windows):
        return windows.mean(dim=(1, 2)) * self.scale


class Valid(MeanSpectrum):
    """Needs windows and channels."""

    MIN_WINDOW = 3
    MIN_CHANNELS = 7

    def __init__(self, n_channels, window_size):
        super().__init__(n_channels, window_size)
        check_range(
            self, n_channels, window_size, window_needs="whose unpadded 3x3 convolution needs"
        )


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_own_encoders_work_by_name_and_by_class(cube, labels, settings):
    before = list_vision_encoders()
    register_vision_encoder("mean", MeanSpectrum)
    assert list_vision_encoders() == sorted([*before, "mean"])
    assert get_vision_encoder("mean") is MeanSpectrum
    scores = [
        HSIPromptClassifier(**{**settings, "vision_encoder": encoder, "vision_params": None})
        .fit(cube, labels)
        .decision_function(cube)
        for encoder in ("mean", MeanSpectrum)
    ]
    np.testing.assert_array_equal(*scores)


def test_an_encoder_without_patches_is_not_given_their_size(cube, labels, settings):
    given = {**settings, "vision_encoder": MeanSpectrum, "vision_params": None, "max_epochs": 1}
    with pytest.warns(UnusedSettingWarning, match="patch_size has no effect: the vision encoder"):
        clf = HSIPromptClassifier(**given).fit(cube, labels)
    assert clf.net_.module__encoder_params == {"n_channels": 6, "window_size": 5}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnusedSettingWarning)
        HSIPromptClassifier(**{**given, "patch_size": 3}).fit(cube, labels)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("kind", ["spectra", "cube"])
def test_too_small_inputs_are_refused_by_fit_in_the_words_of_the_encoder(
    kind, cube, labels, settings
):
    # Plain spectra are windows of one pixel; six components are too few for it.
    register_vision_encoder("valid", Valid)
    clf = HSIPromptClassifier(**{**settings, "vision_encoder": "valid", "vision_params": None})
    is_labeled = labels > 0
    X, y = (cube[is_labeled], labels[is_labeled]) if kind == "spectra" else (cube, labels)
    message = {
        "spectra": 'window_size=1 is too small for the vision encoder "valid", whose unpadded 3x3 '
        "convolution needs 3 or more. Choose window_size >= 3, or an encoder for single pixels "
        'such as "mlp".',
        "cube": 'n_channels=6 is too few for the vision encoder "valid", which needs 7 or more. '
        "Raise n_components, or set it to None to keep all bands.",
    }
    with pytest.raises(ParameterError) as error:
        clf.fit(X, y)
    assert str(error.value) == message[kind]
    clf.set_params(n_components=None).fit(cube, labels)


def test_unregistered_encoders_are_called_by_their_class():
    with pytest.raises(ParameterError, match='for the vision encoder "Valid", which needs 7'):
        Valid(6, 3)


@pytest.mark.usefixtures("registry")
def test_modules_are_imported_when_they_are_used(monkeypatch, tmp_path):
    (tmp_path / "some_encoders.py").write_text("import torch\nclass Some(torch.nn.Module): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    register_vision_encoder("some", "some_encoders:Some")
    assert "some_encoders" not in sys.modules
    assert get_vision_encoder("some") is sys.modules.pop("some_encoders").Some


@pytest.mark.usefixtures("registry")
def test_names_are_not_overwritten():
    with pytest.raises(ParameterError) as error:
        register_vision_encoder("vit", MeanSpectrum)
    assert str(error.value) == (
        "A vision encoder named 'vit' is already registered. Choose another name, or pass the "
        "class itself as vision_encoder."
    )


def test_unknown_names_list_the_known_ones():
    with pytest.raises(UnknownNameError) as error:
        get_vision_encoder("resnet")
    assert str(error.value) == (
        f"Unknown vision encoder 'resnet'. Known: {str(list_vision_encoders())[1:-1]}. "
        "A torch.nn.Module subclass works too."
    )


class Stated(torch.nn.Module):
    """Mean spectra, with a stated number of features and a last step of the caller's choice."""

    def __init__(self, n_channels, window_size, stated=None, last="keep"):
        super().__init__()
        if stated != "missing":
            self.n_features = n_channels if stated is None else stated
        self.last = last

    def forward(self, windows):
        means = windows.mean(dim=(1, 2))
        if self.last == "squeeze":
            return means.squeeze()
        return windows if self.last == "maps" else means


@pytest.mark.parametrize("stated", ["missing", "6", 6.0, 0, True])
def test_the_number_of_features_has_to_be_stated(cube, labels, settings, stated):
    params = {"vision_encoder": Stated, "vision_params": {"stated": stated}, "n_components": 6}
    with pytest.raises(ParameterError) as error:
        HSIPromptClassifier(**{**settings, **params}).fit(cube, labels)
    shown = None if stated == "missing" else stated
    assert str(error.value) == (
        f"The vision encoder Stated has n_features={shown!r}. Set the attribute n_features to the "
        "number of features of a window, an integer."
    )


@pytest.mark.parametrize("criterion", ["cross-entropy", "hard-semi-hard"])
def test_every_window_has_to_have_its_features(cube, labels, settings, criterion):
    def make(**params):
        changes = {"vision_encoder": Stated, "vision_params": params, "n_components": 6}
        common = {"criterion": criterion, "max_epochs": 1, "window_size": 3}
        return HSIPromptClassifier(**{**settings, **changes, **common})

    X, y = (values[::5] for values in pixel_samples(cube, labels))
    clf = make(last="squeeze").fit(X, y)
    assert clf.predict(X[:2]).shape == (2,)
    for call in (clf.predict, clf.transform):
        with pytest.raises(ParameterError) as error:
            call(X[:1])
        assert str(error.value) == (
            "The vision encoder Stated returned a tensor of shape (6,), not (1, 6). It has to "
            "return n_features numbers for each window, also for a single one."
        )
    for params in ({"last": "maps"}, {"stated": 5}):
        with pytest.raises(ParameterError, match=r"returned a tensor of shape \(\d+, .*6\), not"):
            make(**params).fit(X, y)
