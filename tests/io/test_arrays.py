import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io._readers.npy import read_cube, read_label_map

CUBE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
TRUTH = np.array([[0, 1, 2], [2, 1, 0]])
HINT_COPY_AGAIN = "The file is damaged or of another kind: copy it again, or correct its suffix."


def saved(path, array, **options):
    np.save(path, array, **options)
    return path


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_stays_on_disk(tmp_path, order):
    path = saved(tmp_path / "cube.npy", np.asarray(CUBE, order=order))
    found = read_cube(path)
    assert isinstance(found.scene.cube, np.memmap)
    assert not found.scene.cube.flags.writeable
    np.testing.assert_array_equal(found.scene.cube, CUBE)
    assert found.nodata is None


def test_npy_of_the_other_byte_order_is_converted(tmp_path):
    cube = read_cube(saved(tmp_path / "cube.npy", CUBE.astype(">f4"))).scene.cube
    assert cube.dtype.isnative
    np.testing.assert_array_equal(cube, CUBE)


def test_npz(tmp_path):
    path = tmp_path / "scene.npz"
    wavelengths = np.array([0.4, 0.5, 0.6, 0.7])
    np.savez_compressed(path, cube=CUBE, gt=TRUTH, wavelengths=wavelengths, wl=np.ones(3))
    with pytest.warns(HSVLMWarning, match="without a unit, are taken as micrometers"):
        scene = read_cube(path).scene
    np.testing.assert_array_equal(scene.cube, CUBE)
    np.testing.assert_allclose(scene.wavelengths_nm, [400, 500, 600, 700])
    np.testing.assert_array_equal(read_label_map(path).labels, TRUTH)
    np.savez(path, a=CUBE, b=CUBE + 1)
    np.testing.assert_array_equal(read_cube(path, "b").scene.cube, CUBE + 1)
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: holds 2 variables that could be the cube. Name one of them, as in "
        "read_scene(path, variable='a'). It holds: a (2, 3, 4) float32, b (2, 3, 4) float32."
    )


def test_long_listings_are_cut(tmp_path):
    path = tmp_path / "many.npz"
    np.savez(path, **{f"a{n}": np.zeros(1) for n in range(14)})
    with pytest.raises(FileError, match=r"a11 \(1,\) float64 and 2 more\.$"):
        read_cube(path)


def test_python_objects_are_refused(tmp_path):
    objects = np.array([[[1, "a"]]], dtype=object)
    path = saved(tmp_path / "objects.npy", objects, allow_pickle=True)
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: its array holds Python objects, which are not loaded: that could run any "
        "code. Save plain numbers: numpy.save(path, array.astype(float))."
    )
    path = tmp_path / "objects.npz"
    np.savez(path, a=objects)
    with pytest.raises(FileError, match="variable 'a' holds Python objects"):
        read_cube(path, "a")
    with pytest.raises(FileError, match=r"It holds: a \(1, 1, 2\) object\.$"):
        read_cube(path)


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@pytest.mark.parametrize(
    ("array", "wrong"),
    [
        (CUBE[0], "shape (3, 4) and type float32"),
        (CUBE * 1j, "shape (2, 3, 4) and type complex64"),
        (np.zeros((2, 3, 4), dtype="U1"), "shape (2, 3, 4) and type <U1"),
        (np.zeros((2, 3, 4), dtype=[("Ω", float)]), "shape () and type table"),
    ],
)
def test_what_is_no_cube(tmp_path, array, wrong):
    path = saved(tmp_path / "other.npy", array)
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: its array has {wrong}, but a cube has 3 dimensions (height, width, n_bands) and "
        "real numbers. Give another file, or change the array."
    )


def test_a_npy_file_has_no_variables(tmp_path):
    path = saved(tmp_path / "cube.npy", CUBE)
    with pytest.raises(FileError) as error:
        read_cube(path, "cube")
    assert str(error.value) == (
        f"{path}: a .npy file holds one array, but 'cube' was asked for. Leave `variable` out, "
        "which names an array of a .npz file."
    )


@pytest.mark.parametrize(("suffix", "kind"), [("npy", "file"), ("npz", "archive")])
@pytest.mark.parametrize("share", [0, 0.1, 0.9])
def test_truncated_files(tmp_path, suffix, kind, share):
    path = tmp_path / f"cut.{suffix}"
    (np.save if suffix == "npy" else np.savez)(path, CUBE)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FileError) as error:
        read_cube(path)
    message = str(error.value)
    if kind == "file" and share == 0.9:
        assert message == (
            f"{path}: it holds 73 bytes of values, but its header states (2, 3, 4) values of "
            "float32, 96 bytes. It was cut off, or holds several arrays: save the array again."
        )
        return
    assert message.startswith(f"{path}: cannot be read as a NumPy {kind} (")
    assert message.endswith(f"). {HINT_COPY_AGAIN}")


@pytest.mark.parametrize(("top", "dtype"), [(255, "u1"), (256, "i2"), (2**20, "i4"), (2**40, "i8")])
def test_floats_become_the_smallest_integers(tmp_path, top, dtype):
    labels = read_label_map(saved(tmp_path / "map.npy", np.array([[0.0, top]]))).labels
    assert labels.tolist() == [[0, top]]
    assert labels.dtype == dtype


NUMBERS = st.sampled_from([bool, "u1", "i2", ">i4", "u8", "f2", ">f4", "f8"])


@pytest.mark.slow
@given(
    arrays(np.dtype("i2"), array_shapes(min_dims=2, max_dims=2), elements=st.integers(-9, 99)),
    NUMBERS,
)
def test_labels_keep_their_numbers_whatever_their_type(tmp_path_factory, values, dtype):
    values = np.abs(values) if np.dtype(dtype).kind in "ub" else values
    written = values.astype(dtype)
    path = saved(tmp_path_factory.mktemp("map") / "map.npy", written)
    labels = read_label_map(path).labels
    assert labels.dtype.kind in "iu"
    assert labels.dtype.isnative
    np.testing.assert_array_equal(labels, written.astype(int))
