"""What is particular to each registered encoder."""

import importlib.util
from pathlib import Path

import pytest

ORACLES = Path(__file__).parent / "oracles"


@pytest.fixture(scope="session")
def oracle_of():
    """A function from the name of an encoder to the module `oracles/<name>.py`."""

    def oracle_of(name):
        path = ORACLES / f"{name.replace('-', '_')}.py"
        spec = importlib.util.spec_from_file_location(f"oracle_{path.stem}", path)
        oracle = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(oracle)
        return oracle

    return oracle_of
