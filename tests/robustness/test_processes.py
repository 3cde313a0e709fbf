"""Several fits at a time: in processes, in threads, after a fork, and on a cluster."""

import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate
from skorch.callbacks import Callback
from threadpoolctl import threadpool_limits

from hsvlm import HSIPromptClassifier
from hsvlm._system.devices import seeded_scope
from hsvlm._system.threads import at_most_threads
from hsvlm.datasets import make_synthetic_scene
from hsvlm.model_selection import SpatialBlockKFold
from hsvlm.text import models as _text_models

CPU = torch.device("cpu")
CV = SpatialBlockKFold(2, block_size=8, buffer=1)
BIG_BATCH = {"window_size": 9, "batch_size": 4096}  # worth more than one CPU thread


@pytest.fixture(scope="module")
def scene():
    # More than a megabyte, from where on joblib hands arrays to its processes as memory maps.
    return make_synthetic_scene(height=64, width=64, n_bands=120, noise=0.5, random_state=0)


@pytest.fixture(scope="module")
def samples(scene):
    X, y = scene.samples()
    return X[::6], y[::6]


@pytest.fixture
def clf(scene, settings):
    few = {"window_size": 3, "max_epochs": 2}
    text = np.eye(len(scene.class_names), 8, dtype=np.float32)
    return HSIPromptClassifier(**{**settings, **few, "text_encoder": text})


@pytest.fixture(scope="module")
def alone():
    """What fits without processes found, for every form of the data."""
    return {}


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def outputs(fitted, X):
    weights = [value.numpy() for value in fitted.net_.module_.state_dict().values()]
    return b"".join(value.tobytes() for value in [*weights, fitted.predict_proba(X)])


def in_new_thread(function, *args):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result(timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["samples", "cube"])
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_every_backend_of_joblib_gives_the_same_bits(clf, scene, samples, form, backend, alone):
    if backend == "multiprocessing" and "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    X, y = samples
    if form == "cube":
        X, y = scene.cube, np.where(np.arange(scene.labels.shape[1]) % 4, 0, scene.labels)
    cv = CV if form == "samples" else 2

    def run(n_jobs):
        return cross_validate(clf, X, y, cv=cv, n_jobs=n_jobs, return_estimator=True)

    if form not in alone:
        alone[form] = run(None)
    with joblib.parallel_config(backend=backend):
        found = run(2)
    np.testing.assert_array_equal(found["test_score"], alone[form]["test_score"])
    for one, other in zip(found["estimator"], alone[form]["estimator"], strict=True):
        assert outputs(one, X) == outputs(other, X)


@pytest.mark.slow
def test_processes_share_the_cube_and_leave_each_other_a_core(clf, samples):
    def look(estimator, X, y):
        cube = X.cubes[0]
        shared = isinstance(cube, np.memmap) and not cube.flags.writeable
        return {"shared": shared, "most": max(estimator.net_.threads_)}

    class Threads(Callback):
        def on_train_begin(self, net, **_):
            net.threads_ = []

        def on_batch_end(self, net, **_):
            names = [one.name for one in threading.enumerate()]
            parts = sum(name.startswith("ThreadPoolExecutor") for name in names)
            net.threads_.append(torch.get_num_threads() * max(parts, 1))

    X, y = samples
    clf.set_params(**BIG_BATCH, callbacks=[Threads()])
    found = cross_validate(clf, X, y, cv=CV, scoring=look, n_jobs=2)
    assert found["test_shared"].all()
    share = int(os.environ.get("OMP_NUM_THREADS") or max(1, joblib.cpu_count() // 2))
    assert found["test_most"].tolist() == [min(share, 8)] * 2


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_scores(clf, samples):
    distributed = pytest.importorskip("distributed")
    X, y = samples
    search = GridSearchCV(clf, {"n_hard": [1, 4]}, cv=CV)
    alone = clone(search).fit(X, y)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask", scatter=[X]),
    ):
        found = search.fit(X, y)
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(found.cv_results_[name], alone.cv_results_[name])
    assert outputs(found.best_estimator_, X) == outputs(alone.best_estimator_, X)


@pytest.mark.slow
def test_threads_that_fit_and_predict_do_not_disturb_each_other(clf, samples, two_threads):
    X, y = samples
    fitted = clone(clf).fit(X, y)
    expected = outputs(fitted, X), outputs(clone(clf).set_params(random_state=1).fit(X, y), X)
    training, predicted = threading.Event(), threading.Event()

    class Wait(Callback):
        def on_epoch_begin(self, net, **_):
            training.set()
            assert predicted.wait(60), "predictions wait for the fit"

    def predict():
        assert training.wait(60)
        found = [outputs(fitted, X) for _ in range(3)]
        predicted.set()
        return found

    with ThreadPoolExecutor(3) as pool:
        predictions = pool.submit(predict)
        fits = [
            pool.submit(clone(clf).set_params(random_state=seed, callbacks=[Wait()]).fit, X, y)
            for seed in (0, 1)
        ]
        assert predictions.result() == [expected[0]] * 3
        assert [outputs(one.result(), X) for one in fits] == list(expected)
    assert (torch.get_num_threads(), in_new_thread(torch.get_num_threads)) == (2, 2)


@pytest.mark.parametrize("first_out", [0, 1])
def test_overlapping_limits_are_put_back(two_threads, first_out):
    """One limit begins within the other, in a thread that torch has not met before."""
    inside, leave = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def limited(number):
        with at_most_threads(1):
            within = torch.get_num_threads()
            inside[number].set()
            assert leave[number].wait(60)
        return within, torch.get_num_threads()

    with ThreadPoolExecutor(2) as pool:
        both = []
        for number in (0, 1):
            both.append(pool.submit(limited, number))
            assert inside[number].wait(60)
        for number in (first_out, 1 - first_out):
            leave[number].set()
            assert both[number].result() == (1, 2)
            assert torch.get_num_threads() == 2
    assert in_new_thread(torch.get_num_threads) == 2


def test_limits_of_threadpoolctl_are_kept_and_end_with_it(two_threads):
    with threadpool_limits(1), at_most_threads(2):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    # The setting of the process, too: a fit within the limit must not make it the last word.
    assert in_new_thread(torch.get_num_threads) == 2


def test_a_number_that_is_set_in_another_thread_stays(two_threads):
    with at_most_threads(1):
        in_new_thread(torch.set_num_threads, 3)
    assert torch.get_num_threads() == 2
    assert in_new_thread(torch.get_num_threads) == 3


def test_the_scope_seeds_and_restores_the_device_it_is_for(monkeypatch):
    """Stands in for a GPU, whose generator is not that of the CPU."""

    class Device:
        state = torch.Generator().manual_seed(7).get_state()

        def get_rng_state(self, device):
            return self.state

        def set_rng_state(self, state, device):
            self.state = state

    accelerator, drawn = Device(), torch.Generator()
    generator = torch.Generator
    monkeypatch.setattr(torch, "Generator", lambda device: generator())
    monkeypatch.setattr(torch, "get_device_module", lambda device: accelerator)
    for device, seed in ((torch.device("cuda"), 5), (CPU, 7)):
        with seeded_scope(5, device):
            drawn.set_state(accelerator.state)
            assert drawn.initial_seed() == seed
        drawn.set_state(accelerator.state)
        assert drawn.initial_seed() == 7


@pytest.mark.slow
def test_loading_a_text_model_keeps_what_other_threads_set(monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    monkeypatch.setenv("HSVLM_TEST_VARIABLE", "before")
    running = []

    class Model:
        max_seq_length = None

        def encode(self, texts, **_):
            running.append(texts)
            assert len(running) == 1, "two threads load at once"
            os.environ["HSVLM_TEST_VARIABLE"] = "after"
            assert os.environ["TOKENIZERS_PARALLELISM"] == "false"
            running.remove(texts)
            return np.ones((1, 4), dtype=np.float32)

    monkeypatch.setattr(_text_models, "_load", lambda source, device: Model())
    model = _text_models.TextModel("hub:any", "any")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_text_models.run_model, [model] * 2, [["a"] * 20] * 2, [CPU] * 2))
    assert os.environ["HSVLM_TEST_VARIABLE"] == "after"
    assert "TOKENIZERS_PARALLELISM" not in os.environ


FORKED = """
import multiprocessing, signal, threading
import numpy as np, torch
from hsvlm import HSIPromptClassifier
from hsvlm._system.devices import seeded_scope
from hsvlm.datasets import make_synthetic_scene

scene = make_synthetic_scene(height=32, width=32, random_state=0)
X, y = scene.samples()
clf = HSIPromptClassifier(
    text_encoder=np.eye(len(scene.class_names), 8), window_size=9, n_components=5,
    vision_params=dict(width=16, depth=1, n_heads=2, mlp_width=16), batch_size=2048,
    max_epochs=1, random_state=0, device="cpu", spatial_params=dict(weights=(0.5, 0.5)),
)
clf.fit(X, y)
inside, leave = threading.Event(), threading.Event()

def fit_elsewhere():
    with seeded_scope(0, torch.device("cpu")):
        inside.set()
        leave.wait()

other = threading.Thread(target=fit_elsewhere)
other.start()
inside.wait()
context = multiprocessing.get_context("fork")
results = context.SimpleQueue()

def child():
    signal.alarm(100)  # rather than hang on
    results.put((torch.get_num_threads(), clf.fit(X, y).predict_proba(X)))

process = context.Process(target=child, daemon=True)
process.start()
leave.set()
other.join()
threads, found = results.get()
assert (threads, torch.get_num_threads()) == (1, 2)
torch.set_num_threads(1)
np.testing.assert_array_equal(found, clf.fit(X, y).predict_proba(X))
print("the same")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_process_forked_after_a_fit_can_fit():
    """Threads of OpenMP and of other fits do not live on in it; nothing may wait for them."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        env={**os.environ, "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("the same\n", 0), done.stderr
