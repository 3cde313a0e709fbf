import numpy as np
import pytest

from hsvlm import HSIPromptClassifier
from hsvlm._data.lazy import LazyCube


class CountingCube(LazyCube):
    """Counts how often each row is read, and fails in one of them while told to."""

    def __init__(self, values, failing_row=None, error=KeyboardInterrupt):
        super().__init__(values.shape, values.dtype)
        self.values = values
        self.reads = np.zeros(len(values), dtype=int)
        self.failing_row = failing_row
        self.error = error

    def read_rows(self, start, stop):
        if self.failing_row is not None and start <= self.failing_row < stop:
            raise self.error
        self.reads[start:stop] += 1
        return self.values[start:stop]


@pytest.fixture(scope="session")
def counting():
    return CountingCube


@pytest.fixture(scope="session")
def fitted(cube, labels, settings):
    """A prompt classifier with windows of 5 pixels."""
    return HSIPromptClassifier(**settings).fit(cube, labels)


@pytest.fixture(scope="session")
def valid():
    """Of 18 x 20 pixels, a few rows, a corner and some pixels are without data."""
    mask = np.random.default_rng(1).random((18, 20)) > 0.2
    mask[7:9] = False
    mask[:3, :5] = False
    mask[-1, -4:] = False
    return mask


@pytest.fixture
def block_size(monkeypatch):
    """Sets the number of pixels in a block, here and in the classifier."""

    def set_size(size):
        for module in ("hsvlm._prediction.windows", "hsvlm.mapping._predict"):
            monkeypatch.setattr(f"{module}.BLOCK_SIZE", size)

    return set_size
