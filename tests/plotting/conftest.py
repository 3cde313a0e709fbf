import numpy as np
import pytest

from hsvlm import HSIPromptClassifier


class Fitted:
    """What the displays read from a fitted classifier."""

    def __init__(self, history):
        self.classes_ = np.array([1, 2])
        self.class_names = self.class_names_ = {1: "corn", 2: "oats", 3: "soil"}
        self.prototypes_ = np.array([[1.0, 0.0], [0.6, 0.8]])
        self.history_ = history

    def predict(self, X):
        return np.where(np.asarray(X)[..., 0] > 0, 2, 1)

    def predict_proba(self, X):
        second = np.where(np.asarray(X)[..., 0] > 0, 0.9, 0.2)
        return np.stack([1 - second, second], axis=-1)


@pytest.fixture
def history():
    return [{"epoch": n, "train_loss": 1.0 / n, "lr": 1e-3 / n} for n in range(1, 6)]


@pytest.fixture
def fitted(history):
    return Fitted(history)


@pytest.fixture(scope="session")
def classifier(cube, labels, settings):
    """A classifier of the small scene, really trained."""
    return HSIPromptClassifier(class_names={1: "corn", 2: "oats"}, **settings).fit(cube, labels)


@pytest.fixture(scope="session")
def vision_only(cube, labels, settings):
    return HSIPromptClassifier(criterion="cross-entropy", **settings).fit(cube, labels)


@pytest.fixture
def is_cut_off():
    """Tells whether something of a figure lies beyond its edge."""

    def check(figure):
        figure.draw_without_rendering()
        drawn = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        return bool(drawn.xmin < 0 or drawn.ymin < 0 or drawn.xmax > width or drawn.ymax > height)

    return check
