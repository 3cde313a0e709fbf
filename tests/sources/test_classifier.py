"""A classifier learns from spectra and further sources, and asks for the same in a prediction."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from hsvlm import HSIPromptClassifier, Raster, Scene, SpectralPCA, SpectralTransformer
from hsvlm.evaluation import spectral_svm
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError
from hsvlm.io import match_bands
from hsvlm.mapping import predict_scene
from hsvlm.preprocessing import SourceTransformer, StandardNormalVariate


@pytest.fixture
def heights(labels):
    rng = np.random.default_rng(1)
    return (100 * labels + rng.normal(size=labels.shape)).astype(np.float32)


@pytest.fixture
def stacked(cube, labels, heights):
    return Scene(
        cube, labels, wavelengths_nm=np.arange(12) + 500.0, auxiliary={"lidar": Raster(heights)}
    )


@pytest.fixture
def fitted(stacked, settings):
    return HSIPromptClassifier(**settings).fit(stacked)


@pytest.mark.slow
def test_every_source_is_transformed_by_itself(stacked, fitted, cube, labels, settings):
    step = fitted.preprocessing_.steps[0][1]
    assert step.sources_ == {"spectra": 12, "lidar": 1}
    X, _ = stacked.samples()
    channels = fitted.preprocessing_.transform(np.asarray(X))
    plain = HSIPromptClassifier(**settings).fit(cube, labels)
    alone = plain.preprocessing_.transform(np.asarray(X)[:, :12])
    np.testing.assert_allclose(channels[:, :-1], alone, atol=1e-5)
    assert abs(channels[:, -1].mean()) < 1e-5
    assert channels[:, -1].std() == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_scenes_cubes_and_samples_are_the_same(stacked, fitted, cube, labels, heights, settings):
    label_map = fitted.predict(stacked)
    by_cube = HSIPromptClassifier(**settings).fit(cube, labels, auxiliary={"lidar": heights})
    np.testing.assert_array_equal(by_cube.predict(cube, auxiliary={"lidar": heights}), label_map)
    proba = by_cube.predict_proba(cube, auxiliary={"lidar": heights})
    np.testing.assert_array_equal(proba, fitted.predict_proba(stacked))
    X, y = stacked.samples()
    by_samples = HSIPromptClassifier(**settings).fit(X, y)
    np.testing.assert_array_equal(by_samples.predict(X), label_map[tuple(X.coords.T)])
    with pytest.raises(DataError, match=r"'lidar'.* belongs to a cube"):
        by_samples.predict(X, auxiliary={"lidar": heights})


@pytest.mark.slow
def test_maps_and_saved_models(tmp_path, stacked, fitted, monkeypatch):
    label_map = fitted.predict(stacked)
    loaded = HSIPromptClassifier.load(fitted.save(tmp_path / "model.zip"))
    np.testing.assert_array_equal(loaded.predict_proba(stacked), fitted.predict_proba(stacked))
    np.testing.assert_array_equal(predict_scene(loaded, stacked).label_map, label_map)
    heights = np.memmap(tmp_path / "heights", np.float32, "w+", shape=(*stacked.shape, 1))
    heights[:] = np.asarray(stacked.cube)[..., 12:]
    heights.flush()
    on_disk = np.memmap(tmp_path / "heights", np.float32, "r", shape=(*stacked.shape, 1))
    scene = replace(stacked.select_sources(["spectra"]), auxiliary={"lidar": Raster(on_disk)})
    files = predict_scene(loaded, scene, out=tmp_path / "map.tif", probabilities=tmp_path / "p.tif")
    np.testing.assert_array_equal(files.label_map, label_map)


@pytest.mark.slow
def test_other_sources_are_refused(stacked, fitted, heights, settings, cube, labels):
    spectra = Scene(cube, labels, wavelengths_nm=stacked.wavelengths_nm[:12])
    with pytest.raises(DataError) as error:
        fitted.predict(spectra)
    assert str(error.value) == (
        "The classifier was fitted on the sources 'spectra' (12 channels), 'lidar' (1 channel), "
        "and X holds spectra alone: 'lidar' is missing. Add it: dataclasses.replace(scene, "
        "auxiliary={'lidar': hsvlm.io.align(raster, like=scene)})."
    )
    turned = stacked.select_sources(["lidar", "spectra"])
    renamed = replace(spectra, auxiliary={"dsm": heights})
    for other, message in (
        (turned, "Give the same sources in the same order"),
        (renamed, r"X holds .* 'dsm' \(1 channel\): 'lidar' is missing"),
    ):
        for call in (fitted.predict, fitted.score, lambda one: predict_scene(fitted, one)):
            with pytest.raises(DataError, match=message):
                call(other)
    with pytest.raises(DataError, match="Give the same sources"):
        fitted.predict(turned.samples()[0])
    alone = HSIPromptClassifier(**settings).fit(spectra)
    with pytest.raises(DataError, match=r"select_sources\(\['spectra'\]\)"):
        alone.predict(stacked)


@pytest.mark.slow
def test_scikit_learn_sees_the_stack(stacked, settings):
    X, y = stacked.samples()
    assert np.asarray(X).shape[1] == 13
    assert spectral_svm().fit(X, y).score(X, y) > 0.9
    assert cross_val_score(HSIPromptClassifier(**settings), X, y, cv=2).shape == (2,)


@pytest.mark.slow
def test_pipelines_with_steps_for_each_source(tmp_path, stacked, settings):
    X, y = stacked.samples()
    steps = SourceTransformer({"spectra": SpectralPCA(3)})
    clf = HSIPromptClassifier(**{**settings, "n_components": None, "normalize": None})
    pipeline = make_pipeline(steps, clf).fit(X, y)
    assert pipeline[-1].preprocessing_.steps[0][1].sources_ == {"spectra": 3, "lidar": 1}
    path = pipeline[-1].save(tmp_path / "model")
    assert HSIPromptClassifier.load(path).n_features_in_ == 4
    reduced = steps.fit(X).transform(stacked)
    assert reduced.sources == {"spectra": slice(0, 3), "lidar": slice(3, 4)}
    with pytest.raises(DataError, match="was fitted to"):
        pipeline[0].transform(stacked.select_sources(["lidar", "spectra"]).samples()[0])


@pytest.mark.parametrize("transformer", [StandardNormalVariate(), Normalizer()])
def test_spectra_are_not_normalized_together_with_another_source(stacked, transformer):
    X, _ = stacked.samples()
    with pytest.raises(DataError, match=r"normalizes each spectrum .* Use SourceTransformer"):
        SpectralTransformer(transformer).fit(X)
    SpectralTransformer(StandardScaler()).fit(X)


def test_transformers_of_unknown_sources_are_refused(stacked, cube):
    X, _ = stacked.samples()
    with pytest.raises(ParameterError, match="no source 'sar'"):
        SourceTransformer({"sar": StandardScaler()}).fit(X)
    with pytest.raises(DataError, match="X has no named sources"):
        SourceTransformer().fit(cube)
    with pytest.raises(DataError, match="have 13"):
        SourceTransformer(sources={"spectra": 12, "lidar": 1}).fit(cube)


@pytest.mark.slow
def test_the_bands_of_a_stack_are_matched(stacked, fitted):
    shuffled = stacked.select_bands([1, 0, *range(2, 13)])
    assert shuffled.sources == stacked.sources
    with pytest.raises(DataError, match="another order"):
        fitted.predict(shuffled)
    assert fitted.predict(stacked).shape == stacked.shape
    spectra = match_bands(stacked.select_sources(["spectra"]), np.arange(12) + 500.0)
    assert spectra.n_bands == 12


@pytest.mark.slow
def test_an_encoder_trained_to_do_without_a_source_predicts_without_it(tmp_path, stacked, settings):
    params = {**settings["vision_params"], "source_dropout": 0.3}
    changes = {"vision_encoder": "fusion-vit", "vision_params": params, "max_epochs": 12}
    clf = HSIPromptClassifier(**{**settings, **changes}).fit(stacked)
    spectra = replace(stacked.select_sources(["spectra"]), sources=None)
    with pytest.warns(HSVLMWarning, match=r"has no 'lidar', .* less accurate\. Add it"):
        label_map = clf.predict(spectra)
    labeled = stacked.labels > 0
    assert (label_map == stacked.labels)[labeled].mean() > 0.8
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"))
    with pytest.warns(HSVLMWarning, match="has no 'lidar'"):
        np.testing.assert_array_equal(predict_scene(loaded, spectra).label_map, label_map)
    # As in training, an absent source adds nothing to the network.
    further = clf.net_.module_.encoder.join.further.eval()
    absent = clf.net_.module_.encoder.absent_values
    assert further(absent[None, None]).abs().max() < 1e-5


@pytest.mark.slow
def test_an_encoder_that_needs_its_sources_says_so(stacked, settings):
    clf = HSIPromptClassifier(**{**settings, "vision_encoder": "fusion-vit"}).fit(stacked)
    with pytest.raises(DataError, match="'lidar' is missing"):
        clf.predict(stacked.select_sources(["spectra"]))


def test_pre_training_reads_spectra_alone(stacked):
    from hsvlm.pretraining import MaskedPretrainer

    with pytest.raises(DataError, match=r"holds 'spectra' .*select_sources\(\['spectra'\]\)"):
        MaskedPretrainer().fit(stacked)


@pytest.mark.slow
def test_sources_that_are_stated_for_an_array_are_asked_for(cube, labels, heights, settings):
    params = {"sources": {"spectra": 12, "lidar": 1}, "source_dropout": 0.3}
    changes = {"vision_encoder": "fusion-vit", "n_components": None, "normalize": None}
    params = {**settings["vision_params"], **params}
    clf = HSIPromptClassifier(**{**settings, **changes, "vision_params": params})
    clf.fit(np.concatenate([cube, heights[..., None]], axis=2), labels)
    with pytest.raises(DataError, match="X has 12 features"):
        clf.predict(Scene(cube, labels))
