import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from hsvlm import Scene, pixel_samples
from hsvlm._data import lazy
from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting import ClassificationMapDisplay, SpectraDisplay
from hsvlm.plotting import _class_spectra as statistics
from hsvlm.plotting._class_spectra import class_spectra, spectral_breaks

NAMES = {1: "corn", 2: "oats", 3: "soil"}


def pieces(line):
    """The unbroken parts of a line, as lists of x."""
    x, y = line.get_data()
    drawn = np.split(np.arange(len(x)), np.flatnonzero(np.isnan(y)))
    return [x[part[np.isfinite(y[part])]].tolist() for part in drawn]


@pytest.fixture
def scene(cube, labels):
    return Scene(cube, labels, NAMES, wavelengths_nm=np.arange(400, 1000, 50.0))


def test_spectra_of_a_scene(scene, cube, labels):
    display = SpectraDisplay.from_scene(scene, value_label="reflectance")
    for place, label in enumerate((1, 2, 3)):
        spectra = cube[labels == label].astype(np.float64)
        np.testing.assert_allclose(display.means[place], spectra.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(display.deviations[place], spectra.std(axis=0), rtol=1e-6)
        line = display.ax_.lines[place]
        np.testing.assert_array_equal(line.get_xdata(), scene.wavelengths_nm)
        np.testing.assert_array_equal(line.get_ydata(), display.means[place])
        path = display.ax_.collections[place].get_paths()[0]
        highest = (display.means + display.deviations)[place].max()
        assert path.vertices[:, 1].max() == pytest.approx(highest)
    assert display.ax_.get_xlabel() == "wavelength (nm)"
    assert display.ax_.get_ylabel() == "reflectance"
    texts = display.ax_.get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["corn", "oats", "soil"]


def test_colors_are_those_of_the_maps(scene):
    every = ClassificationMapDisplay.from_labels(scene.labels, scene=scene).colors
    display = SpectraDisplay.from_scene(scene, classes=[3, 1], colors={1: "red"})
    assert list(display.names) == [3, 1]
    assert display.means.shape == (2, 12)
    lines = display.ax_.lines
    assert same_color(lines[0].get_color(), every[3])
    assert same_color(lines[1].get_color(), "red")


def test_only_labeled_pixels_with_data_are_read(cube, labels, monkeypatch):
    class OnDisk(LazyCube):
        rows = 0

        def read_rows(self, start, stop):
            self.rows = max(self.rows, stop - start)
            return cube[start:stop]

        def __array__(self, dtype=None, copy=None):
            message = "the whole cube was read"
            raise AssertionError(message)

    monkeypatch.setattr(lazy, "_BLOCK_VALUES", 3 * 20 * 12)
    on_disk = OnDisk(cube.shape, cube.dtype)
    valid = np.arange(20) < 16
    valid = np.broadcast_to(valid, (18, 20))
    display = SpectraDisplay.from_scene(Scene(on_disk, labels, valid=valid))
    kept = cube[(labels == 3) & valid].astype(np.float64)
    np.testing.assert_allclose(display.means[2], kept.mean(axis=0))
    assert on_disk.rows <= 3


def test_bad_bands_leave_a_gap(scene):
    bad = np.zeros(12, dtype=bool)
    bad[5:7] = True
    display = SpectraDisplay.from_scene(
        Scene(scene.cube, scene.labels, wavelengths_nm=scene.wavelengths_nm, bad_bands=bad)
    )
    first, second = [part for part in pieces(display.ax_.lines[0]) if part]
    assert first == [400, 450, 500, 550, 600]
    assert second == [750, 800, 850, 900, 950]


def test_lines_break_where_wavelengths_go_back_or_jump():
    wavelengths = [400, 410, 420, 415, 425, 435, 600, 610]
    X = np.random.default_rng(0).random((6, 8))
    display = SpectraDisplay.from_samples(X, [1, 1, 1, 2, 2, 2], wavelengths)
    line = display.ax_.lines[0]
    assert pieces(line) == [[400, 410, 420], [415, 425, 435], [600, 610]]
    assert np.isfinite(line.get_xdata()).all()
    np.testing.assert_allclose(line.get_ydata()[:3], X[:3].mean(axis=0)[:3])


@pytest.mark.slow
@given(
    parts=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    step=st.floats(1, 50),
    down=st.booleans(),
)
def test_breaks_are_where_detectors_end(parts, step, down):
    # A detector begins two steps before the end of the one before it.
    starts = np.cumsum([0, *(one - 2 for one in parts[:-1])])
    nested = [[start + n for n in range(one)] for start, one in zip(starts, parts, strict=True)]
    wavelengths = 400 + step * np.concatenate(nested)
    steps = np.diff(wavelengths)
    if len(steps) and np.median(steps) <= 0:
        return
    found = spectral_breaks(3000 - wavelengths if down else wavelengths)
    np.testing.assert_array_equal(found, np.flatnonzero(steps <= 0) + 1)


def test_single_bands_are_marked():
    display = SpectraDisplay.from_samples([[1, 2], [2, 3]], [1, 2], [500, 1600])
    assert display.ax_.lines[0].get_marker() == "o"
    many = SpectraDisplay.from_samples(np.ones((2, 40)), [1, 2])
    assert many.ax_.lines[0].get_marker() == "None"
    assert many.ax_.get_xlabel() == "band"


def test_pale_lines_have_an_outline():
    display = SpectraDisplay.from_samples(
        np.ones((2, 3)), [1, 2], colors={1: "#000000", 2: "#ffff99"}
    )
    assert [bool(line.get_path_effects()) for line in display.ax_.lines] == [False, True]


@pytest.mark.slow
def test_many_classes_stand_apart(is_cut_off):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(1, 17), 3)
    names = {label: f"class with a long name {label}" for label in range(1, 17)}
    X = rng.random((48, 50))
    display = SpectraDisplay.from_samples(X, y, np.linspace(400, 2500, 50), class_names=names)
    assert len(display.ax_) == 16
    assert [ax.get_title() for ax in display.ax_] == list(names.values())
    assert all(len(ax.lines) == 1 for ax in display.ax_)
    assert display.figure_.get_supxlabel() == "wavelength (nm)"
    assert display.figure_.get_supylabel() == "pixel value"
    assert not is_cut_off(display.figure_)
    axes = Figure().subplots()
    together = display.plot(axes)
    assert together.ax_ is axes
    assert len(axes.lines) == 16


@pytest.mark.slow
def test_seven_classes_leave_no_empty_axes():
    display = SpectraDisplay.from_samples(np.eye(7), range(7))
    assert len(display.figure_.axes) == len(display.ax_) == 7


@pytest.mark.slow
@given(
    seed=st.integers(0, 1000),
    n_samples=st.integers(1, 40),
    chunk=st.integers(1, 50),
    offset=st.sampled_from([0.0, 1e6]),
)
def test_statistics_do_not_depend_on_the_pieces(seed, n_samples, chunk, offset):
    rng = np.random.default_rng(seed)
    X = offset + rng.normal(size=(n_samples, 3))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = rng.integers(0, 3, n_samples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_CHUNK_SIZE", chunk)
        found = class_spectra(X, y, None)
    for place, label in enumerate(found.labels):
        mine = np.ma.masked_invalid(X[y == label])
        np.testing.assert_allclose(found.means[place], mine.mean(axis=0).filled(np.nan))
        np.testing.assert_allclose(
            found.deviations[place], mine.std(axis=0).filled(np.nan), atol=1e-6
        )


def test_samples_of_scenes(cube, labels):
    X, y = pixel_samples(cube, labels)
    display = SpectraDisplay.from_samples(X, y, class_names={2: "oats"})
    assert display.names == {1: "1", 2: "oats", 3: "3"}
    np.testing.assert_allclose(
        display.means[1], cube[labels == 2].astype(float).mean(axis=0), rtol=1e-6
    )


def test_classes_that_are_not_there(scene):
    with pytest.raises(ParameterError) as error:
        SpectraDisplay.from_scene(scene, classes=[1, 8])
    assert str(error.value) == "There are no samples of classes [8]. Pass some of [1, 2, 3]."
    with pytest.raises(ParameterError) as error:
        SpectraDisplay.from_scene(scene, classes=[])
    assert str(error.value) == (
        "classes=[] leaves nothing to draw. Pass some of [1, 2, 3], or None."
    )


def test_spectra_and_what_belongs_to_them():
    with pytest.raises(DataError) as error:
        SpectraDisplay.from_samples(np.ones((2, 3, 3, 4)), [1, 2])
    assert str(error.value) == (
        "Spectra have shape (n_samples, n_bands), got (2, 3, 3, 4). Pass PixelSamples or a 2-D "
        "array of at least one spectrum."
    )
    with pytest.raises(DataError) as error:
        SpectraDisplay.from_samples(np.ones((2, 3)), [1, 2], [400, 500])
    assert str(error.value) == (
        "The spectra have 3 bands, but wavelengths_nm has shape (2,). Give one band center in "
        "nanometers per band."
    )
    with pytest.raises(DataError) as error:
        SpectraDisplay.from_samples(np.ones((2, 3)), [1])
    assert str(error.value) == (
        "There are 2 samples, but y has shape (1,). Give one label per sample, or a cube and its "
        "label map."
    )
