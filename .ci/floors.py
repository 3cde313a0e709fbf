"""Check that the lowest direct dependencies are really what is installed.

``python .ci/floors.py`` compares every floor of ``pyproject.toml`` with the installed release and
fails if a resolver had to take a higher one: then nobody has ever run that floor.
``python .ci/floors.py --build`` prints the floors of the build system as constraints.
"""

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))


def lowest(requirement: Requirement) -> Version:
    """Return the lowest release that a requirement allows, which has to state one."""
    (floor,) = [part for part in requirement.specifier if part.operator in {">=", "=="}]
    return Version(floor.version)


def direct_requirements() -> list[Requirement]:
    """Return the dependencies and those of all extras, without the extras of hsvlm itself."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    lines = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)]
    requirements = [Requirement(line) for line in lines]
    return [requirement for requirement in requirements if requirement.name != "hsvlm"]


def main() -> None:
    """Compare, or print the constraints of the build."""
    if sys.argv[1:] == ["--build"]:
        for requirement in map(Requirement, PROJECT["build-system"]["requires"]):
            print(f"{requirement.name}=={lowest(requirement)}")
        return
    n_higher = 0
    for requirement in direct_requirements():
        floor, installed = lowest(requirement), Version(version(requirement.name))
        # Local versions, such as 2.10.0+cpu, are builds of the same release.
        if Version(installed.public) != floor:
            print(f"{requirement.name}: {installed} is installed, but the floor is {floor}")
            n_higher += 1
    if n_higher:
        sys.exit(f"{n_higher} floors cannot be installed: raise them in pyproject.toml.")
    print(f"All {len(direct_requirements())} floors are installed.")


if __name__ == "__main__":
    main()
