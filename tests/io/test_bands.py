import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hsvlm import Scene
from hsvlm._data.lazy import MappedCube
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError
from hsvlm.io import match_bands
from hsvlm.io.bands import match_or_warn


def scene(wavelengths, dtype=np.float64, **attributes):
    """A cube that holds in each band its number, and ten times that in the second row."""
    cube = np.arange(len(wavelengths)) * np.array([1, 10])[:, np.newaxis, np.newaxis]
    return Scene(cube.astype(dtype), wavelengths_nm=wavelengths, **attributes)


def taken(matched):
    return np.asarray(matched.cube)[0, 0].tolist()


def test_the_same_wavelengths_give_the_scene_itself():
    one = scene([500, 400, 400, 600])
    assert match_bands(one, [500, 400, 400, 600]) is one
    near = scene([500.2, 400.1, 400.1, 600])
    assert match_bands(near, [500, 400, 400, 600], tolerance_nm=1) is near


def test_bands_are_taken_in_the_order_wanted():
    one = scene([400, 500, 600, 700, 800], band_names=list("abcde"))
    matched = match_bands(one, [702, 399, 601], tolerance_nm=3)
    assert taken(matched) == [3, 0, 2]
    assert matched.wavelengths_nm.tolist() == [700, 400, 600]
    assert matched.band_names == ("d", "a", "c")


def test_the_default_tolerance_is_half_of_the_median_step():
    one = scene([400, 410, 420, 431])
    assert taken(match_bands(one, [405, 415, 425, 436])) == [0, 1, 2, 3]
    with pytest.raises(DataError) as error:
        match_bands(one, [400, 410, 420, 436.1])
    assert str(error.value) == (
        "The scene has no band within 5.00 nm for 1 of the 4 wavelengths wanted: 436.10 nm "
        "(nearest 431.00 nm). Pass resample=True to interpolate between its bands, or a larger "
        "tolerance_nm."
    )
    assert taken(match_bands(one, [420])) == [2]
    with pytest.raises(DataError, match=r"no band within 0\.00 nm for 1 of the 1"):
        match_bands(one, [420.5])


# Where two spectrometers of AVIRIS overlap, wavelengths step back: two bands are nearly the same.
OVERLAP = np.array([676.57, 686.53, 696.50, 686.91, 696.55, 706.19])


@pytest.mark.parametrize("shift", [0.0, 0.04, -0.04, 3.0])
def test_detectors_that_overlap_keep_their_bands(shift):
    one = scene([*(OVERLAP + shift), 900])
    assert taken(match_bands(one, OVERLAP)) == [0, 1, 2, 3, 4, 5]


def test_detectors_that_overlap_in_a_sorted_scene():
    one = scene(np.sort(OVERLAP))
    assert match_bands(one, OVERLAP).wavelengths_nm.tolist() == OVERLAP.tolist()


def test_equal_wavelengths_take_equal_bands_in_turn():
    assert taken(match_bands(scene([700, 600, 700, 800]), [700, 700, 600])) == [0, 2, 1]


def test_no_band_serves_twice():
    with pytest.raises(DataError) as error:
        match_bands(scene([500, 600, 700]), [499, 502, 600], tolerance_nm=5)
    assert str(error.value) == (
        "The scene has no band within 5.00 nm for 1 of the 3 wavelengths wanted: 502.00 nm "
        "(nearest 500.00 nm, which serves another). Pass resample=True to interpolate between its "
        "bands, or a larger tolerance_nm."
    )


def test_what_is_missing_is_listed():
    wanted = np.arange(400, 500, 10)
    with pytest.raises(DataError) as error:
        match_bands(scene([400, 1000, 1010], bad_bands=[False, True, False]), wanted)
    assert str(error.value) == (
        "The scene has no band within 5.00 nm for 9 of the 10 wavelengths wanted: 410.00 nm "
        "(nearest 400.00 nm), 420.00 nm (nearest 400.00 nm), 430.00 nm (nearest 400.00 nm) and "
        "6 more. Bands left out as bad or without a wavelength: 1. Pass resample=True to "
        "interpolate between its bands, or a larger tolerance_nm."
    )


def test_bad_bands_are_not_used():
    one = scene([400, 500, 501, 600], bad_bands=[False, True, False, False])
    assert taken(match_bands(one, [400, 500, 600], tolerance_nm=2)) == [0, 2, 3]
    with pytest.raises(DataError, match="left out as bad or without a wavelength: 1"):
        match_bands(one, one.wavelengths_nm)
    resampled = match_bands(one, [450, 500], tolerance_nm=2, resample=True)
    assert taken(resampled) == pytest.approx([100 / 101, 200 / 101])
    assert resampled.bad_bands is None


@pytest.mark.parametrize("resample", [False, True])
def test_without_any_good_band(resample):
    one = scene([400, 500], bad_bands=[True, True])
    with pytest.raises(DataError) as error:
        match_bands(one, [400, 500], resample=resample)
    assert str(error.value) == (
        "None of the 2 bands of the scene can be matched: all are bad bands or have no wavelength. "
        "If they hold data all the same, pass dataclasses.replace(scene, bad_bands=None)."
    )


@pytest.mark.parametrize("unknown", [np.nan, 0.0])
def test_bands_of_unknown_wavelength_are_not_used(unknown):
    assert taken(match_bands(scene([unknown, 500, 600]), [600, 500])) == [2, 1]


@pytest.mark.parametrize("resample", [False, True])
def test_scenes_without_wavelengths(resample):
    with pytest.raises(DataError) as error:
        match_bands(Scene(np.zeros((2, 2, 3))), [400, 500, 600], resample=resample)
    assert str(error.value) == (
        "The scene has no wavelengths, so its 3 bands cannot be matched with the 3 wanted. "
        "Look them up in the documents of its instrument and add them: "
        "dataclasses.replace(scene, wavelengths_nm=...)."
    )


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_interpolation(dtype):
    one = scene([600, 400, 500], dtype, band_names=["r", "b", "g"])
    matched = match_bands(one, [550, 400, 475, 600], resample=True)
    assert matched.wavelengths_nm.tolist() == [550, 400, 475, 600]
    assert matched.cube.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert isinstance(matched.cube, MappedCube)
    np.testing.assert_allclose(np.asarray(matched.cube)[:, 0], [[1, 1, 1.75, 0], [10, 10, 17.5, 0]])
    assert matched.band_names == ()
    again = pickle.loads(pickle.dumps(matched))
    np.testing.assert_array_equal(np.asarray(again.cube), np.asarray(matched.cube))


def test_interpolation_leaves_single_bands_to_themselves():
    one = scene([400, 500, 600])
    one.cube[..., 1] = np.nan
    assert taken(match_bands(one, [400, 600], resample=True)) == [0, 2]


def test_nothing_is_extrapolated():
    one = scene([400, 500, 600])
    matched = match_bands(one, [395, 500, 605], tolerance_nm=5, resample=True)
    assert taken(matched) == [0, 1, 2]
    with pytest.raises(DataError) as error:
        match_bands(one, [390, 500, 700], tolerance_nm=5, resample=True)
    assert str(error.value) == (
        "The scene has bands from 400.00 to 600.00 nm, and 2 of the 3 wavelengths wanted lie "
        "beyond these by more than 5.00 nm, from 390.00 to 700.00 nm. Values are not extrapolated: "
        "train without these bands, or pass a larger tolerance_nm."
    )


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ([], "[]"),
        ([[400.0]], "[[400.]]"),
        ([400.0, np.nan], "[400.  nan]"),
        ([-1.0], "[-1.]"),
        (500, "500."),
    ],
)
def test_what_is_no_list_of_wavelengths(wanted, got):
    with pytest.raises(ParameterError) as error:
        match_bands(scene([400, 500]), wanted)
    assert str(error.value) == (
        f"wavelengths_nm must be a list of positive numbers, in nanometers, got {got}."
    )


@pytest.mark.parametrize("tolerance", [0, -1, float("nan")])
def test_what_is_no_tolerance(tolerance):
    with pytest.raises(ParameterError) as error:
        match_bands(scene([400, 500]), [401], tolerance_nm=tolerance)
    assert str(error.value) == (
        f"tolerance_nm={tolerance!r} is not positive. Pass a distance in nanometers."
    )


CENTRES = st.lists(st.integers(400, 480), min_size=1, max_size=12)


@pytest.mark.slow
@given(CENTRES, CENTRES, st.sampled_from([0.5, 3, 10]))
def test_every_match_is_near_and_unique_and_none_better_exists(centres, wanted, tolerance):
    one = scene(np.array(centres, dtype=float))
    nearest = np.abs(np.subtract.outer(wanted, centres)).argmin(axis=1)
    try:
        bands = np.array(taken(match_bands(one, wanted, tolerance_nm=tolerance)), dtype=int)
    except DataError:
        # Refused only if the nearest bands themselves will not do.
        away = np.abs(np.subtract(wanted, np.take(centres, nearest)))
        assert len(set(nearest)) < len(wanted) or away.max() > tolerance
        return
    away = np.abs(np.subtract(wanted, np.take(centres, bands)))
    assert away.max() <= tolerance
    assert len(set(bands)) == len(wanted)
    if len(set(nearest)) == len(wanted):
        assert away.sum() == np.abs(np.subtract(wanted, np.take(centres, nearest))).sum()


@pytest.mark.slow
@given(st.permutations(range(8)), st.lists(st.integers(0, 7), min_size=1, unique=True))
def test_a_scene_of_other_band_order_gives_the_same_spectra(order, chosen):
    base = scene(400 + 10.0 * np.arange(8))
    shuffled = base.select_bands(order)
    wanted = base.wavelengths_nm[chosen]
    assert taken(match_bands(shuffled, wanted, tolerance_nm=4)) == chosen


@pytest.mark.slow
@given(CENTRES, st.lists(st.floats(380, 500), min_size=1, max_size=12))
def test_interpolation_is_that_of_numpy(centres, wanted):
    centres = np.array(centres, dtype=float)
    assume(len(set(centres)) == len(centres))
    one = scene(centres)
    matched = match_bands(one, wanted, tolerance_nm=200, resample=True)
    rising = np.argsort(centres)
    np.testing.assert_allclose(
        taken(matched), np.interp(wanted, centres[rising], rising), atol=1e-9
    )


TRAINED = [450.0, 550, 650, 750]


@pytest.mark.parametrize("n_bands", [4, 5])
@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (None, TRAINED, "not known of the scene"),
        (TRAINED, None, "not known of the model"),
        (TRAINED, [450, np.nan, 650, 751], "of some bands are not known of the model"),
    ],
)
def test_bands_that_cannot_be_compared_are_said(here, there, said, n_bands):
    here = here if here is None or n_bands == 4 else [*here, 850]
    one = Scene(np.zeros((1, 1, n_bands)), wavelengths_nm=here)
    with pytest.warns(HSVLMWarning, match=said) as warned:
        assert match_or_warn(one, there) is one
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert "dataclasses" not in warned[0].message.for_command_line()


@pytest.mark.parametrize("there", [TRAINED, [450, 0, 650, 750], [450, 550, np.nan, 750], None])
def test_the_same_bands_are_no_reason_to_warn(there):
    one = Scene(np.zeros((1, 1, 4)), wavelengths_nm=None if there is None else TRAINED)
    assert match_or_warn(one, there) is one


def test_scales_go_with_their_bands():
    scales = np.array([[1.0, 0], [2, 0], [3, 5], [4, 0]])
    one = Scene(np.zeros((1, 1, 4)), wavelengths_nm=TRAINED, scale=scales)
    assert match_bands(one, [650, 450]).scale.tolist() == [[3, 5], [1, 0]]
    assert pickle.loads(pickle.dumps(one)).scale.tolist() == scales.tolist()
    with pytest.raises(DataError, match="have different factors or offsets"):
        match_bands(one, [500], resample=True)
    same = Scene(np.zeros((1, 1, 4)), wavelengths_nm=TRAINED, scale=(1e-4, 0.5))
    assert match_bands(same, [500, 600], resample=True).scale.tolist() == [[1e-4, 0.5]] * 2
