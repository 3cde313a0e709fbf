"""Kill processes that write files, at random moments or at every call of the system.

echo '["FOLDER", N_HITS, SEED, ["KIND", ...]]' | python tests/robustness/kill/harness.py

Libraries are imported once, and what they do only the first time is done before any child begins.
For every kill, a child is forked that does the work and is killed; then what it has left is
checked. This goes on until N_HITS kills have hit the midst of the work, however busy the machine
is; with 0, every call of the system is hit once. Prints what was hit of each kind, or the error, as
JSON: a line for each line that is read.
"""

import builtins
import gc
import io
import json
import os
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pyproj
import rasterio.features
import rasterio.shutil
import rasterio.warp
import spectral
import torch
import torch._dynamo

import hsvlm._prediction.windows
import hsvlm.mapping._predict
import hsvlm.vision.vit
from hsvlm import HSIPromptClassifier, Scene
from hsvlm._storage.format import CONFIG
from hsvlm._storage.parts import TENSORS, read_parts, write_parts
from hsvlm.exceptions import HSVLMWarning
from hsvlm.io import write_map
from hsvlm.mapping import predict_scene

UTM = {"crs": "EPSG:32616", "transform": (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_500_000.0)}
CALLS = ("rename", "replace", "fsync", "mkdir", "open", "unlink", "rmdir", "ftruncate")
KILLED, N_EPOCHS, BLOCK_SIZE = 9, 10, 24
# Otherwise every child imports them.
LATE = (
    pyproj,
    rasterio.features,
    rasterio.shutil,
    rasterio.warp,
    spectral,
    torch._dynamo,
    hsvlm.vision.vit,
)


def scene_and_labels(has_lidar=False):
    rng = np.random.default_rng(0)
    labels = np.zeros((18, 20), dtype=np.uint8)
    for label in (1, 2, 3):
        labels[2:-2, 6 * label - 4 : 6 * label] = label
    cube = rng.normal(size=(18, 20, 12)).astype(np.float32)
    cube += 6 * np.eye(12, dtype=np.float32)[labels]
    valid = rng.random((18, 20)) > 0.1
    heights = {"lidar": rng.normal(size=(18, 20)).astype(np.float32) + labels}
    return Scene(cube, valid=valid, auxiliary=heights if has_lidar else None, **UTM), labels


def fitted_inputs(has_lidar):
    """The cube, or the scene with its sources, and the labels."""
    scene, labels = scene_and_labels(has_lidar)
    return scene if has_lidar else scene.cube, labels


def classifier(seed, has_lidar=False, **options):
    params = {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16}
    # Which sources a step leaves out is drawn at random.
    more = {"source_dropout": 0.3} if has_lidar else {}
    return HSIPromptClassifier(
        text_encoder=np.eye(3, 8, dtype=np.float32),
        vision_encoder="fusion-vit" if has_lidar else "vit",
        vision_params={**params, **more},
        n_components=6,
        window_size=5,
        patch_size=1,
        spatial_params={"restart": 0.01, "weights": (0.5, 0.5)},
        device="cpu",
        random_state=seed,
        **options,
    )


def forked(prepare, end=None):
    """Run in a child what `prepare` gives; None where it was killed, else how many seconds.

    `end` is a number of seconds after which it is killed, or a function that arms it.
    """
    begin_read, begin_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work = prepare()
            os.write(begin_write, b"x")
            if callable(end):
                end()
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(begin_write)
    os.read(begin_read, 1)
    os.close(begin_read)
    start = time.perf_counter()
    if isinstance(end, float):
        time.sleep(end)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    seconds = time.perf_counter() - start
    if status == 0:
        return seconds
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == KILLED, "the child failed"
    return None


def dies_at(number):
    """Arm a child: it ends, as in a power cut, before the call of the system with this number."""

    def arm():
        left = number

        def mortal(function):
            def call(*args, **kwargs):
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(KILLED)
                return function(*args, **kwargs)

            return call

        for name in CALLS:
            setattr(os, name, mortal(getattr(os, name)))
        builtins.open = io.open = mortal(io.open)

    return arm


class Saving:
    """A model takes the place of another."""

    midst = "drafts"

    def __init__(self, folder, name):
        self.source, self.target = folder / "new", folder / name

        scene, labels = scene_and_labels()
        for seed, path in enumerate((folder / "old", self.source)):
            classifier(seed, max_epochs=1).fit(scene.cube, labels).save(path)
        self.old, self.new = read_parts(folder / "old"), read_parts(self.source)
        # Loaded once for all children: how it came into memory does not matter to saving.
        self.clf = HSIPromptClassifier.load(self.source, device="cpu")

    def reset(self):
        # What killed saves have left stays: it must not be in the way of the next.
        write_parts(self.target, self.old)

    def prepare(self):
        return lambda: self.clf.save(self.target)

    def check(self):
        drafts = sum(one.name.endswith(".part") for one in self.target.parent.iterdir())
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found = read_parts(self.target)
        assert found in (self.old, self.new)
        assert bool(warned) == (not self.target.exists())
        state = "aside" if warned else "old" if found == self.old else "new"
        return f"{state} {drafts} drafts" if drafts else state

    def check_end(self):
        assert read_parts(self.target) == self.new


class Writing:
    """A file and what describes it take the places of others."""

    has_lidar = False

    def __init__(self, folder, name):
        self.folder, self.target, self.name = folder, folder / "target", name
        self.scene, self.labels = scene_and_labels(self.has_lidar)
        self.files = []
        for number in (0, 1):
            (folder / f"{number}").mkdir()
            self.work(number, folder / f"{number}")()
            self.files.append(self.contents(folder / f"{number}"))
        old, new = self.files
        self.data = [one for one in old if one.endswith((".img", ".tif"))]
        assert old.keys() == new.keys()
        assert all(old[name] != new[name] for name in self.data)

    def work(self, number, folder):
        values = (self.labels + number) % 4
        names = {label: f"class {label} of {number}" for label in range(1, 4)}
        return lambda: write_map(folder / self.name, values, scene=self.scene, class_names=names)

    def contents(self, folder):
        return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}

    def reset(self):
        shutil.rmtree(self.target, ignore_errors=True)
        shutil.copytree(self.folder / "0", self.target)

    def prepare(self):
        return self.work(1, self.target)

    def check(self):
        found, states = self.contents(self.target), []
        for data in self.data:
            # All old or all new; only what describes the data may be missing.
            stem = data.partition(".")[0]
            parts = {name: found[name] for name in found if name.partition(".")[0] == stem}
            version = self.files[found[data] == self.files[1][data]]
            assert parts.items() <= version.items(), sorted(parts)
            whole = len(parts) == sum(name.partition(".")[0] == stem for name in version)
            states.append("old" if version is self.files[0] else "new")
            states[-1] += "" if whole else " alone"
        return ", ".join(states)

    def check_end(self):
        assert self.contents(self.target) == self.files[1]
        assert not list(self.target.glob("*.partial"))


class Mapping(Writing):
    """A map and its probabilities take the places of others, over many blocks."""

    midst = "block"

    def __init__(self, folder, out, probabilities, has_lidar=False):
        self.has_lidar = has_lidar
        models = [folder / "old-model", folder / "new-model"]
        self.names = {"out": out, "probabilities": probabilities}
        hsvlm._prediction.windows.BLOCK_SIZE = hsvlm.mapping._predict.BLOCK_SIZE = BLOCK_SIZE
        X, labels = fitted_inputs(has_lidar)
        # Loaded once for all children, with what the first predictions prepare.
        self.classifiers = []
        for seed, path in enumerate(models):
            clf = classifier(seed, has_lidar, max_epochs=1 + 2 * seed)
            clf.fit(X, labels).save(path)
            self.classifiers.append(HSIPromptClassifier.load(path, device="cpu"))
            self.classifiers[-1].predict(X)
        super().__init__(folder, out)

    def work(self, number, folder):
        clf = self.classifiers[number]
        paths = {key: folder / name for key, name in self.names.items()}
        names = {1: f"class of {number}"}
        return lambda: predict_scene(clf, self.scene, class_names=names, **paths)

    def check(self):
        state = super().check()
        progress = self.target / f"{self.name}.partial" / "progress.json"
        if progress.exists():
            return f"block {json.loads(progress.read_text())['blocks']}, {state}"
        return state


class Training:
    """A classifier is fitted with checkpoints."""

    midst = "epoch"

    def __init__(self, folder, has_lidar=False):
        self.checkpoints, self.result = folder / "checkpoints", folder / "result"
        self.has_lidar = has_lidar
        self.work(None, folder / "whole")()
        self.expected = self.fitted(folder / "whole")

    def work(self, checkpoint_dir, path):
        clf = classifier(
            np.random.RandomState(0),
            self.has_lidar,
            max_epochs=N_EPOCHS,
            checkpoint_dir=checkpoint_dir,
            # Of no use without a folder, which is said then.
            checkpoint_every=10 if checkpoint_dir is None else 2,
            resume=checkpoint_dir is not None,
            validation_fraction=0.2,
        )
        return lambda: clf.fit(*fitted_inputs(self.has_lidar)).save(path)

    def fitted(self, path):
        parts = read_parts(path)
        history = json.loads(parts[CONFIG])["classifier"]["history"]
        for row in history:
            del row["dict"]["dur"]
        return parts[TENSORS], history

    def reset(self):
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        shutil.rmtree(self.result, ignore_errors=True)

    def prepare(self):
        return self.work(self.checkpoints, self.result)

    def check(self):
        if self.result.exists():
            self.check_end()
            return "end"
        found = list(self.checkpoints.glob("*.zip")) if self.checkpoints.exists() else []
        if not found:
            return "none"
        (path,) = found
        record = json.loads(read_parts(path)[CONFIG])["checkpoint"]
        return f"epoch {len(record['history'])}"

    def check_end(self):
        assert self.fitted(self.result) == self.expected


def at_random(task, n_hits, rng):
    """Kill and go on until it comes to its end, start anew, and so on."""
    task.reset()
    seconds = [forked(task.prepare)]
    found, hits, n_kills = Counter(), 0, 0
    task.reset()
    while hits < n_hits:
        assert n_kills < 100 * n_hits, f"no more than {hits} hits: {found}"
        n_kills += 1
        # How busy the machine is changes: the last runs tell how long one takes now.
        took = forked(task.prepare, float(rng.uniform(0, 1.2 * np.median(seconds[-3:]))))
        if took is None:
            found[state := task.check()] += 1
            hits += task.midst in state
        else:
            task.check_end()
            task.reset()
            seconds.append(took)
    forked(task.prepare)
    task.check_end()
    return {"seconds": float(np.median(seconds)), "ends": len(seconds), "found": found}


def everywhere(task):
    """Kill at every call of the system in turn, and go on from there to the end."""
    found, number = Counter(), 0
    while True:
        task.reset()
        if forked(task.prepare, dies_at(number)) is not None:
            break
        found[task.check()] += 1
        # No need of a child, which takes as long to make as a file to write.
        task.prepare()()
        task.check_end()
        number += 1
    task.check_end()
    return {"ends": number + 1, "found": found}


def report_on(kind, folder, n_hits, seed):
    folder.mkdir()
    tasks = {
        "folder": lambda: Saving(folder, "model"),
        "archive": lambda: Saving(folder, "model.zip"),
        "envi": lambda: Mapping(folder, "map.hdr", "p.tif"),
        "geotiff": lambda: Mapping(folder, "map.tif", "p.hdr"),
        "envi file": lambda: Writing(folder, "map.hdr"),
        "geotiff file": lambda: Writing(folder, "map.tif"),
        "training": lambda: Training(folder),
        "training with sources": lambda: Training(folder, has_lidar=True),
        "geotiff with sources": lambda: Mapping(folder, "map.tif", "p.hdr", has_lidar=True),
    }
    task = tasks[kind]()
    # Or collections in the children would touch, and so copy, all memory of this process.
    gc.collect()
    gc.freeze()
    return at_random(task, n_hits, np.random.default_rng(seed)) if n_hits else everywhere(task)


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("error", HSVLMWarning)
    for line in sys.stdin:
        folder, n_hits, seed, kinds = json.loads(line)
        try:
            answer = {kind: report_on(kind, Path(folder) / kind, n_hits, seed) for kind in kinds}
        except Exception:
            answer = {"error": traceback.format_exc()}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
