"""Maps made by two worker processes, one of which may die."""

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from multiprocessing import forkserver
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.datasets import make_synthetic_scene
from hsvlm.io import read_labels, read_scene, write_map, write_raster, write_scene
from hsvlm.mapping import predict_dask, predict_scene

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fork_server():
    """Let workers fork from a process that has imported everything, where that is safe."""
    if sys.platform != "linux":
        yield
        return
    multiprocessing.set_forkserver_preload(["distributed", "hsvlm.estimator", "hsvlm.mapping"])
    with (
        pytest.MonkeyPatch.context() as patch,
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
    ):
        patch.setenv("OMP_NUM_THREADS", "1")  # as Dask sets it for workers
        forkserver.ensure_running()
        yield
    forkserver._forkserver._stop()  # no public way to end it before this process


@pytest.fixture(scope="module")
def client(fork_server):
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def scene():
    """Six blocks of pixels, with gaps."""
    made = make_synthetic_scene(height=600, width=160, n_bands=20, random_state=0)
    valid = np.random.default_rng(0).random(made.shape) > 0.1
    valid[200:230] = False
    return Scene(
        made.cube, made.labels, valid=valid, crs="EPSG:32633", transform=(5, 0, 0, 0, -5, 0)
    )


@pytest.fixture(scope="module")
def clf(scene, settings):
    settings = {**settings, "text_encoder": np.eye(4, 8, dtype=np.float32)}
    X, y = scene.samples()
    return HSIPromptClassifier(**settings).fit(X[::200], y[::200])


@pytest.fixture(scope="module")
def expected(clf, scene):
    return predict_scene(clf, scene, probabilities=True)


def in_chunks(scene, function=None):
    cube = da.from_array(scene.cube, chunks=(50, 80, -1))
    cube = cube if function is None else cube.map_blocks(function, meta=cube)
    return Scene(cube, valid=scene.valid, crs=scene.crs, transform=scene.transform)


class Marked(HSIPromptClassifier):
    """Leaves a file behind wherever it arrives."""

    def __setstate__(self, state):
        super().__setstate__(state)
        Path(self.folder, f"{os.getpid()} {time.monotonic_ns()}").touch()


def test_the_map_is_that_of_one_process_and_the_classifier_travels_once(
    client, clf, scene, expected, tmp_path
):
    clf.folder = tmp_path
    clf.__class__ = Marked
    try:
        found = predict_dask(clf, in_chunks(scene), probabilities=True)
        labels, probabilities = client.gather(client.compute(found))
    finally:
        clf.__class__ = HSIPromptClassifier
    np.testing.assert_array_equal(labels, expected.label_map)
    np.testing.assert_array_equal(probabilities, expected.probabilities)
    # A scheduler that is kept waiting may send it once more, but not with every task.
    arrivals = Counter(int(path.name.split()[0]) for path in tmp_path.iterdir())
    visited = [arrivals[worker] for worker in client.run(os.getpid).values()]
    assert 1 <= sum(visited) <= 4 < found[0].numblocks[0]
    assert max(visited) <= 2


def test_the_death_of_a_worker_does_not_change_the_map(client, clf, scene, expected, tmp_path):
    def slowly(values):
        time.sleep(0.3)
        (tmp_path / f"{os.getpid()} {time.monotonic_ns()}").touch()
        return values

    def readers():
        return [int(path.name.split()[0]) for path in tmp_path.iterdir()]

    scene = in_chunks(scene, slowly)
    before = set(client.run(os.getpid).values())
    future = client.compute(predict_dask(clf, scene))
    while not (before <= set(readers()) or future.done()):
        time.sleep(0.05)
    victim = max(before)
    os.kill(victim, signal.SIGKILL)
    assert not future.done()
    np.testing.assert_array_equal(future.result(timeout=60), expected.label_map)
    # What the dead worker held was computed anew.
    assert len(readers()) > scene.cube.array.npartitions
    client.wait_for_workers(2, timeout=60)
    after = set(client.run(os.getpid).values())
    assert victim not in after
    assert len(after) == 2


def test_maps_and_rasters_are_written_from_the_workers(client, clf, scene, expected, tmp_path):
    labels, probabilities = predict_dask(clf, in_chunks(scene), probabilities=True)
    path = write_map(tmp_path / "map.tif", labels, scene=scene)
    found = read_labels(path, scene)
    np.testing.assert_array_equal(found.labels, expected.label_map)
    raster = read_scene(write_raster(tmp_path / "p.tif", probabilities, scene=scene))
    np.testing.assert_array_equal(np.asarray(raster.cube), expected.probabilities)


def test_workers_read_a_file_themselves(client, clf, scene, expected, tmp_path):
    path = write_scene(tmp_path / "scene.tif", scene)
    opened = read_scene(path)
    cube = da.from_array(opened.cube, chunks=(100, -1, -1))
    found = predict_dask(clf, Scene(cube, valid=opened.valid))
    np.testing.assert_array_equal(client.compute(found).result(), expected.label_map)
