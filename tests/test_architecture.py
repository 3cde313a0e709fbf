"""Imports point down the layers only, and importing the package is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hsvlm

ROOT = Path(hsvlm.__file__).parent

# A module may import modules of lower layers, and its neighbours of the same layer from 2 on.
LAYERS = {
    "hsvlm": 0,
    "hsvlm.exceptions": 0,
    "hsvlm._runtime": 0,
    "hsvlm._files": 0,
    "hsvlm._arrays": 1,
    "hsvlm._labels": 1,
    "hsvlm._coordinates": 1,
    "hsvlm._texts": 0,
    "hsvlm._background": 1,
    "hsvlm._cubes": 1,
    "hsvlm._lazy": 1,
    "hsvlm.samples": 1,
    "hsvlm.scene": 1,
    "hsvlm.prompts": 1,
    "hsvlm._class_table": 1,
    "hsvlm._palette": 0,
    "hsvlm.metrics": 1,
    "hsvlm.io": 2,
    "hsvlm.datasets": 2,
    "hsvlm._spectra_check": 1,
    "hsvlm.preprocessing": 2,
    "hsvlm._normalization": 2,
    "hsvlm.model_selection": 2,
    "hsvlm.text": 2,
    "hsvlm._text_cache": 2,
    "hsvlm._text_models": 2,
    "hsvlm.vision": 2,
    "hsvlm.contrastive": 2,
    "hsvlm._windows": 3,
    "hsvlm._callbacks": 3,
    "hsvlm._model": 3,
    "hsvlm._batches": 3,
    "hsvlm._parallel": 3,
    "hsvlm._net": 3,
    "hsvlm._training": 3,
    "hsvlm._checkpoint": 3,
    "hsvlm._inputs": 3,
    "hsvlm._scene_inputs": 3,
    "hsvlm._settings": 3,
    "hsvlm._setting_checks": 3,
    "hsvlm.readout": 3,
    "hsvlm._fitted_scene": 3,
    "hsvlm._training_record": 3,
    "hsvlm._restart": 3,
    "hsvlm._sources": 3,
    "hsvlm._fitting": 3,
    "hsvlm._inference": 3,
    "hsvlm._scene_readout": 3,
    "hsvlm._new_texts": 3,
    "hsvlm._saved_model": 3,
    "hsvlm.estimator": 4,
    "hsvlm.persistence": 5,
    "hsvlm.evaluation": 5,
    "hsvlm.mapping": 5,
    "hsvlm.plotting": 5,
    "hsvlm.demo": 5,
    "hsvlm.cli": 6,
    "hsvlm.__main__": 6,
}
TORCH_FREE = (
    "samples",
    "scene",
    "prompts",
    "metrics",
    "datasets",
    "io",
    "preprocessing",
    "model_selection",
)


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path


def layer_of(module):
    while module not in LAYERS:
        module = module.rpartition(".")[0]
        assert module, "every module needs a layer"
    return LAYERS[module]


def package_imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hsvlm"):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.startswith("hsvlm"))


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=[name for name, _ in modules()])
def test_imports_point_down(module, path):
    if module == "hsvlm":
        return
    upward = [one for one in package_imports(path) if layer_of(one) > layer_of(module)]
    assert not upward, f"{module} must not import {upward}"


def test_no_layer_is_listed_for_a_module_that_is_gone():
    assert set(LAYERS) <= {name for name, _ in modules()}


@pytest.mark.parametrize("name", ["vision", "contrastive"])
def test_networks_and_losses_know_tensors_only(name):
    for module, path in modules():
        if module.startswith(f"hsvlm.{name}"):
            source = path.read_text(encoding="utf-8")
            allowed = ("hsvlm.exceptions", f"hsvlm.{name}")
            assert all(one.startswith(allowed) for one in package_imports(path)), module
            assert "sklearn" not in source
            assert "numpy" not in source


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_import_is_fast_and_light():
    heavy = "{'torch', 'skorch', 'sentence_transformers', 'matplotlib', 'sklearn'}"
    code = (
        "import sys, time; start = time.perf_counter(); import hsvlm; "
        "print(time.perf_counter() - start); "
        f"print(*({heavy} & set(sys.modules)))"
    )
    seconds, loaded = min(run(code).split("\n")[:2] for _ in range(3))
    assert loaded == ""
    assert float(seconds) < 0.5


@pytest.mark.parametrize("name", TORCH_FREE)
def test_data_modules_do_not_load_torch(name):
    code = f"import sys, hsvlm.{name}; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    assert run(code).split() == ["False", "False"]


def test_public_names_are_there():
    assert set(hsvlm.__all__) <= set(dir(hsvlm))
    for name in hsvlm.__all__:
        assert getattr(hsvlm, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = hsvlm.nothing


def lines_of_code(path):
    """Count lines that are neither blank, nor comments, nor part of docstrings."""
    source = path.read_text(encoding="utf-8")
    documented = set()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        text = first.value if isinstance(first, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            documented.update(range(first.lineno, first.end_lineno + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(
        number not in documented and bool(line.strip()) and not line.strip().startswith("#")
        for number, line in lines
    )


def test_modules_stay_small():
    assert not {name: n for name, path in modules() if (n := lines_of_code(path)) > 310}
