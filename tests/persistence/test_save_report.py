"""Report pages of fitted classifiers."""

import html

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, Scene, SpectralPCA
from hsvlm.exceptions import ParameterError
from hsvlm.persistence import save_report

HOSTILE = "</script><img src=x onerror=\"document.title='bad'\">"
NAMES = {1: f"oats {HOSTILE}", 2: "soil", 3: "lake"}


@pytest.fixture(scope="module")
def fitted(cube, labels, settings):
    changes = {"max_epochs": 2, "lr": 0.004, "spatial": "random-walk"}
    return HSIPromptClassifier(**{**settings, **changes}).fit(Scene(cube, labels, NAMES))


def read(path):
    return path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_a_classifier_is(tmp_path, fitted, labels):
    page = read(save_report(fitted, tmp_path / "page.html", title="Crops"))
    text = html.unescape(page)
    assert "<h1>Crops</h1>" in page
    for label in fitted.classes_.tolist():
        assert fitted.prompts_[label][0] in text
        assert f">{int((labels == label).sum())}</td>" in page
    assert f"{len(fitted.history_)}</td>" in page
    assert f"{fitted.history_[-1]['train_loss']:.4g}" in page
    assert f"{fitted.readout_.temperature:.4g}" in page
    assert ">0.004</td>" in page
    assert page.count("<img") == 1  # the curve
    assert "oats &lt;/script&gt;" in page


@pytest.mark.slow
def test_colors_of_classes_are_shown(tmp_path, fitted):
    path = fitted.save(
        tmp_path / "model", metadata={"class_colors": [[1, "#d8b365"], [2, '"><script>']]}
    )
    page = read(save_report(HSIPromptClassifier.load(path), tmp_path / "page.html"))
    assert page.count("<svg") == 1
    assert 'fill="#d8b365"' in page


@pytest.mark.slow
def test_a_pipeline_and_windows_alone(tmp_path, settings):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4)), np.repeat(["corn", "oats"], 10)
    clf = HSIPromptClassifier(n_components=None, text_encoder=np.eye(2), max_epochs=1)
    pipeline = make_pipeline(SpectralPCA(3), clf).fit(X, y)
    page = read(save_report(pipeline, tmp_path / "page.html"))
    assert "step spectralpca" in page
    assert "Read-out" not in page
    assert "given as an array of embeddings" in page


def test_other_estimators_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="Cannot report on a GaussianNB"):
        save_report(GaussianNB(), tmp_path / "page.html")


@pytest.mark.slow
def test_the_page_opens(open_page, tmp_path, fitted):
    page = open_page(save_report(fitted, tmp_path / "page.html"))
    assert page.title() == "Classifier of hyperspectral pixels"
    assert page.locator("img").evaluate("image => image.naturalWidth") > 300
    assert page.locator("tbody td").nth(1).text_content() == NAMES[1]
