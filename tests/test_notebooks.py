"""Examples run as the notebooks that readers download."""

import json
import warnings
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "plot_8_notebook.py"


def as_notebook(example, folder):
    """Convert an example as the build of the documentation does."""
    from sphinx_gallery.gen_gallery import DEFAULT_GALLERY_CONF
    from sphinx_gallery.notebook import jupyter_notebook
    from sphinx_gallery.py_source_parser import split_code_and_text_blocks

    _, blocks = split_code_and_text_blocks(str(example))
    return jupyter_notebook(blocks, dict(DEFAULT_GALLERY_CONF), str(folder))


def shown(notebook):
    """``{line: html}`` of the cells that show an object, by their last line."""
    pages = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if page := output.get("data", {}).get("text/html"):
                pages[cell.source.strip().splitlines()[-1]] = page
    return pages


@pytest.mark.slow
def test_the_notebook_from_files_to_a_map_runs(tmp_path):
    pytest.importorskip("sphinx_gallery")
    nbformat, nbclient = map(pytest.importorskip, ("nbformat", "nbclient"))
    pytest.importorskip("ipykernel")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cells without identifiers
        notebook = nbformat.reads(json.dumps(as_notebook(EXAMPLE, tmp_path)), as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=120, resources=resources).execute()
    texts = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert texts == []
    pages = shown(notebook)
    assert {"scene", "X", "report", "clf.fit(scene)", "scene_map"} <= pages.keys()
    assert "data:image/png" in pages["scene"]
    assert "Fitted: 4 classes" in pages["clf.fit(scene)"]
    assert "data:image/png" in pages["scene_map"]
    assert "<script" not in "".join(pages[line] for line in ("scene", "X", "report", "scene_map"))
