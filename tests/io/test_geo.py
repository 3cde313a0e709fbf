"""Libraries of the extra "geo" on first use; the module is private, as only readers need it."""

import pytest

from hsvlm.io import _geo as geo


def test_libraries_are_imported_with_their_parts():
    assert geo.rasterio.features.__name__ == "rasterio.features"
    assert geo.h5py.__name__ == "h5py"


@pytest.mark.parametrize("name", ["__wrapped__", "pytest_plugins", "json"])
def test_other_attributes_are_missing_as_in_any_module(name):
    assert not hasattr(geo, name)
