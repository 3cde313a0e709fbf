"""Pipelines that end in a classifier."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from hsvlm import HSIPromptClassifier, SpectralPCA, SpectralTransformer, pixel_samples
from hsvlm.exceptions import FileError, ParameterError
from hsvlm.persistence import load, save
from hsvlm.preprocessing import ShapeAndBrightness


@pytest.fixture
def make(settings):
    return lambda *steps: make_pipeline(
        *steps, HSIPromptClassifier(**{**settings, "n_components": None})
    )


STEPS = [
    [SpectralPCA(4, whiten=True)],
    [SpectralTransformer(StandardScaler(with_mean=False)), SpectralPCA(0.9)],
    [SpectralTransformer(PCA(3, svd_solver="full", random_state=0)), "passthrough"],
    [SpectralTransformer(StandardScaler(with_mean=False, with_std=False))],
    [SpectralTransformer(ShapeAndBrightness()), SpectralPCA(4)],
]


@pytest.mark.slow
@pytest.mark.parametrize("steps", STEPS, ids=str)
@pytest.mark.parametrize("name", ["model", "model.zip"])
def test_pipelines_come_back(make, cube, labels, steps, tmp_path, name):
    pipeline = make(*steps).fit(*pixel_samples(cube, labels))
    path = save(pipeline, tmp_path / name, metadata={"sensor": "AVIRIS"})
    loaded = load(path, device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(cube), pipeline.predict_proba(cube))
    assert [one for one, _ in loaded.steps] == [one for one, _ in pipeline.steps]
    assert repr(loaded[:-1]) == repr(pipeline[:-1])
    assert loaded[-1].metadata_ == {"sensor": "AVIRIS"}
    X, y = pixel_samples(cube, labels)
    np.testing.assert_array_equal(
        loaded.fit(X, y).predict_proba(X), pipeline.fit(X, y).predict_proba(X)
    )


@pytest.mark.slow
def test_names_of_bands(make, cube, labels, tmp_path):
    pandas = pytest.importorskip("pandas")
    X, y = pixel_samples(cube, labels)
    frame = pandas.DataFrame(np.asarray(X), columns=[f"band {one}" for one in range(12)])
    pipeline = make(SpectralPCA(4)).fit(frame, y)
    loaded = load(save(pipeline, tmp_path / "model"), device="cpu")
    np.testing.assert_array_equal(loaded.feature_names_in_, pipeline.feature_names_in_)
    np.testing.assert_array_equal(loaded.predict_proba(frame), pipeline.predict_proba(frame))


def test_classifiers_alone(fitted, cube, tmp_path):
    loaded = load(save(fitted, tmp_path / "model"), device="cpu")
    assert type(loaded) is HSIPromptClassifier
    np.testing.assert_array_equal(loaded.predict(cube), fitted.predict(cube))


@pytest.mark.slow
def test_the_card_of_a_pipeline(make, cube, labels, tmp_path):
    pipeline = make(SpectralPCA(4)).fit(*pixel_samples(cube, labels))
    card = (save(pipeline, tmp_path / "model") / "README.md").read_text()
    assert "- steps before the classifier: spectralpca\n" in card
    assert "from hsvlm.persistence import load\n" in card
    assert "(height, width, 12)" in card


@pytest.mark.slow
def test_the_method_refuses_a_pipeline(make, cube, labels, tmp_path):
    pipeline = make(SpectralPCA(4)).fit(*pixel_samples(cube, labels))
    path = save(pipeline, tmp_path / "model")
    with pytest.raises(FileError) as caught:
        HSIPromptClassifier.load(path, device="cpu")
    assert str(caught.value) == f"{path} holds a pipeline. Load it with hsvlm.persistence.load."


class OwnScaler(StandardScaler):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "place", "kind"),
    [
        (SpectralTransformer(MinMaxScaler()), "spectraltransformer.transformer", "MinMaxScaler"),
        (SpectralTransformer(OwnScaler()), "spectraltransformer.transformer", "OwnScaler"),
        (FunctionTransformer(), "functiontransformer", "FunctionTransformer"),
    ],
)
def test_other_steps_are_refused(make, cube, labels, tmp_path, step, place, kind):
    pipeline = make(step).fit(*pixel_samples(cube, labels))
    with pytest.raises(ParameterError) as caught:
        save(pipeline, tmp_path / "model")
    assert str(caught.value) == (
        f"pipeline.{place} is a {kind}, which a saved model does not hold. The steps before the "
        "classifier may be SpectralPCA, and SpectralTransformer with StandardNormalVariate, "
        "ShapeAndBrightness, StandardScaler or PCA."
    )
    assert list(tmp_path.iterdir()) == []


def test_other_estimators_are_refused(tmp_path):
    for estimator in (StandardScaler(), Pipeline([("pca", SpectralPCA())])):
        with pytest.raises(ParameterError) as caught:
            save(estimator, tmp_path / "model")
        assert str(caught.value) == (
            f"Cannot save a {type(estimator).__name__}. Pass an HSIPromptClassifier, or a "
            "Pipeline whose last step is one."
        )


def test_only_fitted_pipelines_are_saved(make, fitted, tmp_path):
    with pytest.raises(NotFittedError):
        save(make(SpectralPCA()), tmp_path / "model")
    with pytest.raises(NotFittedError):
        save(Pipeline([("pca", SpectralPCA()), ("clf", fitted)]), tmp_path / "model")
