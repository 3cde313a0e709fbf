"""What tests of commands share."""

import sys

import pytest


@pytest.fixture
def no_pictures(monkeypatch):
    """Commands draw nothing, as where the extra `plot` is missing: a picture takes seconds."""
    monkeypatch.setitem(sys.modules, "hsvlm.plotting", None)
