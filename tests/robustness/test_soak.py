"""Many fits in one process: nothing may pile up."""

import json
import os
import statistics
import subprocess
import sys

import pytest

N_FITS = 80
WARM = 40  # until then, allocators and caches of the libraries may still grow
GROWTH_MB = 1
N_COMPARED = 15

SCRIPT = """
import atexit, functools, gc, json, os, pickle, resource, sys, threading
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone

from hsvlm import HSIPromptClassifier
from hsvlm._inputs.windows import WindowSource
from hsvlm.datasets import make_synthetic_scene
from hsvlm.mapping import predict_scene

KINDS = (torch.Tensor, torch.nn.Module, torch.optim.Optimizer, WindowSource, HSIPromptClassifier)


class Encoder:
    def encode(self, texts):
        return np.stack([np.random.default_rng(len(text)).normal(size=8) for text in texts])


def listed(folder):
    return len(os.listdir(folder)) if os.path.isdir(folder) else 0


def counts():
    gc.collect()
    alive = gc.get_objects()
    caches = [one for one in alive if isinstance(one, functools._lru_cache_wrapper)]
    ours = [one for one in caches if str(one.__module__).startswith("hsvlm")]
    return {
        "files": listed("/proc/self/fd"),
        "threads": threading.active_count(),
        "native threads": listed("/proc/self/task"),
        "objects": sum(isinstance(one, KINDS) for one in alive),
        "cached": sum(one.cache_info().currsize for one in ours),
        "atexit": atexit._ncallbacks(),
    }


def memory_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


scene = make_synthetic_scene(height=16, width=16, random_state=0)
X, y = scene.samples()
base = HSIPromptClassifier(
    class_names=scene.class_names, text_encoder=Encoder(), window_size=3, patch_size=1,
    n_components=5, vision_params=dict(width=16, depth=1, n_heads=2, mlp_width=16),
    max_epochs=1, batch_size=64, device="cpu", spatial_params=dict(restart=0.01),
)
ready_made = np.eye(len(scene.class_names), 8)
memory, census = [], []
for number in range(int(sys.argv[1])):
    encoder = ready_made if number % 2 else base.text_encoder
    clf = clone(base).set_params(random_state=number, text_encoder=encoder)
    if number % 15:  # weighing the read-out takes three times as long as all the rest
        clf.set_params(spatial_params=dict(restart=0.01, weights=(0.4, 0.3, 0.3)))
    if number % 10 == 5:
        clf.set_params(checkpoint_dir="checkpoints")
    clf.fit(X, y)
    labels = clf.predict(scene.cube)
    assert (pickle.loads(pickle.dumps(clf)).predict(scene.cube) == labels).all()
    if number % 10 == 0:
        clf.similarity(X[:50], ["maize", "a roof of metal"])
        clf.with_prompts({1: "maize", 2: "soy"}).predict_proba(X[:50])
        clf.save("model")
        assert (HSIPromptClassifier.load("model", device="cpu").predict(scene.cube) == labels).all()
        predict_scene(clf, scene)
        predict_scene(clf, scene, Path("map.hdr"))
        for path in Path().glob("map.*"):
            path.unlink()
    if number % 10 == 9:
        census.append(counts())
    memory.append(memory_mb() if os.path.exists("/proc/self/statm") else 0.0)
left = [name for name in os.listdir(os.environ["TMPDIR"]) if "inductor" not in name]  # torch's own
print(json.dumps({"memory": memory, "census": census, "left": left}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="measured with POSIX's means")
def test_many_fits_leave_nothing_behind(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(N_FITS)],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["left"] == []
    warm = found["census"][WARM // 10 :]
    assert [one for one in warm if one != warm[0]] == []
    memory = found["memory"]
    first, last = memory[WARM : WARM + N_COMPARED], memory[-N_COMPARED:]
    growth = statistics.median(last) - statistics.median(first)
    assert growth < GROWTH_MB, memory
