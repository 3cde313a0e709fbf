"""The code in the pages runs, prints what they say it prints, and the reference is complete."""

import importlib
import re
from pathlib import Path

import pytest

from benchmarks.page import render_pages
from benchmarks.records import RESULTS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

# A block of Python and, where one follows directly, the block of text that it prints.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)

# Exported for other modules of the package, and listed elsewhere or of no use to others.
NOT_LISTED = {"__version__", "Clip"}  # criteria are made by their names

# Documented at hsvlm itself or module by module, or on the command line; py.typed is a marker.
NOT_DOCUMENTED = {
    "hsvlm.estimator",
    "hsvlm.preprocessing",
    "hsvlm.samples",
    "hsvlm.scene",
    "hsvlm.cli",
    "hsvlm.py",
    "hsvlm.contrastive",
}


def blocks(path):
    text = path.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        # Empty lines in front make the line numbers of tracebacks those of the page.
        yield compile("\n" * line + found[1], str(path), "exec"), found[2]


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("page", [page for page in PAGES if list(blocks(page))], ids=name_of)
def test_code_of_a_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page.stem}
    for code, printed in blocks(page):
        exec(code, namespace)  # noqa: S102
        output = capsys.readouterr().out
        if printed is not None:
            assert output == printed


def test_code_of_the_readme_compiles():
    assert all(code for code, _ in blocks(ROOT / "README.md"))


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=name_of)
def test_links_between_files_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_example_is_run_when_the_documentation_is_built():
    # The gallery runs what is named like this, and shows all else unrun.
    assert [path.name for path in EXAMPLES if not path.name.startswith("plot_")] == []


def test_references_to_examples_lead_somewhere():
    texts = [path.read_text(encoding="utf-8") for path in [*PAGES, *EXAMPLES]]
    named = set(re.findall(r"sphx_glr_gallery_(\w+)\.py", "".join(texts)))
    assert named - {path.stem for path in EXAMPLES} == set()


def test_figures_of_the_readme_are_measured():
    figures = re.findall(r"[\d.]+ ± [\d.]+", (ROOT / "README.md").read_text(encoding="utf-8"))
    measured = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert figures
    assert [one for one in figures if one not in measured] == []


@pytest.mark.slow
def test_pages_of_benchmarks_are_rendered_from_their_results():
    pages = render_pages()
    assert {path for path in pages if path.parent == RESULTS} == set(RESULTS.glob("*.md"))
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, name_of(path)


def test_results_of_benchmarks_are_files_that_people_can_read():
    files = [path for path in RESULTS.rglob("*") if path.is_file()]
    odd = [name_of(path) for path in files if not re.fullmatch(r"[a-z0-9_-]+\.(csv|md)", path.name)]
    assert odd == []
    assert [name_of(path) for path in files if re.search(r"[0-9a-f]{8}", path.stem)] == []


def test_every_public_name_is_in_the_reference():
    reference = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    listed, module = {}, ""
    for line in reference.splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   [\w.]+", line):
            home, _, name = f"{module}.{line.strip()}".rpartition(".")
            listed.setdefault(home, set()).add(name)
    everywhere = set.union(*listed.values())
    package = ROOT / "src" / "hsvlm"
    public = {f"hsvlm.{one.stem}" for one in package.iterdir() if one.stem[0] not in "_."}
    assert public - listed.keys() <= NOT_DOCUMENTED
    for home, names in listed.items():
        exported = set(importlib.import_module(home).__all__)
        assert names <= exported, home
        assert exported <= everywhere | NOT_LISTED, home


def test_every_module_is_in_the_architecture():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "hsvlm"
    modules = {path.stem for path in package.iterdir() if (path / "__init__.py").exists()}
    modules |= {path.stem for path in package.glob("*.py")} - {"__init__"}
    assert {name for name in modules if f"`{name}`" not in page} == set()
