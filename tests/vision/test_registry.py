import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.vision import get_vision_encoder, list_vision_encoders, register_vision_encoder


class MeanSpectrum(torch.nn.Module):
    def __init__(self, n_channels, window_size, patch_size):
        super().__init__()
        self.n_features = n_channels
        self.scale = torch.nn.Parameter(torch.ones(n_channels))

    def forward(self, windows):
        return windows.mean(dim=(1, 2)) * self.scale


@pytest.mark.parametrize("name", list_vision_encoders())
def test_every_registered_encoder_works_in_the_classifier(name, cube, labels, settings):
    clf = HSIPromptClassifier(**{**settings, "vision_encoder": name, "vision_params": None})
    probabilities = clone(clf).fit(cube, labels).predict_proba(cube)
    assert probabilities.shape == (18, 20, 3)
    fitted = clf.fit(cube, labels)
    np.testing.assert_array_equal(fitted.predict_proba(cube), probabilities)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(fitted)).predict_proba(cube), probabilities
    )


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr("hsvlm.vision._ENCODERS", {})


@pytest.mark.usefixtures("registry")
def test_own_encoders_work_by_name_and_by_class(cube, labels, settings):
    register_vision_encoder("mean", MeanSpectrum)
    assert list_vision_encoders() == ["mean", "overlap-vit", "vit"]
    assert get_vision_encoder("mean") is MeanSpectrum
    scores = [
        HSIPromptClassifier(**{**settings, "vision_encoder": encoder, "vision_params": None})
        .fit(cube, labels)
        .decision_function(cube)
        for encoder in ("mean", MeanSpectrum)
    ]
    np.testing.assert_array_equal(*scores)


@pytest.mark.usefixtures("registry")
def test_names_are_not_overwritten():
    with pytest.raises(ParameterError) as error:
        register_vision_encoder("vit", MeanSpectrum)
    assert str(error.value) == (
        "A vision encoder named 'vit' is already registered. Choose another name, or pass the "
        "class itself as vision_encoder."
    )


@pytest.mark.usefixtures("registry")
def test_unknown_names_list_the_known_ones():
    with pytest.raises(UnknownNameError) as error:
        get_vision_encoder("resnet")
    assert str(error.value) == (
        "Unknown vision encoder 'resnet'. Known: 'overlap-vit', 'vit'. A torch.nn.Module "
        "subclass works too."
    )
