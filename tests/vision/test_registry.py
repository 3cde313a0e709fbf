import pickle
import sys
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import ParameterError, UnknownNameError, UnusedSettingWarning
from hsvlm.vision import get_vision_encoder, list_vision_encoders, register_vision_encoder
from hsvlm.vision.arguments import encoder_arguments


class MeanSpectrum(torch.nn.Module):
    """Has no patches."""

    def __init__(self, n_channels, window_size):
        super().__init__()
        self.n_features = n_channels
        self.scale = torch.nn.Parameter(torch.ones(n_channels))

    def forward(self, windows):
        return windows.mean(dim=(1, 2)) * self.scale


@pytest.fixture(params=list_vision_encoders())
def encoder_class(request):
    """Every registered encoder in turn."""
    return get_vision_encoder(request.param)


def make(encoder_class, window_size=5, patch_size=1, n_channels=6):
    torch.manual_seed(0)
    arguments = encoder_arguments(
        encoder_class,
        n_channels=n_channels,
        window_size=window_size,
        patch_size=patch_size,
        params=None,
    )
    return encoder_class(**arguments)


@pytest.mark.parametrize("window_size", [1, 5])
@pytest.mark.parametrize("n_channels", [1, 6])
def test_features_of_a_window(encoder_class, window_size, n_channels):
    encoder = make(encoder_class, window_size, n_channels=n_channels)
    for count in (1, 3):
        features = encoder(torch.randn(count, window_size, window_size, n_channels))
        assert features.shape == (count, encoder.n_features)
        assert features.dtype == torch.float32
        assert torch.isfinite(features).all()


def test_gradients_reach_windows_and_weights(encoder_class):
    encoder = make(encoder_class)
    windows = torch.randn(4, 5, 5, 6, requires_grad=True)
    encoder(windows).square().sum().backward()
    assert (windows.grad.abs().sum(dim=3) > 0).all()
    for name, parameter in encoder.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


def test_independent_windows_are_independent(encoder_class):
    encoder = make(encoder_class).eval()
    windows = torch.randn(6, 5, 5, 6)
    with torch.inference_mode():
        expected = encoder(windows)
        windows[3:] *= 100
        changed = encoder(windows)
    assert torch.equal(changed[:3], expected[:3]) or not getattr(
        encoder, "independent_windows", False
    )
    assert not torch.equal(changed[3:], expected[3:])


def test_weights_are_restored(encoder_class):
    first = make(encoder_class).eval()
    torch.manual_seed(1)
    second = make(encoder_class).eval()
    second.load_state_dict(first.state_dict())
    windows = torch.randn(2, 5, 5, 6)
    assert torch.equal(first(windows), second(windows))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", list_vision_encoders())
def test_every_registered_encoder_works_in_the_classifier(
    name, cube, labels, settings, precision, tmp_path
):
    given = {**settings, "vision_encoder": name, "vision_params": None, "precision": precision}
    clf = HSIPromptClassifier(**{**given, "max_epochs": 2})
    probabilities = clone(clf).fit(cube, labels).predict_proba(cube)
    assert probabilities.shape == (18, 20, 3)
    fitted = clf.fit(cube, labels)
    loaded = HSIPromptClassifier.load(fitted.save(tmp_path / "model"), device="cpu")
    for same in (fitted, loaded, pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(same.predict_proba(cube), probabilities)


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
