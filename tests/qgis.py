"""QGIS, which belongs to the Python of the system and is used where it is installed."""

import json
import os
import subprocess

import pytest

_PYTHON = "/usr/bin/python3"
_START = """
import json, sys
from qgis.core import QgsApplication, QgsRasterLayer, QgsVectorLayer
app = QgsApplication([], False)
app.initQgis()
"""


def _is_installed():
    if not os.path.exists(_PYTHON):
        return False
    return subprocess.run([_PYTHON, "-c", "import qgis"], capture_output=True).returncode == 0


needs_qgis = pytest.mark.skipif(not _is_installed(), reason="needs QGIS in the system's Python")


def in_qgis(script, layer):
    """Run a script that opens the layer sys.argv[1]; return what it assigns to `told`."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    environment.pop("PYTHONPATH", None)
    command = [_PYTHON, "-c", f"{_START}{script}\nprint(json.dumps(told))", str(layer)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    return json.loads(done.stdout)
