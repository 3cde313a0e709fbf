"""What a classifier takes over from a pre-training, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, PixelSamples
from hsvlm.exceptions import DataError, ParameterError, UnusedSettingWarning
from hsvlm.pretraining import load_pretrained


@pytest.fixture(scope="module")
def pretrained(make, scene):
    """A pre-training on three principal components."""
    return make("vit", window_size=9, n_channels=3, max_epochs=1).fit(scene)


@pytest.fixture
def make_clf(pretrained, scene):
    """A function that makes a classifier with this start."""

    def make_small(**changes):
        settings = {
            "pretrained": pretrained.encoder_,
            "class_names": scene.class_names,
            "text_encoder": np.eye(len(scene.class_names), dtype=np.float32),
            "max_epochs": 1,
            "spatial": None,
            "device": "cpu",
            "random_state": 0,
        }
        return HSIPromptClassifier(**{**settings, **changes})

    return make_small


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"n_components": 5}, "n_components has"),
        ({"normalize": None}, "normalize has"),
        ({"n_components": None, "normalize": "snv-brightness"}, "n_components and normalize have"),
    ],
)
def test_settings_that_the_pretraining_decides(make_clf, scene, pretrained, changes, names):
    X, y = scene.samples()
    with pytest.warns(UnusedSettingWarning) as record:
        clf = make_clf(**changes).fit(X, y)
    assert [str(one.message) for one in record] == [
        f"{names} no effect: the pre-trained encoder brings the steps from spectra to channels. "
        "Leave them at their defaults, or set them where you pre-train."
    ]
    assert clf.preprocessing_ is pretrained.encoder_.preprocessing


@pytest.mark.parametrize("changes", [{}, {"n_components": 3, "normalize": "snv"}])
def test_settings_that_agree_with_the_pretraining(make_clf, scene, changes, recwarn):
    make_clf(**changes).fit(*scene.samples())
    assert not [one for one in recwarn if issubclass(one.category, UnusedSettingWarning)]


@pytest.mark.parametrize("changes", [{}, {"adapter": "lora"}])
def test_a_fit_is_continued(make_clf, scene, changes):
    X, y = scene.samples()
    clf = make_clf(warm_start=True, **changes).fit(X, y)
    before = clf.predict_proba(X[:20])
    assert not np.array_equal(clf.fit(X, y).predict_proba(X[:20]), before)


def test_a_fit_with_groups_of_bands_is_continued(make_clf, scene, fitted):
    X, y = scene.samples()
    make_clf(pretrained=fitted.encoder_, warm_start=True).fit(X, y).fit(X, y)


def test_the_encoder_of_a_folder_may_be_named(make_clf, scene, pretrained, tmp_path):
    folder = pretrained.save(tmp_path / "encoder")
    X, y = scene.samples()
    plain = make_clf(pretrained=folder).fit(X, y)
    named = make_clf(pretrained=folder, vision_encoder="vit").fit(X, y)
    assert np.array_equal(plain.predict_proba(X[:9]), named.predict_proba(X[:9]))
    with pytest.raises(ParameterError) as error:
        make_clf(pretrained=folder, vision_encoder="ssftt").fit(X, y)
    assert str(error.value) == (
        "vision_encoder='ssftt', but the pre-trained weights are those of 'vit'. Leave "
        "vision_encoder at its default."
    )


@pytest.mark.parametrize(("name", "there"), [("n_heads", 2), ("depth", 1)])
def test_weights_are_not_those_of_a_network_of_another_structure(
    make_clf, scene, pretrained, tmp_path, name, there
):
    folder = pretrained.save(tmp_path / "encoder")
    for start in (folder, pretrained.encoder_):
        with pytest.raises(ParameterError) as error:
            make_clf(pretrained=start, vision_params={name: 4}).fit(scene)
        assert str(error.value) == (
            f"vision_params={{'{name}': 4}}, but the pre-trained weights are those of an encoder "
            f"with {name}={there}. Leave {name} out of vision_params. load_pretrained(path, "
            "n_heads=...) reads the weights of others with another number of heads."
        )
        make_clf(pretrained=start, vision_params={name: there, "mask_ratio": 0.5}).fit(scene)


def test_heads_that_a_file_leaves_open_are_those_of_the_classifier(make_clf, scene, layers, write):
    path = write(layers())
    clf = make_clf(pretrained=path, vision_params={"n_heads": 4}).fit(scene)
    assert clf.net_.module__encoder_params["n_heads"] == 4
    loaded = load_pretrained(path, n_heads=2)
    with pytest.raises(ParameterError, match="of an encoder with n_heads=2"):
        make_clf(pretrained=loaded, vision_params={"n_heads": 4}).fit(scene)
    with pytest.raises(ParameterError, match="of an encoder with qkv_bias=True"):
        make_clf(pretrained=loaded, vision_params={"qkv_bias": False}).fit(scene)


def shifted(scene, nm):
    return replace(scene, wavelengths_nm=np.asarray(scene.wavelengths_nm) + nm)


def test_bands_of_another_sensor_are_refused(make_clf, scene, tmp_path, pretrained):
    loaded = load_pretrained(pretrained.save(tmp_path / "encoder"))
    for given in (shifted(scene, 300), shifted(scene, 300).samples()[0]):
        y = () if hasattr(given, "labels") else (scene.samples()[1],)
        with pytest.raises(DataError) as error:
            make_clf(pretrained=loaded).fit(given, *y)
        assert str(error.value) == (
            "X has other bands than those of the pre-training: band 20 lies at 1848.28 nm in "
            "one and at 2148.28 nm in another. Use data of the same sensor, or an encoder that was "
            'pre-trained for any number of bands, such as "wavelength-vit".'
        )
    make_clf().fit(shifted(scene, 0.1))


@pytest.mark.parametrize("from_scene", [True, False])
def test_features_of_other_bands_are_refused(make, scene, from_scene):
    X, _ = scene.samples()
    pretrainer = make("wavelength-vit", window_size=5, max_epochs=1).fit(scene if from_scene else X)
    assert pretrainer.encoder_.provenance["wavelengths_nm"][0] == 400
    with pytest.raises(DataError, match="The samples have other bands than those of the pre-train"):
        pretrainer.transform(shifted(scene, 300).samples()[0])
    with pytest.raises(DataError, match="no band within"):
        pretrainer.transform(shifted(scene, 300))
    assert pretrainer.transform(X[:3]).shape == (3, pretrainer.encoder_.vision_params["width"])


def test_plain_numbers_with_stated_wavelengths(make, scene):
    params = {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8}
    params["wavelengths_nm"] = list(scene.wavelengths_nm)
    cube = np.asarray(scene.cube)
    pretrainer = make("wavelength-vit", vision_params=params, window_size=5, max_epochs=1).fit(cube)
    with pytest.raises(DataError, match="other bands"):
        pretrainer.transform(shifted(scene, 300).samples()[0])


def test_fewer_pixels_have_fewer_components(make, scene):
    X, _ = scene.samples()
    pretrainer = make("vit", window_size=9, max_epochs=1).fit(X[:20])
    assert pretrainer.preprocessing_[-1]._n_features_out == 20
    params = {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8, "image_size": 16}
    cubes = make("spectralgpt", vision_params=params, max_epochs=1).fit(X[:11])
    assert cubes.preprocessing_[-1]._n_features_out == 9


@pytest.mark.parametrize(
    ("n_pixels", "n_bands", "changes", "message"),
    [
        (
            20,
            30,
            {"n_channels": 25},
            "25 principal components cannot be made of 20 pixels with 30 bands. Set n_channels to "
            "20 or less.",
        ),
        (
            20,
            2,
            {"vision_encoder": "spectralgpt"},
            "3 principal components cannot be made of 20 pixels with 2 bands. Use another vision "
            'encoder than "spectralgpt".',
        ),
    ],
)
def test_too_many_components(make, scene, n_pixels, n_bands, changes, message):
    X, _ = scene.samples()
    given = X if n_bands == X.shape[1] else PixelSamples(scene.cube[..., :n_bands], X.coords)
    with pytest.raises(ParameterError) as error:
        make(**{"vision_encoder": "vit", **changes}).fit(given[:n_pixels])
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"widht": 3},
            "vision_params has 'widht', which the vision encoder group-vit does not take. The "
            "names are ",
        ),
        ({"n_channels": 7}, "vision_params sets n_channels, which the encoder is given anyway."),
    ],
)
def test_arguments_that_the_encoder_does_not_take(make, scene, params, message):
    with pytest.raises(ParameterError) as error:
        make(vision_params=params).fit(scene)
    assert str(error.value).startswith(message)


def test_numbers_of_numpy(make, scene, tmp_path):
    numbers = {
        "patch_size": np.int64(3),
        "batch_size": np.int64(64),
        "max_epochs": np.int64(1),
        "lr": np.float32(1e-3),
        "n_channels": np.int64(3),
        "window_size": np.int64(9),
        "mask_ratio": np.float64(0.5),
    }
    kept = {"checkpoint_dir": tmp_path / "runs", "resume": True}
    pretrainer = make("vit", **numbers, **kept).fit(scene)
    load_pretrained(pretrainer.save(tmp_path / "encoder"))
    # The same training with plain numbers.
    make("vit", **{name: value.item() for name, value in numbers.items()}, **kept).fit(scene)
    assert len(list((tmp_path / "runs").glob("*.zip"))) == 1


def test_features_of_no_pixels(fitted, scene):
    X, _ = scene.samples()
    with pytest.raises(DataError, match=r"X holds no pixels\. Pass at least one\."):
        fitted.transform(X[:0])


def test_features_of_several_cubes(fitted, scene):
    with pytest.raises(DataError) as error:
        fitted.transform([scene.cube, scene.cube[:8]])
    assert str(error.value) == (
        "X is a list of cubes, whose maps may differ in size. Pass them in turn: "
        "[pretrainer.transform(each) for each in cubes]."
    )
