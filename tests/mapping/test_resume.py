import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from hsvlm import HSIPromptClassifier, Scene, pixel_samples
from hsvlm.exceptions import FileError, HSVLMWarning, MissingFileError, ParameterError
from hsvlm.mapping import predict_scene
from hsvlm.readout.scores import ScoreReader

pytest.importorskip("rasterio")
pytest.importorskip("spectral")

# None of the rows that the fingerprint is taken from.
_LATE = 13
UTM = {"crs": "EPSG:32616", "transform": (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_500_000.0)}


@pytest.fixture(autouse=True)
def small_blocks(block_size):
    block_size(50)


def targets(folder, suffix=".tif"):
    folder.mkdir(exist_ok=True)
    return {
        "out": folder / f"map{suffix}",
        "probabilities": folder / f"probabilities{suffix}",
        "entropy": folder / f"entropy{suffix}",
    }


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def stopped(clf, scene, row, error=KeyboardInterrupt, **options):
    """Stop a run where it needs a row, and give the scene back in working order."""
    scene.cube.failing_row = row
    with pytest.raises(error) as caught:
        predict_scene(clf, scene, **options)
    scene.cube.failing_row = None
    scene.cube.reads[:] = 0
    return caught.value


@pytest.fixture
def scene(cube, counting, valid):
    return Scene(counting(cube), valid=valid, **UTM)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".tif", ".hdr"])
@pytest.mark.parametrize("row", [6, _LATE])
def test_a_run_that_was_stopped_goes_on_and_ends_alike(tmp_path, fitted, scene, row, suffix):
    whole, other = targets(tmp_path / "whole", suffix), targets(tmp_path / "stopped", suffix)
    expected = predict_scene(fitted, scene, **whole)
    folder = tmp_path / "stopped" / f"map{suffix}.partial"
    error = stopped(fitted, scene, row, **other)
    assert error.__notes__ == [f"Partial work is kept in {folder}: the same call continues it."]
    assert contents(tmp_path / "stopped") == {}
    found = predict_scene(fitted, scene, **other)
    assert not folder.exists()
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    assert found.counts == expected.counts
    assert found.mean_confidence == expected.mean_confidence


@pytest.mark.slow
def test_every_block_may_be_the_last_before_an_interruption(tmp_path, fitted, scene, monkeypatch):
    whole, other = targets(tmp_path / "whole"), targets(tmp_path / "stopped")
    predict_scene(fitted, scene, **whole)
    calls = []

    scores = ScoreReader.__call__

    def once(self, X):
        calls.append(len(X))
        if len(calls) % 2 == 0:
            raise KeyboardInterrupt
        return scores(self, X)

    monkeypatch.setattr(ScoreReader, "__call__", once)
    n_pixels = int(scene.valid.sum())
    n_blocks = -(-n_pixels // 50)
    for done in range(1, n_blocks):
        with pytest.raises(KeyboardInterrupt):
            predict_scene(fitted, scene, **other)
        record = tmp_path / "stopped" / "map.tif.partial" / "progress.json"
        assert json.loads(record.read_text())["blocks"] == done
    predict_scene(fitted, scene, **other)
    assert calls[::2] == [50] * (n_blocks - 1) + [n_pixels % 50]
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


SCRIPT = """
import os, signal, sys
import numpy as np
from hsvlm import HSIPromptClassifier, Scene
from hsvlm._data.lazy import LazyCube
from hsvlm.mapping import predict_scene
import hsvlm._prediction.windows, hsvlm.mapping._predict

class Deadly(LazyCube):
    armed = False

    def read_rows(self, start, stop):
        if self.armed and stop > 14:
            os.kill(os.getpid(), signal.SIGKILL)
        return cube[start:stop]

hsvlm._prediction.windows.BLOCK_SIZE = hsvlm.mapping._predict.BLOCK_SIZE = 50
folder = sys.argv[1]
cube, labels = np.load(folder + "/cube.npy"), np.load(folder + "/labels.npy")
clf = HSIPromptClassifier(**np.load(folder + "/settings.npy", allow_pickle=True).item())
clf.fit(cube, labels)
deadly = Deadly(cube.shape, cube.dtype)
original = hsvlm.mapping._predict.FileWork.__init__

def armed(*arguments, **options):
    original(*arguments, **options)
    Deadly.armed = True

hsvlm.mapping._predict.FileWork.__init__ = armed
predict_scene(clf, Scene(deadly), folder + "/out/map.tif", probabilities=folder + "/out/p.hdr")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_is_continued_by_another(
    tmp_path, fitted, cube, labels, settings, counting
):
    np.save(tmp_path / "cube.npy", cube)
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "settings.npy", settings, allow_pickle=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "run.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, tmp_path / "run.py", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    partial = tmp_path / "out" / "map.tif.partial"
    blocks = json.loads((partial / "progress.json").read_text())["blocks"]
    assert 0 < blocks < 8
    source = counting(cube)
    out = {"out": tmp_path / "out" / "map.tif", "probabilities": tmp_path / "out" / "p.hdr"}
    predict_scene(fitted, Scene(source), **out)
    (tmp_path / "whole").mkdir()
    predict_scene(
        fitted,
        cube,
        tmp_path / "whole" / "map.tif",
        probabilities=tmp_path / "whole" / "p.hdr",
    )
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not partial.exists()


def other_weights(clf, scene, cube, labels, settings):
    other = HSIPromptClassifier(**{**settings, "random_state": 1}).fit(cube, labels)
    return other, scene, {}


def other_prompts(clf, scene, cube, labels, settings):
    other = HSIPromptClassifier(**settings, warm_start=True).fit(cube, labels)
    other.prototypes_ = other.prototypes_[::-1]
    return other, scene, {}


def other_values(clf, scene, cube, labels, settings):
    values = scene.cube.values.copy()
    values[-1, -1, -1] += 1
    return clf, replace(scene, cube=type(scene.cube)(values)), {}


def other_mask(clf, scene, cube, labels, settings):
    valid = scene.valid.copy()
    valid[0, 0] = not valid[0, 0]
    return clf, replace(scene, valid=valid), {}


def other_wavelengths(clf, scene, cube, labels, settings):
    return clf, replace(scene, wavelengths_nm=np.arange(400, 412)), {}


def other_results(clf, scene, cube, labels, settings):
    return clf, scene, {"entropy": None}


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [other_weights, other_prompts, other_values, other_mask, other_wavelengths, other_results],
)
def test_partial_work_of_another_call_is_discarded(
    tmp_path, fitted, scene, cube, labels, settings, change
):
    stopped(fitted, scene, _LATE, **targets(tmp_path / "a"))
    clf, changed, options = change(fitted, scene, cube, labels, settings)
    with pytest.warns(HSVLMWarning) as caught:
        predict_scene(clf, changed, **{**targets(tmp_path / "a"), **options})
    assert str(caught[0].message) == (
        f"The partial work in {tmp_path / 'a' / 'map.tif.partial'} belongs to another classifier, "
        "scene or set of options: it is discarded, and all is redone."
    )
    assert caught[0].filename == __file__
    predict_scene(clf, changed, **{**targets(tmp_path / "b"), **options})
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert not (tmp_path / "a" / "map.tif.partial").exists()


class Stopping(GaussianNB):
    """Is interrupted in one of its predictions."""

    calls, last = 0, 3

    def predict(self, X):
        Stopping.calls += 1
        if Stopping.calls == Stopping.last:
            raise KeyboardInterrupt
        return super().predict(X)


def test_a_file_that_was_changed_is_another_scene(tmp_path, cube, labels):
    clf = Stopping().fit(*pixel_samples(cube, labels))
    path = tmp_path / "cube.npy"
    np.save(path, cube)
    with pytest.raises(KeyboardInterrupt):
        predict_scene(clf, path, tmp_path / "map.tif")
    Stopping.calls = 0
    os.utime(path, (1, 1))
    Stopping.last = 9
    with pytest.warns(HSVLMWarning, match="belongs to another classifier, scene"):
        predict_scene(clf, path, tmp_path / "map.tif")
    assert Stopping.calls == 8


@pytest.mark.parametrize("wrap", [np.copy, lambda cube: Scene(cube).select_bands(range(12)).cube])
def test_every_value_in_memory_counts(tmp_path, cube, labels, wrap):
    clf = Stopping().fit(*pixel_samples(cube, labels))
    for row in (1, 6, 16):  # not among those of a file that are compared
        Stopping.calls, Stopping.last = 0, 3
        with pytest.raises(KeyboardInterrupt):
            predict_scene(clf, Scene(wrap(cube)), tmp_path / f"{row}.tif")
        changed = cube.copy()
        changed[row, 3] += 0.1
        with pytest.warns(HSVLMWarning, match="belongs to another classifier, scene"):
            predict_scene(clf, Scene(wrap(changed)), tmp_path / f"{row}.tif")


def test_a_dataset_of_hdf5_is_known_by_its_file(tmp_path, cube, labels):
    h5py = pytest.importorskip("h5py")
    clf = Stopping().fit(*pixel_samples(cube, labels))
    with h5py.File(tmp_path / "cube.h5", "w") as file:
        file["cube"] = cube
    Stopping.calls, Stopping.last = 0, 3
    with (
        h5py.File(tmp_path / "cube.h5") as file,
        pytest.raises(KeyboardInterrupt),
    ):
        predict_scene(clf, file["cube"], tmp_path / "map.tif")
    with h5py.File(tmp_path / "cube.h5", "r+") as file:
        file["cube"][1, 3] += 0.1
    os.utime(tmp_path / "cube.h5", (1, 1))
    with (
        h5py.File(tmp_path / "cube.h5") as file,
        pytest.warns(HSVLMWarning, match="belongs to another classifier, scene"),
    ):
        predict_scene(clf, file["cube"], tmp_path / "map.tif")


def test_a_full_disk_is_said_and_the_same_call_goes_on(tmp_path, fitted, scene, monkeypatch):
    written = []

    def fsync(descriptor):
        written.append(descriptor)
        if len(written) == 10:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(FileError) as caught:
            predict_scene(fitted, scene, tmp_path / "map.tif")
    folder = tmp_path / "map.tif.partial"
    assert str(caught.value) == (
        f"{folder}: the map cannot be written (No space left on device). Make room on the disk, "
        "and repeat the call."
    )
    assert caught.value.__notes__ == [
        f"Partial work is kept in {folder}: the same call continues it."
    ]
    # The error is still there, as in a notebook, and holds no lock.
    found = predict_scene(fitted, scene, tmp_path / "map.tif")
    np.testing.assert_array_equal(found.label_map, predict_scene(fitted, scene).label_map)


def test_names_and_colours_may_change(tmp_path, fitted, scene):
    stopped(fitted, scene, _LATE, **targets(tmp_path / "a"))
    found = predict_scene(fitted, scene, **targets(tmp_path / "a"), class_names={1: "corn"})
    assert found.class_names[1] == "corn"


def damage_record(folder):
    (folder / "progress.json").write_text("{")


def damage_fields(folder):
    (folder / "progress.json").write_text("[]")


def damage_values(folder):
    os.truncate(folder / "entropy.raw", 10)


def lose_values(folder):
    (folder / "probabilities.raw").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("damage", [damage_record, damage_fields, damage_values, lose_values])
def test_damaged_partial_work_is_discarded(tmp_path, fitted, scene, damage):
    stopped(fitted, scene, _LATE, **targets(tmp_path / "a"))
    folder = tmp_path / "a" / "map.tif.partial"
    damage(folder)
    with pytest.warns(HSVLMWarning) as caught:
        predict_scene(fitted, scene, **targets(tmp_path / "a"))
    assert str(caught[0].message) == (
        f"The partial work in {folder} is damaged: it is discarded, and all is redone."
    )
    predict_scene(fitted, scene, **targets(tmp_path / "b"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.slow
def test_what_was_written_after_the_last_record_does_not_count(tmp_path, fitted, scene):
    stopped(fitted, scene, _LATE, **targets(tmp_path / "a"))
    folder = tmp_path / "a" / "map.tif.partial"
    with (folder / "map.raw").open("ab") as file:
        file.write(b"\x07" * 33)
    (folder / ".progress.json.123.part").write_text("{")
    predict_scene(fitted, scene, **targets(tmp_path / "a"))
    predict_scene(fitted, scene, **targets(tmp_path / "b"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert not folder.exists()


@pytest.mark.slow
def test_resuming_can_be_switched_off(tmp_path, fitted, scene):
    stopped(fitted, scene, _LATE, **targets(tmp_path / "a"))
    predict_scene(fitted, scene, **targets(tmp_path / "a"), resume=False)
    assert scene.cube.reads[3] == 1


def test_a_run_that_fails_at_once_leaves_nothing(tmp_path, fitted, scene):
    cube = scene.cube.values.copy()
    cube[4, 10] = np.nan
    broken = replace(scene, cube=type(scene.cube)(cube), valid=None)
    with pytest.raises(Exception, match="NaN") as caught:
        predict_scene(fitted, broken, **targets(tmp_path / "a"))
    assert not hasattr(caught.value, "__notes__")
    assert list((tmp_path / "a").iterdir()) == []


class Nested(GaussianNB):
    """Starts another run while it predicts."""

    def predict(self, X):
        Nested.start()
        return super().predict(X)


def test_two_runs_do_not_work_in_one_folder(tmp_path, fitted, scene, monkeypatch):
    pytest.importorskip("fcntl")

    def start():
        with pytest.raises(FileError) as caught:
            predict_scene(fitted, scene, tmp_path / "map.tif")
        assert str(caught.value) == (
            f"Another process is working in {tmp_path / 'map.tif.partial'}. Let it finish, or "
            "write the results elsewhere."
        )

    monkeypatch.setattr(Nested, "start", start, raising=False)
    X, y = pixel_samples(scene.cube.values, np.tile([1, 2], (18, 10)))
    found = predict_scene(Nested().fit(X, y), scene, tmp_path / "map.tif")
    assert found.path.exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, fitted, scene):
    folder = tmp_path / "map.tif.partial"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(FileError) as caught:
        predict_scene(fitted, scene, tmp_path / "map.tif")
    assert str(caught.value) == (
        f"{folder} is needed for partial work, but there is something else: thesis.txt. Move it "
        "away, or write the results elsewhere."
    )
    assert (folder / "thesis.txt").exists()


def test_classifiers_that_cannot_be_pickled_are_mapped_but_not_resumed(tmp_path, cube, labels):
    X, y = pixel_samples(cube, labels)
    clf = make_pipeline(FunctionTransformer(lambda spectra: spectra), GaussianNB()).fit(X, y)
    with pytest.warns(HSVLMWarning) as caught:
        found = predict_scene(clf, cube, tmp_path / "map.tif")
    assert str(caught[0].message) == (
        "Pipeline cannot be pickled, so its partial work cannot be recognized: if this run is "
        "stopped, the next one starts afresh. Functions defined by "
        "lambda are a usual reason; def in a module helps."
    )
    assert caught[0].filename == __file__
    assert found.path == tmp_path / "map.tif"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".tif", ".hdr"])
def test_files_hold_what_is_kept_in_memory_otherwise(tmp_path, fitted, scene, suffix):
    from hsvlm.io import read_labels, read_scene

    kept = predict_scene(fitted, scene, probabilities=True, entropy=True)
    paths = targets(tmp_path, suffix)
    found = predict_scene(fitted, scene, **paths, class_names={1: "corn"})
    assert (found.path, found.probabilities_path, found.entropy_path) == tuple(paths.values())
    assert found.values is None
    assert found.probabilities is None
    np.testing.assert_array_equal(found.label_map, kept.label_map)
    assert found.label_map.dtype == kept.label_map.dtype
    for name in ("probabilities", "entropy"):
        raster = read_scene(paths[name], nodata=None)
        values = getattr(kept, name).reshape(18, 20, -1)
        np.testing.assert_array_equal(np.asarray(raster.cube), values)
        assert raster.transform == UTM["transform"]
    assert raster.band_names == ("entropy",)
    labels = read_labels(found.path, scene)
    assert labels.class_names == {1: "corn", 2: "2", 3: "3"}
    colors = {label: color.lower() for label, color in labels.class_colors.items()}
    assert {**colors, **{k: v.lower() for k, v in found.class_colors.items()}} == colors
    report = found.area_report(np.where(scene.valid, kept.label_map, 0))
    assert report.accuracy.overall == 1
    assert repr(found).endswith(f"{paths['out']})")


def test_labels_that_are_text_are_numbered_in_files(tmp_path, cube, labels, valid):
    X, y = pixel_samples(cube, labels)
    clf = GaussianNB().fit(X, np.array(["corn", "oats", "rye"])[y - 1])
    scene = Scene(cube, valid=valid)
    found = predict_scene(clf, scene, tmp_path / "map.tif")
    np.testing.assert_array_equal(found.label_map, predict_scene(clf, scene).label_map)
    assert found.numbers == {"corn": 1, "oats": 2, "rye": 3}
    reference = np.where(valid, found.label_map, "")
    assert found.area_report(reference, unlabeled="").accuracy.overall == 1


@pytest.mark.slow
def test_probabilities_alone_can_be_written(tmp_path, fitted, cube):
    found = predict_scene(fitted, cube, probabilities=tmp_path / "p.tif")
    np.testing.assert_array_equal(found.label_map, fitted.predict(cube))
    assert sorted(contents(tmp_path)) == ["p.qml", "p.tif"]


def test_rasters_can_be_kept_while_the_map_is_written(tmp_path, fitted, cube):
    found = predict_scene(fitted, cube, tmp_path / "map.tif", entropy=True)
    np.testing.assert_array_equal(found.entropy, predict_scene(fitted, cube, entropy=True).entropy)


def test_paths_are_checked_before_any_work(tmp_path, fitted, scene):
    scene.cube.reads[:] = 0
    wrong = [
        (tmp_path / "none" / "map.tif", {}, MissingFileError),
        (tmp_path / "map.xyz", {}, FileError),
        (tmp_path, {}, FileError),
        (tmp_path / "map.tif", {"entropy": tmp_path / "none" / "e.tif"}, MissingFileError),
    ]
    for out, options, error in wrong:
        with pytest.raises(error):
            predict_scene(fitted, scene, out, **options)
    with pytest.raises(ParameterError) as caught:
        predict_scene(fitted, scene, 5)
    assert str(caught.value) == "out=5 is not a path. Give one; None keeps the map in memory."
    with pytest.raises(ParameterError) as caught:
        predict_scene(fitted, scene, entropy=5)
    assert (
        str(caught.value) == "entropy=5 is not a path. Give one; True keeps the raster in memory."
    )
    with pytest.raises(ParameterError) as caught:
        predict_scene(fitted, scene, tmp_path / "a.hdr", probabilities=tmp_path / "a.img")
    assert str(caught.value) == (
        f"probabilities would overwrite {tmp_path / 'a.hdr'}, which is the file of out. Give it "
        "another path."
    )
    with pytest.raises(ParameterError, match="skew"):
        predict_scene(fitted, replace(scene, transform=(30, 5, 0, 0, -30, 0)), tmp_path / "a.hdr")
    assert not scene.cube.reads.any()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "out"), [("scene.hdr", "scene.img"), ("scene.tif", "scene.tif")])
def test_the_scene_is_not_overwritten(tmp_path, fitted, cube, name, out):
    from hsvlm.io import read_scene, write_scene

    path = write_scene(tmp_path / name, Scene(cube))
    before = contents(tmp_path)
    for scene in (path, read_scene(path)):
        with pytest.raises(ParameterError) as caught:
            predict_scene(fitted, scene, tmp_path / out)
        assert "would overwrite" in str(caught.value)
        assert "which is the scene itself" in str(caught.value)
    assert contents(tmp_path) == before
