import pickle

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from hsvlm import Scene
from hsvlm._data.lazy import MappedCube
from hsvlm.exceptions import DataError


def test_repr_tells_what_matters(cube, labels):
    scene = Scene(cube, labels, {1: "oats"}, np.linspace(400, 900, 12), name="field")
    assert repr(scene) == (
        "Scene('field', 18 x 20 pixels, 12 bands from 400 to 900 nm, float32, 1 classes)"
    )
    assert scene.n_bands == 12


def test_wavelengths_become_an_array():
    scene = Scene(np.zeros((2, 2, 3)), wavelengths_nm=[450, 550, 650])
    assert scene.wavelengths_nm.dtype == np.float64
    assert repr(scene) == "Scene('', 2 x 2 pixels, 3 bands from 450 to 650 nm, float64)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"cube": np.zeros((3, 4))},
            "A cube must have three dimensions (height, width, n_bands), got shape (3, 4). A "
            "single band needs a last axis: cube[..., np.newaxis].",
        ),
        (
            {"cube": np.zeros((3, 4, 2)), "labels": np.zeros((3, 5))},
            "The cube is 3 x 4 pixels, but the label map has shape (3, 5). Both must cover the "
            "same grid of (height, width) pixels.",
        ),
        (
            {"cube": np.zeros((3, 4, 2)), "wavelengths_nm": np.zeros(3)},
            "The cube has 2 bands, but wavelengths_nm has shape (3,). Give one band center in "
            "nanometers per band.",
        ),
        (
            {"cube": np.zeros((3, 4, 2)), "bad_bands": [True]},
            "The cube has 2 bands, but bad_bands has shape (1,). Give True or False per band.",
        ),
        (
            {"cube": np.zeros((3, 4, 2)), "band_names": ["red"]},
            "The cube has 2 bands, but band_names has shape (1,). Give one name per band, or none.",
        ),
        (
            {"cube": np.zeros((3, 4, 2)), "valid": np.ones((4, 3), dtype=bool)},
            "The cube is 3 x 4 pixels, but the mask `valid` has shape (4, 3). Both must cover the "
            "same grid of (height, width) pixels. It fits if rows and columns are exchanged.",
        ),
        (
            {"cube": np.zeros((3, 4, 2)), "transform": (1, 2, 3)},
            "transform has 3 numbers. Give the six affine coefficients (a, b, c, d, e, f), or an "
            "affine.Affine.",
        ),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(DataError) as error:
        Scene(**arguments)
    assert str(error.value) == message


@pytest.fixture
def mapped(cube, labels):
    valid = np.ones(labels.shape, dtype=bool)
    valid[0] = False
    return Scene(
        cube,
        labels,
        {1: "oats", 2: "<soil>"},
        np.linspace(400, 900, 12),
        name="field",
        band_names=[f"b{number}" for number in range(12)],
        bad_bands=np.arange(12) == 3,
        valid=valid,
        crs=CRS.from_epsg(32616),
        transform=Affine(20, 0, 500_000, 0, -20, 4_400_000),
    )


def test_georeference_becomes_text_and_numbers(mapped):
    assert mapped.crs.startswith('PROJCS["WGS 84 / UTM zone 16N"')
    assert mapped.transform == (20.0, 0.0, 500_000.0, 0.0, -20.0, 4_400_000.0)
    assert Scene(mapped.cube, crs="EPSG:32616").crs == "EPSG:32616"


def test_selected_bands_take_what_belongs_to_them_along(mapped):
    kept = mapped.select_bands(~mapped.bad_bands)
    assert kept.n_bands == 11
    assert kept.band_names[3] == "b4"
    assert not kept.bad_bands.any()
    assert kept.wavelengths_nm[3] == mapped.wavelengths_nm[4]
    turned = mapped.select_bands([5, 0])
    np.testing.assert_array_equal(turned.cube, mapped.cube[..., [5, 0]])
    assert turned.transform == mapped.transform


def test_selected_bands_of_a_memory_map_are_not_read(tmp_path, cube):
    np.save(tmp_path / "cube.npy", cube)
    scene = Scene(np.load(tmp_path / "cube.npy", mmap_mode="r"))
    chosen = scene.select_bands([2, 1])
    assert isinstance(chosen.cube, MappedCube)
    np.testing.assert_array_equal(chosen.cube[3:5], cube[3:5, :, [2, 1]])
    assert pickle.loads(pickle.dumps(chosen)).n_bands == 2


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        ([], "Select at least one band by number or mask, got []."),
        ([0.5], "Select at least one band by number or mask, got [0.5]."),
        ([0, 12], "Bands are numbered from 0 to 11, got 0 to 12."),
        ([-1], "Bands are numbered from 0 to 11, got -1 to -1."),
        ([True, False], "A mask of bands has shape (12,), got (2,)."),
    ],
)
def test_bands_that_are_not_there(mapped, bands, message):
    with pytest.raises(DataError) as error:
        mapped.select_bands(bands)
    assert str(error.value) == message


def test_samples_are_labelled_and_valid(mapped, labels):
    X, y = mapped.samples()
    assert len(X) == (labels > 0).sum()
    everywhere = np.ones_like(labels)
    X, y = mapped.samples(everywhere)
    assert len(y) == mapped.valid.sum()
    assert X.coords[:, 0].min() == 1
    with pytest.raises(DataError) as error:
        Scene(mapped.cube).samples()
    assert str(error.value) == "The scene has no label map. Pass one: scene.samples(labels)."


def test_summary_and_its_table(mapped):
    assert mapped.summary() == {
        "name": "field",
        "size": "18 x 20 pixels, 12 bands",
        "values": "float32, 0.0 MB",
        "wavelengths": "400.0 to 900.0 nm",
        "bad bands": "1",
        "valid pixels": "340 of 360",
        "labels": "no label: 136, oats: 70, <soil>: 84, 3: 70",
        "CRS": "WGS 84 / UTM zone 16N",
        "pixel size": "20 x 20 units of the CRS",
        "upper left corner": "(500000, 4400000)",
    }
    page = mapped._repr_html_()
    assert "&lt;soil&gt;" in page
    assert "<soil>" not in page


@pytest.mark.parametrize("kind", ["array", "memmap"])
@pytest.mark.parametrize(
    ("dtype", "wide"), [("u2", "f4"), ("f4", "f4"), ("i4", "f8"), ("f8", "f8")]
)
def test_the_scale_is_applied_to_each_band(tmp_path, kind, dtype, wide):
    values = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    cube = values
    if kind == "memmap":
        np.save(tmp_path / "cube.npy", values)
        cube = np.load(tmp_path / "cube.npy", mmap_mode="r")
    scale = np.array([[1e-4, 0], [2e-4, 0], [1, 5], [0.5, -1]])
    scene = Scene(cube, wavelengths_nm=[400, 500, 600, 700], scale=scale).apply_scale()
    assert scene.cube.dtype == np.dtype(wide)
    np.testing.assert_allclose(
        np.asarray(scene.cube), values * scale[:, 0] + scale[:, 1], rtol=1e-6
    )
    assert scene.scale is None
    assert scene.apply_scale() is scene
    assert scene.wavelengths_nm.tolist() == [400, 500, 600, 700]
