"""The Makefile, continuous integration and the packaging agree with each other."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import settings as hypothesis_settings

import hsvlm

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]


def workflow(path):
    # YAML 1.1 reads the key `on` as True.
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506


def targets_in(text):
    """Targets of all calls of make in a script; assignments such as CONSTRAINTS= are none."""
    calls = re.findall(r"^\s*(?:- run: |run: )?make ([^\n;|&]*)", text, re.MULTILINE)
    return [word for call in calls for word in call.split() if "=" not in word]


def test_check_is_what_the_integration_runs():
    assert re.search(r"^check:.*\n\t@bash \.ci/run\n", MAKEFILE, re.MULTILINE)
    run = targets_in((ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert run == [".venv/.ready", "docs", "lint", "types", "demo", "test"]
    assert "check" in targets_in((WORKFLOWS[0].parent / "ci.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_use_targets_that_exist(path):
    assert set(targets_in(path.read_text(encoding="utf-8"))) <= TARGETS


def test_every_target_is_explained_and_listed():
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],  # noqa: S607
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert set(re.findall(r"^make ([a-z-]+) +\S", listed, re.MULTILINE)) == TARGETS
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert set(phony[1].split()) == TARGETS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_digest_with_their_version_beside_it(path):
    uses = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert uses
    wrong = [use for use in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", use)]
    assert wrong == []


def test_an_action_has_the_same_digest_everywhere():
    digests = {}
    for path in WORKFLOWS:
        for action, digest in re.findall(r"uses: (\S+)@(\S+)", path.read_text(encoding="utf-8")):
            digests.setdefault(action, set()).add(digest)
    assert {action for action, found in digests.items() if len(found) > 1} == set()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_only_read_and_end_by_themselves(path):
    content = workflow(path)
    assert content["permissions"] == {"contents": "read"}
    assert "concurrency" in content
    assert all("timeout-minutes" in job for job in content["jobs"].values())


def test_the_integration_runs_the_oldest_and_the_newest_python():
    jobs = workflow(WORKFLOWS[0].parent / "ci.yml")["jobs"]
    oldest, newest = jobs["check"]["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == f">={oldest}"
    assert f"OLDEST_PYTHON := {oldest}\n" in MAKEFILE
    support = (ROOT / "docs" / "support.md").read_text(encoding="utf-8")
    assert f"{oldest} to {newest}" in support


def test_every_requirement_has_a_reason_beside_it():
    tables = re.search(r"^dependencies = \[.*?^\[project\.scripts\]", PYPROJECT, re.DOTALL | re.M)
    lines = [*tables[0].splitlines(), re.search(r"^requires = .*$", PYPROJECT, re.MULTILINE)[0]]
    stated = [line for line in lines if re.search(r'"[^"]+[=>]=', line)]
    assert len(stated) > 40
    assert [line for line in stated if not re.search(r"[\],]\s+# .{5,}", line)] == []
    # One a line, so that each reason belongs to one.
    assert [line for line in stated if len(re.findall(r'"[^"]+[=>]=', line)) > 1] == []


@pytest.mark.slow
def test_floors_are_told_from_higher_releases(tmp_path, monkeypatch):
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "floors.py").write_bytes((ROOT / ".ci" / "floors.py").read_bytes())
    project = (
        '[build-system]\nrequires = ["hatchling>=1.26"]\n[project]\ndependencies = ["{floor}"]\n'
        '[project.optional-dependencies]\nall = ["hsvlm[test]"]\ntest = ["pytest>={pytest}"]\n'
    )

    def run(floor, *arguments):
        (tmp_path / "pyproject.toml").write_text(
            project.format(floor=floor, pytest=pytest.__version__)
        )
        command = [sys.executable, tmp_path / ".ci" / "floors.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("numpy>=1.0")
    assert done.returncode == 1
    assert done.stdout.startswith("numpy: ")
    assert "1 floors cannot be installed" in done.stderr
    assert run(f"hypothesis>={hypothesis_version()}").stdout == "All 2 floors are installed.\n"
    assert run("numpy>=1.0", "--build").stdout == "hatchling==1.26\n"


def hypothesis_version():
    from importlib.metadata import version

    return version("hypothesis")


def test_new_files_of_the_root_are_in_the_source_archive():
    include = tomllib.loads(PYPROJECT)["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name for name in include if not (ROOT / name).exists()] == []
    # The build adds these by itself; the rest serves development.
    exempt = {"README.md", "LICENSE", "pyproject.toml", ".gitignore", ".pre-commit-config.yaml"}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode:
        pytest.skip("not a clone")
    names = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    assert names - set(include) - exempt == set()


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == hsvlm.__version__
    assert citation["license"] == PROJECT["license"]


def test_the_property_tests_have_a_long_profile():
    long, usual = (hypothesis_settings.get_profile(name) for name in ("long", "hsvlm"))
    assert long.max_examples >= 10 * usual.max_examples
    assert usual.derandomize
    assert not long.derandomize
    assert "HYPOTHESIS_PROFILE=long" in MAKEFILE
