"""Imports point down the layers only, and importing the package is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hsvlm

ROOT = Path(hsvlm.__file__).parent

# Which rooms (folders and single modules of the root) a room may import, besides `exceptions`. A
# new entry of the root needs a line here. Public modules of the method are importable everywhere
# above them; files that begin with an underscore belong to their room alone.
DATA = {"_data", "_system"}
NOUNS = DATA | {"samples", "scene"}
INPUTS = NOUNS | {"preprocessing", "io", "prompts", "_training_record"}
PREDICTION = INPUTS | {"_inputs", "text"}
READOUT = PREDICTION | {"_prediction", "model_selection"}
TRAINING = READOUT | {"readout", "_storage", "vision", "contrastive"}
SAVED_MODEL = TRAINING | {"_training"}
ESTIMATOR = SAVED_MODEL | {"_saved_model"}
REPORTS = ESTIMATOR | {"estimator", "metrics", "datasets", "_reports"}
ROOMS = {
    "exceptions": set(),
    "_system": set(),
    "_reports": set(),
    "vision": set(),
    "contrastive": set(),
    "_data": set(),
    "samples": DATA,
    "prompts": DATA,
    "text": DATA,
    "_storage": DATA,
    "metrics": DATA | {"samples"},
    "model_selection": DATA | {"samples"},
    "scene": DATA | {"samples"},
    "preprocessing": NOUNS,
    "io": NOUNS | {"prompts"},
    "datasets": NOUNS | {"prompts"},
    "_training_record": NOUNS | {"preprocessing"},
    "_inputs": INPUTS,
    "_prediction": PREDICTION,
    "readout": READOUT,
    "_training": TRAINING,
    "_saved_model": SAVED_MODEL,
    "estimator": ESTIMATOR,
    "persistence": REPORTS,
    "evaluation": REPORTS,
    "mapping": REPORTS,
    "plotting": REPORTS,
    "cli": REPORTS | {"persistence", "evaluation", "mapping", "plotting"},
    "__main__": {"_system", "cli"},
    "__init__": {"_system", "estimator", "preprocessing", "samples", "scene"},
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


def room_of(module):
    return [*module.split("."), "__init__"][1]


def imports(path):
    """Yield the modules and names of the package that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hsvlm":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "hsvlm")


MODULES = dict(modules())


def module_of(name):
    """Return the module that an imported name is, or is in."""
    return name if name in MODULES else name.rpartition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_rooms_import_what_they_may(module):
    room = room_of(module)
    allowed = ROOMS[room] | {room, "exceptions"}
    others = {room_of(name) for name in imports(MODULES[module])}
    assert others <= allowed, f"{module} must not import {sorted(others - allowed)}"


@pytest.mark.parametrize("module", MODULES)
def test_private_files_are_imported_in_their_room_only(module):
    private = {
        name
        for name in map(module_of, imports(MODULES[module]))
        if room_of(name) != room_of(module)
        and any(part.startswith("_") for part in name.split(".")[2:])
    }
    assert not private


def circles(arrows):
    """Return the nodes that lie on circles: what is left when leaves are taken away again."""
    left = {node: set(others) - {node} for node, others in arrows.items()}
    while leaves := [node for node, others in left.items() if not others & set(left)]:
        for node in leaves:
            del left[node]
    return left


def test_rooms_form_no_circle():
    arrows = {}
    for module, path in MODULES.items():
        arrows.setdefault(room_of(module), set()).update(map(room_of, imports(path)))
    del arrows["__init__"]  # which names the public names, and loads them on first use
    assert not circles(arrows)


def test_files_form_no_circle():
    arrows = {
        module: {module_of(name) for name in imports(path)} for module, path in MODULES.items()
    }
    del arrows["hsvlm"]
    assert not circles(arrows)


def test_rooms_are_those_of_the_list():
    assert set(ROOMS) == {room_of(module) for module in MODULES}


def test_every_room_says_what_it_is_for():
    for path in ROOT.glob("*/__init__.py"):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert docstring.split("\n")[0].endswith("."), path


@pytest.mark.parametrize("name", ["vision", "contrastive"])
def test_networks_and_losses_know_tensors_only(name):
    for module, path in modules():
        if module.startswith(f"hsvlm.{name}"):
            source = path.read_text(encoding="utf-8")
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
    for name in set(hsvlm.__all__) - {"__version__"}:
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
