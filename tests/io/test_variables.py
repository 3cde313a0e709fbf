import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm.io._variables import axis_order, holds_wavelengths, to_nanometres

NAMES = {
    "y": [
        "y",
        "lat",
        "latitude",
        "row",
        "Rows",
        "line",
        "northing",
        "downtrack",
        "number_of_scans",
    ],
    "x": [
        "x",
        "lon",
        "longitude",
        "col",
        "columns",
        "Samples",
        "easting",
        "crosstrack",
        "ccd_pixels",
    ],
    "band": ["band", "bands", "wavelength", "wl", "channel", "red_bands", "spectral_channel"],
}


@given(st.tuples(*(st.sampled_from(one) for one in NAMES.values())), st.permutations(range(3)))
def test_named_axes_are_found_in_any_order(names, order):
    axes = axis_order([names[one] for one in order])
    assert [order[one] for one in axes] == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "axes"),
    [
        (("a", "b", "c"), (0, 1, 2)),
        (("band", "b", "c"), (1, 2, 0)),
        (("x", "b", "c"), (1, 0, 2)),
        (("x", "x", "y"), (2, 0, 1)),
    ],
)
def test_axes_without_a_telling_name_follow_in_order(names, axes):
    assert axis_order(names) == axes


@pytest.mark.parametrize(
    "name",
    ["wavelengths", "Wavelength", "wl", "red_wavelength", "a/b/wavelengths_nm", "List_Cw_Vnir"],
)
def test_names_of_wavelengths(name):
    assert holds_wavelengths(name)


@pytest.mark.parametrize("name", ["good_wavelengths", "fwhm", "wavelength_bounds", "wlan", "x"])
def test_other_names(name):
    assert not holds_wavelengths(name)


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([400, 2500], "", [400, 2500]),
        ([0.4, 2.5], "", [400, 2500]),
        ([12.0, 14.5], "", [12000, 14500]),
        ([0.4, 2.5], "Nanometers", [0.4, 2.5]),
        (np.float32([0.4, 2.5]), "Micrometers", [400, 2500]),
        ([0.4], "\u00b5m", [400]),
        ([4e-7], " m ", [400]),
        ([[400], [500]], "nm", [400, 500]),
    ],
)
def test_units(values, unit, expected):
    assert to_nanometres(values, unit).tolist() == expected


@pytest.mark.parametrize(("values", "unit"), [([400], "cm-1"), (["a"], ""), ([400], "GHz")])
def test_what_is_no_length(values, unit):
    assert to_nanometres(values, unit) is None
