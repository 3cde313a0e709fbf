"""Imports point down the layers only, and importing the package is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hsvlm
from benchmarks.house import House, allowed_imports, circles, draw, room_of

ROOT = Path(hsvlm.__file__).parent

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


HOUSE = House()
ALLOWED = allowed_imports()


@pytest.mark.parametrize("module", HOUSE.modules)
def test_rooms_import_what_they_may(module):
    room = room_of(module)
    others = set(map(room_of, HOUSE.arrows[module])) - {room}
    assert others <= ALLOWED[room], f"{module} must not import {sorted(others - ALLOWED[room])}"


def test_private_files_are_imported_in_their_room_only():
    assert not {
        f"{module} -> {imported}"
        for module, others in HOUSE.arrows.items()
        for imported in others
        if room_of(imported) != room_of(module)
        and any(part.startswith("_") for part in imported.split(".")[2:])
    }


def test_rooms_form_no_circle():
    rooms = HOUSE.rooms()
    del rooms["__init__"]  # which names the public names, and loads them on first use
    assert not circles(rooms)


def test_files_form_no_circle():
    arrows = {module: others for module, others in HOUSE.arrows.items() if module != "hsvlm"}
    assert not circles(arrows)


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}


def test_rooms_are_those_of_the_list():
    assert set(ALLOWED) == set(HOUSE.rooms())


@pytest.mark.parametrize("room", ALLOWED)
def test_every_room_says_what_it_is_for(room):
    sentence = HOUSE.sentence(room)
    assert sentence.endswith(".")
    assert len(sentence) <= 100


@pytest.mark.slow
def test_the_rooms_are_drawn(tmp_path):
    draw(HOUSE, tmp_path / "rooms.svg")
    picture = (tmp_path / "rooms.svg").read_text(encoding="utf-8")
    assert all(
        f"<!-- {room} -->" in picture
        for room in ALLOWED.keys() - {"__init__", "__main__"} - {"exceptions"}
    )


def test_nothing_private_is_in_the_root_but_rooms():
    root = {path.stem for path in (ROOT).glob("*.py")} - {"__init__", "__main__"}
    assert len(root) <= 8
    assert not [name for name in root if name.startswith("_")]


@pytest.mark.parametrize("name", ["vision", "contrastive"])
def test_networks_and_losses_know_tensors_only(name):
    for module, path in HOUSE.paths.items():
        if module.startswith(f"hsvlm.{name}"):
            source = path.read_text(encoding="utf-8")
            assert "sklearn" not in source
            assert "numpy" not in source


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.slow
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


@pytest.mark.slow
def test_data_modules_do_not_load_torch():
    # In a single process, since each would load scikit-learn anew.
    code = f"""
import importlib, sys
for name in {TORCH_FREE}:
    importlib.import_module(f"hsvlm.{{name}}")
    heavy = {{"torch", "matplotlib"}} & set(sys.modules)
    assert not heavy, f"hsvlm.{{name}} loads {{heavy}}"
"""
    run(code)


@pytest.mark.slow
def test_commands_show_their_help_without_what_takes_seconds_to_load():
    code = """
import sys
from typer.testing import CliRunner
from hsvlm.cli import app
for name in ("fit", "predict", "evaluate", "compare", "report", "inspect", "demo"):
    assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0
assert CliRunner().invoke(app, ["--version"]).exit_code == 0
assert CliRunner().invoke(app, ["fit", "missing.tif"]).exit_code == 2
print(*({"torch", "sklearn", "scipy", "matplotlib", "pandas"} & set(sys.modules)))
"""
    assert run(code).split() == []


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


@pytest.mark.slow
def test_modules_stay_small():
    assert not {name: n for name, path in HOUSE.paths.items() if (n := lines_of_code(path)) > 310}


def functions():
    """Yield every function with the module that it is in."""
    for module, tree in HOUSE.modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield module, node


def statement_lines(node):
    """Count the lines of a function without its signature, documentation and comments."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return sum(len(ast.unparse(statement).splitlines()) for statement in body)


@pytest.mark.slow
def test_functions_stay_small():
    lines = {f"{module}.{node.name}": statement_lines(node) for module, node in functions()}
    assert not {name: count for name, count in lines.items() if count > 60}


@pytest.mark.slow
def test_private_functions_are_documented_briefly():
    assert not {
        f"{module}.{node.name}"
        for module, node in functions()
        if node.name.startswith("_") and len((ast.get_docstring(node) or "").splitlines()) > 4
    }
