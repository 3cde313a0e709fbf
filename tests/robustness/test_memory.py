"""What is read and held in memory goes with samples and batches, not with the scene."""

import tracemalloc

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm._data.lazy import LazyCube, MaskedCube
from hsvlm._inputs.windows import WindowSource
from hsvlm.mapping import predict_scene

N_BANDS = 40
BATCH = 256


class Virtual(LazyCube):
    """A scene of any size whose rows are made when they are read; remembers which ones were."""

    def __init__(self, height, width, n_bands=N_BANDS):
        super().__init__((height, width, n_bands), np.float32)
        self.rows = set()

    def read_rows(self, start, stop):
        self.rows.update(range(start, stop))
        row, col = np.ogrid[start:stop, : self.shape[1]]
        return self.spectra(row, col)

    def spectra(self, row, col):
        band = np.arange(1, self.shape[2] + 1)
        of_row = np.sin(row[..., None] * band).astype(np.float32)
        return of_row + (col[..., None] % 3 + 1).astype(np.float32)


class Pixels(Virtual):
    """Makes single pixels, too, and counts the values that it was asked for."""

    def __init__(self, *shape):
        super().__init__(*shape)
        self.n_pixels = 0

    def _pixels(self, rows, cols):
        self.rows.update(np.unique(rows).tolist())
        self.n_pixels += rows.size
        return self.spectra(rows, cols)


@pytest.fixture
def clf(settings):
    few = {"max_epochs": 1, "batch_size": BATCH, "n_components": 3}
    return HSIPromptClassifier(**{**settings, **few})


def peak(function):
    """Most bytes that NumPy and Python hold at a time while a function runs."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def corner(n_samples, at=(4000, 2000), side=30):
    coords = np.argwhere(np.ones((side, side), dtype=bool))
    chosen = np.random.default_rng(0).permutation(coords)[:n_samples]
    return chosen + at, 1 + chosen[:, 1] % 3


@pytest.mark.slow
def test_fitting_holds_no_windows(clf, monkeypatch):
    n_samples, size = 5000, 15
    cube = Pixels(300, 400, N_BANDS)
    coords = np.random.default_rng(0).permutation(np.argwhere(np.ones((300, 400))))[:n_samples]
    X = PixelSamples(cube, coords)
    y = 1 + coords[:, 1] % 3
    clf.set_params(window_size=size, patch_size=5)
    clf.fit(X[:50], y[:50])  # imports what a fit needs
    cube.n_pixels = 0
    batches, gather = [], WindowSource.gather  # tensors, which tracemalloc does not see

    def spy(self, *index):
        batches.append(gather(self, *index).shape)
        return gather(self, *index)

    monkeypatch.setattr(WindowSource, "gather", spy)
    held = peak(lambda: clf.fit(X, y))
    windows = 4 * n_samples * size**2
    reduced = 4 * cube.shape[0] * cube.shape[1] * 3
    # The scene in its few components, the training spectra in double precision, and the pieces in
    # which spectra are read; no windows of all bands.
    assert held < windows * N_BANDS / 4
    assert held < 3 * reduced + 4 * 8 * n_samples * N_BANDS + 4 * 8 * 2**14 * N_BANDS
    assert max(batches) == (BATCH, size, size, 3)
    assert cube.n_pixels < cube.shape[0] * cube.shape[1] + 2 * n_samples + 10


def test_only_pixels_in_windows_are_read(clf):
    cube = Pixels(10_000, 10_000)
    coords, y = corner(300)
    clf.set_params(window_size=9).fit(PixelSamples(cube, coords), y)
    assert cube.rows == set(range(4000 - 4, 4030 + 4))
    # Once for their centers, every pixel of the windows once, and those by which the scene is
    # recognized.
    assert cube.n_pixels <= 300 + 38 * 38 + 16


@pytest.mark.slow
def test_a_scene_of_a_hundred_million_pixels_is_read_where_it_is_labelled(clf):
    cube = Virtual(10_000, 10_000)
    labels = np.zeros(cube.shape[:2], dtype=np.uint8)
    coords, y = corner(300)
    labels[tuple(coords.T)] = y

    clf.set_params(window_size=5).fit(PixelSamples(cube, coords), y)  # imports what a fit needs
    cube.rows.clear()
    found = []
    # A few maps of one byte per pixel, and no more.
    assert peak(lambda: found.extend(pixel_samples(cube, labels))) < 4 * labels.size
    X, y = found
    assert cube.rows == set()
    assert X.shape == (300, N_BANDS)
    held = peak(lambda: clf.fit(X, y))
    assert cube.rows == set(range(4000 - 2, 4030 + 2))
    assert held < labels.size
    cube.rows.clear()
    assert clf.predict(X).shape == (300,)
    assert cube.rows == set(range(4000 - 2, 4030 + 2))


@pytest.mark.slow
def test_mapping_a_few_rows_reads_their_neighbours(clf):
    wide = Virtual(10_000, 1_000)
    coords, y = corner(300, at=(4000, 500))
    clf.set_params(window_size=5).fit(PixelSamples(wide, coords), y)
    valid = np.zeros(wide.shape[:2], dtype=bool)
    valid[7000:7003, 100:200] = True
    wide.rows.clear()
    found = predict_scene(clf, MaskedCube(wide, valid))
    assert sum(found.counts.values()) == 300
    assert wide.rows <= set(range(7000 - 2, 7003 + 2))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["predict", "predict_scene"])
def test_predicting_holds_the_same_for_every_scene(clf, how):
    coords, y = corner(300, at=(50, 50))
    clf.set_params(window_size=3).fit(PixelSamples(Virtual(200, 200), coords), y)

    def predict(height):
        scene = Virtual(height, 200)
        return clf.predict(scene) if how == "predict" else predict_scene(clf, scene)

    predict(100)
    small, large = (peak(lambda height=height: predict(height)) for height in (200, 600))
    # What goes with the pixels: where they are, their scores, and the map; no spectra.
    per_pixel = 120 if how == "predict" else 40
    assert large - small < per_pixel * 400 * 200 < 4 * N_BANDS * 400 * 200
