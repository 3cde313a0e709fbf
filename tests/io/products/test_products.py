"""What holds for every product: lazy cubes, labels and maps in place, files of other kinds."""

import pickle

import geopandas as gpd
import h5py
import numpy as np
import pytest
import rasterio
from pyproj import CRS
from shapely.geometry import box

from hsvlm import HSIPromptClassifier
from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import FileError
from hsvlm.io import read_scene, write_map
from hsvlm.io._readers import readers  # the registry is not public
from hsvlm.mapping import predict_scene

PRODUCTS = ["prisma", "emit", "neon", "enmap"]


@pytest.fixture(params=PRODUCTS)
def path(request):
    return request.getfixturevalue(f"make_{request.param}")().path


def test_each_product_has_a_maker_here():
    products = [reader for reader in readers() if reader.read_cube and reader.matches]
    assert len(PRODUCTS) == len(products)


def test_cubes_are_lazy_and_can_be_sent_to_other_processes(path):
    scene = read_scene(path)
    whole = np.asarray(scene.cube)
    assert isinstance(scene.cube, LazyCube)
    assert whole.shape == scene.cube.shape
    again = pickle.loads(pickle.dumps(scene))
    assert again.transform == scene.transform
    np.testing.assert_array_equal(again.valid, scene.valid)
    for cube in (scene.cube, again.cube):
        np.testing.assert_array_equal(cube[1:3], whole[1:3])
        np.testing.assert_array_equal(cube[[3, 0], [1, 2]], whole[[3, 0], [1, 2]])
    bands = scene.select_bands([2, 0])
    np.testing.assert_array_equal(np.asarray(bands.cube), whole[..., [2, 0]])


@pytest.mark.parametrize("product", ["prisma", "neon"])
def test_only_the_rows_asked_for_are_read(make_prisma, make_neon, monkeypatch, product):
    path = make_prisma(shape=(40, 7)).path if product == "prisma" else make_neon().path
    scene = read_scene(path, nodata=None)
    shapes = []
    read = h5py.Dataset.__getitem__

    def noted(self, *arguments, **options):
        values = read(self, *arguments, **options)
        shapes.append(values.shape)
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noted)
    scene.cube[2:3]
    assert {shape[0] for shape in shapes} == {1}


def test_labels_fall_on_the_pixels_below_them(path, tmp_path):
    scene = read_scene(path)
    a, _, c, _, e, f = scene.transform
    # Two rectangles of whole pixels, in another CRS than the scene.
    spots = {"oats": (1, 2, 2, 4), "soil": (3, 4, 1, 5)}
    shapes = [
        box(c + a * left, f + e * bottom, c + a * right, f + e * top)
        for top, bottom, left, right in spots.values()
    ]
    table = gpd.GeoDataFrame({"crop": list(spots)}, geometry=shapes, crs=CRS(scene.crs))
    table.to_crs("EPSG:3857").to_file(tmp_path / "fields.gpkg")
    labels = read_scene(path, labels=tmp_path / "fields.gpkg", label_column="crop").labels
    expected = np.zeros(scene.shape, int)
    for number, (top, bottom, left, right) in enumerate(spots.values(), 1):
        expected[top:bottom, left:right] = number
    np.testing.assert_array_equal(labels, expected)


def test_maps_lie_where_the_scene_does(path, tmp_path):
    scene = read_scene(path)
    write_map(tmp_path / "map.tif", np.ones(scene.shape, np.uint8), scene=scene)
    with rasterio.open(tmp_path / "map.tif") as written:
        assert written.transform[:6] == pytest.approx(scene.transform, abs=1e-9)
        assert CRS(written.crs.to_wkt()) == CRS(rasterio.CRS.from_user_input(scene.crs).to_wkt())


def test_nodata_of_the_user_takes_the_place_of_that_of_the_product(path):
    value = np.asarray(read_scene(path, nodata=None).cube)[1, 2, 0]
    scene = read_scene(path, nodata=float(value))
    assert not scene.valid[1, 2]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_truncated_files(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FileError):
        np.asarray(read_scene(path).cube)


def test_a_product_that_refers_to_other_files_is_refused(make_prisma, tmp_path):
    product = make_prisma()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["cube"] = np.zeros((5, 5, 7), np.uint16)
    with h5py.File(product.path, "r+") as file:
        name = f"{product.swath}/Data Fields/SWIR_Cube"
        del file[name]
        file[name] = h5py.ExternalLink("other.h5", "cube")
    with pytest.raises(FileError, match="lie in another file"):
        read_scene(product.path)


def test_files_that_state_more_than_they_hold(make_prisma):
    product = make_prisma()
    with h5py.File(product.path, "r+") as file:
        name = f"{product.swath}/Data Fields/SWIR_Cube"
        del file[name]
        file.create_dataset(name, (10**6, 5, 10**6), "u2", chunks=(1, 5, 100), compression="gzip")
    with pytest.raises(FileError, match="it states 1000000 x 5 x 1000000 values"):
        read_scene(product.path)


def test_other_hdf5_files_are_read_as_before(tmp_path):
    path = tmp_path / "own.h5"
    with h5py.File(path, "w") as file:
        file["HDFEOS/SWATHS/OTHER/Data Fields/VNIR_Cube"] = np.zeros((3, 4, 5), np.uint16)
        file["Reflectance"] = np.zeros(3)
    assert read_scene(path).cube.shape == (3, 4, 5)


@pytest.mark.slow
def test_from_a_prisma_file_to_a_map(make_prisma, tmp_path):
    footprint = np.ones((12, 15), bool)
    footprint[:2, :4] = False
    product = make_prisma(shape=(12, 15), footprint=footprint)
    scene = read_scene(product.path)
    shapes = [box(600000, 4599640, 600210, 4600000), box(600240, 4599640, 600450, 4600000)]
    table = gpd.GeoDataFrame({"crop": ["oats", "soil"]}, geometry=shapes, crs="EPSG:32632")
    table.to_file(tmp_path / "fields.gpkg")
    scene = read_scene(product.path, labels=tmp_path / "fields.gpkg", label_column="crop")
    prompts = {"oats": "a field of oats", "soil": "bare soil"}
    clf = HSIPromptClassifier(
        prompts=prompts, window_size=3, patch_size=1, max_epochs=1, random_state=0
    ).fit(*scene.samples())
    predict_scene(clf, scene, tmp_path / "map.tif")
    with rasterio.open(tmp_path / "map.tif") as written:
        assert written.transform[:6] == scene.transform
        assert written.crs == rasterio.CRS.from_epsg(32632)
        labels = written.read(1)
    assert (labels[~footprint] == 0).all()
    assert (labels[footprint] > 0).all()
