"""The structure of the package in figures, and a picture of its rooms.

``python -m benchmarks.house`` measures ``src/hsvlm`` of this checkout, or of the one that
``--checkout`` names, prints a table and draws ``docs/images/rooms.svg``.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[1]
FIGURE = ROOT / "docs" / "images" / "rooms.svg"
_DIGEST = re.compile(r"[0-9a-f]{12,}")
_FACES = {"__init__", "__main__"}


class House:
    """The modules of a checkout, the rooms they are in and what they import.

    Parameters
    ----------
    checkout : Path
        Folder that holds ``src/hsvlm``.

    Attributes
    ----------
    modules : dict
        ``{dotted name: ast.Module}``.
    arrows : dict
        ``{dotted name: set of dotted names that it imports}``, also inside functions.
    """

    def __init__(self, checkout: Path = ROOT) -> None:
        self.checkout = checkout
        package = checkout / "src" / "hsvlm"
        self.paths = {}
        for path in sorted(package.rglob("*.py")):
            parts = path.relative_to(package.parent).with_suffix("").parts
            self.paths[".".join(parts).removesuffix(".__init__")] = path
        self.modules = {
            name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.paths.items()
        }
        self.arrows = {
            name: {self._module_of(imported) for imported in _imports(tree)} - {name}
            for name, tree in self.modules.items()
        }

    def _module_of(self, name: str) -> str:
        return name if name in self.modules else name.rpartition(".")[0]

    def rooms(self) -> dict[str, set[str]]:
        """Return every room with the other rooms that it imports."""
        rooms: dict[str, set[str]] = {}
        for module, imported in self.arrows.items():
            rooms.setdefault(room_of(module), set()).update(map(room_of, imported))
        return {room: others - {room} for room, others in rooms.items()}

    def sentence(self, room: str) -> str:
        """Return the first line of what a room says about itself."""
        name = "hsvlm" if room == "__init__" else f"hsvlm.{room}"
        return (ast.get_docstring(self.modules[name]) or "").split("\n")[0]


def room_of(module: str) -> str:
    """Return the room of a module: the folder or the file below ``hsvlm``."""
    return [*module.split("."), "__init__"][1]


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hsvlm":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "hsvlm")


def allowed_imports() -> dict[str, set[str]]:
    """Read which rooms a room may import, from ``pyproject.toml``."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    direct: dict[str, list[str]] = settings["tool"]["hsvlm"]["rooms"]

    def below(room: str) -> set[str]:
        return {"exceptions", *direct[room]}.union(*map(below, direct[room]))

    return {room: below(room) - {room} for room in direct}


def circles(arrows: Mapping[str, set[str]]) -> set[str]:
    """Return the nodes on circles, and between them: what is left after taking leaves away."""
    left = {node: set(others) - {node} for node, others in arrows.items()}
    while leaves := [node for node, others in left.items() if not others & set(left)]:
        for node in leaves:
            del left[node]
    return set(left)


def levels(rooms: Mapping[str, set[str]]) -> dict[str, int]:
    """Return the level of every room: one above the highest room that it imports."""
    result: dict[str, int] = {}

    def level(room: str) -> int:
        if room not in result:
            result[room] = 1 + max((level(other) for other in rooms[room]), default=-1)
        return result[room]

    for room in rooms:
        level(room)
    return result


def forbidden_arrows(house: House) -> list[str]:
    """List the imports that the list of rooms does not allow."""
    allowed = allowed_imports()
    return [
        f"{module} -> {imported}"
        for module, others in house.arrows.items()
        for imported in sorted(others)
        if room_of(imported) not in allowed.get(room_of(module), set()) | {room_of(module)}
    ]


def untyped_classifiers(house: House) -> int:
    """Count parameters that take our classifier, outside of its class, and are typed `Any`.

    Rooms above it take any classifier of scikit-learn, which has no types.
    """
    ours = {"_inputs", "_training", "_training_record", "_prediction", "_saved_model"}
    ours |= {"readout", "preprocessing"}
    return sum(
        argument.arg in {"clf", "estimator"}
        and (room_of(module) in ours or room_of(module) not in allowed_imports())
        and isinstance(argument.annotation, ast.Name)
        and argument.annotation.id == "Any"
        for module, tree in house.modules.items()
        if module != "hsvlm.estimator"
        for argument in ast.walk(tree)
        if isinstance(argument, ast.arg)
    )


# Where inputs of users are told apart.
_DOORS = {
    "hsvlm._inputs",
    "hsvlm._inputs.kinds",
    "hsvlm._inputs.sources",
    "hsvlm.pretraining._inputs",
}


def questions_about_samples(house: House) -> int:
    """Count ``isinstance(..., PixelSamples)`` behind the door, outside of `samples` and tools.

    Tools that users call (preprocessing, metrics, splitters, plots, evaluation, maps) are doors of
    their own.
    """
    doors = {"samples", "scene", "preprocessing", "metrics", "model_selection", "plotting"}
    doors |= {"evaluation", "mapping"}
    return sum(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "isinstance"
        and "PixelSamples" in ast.unparse(node.args[1])
        for module, tree in house.modules.items()
        if room_of(module) not in doors and module not in _DOORS
        for node in ast.walk(tree)
    )


def digest_files(checkout: Path) -> int:
    """Count files of results in git that are named by digests."""
    listed = subprocess.run(
        ["git", "ls-files", "benchmarks/results"],  # noqa: S607
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sum(bool(_DIGEST.search(Path(line).name)) for line in listed.splitlines())


def measure(checkout: Path = ROOT) -> dict[str, str]:
    """Measure a checkout; return ``{what: figure}``."""
    house = House(checkout)
    root = {room_of(module) for module in house.modules}
    files = {name for name in root - _FACES if house.paths[f"hsvlm.{name}"].name != "__init__.py"}
    private = {name for name in files if name.startswith("_")}
    rooms = house.rooms()
    rooms.pop("__init__")  # it names the public names and loads them on first use
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in house.paths.values())
    known = set(rooms) <= set(allowed_imports())
    return {
        "modules in the root, besides `__init__` and `__main__` (private)": (
            f"{len(files)} ({len(private)})"
        ),
        "imports that the list of rooms forbids": (
            str(len(forbidden_arrows(house))) if known else "other rooms"
        ),
        "rooms on circles": str(len(circles(rooms))),
        "`clf: Any`, `estimator: Any` in signatures outside the estimator": str(
            untyped_classifiers(house)
        ),
        "`isinstance(X, PixelSamples)` behind the door": str(questions_about_samples(house)),
        "lines of `src`": f"{lines:,}",
        "files of results named by digests": str(digest_files(checkout)),
    }


def draw(house: House, path: Path = FIGURE) -> None:
    """Draw the rooms, each above those that it imports, with an arrow for each import."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "hsvlm"  # the same picture each time
    rooms = {room: others - {"exceptions"} for room, others in house.rooms().items()}
    for face in _FACES | {"exceptions"}:
        rooms.pop(face, None)
    level = levels(rooms)
    rooms = {
        # An arrow to what is reached through another arrow anyway would only hide the others.
        room: others - set().union(*(_below(other, rooms) for other in others))
        for room, others in rooms.items()
    }
    place = arrange(rooms, level)
    figure, axes = plt.subplots(figsize=(10, 0.8 * max(level.values()) + 0.8))
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.99)
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.5, max(level.values()) + 0.5))
    axes.set_axis_off()
    boxes = {}
    for room, (x, y) in place.items():
        color = "0.96" if room.startswith("_") else "#dbe9f6"
        frame: dict[str, Any] = {
            "boxstyle": "round,pad=0.4",
            "facecolor": color,
            "edgecolor": "0.5",
        }
        font: dict[str, Any] = {"family": "monospace", "fontsize": 10}
        boxes[room] = axes.text(x, y, room, ha="center", va="center", bbox=frame, **font)
    figure.canvas.draw()  # which gives the boxes their sizes
    for room, others in rooms.items():
        for other in sorted(others):
            ends = {"patchA": boxes[room].get_bbox_patch(), "patchB": boxes[other].get_bbox_patch()}
            arrow = {"arrowstyle": "->", "color": "0.6", "shrinkA": 1, "shrinkB": 1, **ends}
            axes.annotate("", xy=place[other], xytext=place[room], arrowprops=arrow, zorder=0)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def arrange(rooms: Mapping[str, set[str]], level: Mapping[str, int]) -> dict[str, Any]:
    """Find places (x, level) for rooms with short arrows that do not pass behind rooms."""
    rng = random.Random(0)  # noqa: S311  # a picture is no secret
    pairs = [(room, other) for room, others in rooms.items() for other in sorted(others)]
    # Half of the width of a box: letters are about 0.008 wide.
    half = {room: 0.012 + 0.0045 * len(room) for room in rooms}
    rows = [
        [room for room in rooms if level[room] == row] for row in range(max(level.values()) + 1)
    ]

    def cost(x: dict[str, float]) -> float:
        total = 0.0
        for room, other in pairs:
            drop = level[room] - level[other]
            total += 0.2 * abs(x[room] - x[other])
            for row in range(level[other] + 1, level[room]):
                at = x[other] + (x[room] - x[other]) * (row - level[other]) / drop
                total += sum(2 * (abs(at - x[box]) < half[box] + 0.01) for box in rows[row])
        for names in rows:
            order = sorted(names, key=lambda room: x[room])
            for left, right in pairwise(order):
                total += 5 * (x[right] - x[left] < half[left] + half[right] + 0.02)
        return total

    best: dict[str, float] = {
        room: (number + 0.5) / len(row) for row in rows for number, room in enumerate(row)
    }
    lowest = cost(best)
    for _ in range(20_000):
        trial = {**best, rng.choice(list(rooms)): rng.uniform(0.06, 0.94)}
        if (value := cost(trial)) < lowest:
            best, lowest = trial, value
    return {room: (x, level[room]) for room, x in best.items()}


def _below(room: str, rooms: Mapping[str, set[str]]) -> set[str]:
    return rooms[room].union(*(_below(other, rooms) for other in rooms[room]))


def main() -> None:
    """Print the figures of a checkout; draw the rooms of this one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, default=ROOT)
    checkout = parser.parse_args().checkout
    for what, figure in measure(checkout).items():
        print(f"{figure:>12}  {what}")
    if checkout == ROOT:
        draw(House())


if __name__ == "__main__":
    main()
