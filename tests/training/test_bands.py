"""Encoders that are told wavelengths, in a classifier."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, Scene, SpectralPCA
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError
from hsvlm.mapping import predict_scene
from hsvlm.preprocessing.default import fit_preprocessing
from hsvlm.pretraining import PretrainedEncoder
from hsvlm.vision.wavelength_vit import WavelengthViT

CENTERS = np.linspace(450, 1000, 12)
OTHERS = np.linspace(500, 2000, 12)
SIZES = {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16}


@pytest.fixture
def scene(cube, labels):
    return Scene(cube, labels, {1: "oats", 2: "corn", 3: "soil"}, CENTERS)


@pytest.fixture
def clf(settings):
    chosen = {**settings, "vision_encoder": "wavelength-vit", "n_components": "auto"}
    return HSIPromptClassifier(**chosen)


def told(clf):
    return clf.net_.module__encoder_params["wavelengths_nm"]


def steps(clf):
    return [name for name, _ in clf.preprocessing_.steps]


@pytest.mark.slow
def test_the_wavelengths_are_those_of_the_samples(clf, scene, tmp_path):
    X, y = scene.samples()
    clf.fit(X, y)
    assert told(clf) == clf.metadata_["wavelengths_nm"] == CENTERS.tolist()
    assert steps(clf) == ["scale"]
    assert (clf.predict(X) == y).mean() > 0.9
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    for same in (loaded, pickle.loads(pickle.dumps(clf))):
        assert told(same) == CENTERS.tolist()
        np.testing.assert_array_equal(same.predict_proba(X), clf.predict_proba(X))
    scenes = HSIPromptClassifier(**clf.get_params()).fit([scene, scene])
    assert told(scenes) == CENTERS.tolist()


@pytest.mark.slow
def test_the_wavelengths_may_be_stated(clf, cube, labels, tmp_path):
    params = {**SIZES, "wavelengths_nm": CENTERS}
    clf.set_params(vision_params=params).fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    assert told(clf) == told(loaded) == CENTERS.tolist()
    np.testing.assert_array_equal(loaded.vision_params["wavelengths_nm"], CENTERS)


def test_without_wavelengths(clf, cube, labels, scene):
    with pytest.raises(ParameterError) as error:
        clf.fit(cube, labels)
    assert str(error.value) == (
        'The vision encoder "wavelength-vit" is told the wavelengths of the bands, and X has none. '
        "Pass a Scene with wavelengths_nm or samples of it, or "
        'vision_params={"wavelengths_nm": [...]} with the band centers in nanometers.'
    )
    assert error.value.for_command_line().endswith("Add the wavelengths to the header of the file.")
    X, y = scene.samples()
    for n_components in (5, 12):
        with pytest.raises(ParameterError, match="X has none"):
            clf.fit(SpectralPCA(n_components).fit_transform(X), y)
    unknown = np.where(np.arange(12) == 3, np.nan, CENTERS)
    with pytest.raises(ParameterError, match="wavelengths of 1 of 12 bands are not known"):
        clf.fit(*replace(scene, wavelengths_nm=unknown).samples())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"n_components": 5},
            "n_components=5 makes principal components, which have no wavelength, but the vision "
            'encoder "wavelength-vit" is told the wavelengths of its channels. Set '
            "n_components=None.",
        ),
        (
            {"normalize": "snv-brightness"},
            'normalize="snv-brightness" adds channels that have no wavelength, but the vision '
            'encoder "wavelength-vit" is told the wavelengths of its channels. Set '
            'normalize="snv".',
        ),
        (
            {"vision_params": {"wavelengths_nm": OTHERS}},
            'vision_params["wavelengths_nm"] are not the wavelengths of X: band 11 lies at 2000.00 '
            "nm in one and at 1000.00 nm in another. Leave them out, or correct those of the "
            "scene: dataclasses.replace(scene, wavelengths_nm=...).",
        ),
    ],
)
def test_contradictions(clf, scene, changes, message):
    with pytest.raises(ParameterError) as error:
        clf.set_params(**changes).fit(scene)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("n_bands", "normalize", "expected"),
    [(16, "auto", ["snv", "scale"]), (15, "auto", ["scale"]), (16, None, ["scale"])],
)
def test_the_bands_are_kept(n_bands, normalize, expected):
    spectra = np.random.default_rng(0).uniform(1, 2, (30, n_bands))
    pipeline = fit_preprocessing(spectra, normalize, None, are_bands=True)
    assert [name for name, _ in pipeline.steps] == expected
    assert pipeline.transform(spectra).shape == spectra.shape


@pytest.mark.slow
def test_other_bands_are_refused_in_predictions(clf, scene, settings, tmp_path):
    clf.fit(*scene.samples())
    others = replace(scene, wavelengths_nm=OTHERS)
    X, _ = others.samples()
    message = (
        "The samples have other bands than those that the classifier was fitted on: band 11 lies "
        "at 1000.00 nm in one and at 2000.00 nm in another. Match them: "
        'hsvlm.io.match_bands(scene, clf.metadata_["wavelengths_nm"]).'
    )
    for method in (clf.predict, clf.transform):
        with pytest.raises(DataError) as error:
            method(X)
        assert str(error.value) == message
    for function in (clf.predict, lambda scene: predict_scene(clf, scene)):
        with pytest.raises(DataError, match=r"no band within 25\.00 nm"):
            function(others)
    shifted = replace(scene, wavelengths_nm=CENTERS + 2)
    np.testing.assert_array_equal(
        clf.predict(shifted.samples()[0]), clf.predict(scene.samples()[0])
    )
    with pytest.warns(HSVLMWarning, match="not known of the scene"):
        clf.predict(replace(scene, wavelengths_nm=None))
    # Other encoders compare scenes only.
    plain = HSIPromptClassifier(**settings).fit(*scene.samples())
    assert not hasattr(plain, "metadata_")
    plain.predict(X)


@pytest.mark.slow
@pytest.mark.parametrize("n_bands", [12, 6])
def test_weights_of_one_sensor_serve_another(clf, scene, n_bands):
    clf.fit(scene)
    encoder = clf.net_.module_.encoder
    params = {**SIZES, "wavelengths_nm": told(clf)}
    geometry = {"window_size": 5, "patch_size": 1}
    pretrained = PretrainedEncoder(
        "wavelength-vit",
        params,
        encoder.state_dict(),
        digest="ab" * 32,
        preprocessing=clf.preprocessing_,
        **geometry,
    )
    changes = {"vision_encoder": "overlap-vit", "vision_params": None, "pretrained": pretrained}
    clf.set_params(**changes, lr=1e-9, max_epochs=1)
    bands = np.arange(0, 12, 12 // n_bands)
    clf.fit(scene.select_bands(bands))
    assert told(clf) == CENTERS[bands].tolist()
    assert (clf.preprocessing_ is pretrained.preprocessing) == (n_bands == 12)
    adapted = clf.net_.module_.encoder
    assert isinstance(adapted, WavelengthViT)
    for name, tensor in encoder.state_dict().items():
        torch.testing.assert_close(adapted.state_dict()[name], tensor)


def test_a_fit_is_continued(clf, scene):
    clf.set_params(warm_start=True, max_epochs=1).fit(scene)
    before = clf.net_.module_.encoder.state_dict()["norm.weight"].clone()
    clf.fit(scene)
    assert told(clf) == CENTERS.tolist()
    assert not torch.equal(clf.net_.module_.encoder.norm.weight, before)
