"""Figures fit the page of a journal, and are written as vector graphics."""

import io
import warnings

import numpy as np
import pytest

from hsvlm import Scene
from hsvlm.plotting import (
    AccuracyCostDisplay,
    ClassificationMapDisplay,
    EmbeddingDisplay,
    LossLandscapeDisplay,
    ProbabilityMapDisplay,
    PromptMatrixDisplay,
    PromptSimilarityDisplay,
    SceneDisplay,
    SpectraDisplay,
    TrainingCurveDisplay,
)

PAGE_INCHES = 7.2
NAMES = {label: f"class with a name {label}" for label in range(1, 17)}
RNG = np.random.default_rng(0)
LABELS = np.resize(np.arange(17), (30, 40))
SCENE = Scene(
    RNG.random((30, 40, 3)),
    LABELS,
    NAMES,
    crs="EPSG:32616",
    transform=(20, 0, 500_000, 0, -20, 4_480_000),
)


def cost_rows(n_protocols):
    costs = {"vit": 4e6, "a network with a long name": 2e8, "another of them": 5e7, "svm": None}
    return [
        {
            "estimator": name,
            "protocol": f"protocol {number}",
            "verdict": "honest",
            "overall_accuracy": 0.9 - 0.1 * number,
            "overall_accuracy_deviation": 0.02,
            "n_multiply_adds": cost,
        }
        for number in range(n_protocols)
        for name, cost in costs.items()
    ]


DISPLAYS = {
    "costs": lambda: AccuracyCostDisplay(cost_rows(3)).plot(),
    "costs of five protocols": lambda: AccuracyCostDisplay(cost_rows(5)).plot(),
    "map": lambda: ClassificationMapDisplay.from_labels(LABELS, scene=SCENE, title="map"),
    "map of many classes": lambda: ClassificationMapDisplay.from_labels(
        np.resize(np.arange(1, 31), (40, 30)),
        {n: f"class number {n}" for n in range(1, 31)},
        title="map",
    ),
    "map beside image": lambda: ClassificationMapDisplay.from_labels(
        LABELS, scene=SCENE, image=True, title="map"
    ),
    "errors": lambda: ClassificationMapDisplay.from_predictions(LABELS, LABELS.T.reshape(30, 40)),
    "embeddings": lambda: EmbeddingDisplay.from_embeddings(
        RNG.random((160, 3)), np.resize(np.arange(1, 17), 160), class_names=NAMES
    ),
    "landscape": lambda: LossLandscapeDisplay(
        1 + np.add.outer(*2 * [np.linspace(-1, 1, 5) ** 2]), np.linspace(-1, 1, 5)
    ).plot(),
    "probabilities": lambda: ProbabilityMapDisplay.from_probabilities(
        RNG.dirichlet(np.ones(3), (30, 40)), scene=SCENE, title="map", note="not calibrated"
    ),
    "matrices": lambda: PromptMatrixDisplay(RNG.random((8, 8)), RNG.random((5, 5))).plot(),
    "similarities": lambda: PromptSimilarityDisplay.from_embeddings(
        RNG.random((16, 3)), list(NAMES.values())
    ),
    "scene": lambda: SceneDisplay.from_scene(SCENE, bands=(0, 1, 2), title="scene"),
    "spectra": lambda: SpectraDisplay.from_scene(SCENE, classes=range(1, 8)),
    "training": lambda: TrainingCurveDisplay(
        [
            {"epoch": n, "train_loss": 1 / n, "valid_loss": 1 / n, "valid_acc": 0.5, "lr": 1e-3}
            for n in range(1, 5)
        ]
    ).plot(),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DISPLAYS)
def test_figures_fit_two_columns_and_are_vector_graphics(name, is_cut_off):
    figure = DISPLAYS[name]().figure_
    assert figure.get_figwidth() <= PAGE_INCHES + 1e-9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not is_cut_off(figure)
        # Everything has its place now, and is not placed anew for each file.
        figure.set_layout_engine("none")
        for suffix, start in (("pdf", b"%PDF"), ("svg", b"<?xml")):
            stream = io.BytesIO()
            figure.savefig(stream, format=suffix)
            assert stream.getvalue().startswith(start)


@pytest.mark.slow
def test_protocols_beyond_three_are_drawn_in_rows():
    axes = AccuracyCostDisplay(cost_rows(5)).plot().ax_
    assert len(axes) == 5
    assert [ax.get_subplotspec().rowspan.start for ax in axes] == [0, 0, 1, 1, 2]
    assert [bool(ax.get_ylabel()) for ax in axes] == [True, False, True, False, True]
