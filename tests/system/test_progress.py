"""Progress bars suit where the program runs."""

import subprocess
import sys

import pytest

NOTEBOOK = """
import sys, warnings
import ipykernel.zmqshell
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance().config.IPKernelApp.name = "kernel"
if sys.argv[1] == "without":
    sys.modules["ipywidgets"] = None
from tqdm import TqdmWarning
warnings.simplefilter("error", TqdmWarning)
from hsvlm._system.progress import bar_class
print([kind.__module__ for kind in bar_class().__mro__])
"""


@pytest.mark.slow
@pytest.mark.parametrize("widgets", ["with", "without"])
def test_notebooks_have_widgets_where_they_can(widgets):
    pytest.importorskip("ipykernel")
    if widgets == "with":
        pytest.importorskip("ipywidgets")
    command = [sys.executable, "-c", NOTEBOOK, widgets]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert ("tqdm.notebook" in run.stdout) == (widgets == "with")


def test_bars_are_text_elsewhere():
    from hsvlm._system.progress import progress_bar

    with progress_bar(range(2), disable=True) as bar:
        assert list(bar) == [0, 1]
    assert not [kind for kind in type(bar).__mro__ if kind.__module__ == "tqdm.notebook"]
