import pickle

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.svm import SVC
from sklearn.utils import _safe_indexing

from hsvlm import PixelSamples, Scene, pixel_samples
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError


@pytest.fixture
def two_scenes():
    rng = np.random.default_rng(1)
    cubes = [rng.normal(size=(6, 7, 3)), rng.normal(size=(5, 9, 3))]
    return PixelSamples(cubes, [[0, 0], [5, 6], [4, 8], [2, 1]], [0, 0, 1, 1])


def test_array_is_the_center_spectra(two_scenes):
    expected = [
        two_scenes.cubes[scene][row, col]
        for scene, (row, col) in zip(two_scenes.scene_ids, two_scenes.coords, strict=True)
    ]
    np.testing.assert_array_equal(np.asarray(two_scenes), expected)
    assert np.asarray(two_scenes, dtype=np.float32).dtype == np.float32


def test_array_without_a_copy_is_refused(two_scenes):
    with pytest.raises(ValueError, match="always a copy"):
        np.array(two_scenes, copy=False)


@pytest.mark.parametrize(
    "key",
    [2, slice(1, 3), [3, 0, 0], np.array([True, False, True, False]), (np.array([1, 2]), Ellipsis)],
    ids=["int", "slice", "index", "mask", "tuple"],
)
def test_indexing_keeps_cubes_and_order(two_scenes, key):
    chosen = two_scenes[key]
    plain = key[0] if isinstance(key, tuple) else key
    expected = np.atleast_2d(np.asarray(two_scenes)[plain])
    np.testing.assert_array_equal(np.asarray(chosen), expected)
    assert all(one is other for one, other in zip(chosen.cubes, two_scenes.cubes, strict=True))


@pytest.mark.parametrize("bands", [0, [0, 1], np.array([0, 1]), slice(0, 2)])
def test_indexing_by_band_is_refused(two_scenes, bands):
    with pytest.raises(IndexError) as error:
        two_scenes[:, bands]
    assert str(error.value) == (
        "PixelSamples are indexed by sample, not by band. np.asarray(X)[...] gives plain spectra, "
        "and map_spectra selects bands. In a pipeline, SpectralTransformer(ColumnTransformer(...)) "
        "chooses among bands."
    )


def test_safe_indexing_of_scikit_learn_keeps_the_type(two_scenes):
    assert isinstance(_safe_indexing(two_scenes, np.array([0, 2])), PixelSamples)


def test_windows_stay_within_their_scene(two_scenes):
    windows = two_scenes.windows(3)
    np.testing.assert_array_equal(windows[3], two_scenes.cubes[1][1:4, 0:3])


def test_map_spectra_keeps_the_pixels(two_scenes):
    mapped = two_scenes.map_spectra(lambda spectra: spectra[:, :2] * 10)
    assert mapped.shape == (4, 2)
    np.testing.assert_allclose(mapped.windows(3), two_scenes.windows(3)[..., :2] * 10)


def test_large_scenes_are_mapped_only_where_they_are_read(two_scenes, monkeypatch):
    monkeypatch.setattr("hsvlm.samples._MAX_EAGER_VALUES", 1)
    seen = []

    def double(spectra):
        seen.append(len(spectra))
        return spectra * 2

    mapped = two_scenes.map_spectra(double)
    assert seen == [1, 1]
    np.testing.assert_array_equal(np.asarray(mapped), 2 * np.asarray(two_scenes))
    np.testing.assert_array_equal(mapped.windows(3), 2 * two_scenes.windows(3))
    again = mapped.map_spectra(lambda spectra: spectra + 1)
    np.testing.assert_array_equal(again.windows(3), 2 * two_scenes.windows(3) + 1)


def test_concatenate_shares_scenes(two_scenes):
    joined = PixelSamples.concatenate([two_scenes[2:], two_scenes[:1]])
    assert len(joined.cubes) == 2
    np.testing.assert_array_equal(np.asarray(joined), np.asarray(two_scenes)[[2, 3, 0]])
    with pytest.raises(DataError, match="nothing to concatenate"):
        PixelSamples.concatenate([])


def test_wavelengths_travel_with_samples(cube, labels):
    centers = np.linspace(400, 950, 12)
    X, _ = Scene(cube, labels, wavelengths_nm=centers).samples()
    many = X.map_spectra(lambda spectra: 2 * spectra)
    for same in (X, X[:5], X[0], many, pickle.loads(pickle.dumps(X))):
        np.testing.assert_array_equal(same.wavelengths_nm, centers)
    assert X.map_spectra(lambda spectra: spectra[:, :6]).wavelengths_nm is None
    assert pixel_samples(cube, labels)[0].wavelengths_nm is None


def test_joined_samples_have_the_same_wavelengths(cube, labels):
    centers = np.linspace(400, 950, 12)

    def samples(wavelengths_nm):
        return Scene(cube, labels, wavelengths_nm=wavelengths_nm).samples()[0]

    # Half of a step is 25 nm.
    for other in (centers, centers + 24, np.where(centers > 900, 0, centers)):
        joined = PixelSamples.concatenate([samples(centers), samples(other)])
        np.testing.assert_array_equal(joined.wavelengths_nm, centers)
    assert PixelSamples.concatenate([samples(centers), samples(None)]).wavelengths_nm is None
    with pytest.raises(DataError) as error:
        PixelSamples.concatenate([samples(centers), samples(centers[::-1])])
    assert str(error.value) == (
        "The samples come from scenes with different bands: band 0 lies at 400.00 nm in one and "
        "at 950.00 nm in another. Give all scenes the bands of the first: "
        "hsvlm.io.match_bands(scene, first.wavelengths_nm)."
    )


def test_a_scene_is_pickled_once():
    cube = np.zeros((50, 50, 20))
    X = PixelSamples([cube, cube], [[0, 0], [1, 1]], [0, 1])
    payload = pickle.dumps([X, X[:1], X[1:]])
    assert len(payload) < 1.1 * cube.nbytes
    np.testing.assert_array_equal(np.asarray(pickle.loads(payload)[2]), np.asarray(X[1:]))


def test_samples_follow_the_label_map(cube, labels):
    X, y = pixel_samples(cube, labels)
    assert len(X) == (labels > 0).sum()
    np.testing.assert_array_equal(y, labels[X.coords[:, 0], X.coords[:, 1]])
    np.testing.assert_array_equal(np.asarray(X), cube[labels > 0])


def test_samples_of_several_scenes(cube, labels):
    X, y = pixel_samples([cube, cube[:10]], [labels, labels[:10]])
    assert len(X) == len(y) == (labels > 0).sum() + (labels[:10] > 0).sum()
    assert X.scene_ids.max() == 1


def test_string_labels_with_their_own_background(cube, labels):
    names = np.array(["none", "oats", "corn", "soil"])[labels]
    X, y = pixel_samples(cube, names, unlabeled="none")
    assert set(y) == {"oats", "corn", "soil"}
    assert len(X) == (labels > 0).sum()


@pytest.mark.parametrize("dtype", [float, object])
def test_pixels_that_are_nan_are_background_if_asked(cube, labels, dtype):
    X, y = pixel_samples(cube, np.where(labels == 0, np.nan, labels).astype(dtype), float("nan"))
    np.testing.assert_array_equal(X.coords, np.argwhere(labels))
    np.testing.assert_array_equal(y, labels[labels > 0])


def test_every_pixel_can_have_a_label(cube, labels):
    names = np.array(["path", "oats", "corn", "soil"])[labels]
    for label_map in (labels, names):
        X, y = pixel_samples(cube, label_map, unlabeled=None)
        assert len(X) == labels.size
        np.testing.assert_array_equal(y, label_map.ravel())


def test_objects_of_several_kinds_keep_their_background(cube, labels):
    mixed = np.array([0, "oats", "corn", "soil"], dtype=object)[labels]
    assert set(pixel_samples(cube, mixed)[1]) == {"oats", "corn", "soil"}


def test_masked_pixels_have_no_label(cube, labels):
    broken = np.where(labels == 2, np.nan, labels)
    X, y = pixel_samples([cube, cube], [np.ma.masked_invalid(broken), labels])
    assert type(y) is np.ndarray
    first = X.scene_ids == 0
    np.testing.assert_array_equal(X.coords[first], np.argwhere((labels != 0) & (labels != 2)))
    np.testing.assert_array_equal(X.coords[~first], np.argwhere(labels))


def test_masked_arrays_without_a_masked_value_are_plain(cube, labels):
    X, y = pixel_samples(np.ma.masked_invalid(cube), np.ma.masked_equal(labels, 99))
    assert type(X.cubes[0]) is np.ndarray
    assert np.shares_memory(PixelSamples(np.ma.asarray(cube), [[0, 0]]).cubes[0], cube)
    np.testing.assert_array_equal(np.asarray(X), cube[labels > 0])
    np.testing.assert_array_equal(y, labels[labels > 0])


@pytest.mark.parametrize("empty", [[], np.empty((0, 2)), np.empty((0, 2), dtype=int)])
def test_no_coordinates_make_no_samples(cube, empty):
    X = PixelSamples(cube, empty)
    assert X.shape == (0, 12)
    assert X.coords.dtype == X.scene_ids.dtype == np.intp


def test_whole_numbers_are_coordinates_whatever_their_type(cube):
    for dtype in (np.uint8, np.int64, np.float32):
        X = PixelSamples(cube, np.array([[1, 2], [3, 4]], dtype=dtype), np.zeros(2, dtype=dtype))
        assert X.coords.dtype == X.scene_ids.dtype == np.intp
        np.testing.assert_array_equal(X.coords, [[1, 2], [3, 4]])


def test_support_vector_machine_takes_samples_as_they_are(cube, labels):
    X, y = pixel_samples(cube, labels)
    assert SVC().fit(X, y).score(X, y) > 0.95
    assert cross_val_score(SVC(), X, y, cv=StratifiedKFold(3)).min() > 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda cube, labels: pixel_samples(cube, labels[:-1]),
            "The cube is 18 x 20 pixels, but the label map has shape (17, 20). Both must cover "
            "the same grid of (height, width) pixels.",
        ),
        (
            lambda cube, labels: pixel_samples(np.moveaxis(cube, -1, 0), labels),
            "The cube has shape (12, 18, 20) and the label map (18, 20): the bands seem to come "
            "first. Pass np.moveaxis(cube, 0, -1).",
        ),
        (
            lambda cube, labels: pixel_samples(cube[..., 0], labels),
            "A cube must have three dimensions (height, width, n_bands), got shape (18, 20). A "
            "single band needs a last axis: cube[..., np.newaxis].",
        ),
        (
            lambda cube, labels: pixel_samples(cube, 0 * labels),
            "No pixel is labeled: every value of the label map equals unlabeled=0. Check the "
            "map, or pass the value that really stands for background.",
        ),
        (
            lambda cube, labels: pixel_samples([cube, cube], [labels]),
            "There are 2 cubes and 1 label maps. Give one map per cube.",
        ),
        (
            lambda cube, _: PixelSamples([cube, cube[..., :3]], [[0, 0]]),
            "The cubes have different numbers of bands: 3, 12. Select or resample bands so that "
            "all scenes share the same ones.",
        ),
        (
            lambda cube, _: PixelSamples(cube, [[0, 0], [0, 20]]),
            "1 of 2 coordinates lie outside their scene; the first is sample 1 at (row, column) "
            "(0, 20) in a scene of 18 x 20 pixels.",
        ),
        (
            lambda cube, _: PixelSamples(cube, [[0, 0]], [1]),
            "scene_ids lie between 1 and 1, but there are 1 cubes. Use 0 to 0.",
        ),
        (
            lambda cube, _: PixelSamples(cube, [[0, 0]], [0, 0]),
            "scene_ids has shape (2,), but there are 1 coordinates. Give one scene number per "
            "sample.",
        ),
        (
            lambda cube, _: PixelSamples([], []),
            "There are no cubes. Give at least one array (height, width, n_bands).",
        ),
        (
            lambda cube, _: PixelSamples(cube, [0, 1, 2, 3]),
            "coords has shape (4,), but must have shape (n_samples, 2): row and column of every "
            "sample. Pass np.column_stack([rows, cols]), or np.argwhere(mask) for the pixels of a "
            "mask.",
        ),
        (
            lambda cube, labels: PixelSamples(cube, labels > 0),
            "coords has shape (18, 20), but must have shape (n_samples, 2): row and column of "
            "every sample. Pass np.column_stack([rows, cols]), or np.argwhere(mask) for the "
            "pixels of a mask.",
        ),
        (
            lambda cube, _: PixelSamples(cube, [[0, 0], [1, 1.5]]),
            "coords must hold whole numbers, got 1.5. Convert them to integers.",
        ),
        (
            lambda cube, _: PixelSamples(cube, [[0, np.nan]]),
            "coords must hold whole numbers, got nan. Convert them to integers.",
        ),
        (
            lambda cube, _: PixelSamples(cube, [[True, False]]),
            "coords must hold whole numbers, got dtype bool. Convert them to integers.",
        ),
        (
            lambda cube, _: PixelSamples(cube, [[0, 0]], [0.5]),
            "scene_ids must hold whole numbers, got 0.5. Convert them to integers.",
        ),
        (
            lambda cube, labels: pixel_samples(cube, np.ma.masked_equal(labels, 1) * 0),
            "No pixel is labeled: every value of the label map is masked or equals unlabeled=0. "
            "Check the map, or pass the value that really stands for background.",
        ),
        (
            lambda cube, labels: pixel_samples(cube, labels.astype(str)),
            "The label map holds strings, but unlabeled=0 belongs to the numbers, so no pixel "
            "could equal it. Pass the value of the map that stands for background, or "
            "unlabeled=None if every pixel has a label.",
        ),
        (
            lambda cube, labels: pixel_samples(cube, labels.astype(str).astype(object)),
            "The label map holds strings, but unlabeled=0 belongs to the numbers, so no pixel "
            "could equal it. Pass the value of the map that stands for background, or "
            "unlabeled=None if every pixel has a label.",
        ),
        (
            lambda cube, labels: pixel_samples(cube, labels.astype("S"), unlabeled="0"),
            "The label map holds byte strings, but unlabeled='0' belongs to the strings, so no "
            "pixel could equal it. Pass the value of the map that stands for background, or "
            "unlabeled=None if every pixel has a label.",
        ),
        (
            lambda cube, labels: pixel_samples(cube, labels, unlabeled="0"),
            "The label map holds numbers, but unlabeled='0' belongs to the strings, so no pixel "
            "could equal it. Pass the value of the map that stands for background, or "
            "unlabeled=None if every pixel has a label.",
        ),
        (
            lambda cube, labels: pixel_samples(cube, np.where(labels, labels, np.nan)),
            "The label map holds NaN or infinite values. Mark pixels without a label by the value "
            "of the parameter `unlabeled` instead, or pass unlabeled=float('nan').",
        ),
        (
            lambda cube, labels: pixel_samples(cube, np.where(labels, labels, np.nan), None),
            "The label map holds NaN or infinite values. Mark pixels without a label by the value "
            "of the parameter `unlabeled` instead, or pass unlabeled=float('nan').",
        ),
        (
            lambda cube, labels: pixel_samples(cube, np.where(labels, labels, np.inf), np.nan),
            "The label map holds NaN or infinite values. Mark pixels without a label by the value "
            "of the parameter `unlabeled` instead.",
        ),
    ],
)
def test_errors(cube, labels, make, message):
    with pytest.raises(DataError) as error:
        make(cube, labels)
    assert str(error.value) == message


@pytest.mark.parametrize("unlabeled", [[[0], 1], np.array([0, 1]), {0}])
def test_only_values_stand_for_background(cube, labels, unlabeled):
    with pytest.raises(ParameterError) as error:
        pixel_samples(cube, labels, unlabeled)
    assert str(error.value) == (
        f"unlabeled={unlabeled!r} is not a single value. Pass one number or string, a list of "
        "them, or None if every pixel has a label."
    )


def test_paddings_that_do_not_exist(cube):
    with pytest.raises(UnknownNameError) as error:
        PixelSamples(cube, [[0, 0]]).windows(3, padding="edge")
    assert str(error.value) == "Unknown padding 'edge'. Known: 'reflect', 'zero'."


def test_window_errors(cube):
    X = PixelSamples(cube, [[0, 0]])
    with pytest.raises(ParameterError) as error:
        X.windows(4)
    assert str(error.value) == (
        "window_size=4 has no center pixel. Use an odd number of pixels, such as 3 or 5."
    )
    with pytest.raises(ParameterError) as error:
        X.windows(37)
    assert str(error.value) == (
        "window_size=37 is too large for a scene of 18 x 20 pixels with "
        'padding="reflect", which allows at most 35. Use a smaller window or padding="zero".'
    )
    assert X.windows(35).shape == (1, 35, 35, 12)
    assert X.windows(37, padding="zero").shape == (1, 37, 37, 12)
