import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm._data.axes import axis_order
from hsvlm.io._variables import holds_wavelengths
from hsvlm.io._wavelengths import to_nanometers, wavelengths_in_names

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
        ([0.4, 2.5], "Nanometers", [400, 2500]),
        ([400, 2500], "Micrometers", [400, 2500]),
        ([400, 2500], "\u212bngstroms", [400, 2500]),
        ([400, 2500], "of no known kind", [400, 2500]),
        ([4000, 9000], "\u00c5", [400, 900]),
        ([8.0, 14], "um", [8000, 14000]),
        ([15, 90.5], "Micrometers", [15000, 90500]),
        ([0.045], "centimeters", [450000]),
        ([10000, 4000], "cm-1", [1000, 2500]),
        ([10000, 4000], "cm\u207b\u00b9", [1000, 2500]),
        ([10000, 4000], "1/cm", [1000, 2500]),
        ([300000, 600000], "GHz", [999.308, 499.654]),
        ([3e8], "MHz", [999.308]),
        ([2, 1], "eV", [619.921, 1239.842]),
        ([0, 500], "cm-1", [0, 20000]),
        (np.float32([0.4, 2.5]), "Micrometers", [400, 2500]),
        ([0.4], "\u00b5m", [400]),
        ([4e-7], " m ", [400]),
        ([[400], [500]], "nm", [400, 500]),
    ],
)
def test_units(values, unit, expected):
    assert to_nanometers(values, unit).tolist() == expected


@pytest.mark.parametrize(
    ("values", "unit", "note"),
    [
        (["a"], "", "are not numbers"),
        ([400, -1], "nm", "negative or infinite"),
        ([400, np.inf], "nm", "negative or infinite"),
        ([0, np.nan], "nm", "not given for any band"),
        ([400, 500], "Index", "'Index'"),
        ([0, 1, 2], "", "only count the bands"),
        ([1, 2, 3, 4], "um", "only count the bands"),
        ([1e6, 2e6], "", "without a unit, are not used"),
        ([5, 500], "Unknown", "in the unit 'Unknown', are not used"),
    ],
)
def test_what_is_no_wavelength_is_said(values, unit, note):
    notes = []
    assert to_nanometers(values, unit, notes) is None
    assert len(notes) == 1
    assert note in notes[0]


UNITS = ["Nanometers", "Micrometers", "Angstroms", "Wavenumber", "GHz", "Unknown", "", "m", "x"]


@pytest.mark.slow
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.integers(0, 9), max_size=6),
    st.sampled_from(UNITS) | st.text(max_size=12),
)
def test_wavelengths_are_positive_numbers_or_said_to_be_left_out(values, unit):
    notes = []
    with np.errstate(all="ignore"):
        wavelengths = to_nanometers(values, unit, notes)
    if wavelengths is None:
        assert notes
    else:
        assert wavelengths.shape == (len(values),)
        assert not np.isneginf(wavelengths).any()
        assert not (wavelengths < 0).any()


@pytest.mark.parametrize(
    ("names", "values", "units"),
    [
        (["Band 1 (450.5 nm)", "460 Nanometers"], ["450.5", "460"], {"nanometers"}),
        (["a (0.45 Micrometers)", "0.46 \u00b5m"], ["0.45", "0.46"], {"micrometers"}),
        (["R_450nm", "wavelength=460"], ["450", None], {"nanometers"}),
        (["blue", None], [None, None], set()),
    ],
)
def test_wavelengths_in_names(names, values, units):
    assert wavelengths_in_names(names) == (values, units)
