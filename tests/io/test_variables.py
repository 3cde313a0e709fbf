import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from hsvlm._data.axes import axis_order
from hsvlm.exceptions import HSVLMWarning
from hsvlm.io import read_scene
from hsvlm.io._wavelengths import holds_wavelengths, to_nanometers, wavelengths_in_names

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
        "ny",
        "nrows",
        "num_lines",
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
        "nx",
        "n_cols",
        "NSamples",
    ],
    "band": [
        "band",
        "bands",
        "wavelength",
        "wl",
        "channel",
        "red_bands",
        "spectral_channel",
        "nbands",
    ],
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
    [
        "wavelengths",
        "Wavelength",
        "wl",
        "red_wavelength",
        "a/b/wavelengths_nm",
        "List_Cw_Vnir",
        "wavelength_center",
    ],
)
def test_names_of_wavelengths(name):
    assert holds_wavelengths(name)


@pytest.mark.parametrize(
    "name",
    ["good_wavelengths", "fwhm", "wavelength_bounds", "wlan", "x", "min_wavelength", "a/start_wl",
     "FWHM_Wavelength", "band_width_wvl", "wavelength_upper_nm"],
)  # fmt: skip
def test_other_names(name):
    assert not holds_wavelengths(name)


CENTERS = np.array([450.0, 550, 650])
SUFFIXES = [".nc", ".h5", ".mat", ".npz"]


def with_lists(path, lists):
    cube = np.zeros((2, 4, 3))
    if path.suffix == ".nc":
        held = {name: ("band", values) for name, values in lists.items()}
        data = xr.Dataset({"cube": (("y", "x", "band"), cube), **held})
        data.to_netcdf(path, engine="h5netcdf")
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, values in {"cube": cube, **lists}.items():
                file[name] = values
    else:
        save = savemat if path.suffix == ".mat" else lambda path, held: np.savez(path, **held)
        save(path, {"cube": cube, **lists})
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("others", "name"),
    [
        (["min_wavelength", "max_wavelength"], "central_wavelength"),
        (["start_wl", "last_wl", "delta_wl"], "wl"),
        (["fwhm_wavelength", "lower_wavelength"], "wavelength"),
        (["laser_wavelength"], "mean_wavelength"),
        (["a_wavelength", "center_wavelength"], "wavelength"),
        (["bandwidth_wvl"], "sensor_wvl"),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_of_several_lists_the_centers_of_bands_are_taken(tmp_path, suffix, others, name, first):
    lists = {other: CENTERS + 50 * step for step, other in enumerate(others, start=1)}
    lists = {name: CENTERS, **lists} if first else {**lists, name: CENTERS}
    scene = read_scene(with_lists(tmp_path / f"scene{suffix}", lists))
    np.testing.assert_array_equal(scene.wavelengths_nm, CENTERS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equally_good_lists_that_differ_are_not_used(tmp_path, suffix):
    lists = {"wavelength": CENTERS, "wl": CENTERS + 0.001, "lambda": CENTERS}
    path = with_lists(tmp_path / f"scene{suffix}", lists)
    np.testing.assert_allclose(read_scene(path).wavelengths_nm, CENTERS, atol=0.01)
    lists["wl"] = CENTERS + 300
    with pytest.warns(HSVLMWarning, match=r"wavelengths \w+ and \w+ differ and are not used"):
        assert read_scene(with_lists(path, lists)).wavelengths_nm is None


def test_the_list_beside_the_cube_is_its_own(tmp_path):
    path = tmp_path / "detectors.h5"
    with h5py.File(path, "w") as file:
        for step, name in enumerate(("vnir", "swir")):
            file[f"{name}/cube"] = np.zeros((2, 4, 3))
            file[f"{name}/wavelength"] = CENTERS + 1000 * step
    scene = read_scene(path, variable="swir/cube")
    np.testing.assert_array_equal(scene.wavelengths_nm, CENTERS + 1000)


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
        (["4.5e-01 um", "5.5E-1 um"], ["4.5e-01", "5.5E-1"], {"micrometers"}),
        (["4.5e+02nm", "x 5.5e2 nm"], ["4.5e+02", "5.5e2"], {"nanometers"}),
        (["Blue 450-510 nm", "a (450 - 510 nm)"], ["480", "480"], {"nanometers"}),
        (["(0.45-0.51 um)", "0.4-2.5um"], ["0.48", "1.45"], {"micrometers"}),
        (["450 to 510 nm", "from 450nm to 510nm"], ["480", "480"], {"nanometers"}),
        (["450\u2013510 nm", "450 nm \u2014 510 nm"], ["480", "480"], {"nanometers"}),
        (["4.5e-1-5.1e-1 um", "8-14 um"], ["0.48", "11"], {"micrometers"}),
        (["Band 450-510 nm", "R450-510nm"], ["480", "480"], {"nanometers"}),
        (["fwhm 10 nm center 450 nm", "FWHM=10nm, 450 nm"], ["450", "450"], {"nanometers"}),
        (["bandwidth: 10 nm 450 nm", "10 nm wide 450 nm"], ["450", "450"], {"nanometers"}),
        (["450 nm fwhm 10 nm", "450 nm, width of 10 nm"], ["450", "450"], {"nanometers"}),
        (["450 \u00b1 5 nm", "450 +/- 5 nm", "450/10 nm"], ["450"] * 3, {"nanometers"}),
        (["Band 2 - 450 nm", "B2-450nm", "Blue-450nm"], ["450"] * 3, {"nanometers"}),
        (["Band 210 - 1450 nm", "1-450 nm"], ["1450", "450"], {"nanometers"}),
        (["Band 10 - 10.9 um", "Channel 4: 10.8 um"], ["10.9", "10.8"], {"micrometers"}),
        (["fwhm 10 nm", "10 nm FWHM"], [None, None], set()),
    ],
)
def test_wavelengths_in_names(names, values, units):
    assert wavelengths_in_names(names) == (values, units)
