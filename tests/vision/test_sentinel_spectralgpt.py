"""SpectralGPT on averages over the bands of Sentinel-2."""

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.exceptions import ParameterError
from hsvlm.vision.sentinel_spectralgpt import SentinelSpectralGPT
from hsvlm.vision.spectralgpt import SpectralGPT

SMALL = {"width": 24, "depth": 1, "n_heads": 2, "image_size": 8}


def make(wavelengths_nm, n_channels=None):
    n_channels = len(wavelengths_nm) if n_channels is None else n_channels
    torch.manual_seed(0)
    return SentinelSpectralGPT(n_channels, 3, wavelengths_nm=wavelengths_nm, **SMALL)


def channels(wavelengths_nm):
    """Return the channels of a pixel whose values are its wavelengths."""
    pixel = torch.tensor(wavelengths_nm, dtype=torch.float32)
    return make(wavelengths_nm).to_channels(pixel.view(1, 1, 1, -1)).flatten().tolist()


def test_channels_are_averages_within_the_bands_of_sentinel_2():
    # Of bands ten nanometers apart: 440 and 450; 470 to 520; 550 to 570; and so on.
    expected = [445, 495, 560, 660, 705, 740, 785, 835, 865, 945, 1610, 2200]
    assert channels(range(400, 2500, 10)) == pytest.approx(expected)


def test_channels_between_bands_are_interpolated():
    centers = [442.7, 492.7, 559.8, 664.6, 704.1, 740.5, 782.8, 832.8, 864.7, 945.1, 1613.7, 2202.4]
    assert channels([400, 2300]) == pytest.approx(centers)


def test_order_of_the_bands_is_of_no_importance():
    wavelengths_nm = list(range(400, 2500, 30))
    torch.testing.assert_close(
        torch.tensor(channels(wavelengths_nm[::-1])), torch.tensor(channels(wavelengths_nm))
    )


def test_it_is_spectralgpt_on_these_channels():
    encoder = make(range(400, 2500, 10))
    plain = SpectralGPT(12, 3, **SMALL)
    plain.load_state_dict(encoder.state_dict())
    windows = torch.randn(4, 3, 3, 210)
    for each in (encoder, plain):
        each.prepare(encoder.to_channels(windows) if each is plain else windows)
    torch.testing.assert_close(plain(encoder.to_channels(windows)), encoder(windows))


def test_weights_are_those_of_other_bands():
    first, second = make(range(400, 2500, 10)), make([400, 1000, 2300])
    second.load_state_dict(first.state_dict())


def test_the_outer_channels_need_a_band_within_them():
    averaging = make([443, 1000, 2202]).averaging
    assert averaging[:, 0].tolist() == [1, 0, 0]
    assert averaging[:, 11].tolist() == [0, 0, 1]
    with pytest.raises(ParameterError, match=r"are 1 of the 12 channels of Sentinel-2: B1\."):
        make([453, 1000, 2202])


@pytest.mark.parametrize(
    ("wavelengths_nm", "n_channels", "message"),
    [
        (
            range(380, 1051, 10),
            68,
            "The bands lie between 380 and 1050 nm, beyond which are 2 of the 12 channels of "
            'Sentinel-2: B11, B12. Use vision_encoder="spectralgpt" with principal components '
            "(n_components=12).",
        ),
        (
            range(400, 2500, 10),
            12,
            "wavelengths_nm holds 210 values, the pixels have 12 channels. Give the band center "
            "in nanometers of each channel; bands that were combined have none.",
        ),
    ],
)
def test_errors(wavelengths_nm, n_channels, message):
    with pytest.raises(ParameterError) as error:
        make(wavelengths_nm, n_channels)
    assert str(error.value) == message


def test_wavelengths_come_from_the_scene(cube, labels, settings, tmp_path):
    scene = Scene(cube, labels, wavelengths_nm=np.linspace(400, 2400, cube.shape[2]))
    changes = {"vision_encoder": "sentinel-spectralgpt", "vision_params": SMALL, "max_epochs": 1}
    changes |= {"n_components": None, "prompts": None}
    clf = HSIPromptClassifier(**{**settings, **changes}).fit(scene)
    assert clf.preprocessing_[-1].n_features_in_ == cube.shape[2]
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    assert np.array_equal(loaded.predict_proba(scene), clf.predict_proba(scene))
