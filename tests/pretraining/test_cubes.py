"""Masked pre-training of encoders whose tokens are cubes of channels and pixels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import ParameterError
from hsvlm.pretraining import load_pretrained

SMALL = {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8, "image_size": 16}
CLASSIFIER = {"criterion": "cross-entropy", "spatial": None, "max_epochs": 1, "lr": 1e-9}


@pytest.fixture
def wide_scene(scene):
    """The scene, as if its bands covered those of Sentinel-2."""
    return replace(scene, wavelengths_nm=np.linspace(400, 2400, 30))


@pytest.fixture
def make_cubes(make):
    """A function that makes a pre-trainer of cubes from principal components."""

    def make_small(name="spectralgpt", **changes):
        settings = {"vision_params": SMALL, "window_size": 5, "mask_ratio": 0.9}
        if name == "spectralgpt":
            settings["n_channels"] = 6
        return make(name, **{**settings, **changes})

    return make_small


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spectralgpt", "sentinel-spectralgpt"])
def test_the_loss_falls_and_a_classifier_starts_from_it(make_cubes, wide_scene, tmp_path, name):
    pretrainer = make_cubes(name, max_epochs=4, lr=1e-2).fit(wide_scene)
    losses = [row["train_loss"] for row in pretrainer.history_]
    assert losses[-1] < 0.97 * losses[0]
    # Of 2 or 4 groups of channels and 2 x 2 positions, a tenth is seen.
    n_tokens = {"spectralgpt": 8, "sentinel-spectralgpt": 16}[name]
    assert (pretrainer._model.n_tokens, pretrainer._model.n_hidden) == (
        n_tokens,
        round(0.9 * n_tokens),
    )
    loaded = load_pretrained(pretrainer.save(tmp_path / "encoder"))
    clf = HSIPromptClassifier(pretrained=loaded, **CLASSIFIER).fit(wide_scene)
    encoder = clf.net_.module_.encoder
    for weight_name, weight in loaded.weights.items():
        torch.testing.assert_close(encoder.state_dict()[weight_name], weight)
    values, predicted = pretrainer.reconstruct(wide_scene)
    assert values.shape == predicted.shape == (16, 20, n_tokens, 3 * 8 * 8)


@pytest.mark.slow
def test_channels_have_equal_variance(make_cubes, scene):
    pretrainer = make_cubes().fit(scene)
    channels = pretrainer.preprocessing_.transform(np.asarray(scene.cube).reshape(-1, 30))
    np.testing.assert_allclose(channels.std(axis=0), 1, rtol=1e-4)
    assert pretrainer.encoder_.provenance["settings"]["n_channels"] == 6
    plain = make_cubes(normalize=None).fit(scene).preprocessing_
    channels = plain.transform(np.asarray(scene.cube).reshape(-1, 30))
    np.testing.assert_allclose(channels.std(axis=0), 1, rtol=1e-4)


@pytest.mark.slow
def test_values_are_in_deviations_of_the_channels(make_cubes, wide_scene):
    pretrainer = make_cubes("sentinel-spectralgpt").fit(wide_scene)
    encoder = pretrainer._model.encoder
    # Means of standardized bands vary less than these, so that the channels are standardized anew.
    assert not torch.equal(encoder.channel_scale, torch.ones(12))
    values, _ = pretrainer.reconstruct(wide_scene)
    assert 0.5 < values.std() < 1
    assert abs(values).max() <= 2


@pytest.mark.slow
def test_cubes_of_another_sensor(make_cubes, wide_scene):
    pretrainer = make_cubes("sentinel-spectralgpt").fit(wide_scene)
    other = wide_scene.select_bands([*range(0, 30, 2), 29])
    clf = HSIPromptClassifier(pretrained=pretrainer.encoder_, **CLASSIFIER).fit(other)
    assert clf.n_features_in_ == 16
    assert torch.equal(
        clf.net_.module_.encoder.channel_mean, pretrainer.encoder_.weights["channel_mean"]
    )


def test_channels_that_cannot_be_used(make_cubes, scene, wide_scene):
    with pytest.raises(ParameterError) as error:
        make_cubes(n_channels=None).fit(
            replace(scene, cube=np.asarray(scene.cube)[..., :29], wavelengths_nm=None)
        )
    assert str(error.value) == (
        "n_channels=29 is not a multiple of 3, the channels of a token of the vision encoder "
        '"spectralgpt". Reduce the bands to a multiple of 3: n_components=12 in a classifier, '
        "n_channels=12 in a pre-training."
    )
    with pytest.raises(ParameterError) as error:
        make_cubes("sentinel-spectralgpt", n_channels=12).fit(wide_scene)
    assert str(error.value) == (
        "n_channels=12 makes principal components, which have no wavelength, but the vision "
        'encoder "sentinel-spectralgpt" is told the wavelengths of its channels. Set '
        "n_channels=None."
    )
