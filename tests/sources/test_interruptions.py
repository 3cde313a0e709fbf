"""Trainings and maps of two sources that were stopped end as those that never were."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from hsvlm import HSIPromptClassifier, PixelSamples, Raster, Scene
from hsvlm._data.lazy import LazyCube
from hsvlm.mapping import predict_scene

pytest.importorskip("rasterio")

ENCODERS = [
    ("vit", {}),
    # Which sources a step leaves out is drawn at random.
    ("fusion-vit", {"source_dropout": 0.3}),
]


class PowerCutError(Exception):
    pass


class Cut(Callback):
    """End a training in an epoch."""

    epoch = None

    def on_epoch_end(self, net, **_):
        if len(net.history) == self.epoch:
            raise PowerCutError


class FailingCube(LazyCube):
    """Fail in a row while told to, and count how often rows are read."""

    def __init__(self, values):
        super().__init__(values.shape, values.dtype)
        self.values, self.failing_row = values, None
        self.reads = np.zeros(len(values), dtype=int)

    def read_rows(self, start, stop):
        if self.failing_row is not None and start <= self.failing_row < stop:
            raise KeyboardInterrupt
        self.reads[start:stop] += 1
        return self.values[start:stop]


@pytest.fixture
def heights(labels):
    values = np.random.default_rng(1).normal(size=labels.shape) + labels
    return values.astype(np.float32)[..., np.newaxis]


@pytest.fixture
def valid():
    mask = np.random.default_rng(2).random((18, 20)) > 0.2
    mask[7:9] = False
    return mask


@pytest.fixture
def make(settings):
    def make(encoder, params, **changes):
        params = {**settings["vision_params"], **params}
        chosen = {"vision_encoder": encoder, "vision_params": params, "max_epochs": 6}
        return HSIPromptClassifier(**{**settings, **chosen, **changes})

    return make


@pytest.fixture
def small_blocks(monkeypatch):
    for module in ("hsvlm._prediction.windows", "hsvlm.mapping._predict"):
        monkeypatch.setattr(f"{module}.BLOCK_SIZE", 50)


def stacked(cube, labels, heights, valid=None):
    return Scene(cube, labels, valid=valid, auxiliary={"lidar": Raster(heights, unit="m")})


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "params"), ENCODERS)
def test_a_training_continues_to_the_same_bits(
    tmp_path, cube, labels, heights, make, encoder, params, monkeypatch
):
    scene = stacked(cube, labels, heights)
    whole = make(encoder, params).fit(scene)
    checkpoints = {"checkpoint_dir": tmp_path / "runs", "checkpoint_every": 3, "resume": True}
    monkeypatch.setattr(Cut, "epoch", 5)
    with pytest.raises(PowerCutError):
        make(encoder, params, callbacks=[Cut()], **checkpoints).fit(scene)
    monkeypatch.setattr(Cut, "epoch", None)
    # Sources in files are the same training.
    np.save(tmp_path / "heights.npy", heights)
    on_disk = stacked(cube, labels, np.load(tmp_path / "heights.npy", mmap_mode="r"))
    resumed = make(encoder, params, callbacks=[Cut()], **checkpoints).fit(on_disk)
    # Figures of single batches are not kept, which tells where it went on.
    assert [len(row["batches"]) for row in resumed.history_].count(0) == 3
    for name, weights in whole.net_.module_.state_dict().items():
        assert torch.equal(resumed.net_.module_.state_dict()[name], weights), name
    np.testing.assert_array_equal(resumed.predict_proba(scene), whole.predict_proba(scene))
    assert resumed.training_.to_dict() == whole.training_.to_dict()


@pytest.mark.slow
def test_a_training_of_another_source_starts_anew(tmp_path, cube, labels, heights, make):
    checkpoints = {"checkpoint_dir": tmp_path, "checkpoint_every": 2, "resume": True}
    make(*ENCODERS[0], **checkpoints).fit(stacked(cube, labels, heights))
    other = stacked(cube, labels, 2 * heights)
    resumed = make(*ENCODERS[0], **checkpoints).fit(other)
    assert [len(row["batches"]) for row in resumed.history_].count(0) == 0
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.parametrize(("encoder", "params"), ENCODERS)
def test_maps_in_blocks_are_those_in_memory(
    tmp_path, cube, labels, heights, valid, make, encoder, params, window, small_blocks
):
    clf = make(encoder, params, window_size=window, max_epochs=3)
    clf.fit(stacked(cube, labels, heights))
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"))
    in_files = stacked(FailingCube(cube), None, FailingCube(heights), valid)
    in_memory = stacked(cube, None, heights, valid)
    X = PixelSamples(in_memory.masked_cube(), np.argwhere(valid))
    expected = clf.predict(X), clf.predict_proba(X)
    for model in (clf, loaded):
        for scene in (in_files, in_memory):
            result = predict_scene(model, scene, probabilities=True)
            np.testing.assert_array_equal(result.label_map[valid], expected[0])
            np.testing.assert_array_equal(result.probabilities[valid], expected[1])


@pytest.mark.slow
@pytest.mark.parametrize("stop_in", ["spectra", "lidar"])
def test_a_map_that_was_stopped_continues_with_the_loaded_model(
    tmp_path, cube, labels, heights, valid, make, stop_in, small_blocks
):
    clf = make(*ENCODERS[1], max_epochs=3).fit(stacked(cube, labels, heights))
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"))
    parts = {"spectra": FailingCube(cube), "lidar": FailingCube(heights)}
    scene = stacked(parts["spectra"], None, parts["lidar"], valid)
    targets = {}
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
        targets[name] = {key: tmp_path / name / f"{key}.tif" for key in ("out", "probabilities")}
    predict_scene(clf, scene, **targets["whole"])
    # None of the rows from which the scene is recognized.
    parts[stop_in].failing_row = 13
    with pytest.raises(KeyboardInterrupt):
        predict_scene(loaded, scene, **targets["stopped"])
    parts[stop_in].failing_row = None
    for part in parts.values():
        part.reads[:] = 0
    predict_scene(loaded, scene, **targets["stopped"])
    for part in parts.values():
        assert not part.reads[[1, 3]].any()  # mapped before, and not again
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The partial work:hsvlm.exceptions.HSVLMWarning")
def test_partial_work_of_another_source_is_discarded(
    tmp_path, cube, labels, heights, make, small_blocks
):
    clf = make(*ENCODERS[0], max_epochs=3).fit(stacked(cube, labels, heights))
    scene = stacked(cube, None, FailingCube(heights))
    other = stacked(cube, None, heights[::-1])
    scene.cube.parts[1].failing_row = 13
    with pytest.raises(KeyboardInterrupt):
        predict_scene(clf, scene, tmp_path / "map.tif")
    result = predict_scene(clf, other, tmp_path / "map.tif")
    np.testing.assert_array_equal(result.label_map, clf.predict(other))
