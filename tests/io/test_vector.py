import geopandas
import numpy as np
import pytest
from shapely import LineString, Point, box

from hsvlm import Scene
from hsvlm.exceptions import FileError, HSVLMWarning, MissingFileError
from hsvlm.io import read_labels

# 6 x 8 pixels of 30 m; the upper left corner lies at (500000, 4400000).
SCENE = Scene(
    np.zeros((6, 8, 3)), crs="EPSG:32616", transform=(30, 0, 500000, 0, -30, 4400000), name="field"
)


def pixels(rows, cols):
    """The rectangle of pixels rows[0] <= row < rows[1], cols[0] <= col < cols[1]."""
    return box(
        500000 + 30 * cols[0], 4400000 - 30 * rows[1], 500000 + 30 * cols[1], 4400000 - 30 * rows[0]
    )


def speck(row, col):
    """A square in the corner of a pixel."""
    return pixels((row, row + 0.2), (col, col + 0.2))


def centre(row, col):
    return Point(500015 + 30 * col, 4399985 - 30 * row)


def written(path, geometry, crs="EPSG:32616", layer=None, **columns):
    frame = geopandas.GeoDataFrame(columns, geometry=geometry, crs=crs)
    frame.to_file(path, **({} if layer is None else {"layer": layer}))
    return path


def expected(marked):
    labels = np.zeros(SCENE.shape, dtype=int)
    for label, (rows, cols) in marked.items():
        labels[slice(*rows), slice(*cols)] = label
    return labels


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "geojson", "fgb"])
def test_text_gives_numbered_classes(tmp_path, suffix):
    marked = [((0, 2), (0, 3)), ((3, 6), (4, 8)), ((4, 5), (0, 2))]
    shapes = [pixels(*one) for one in marked]
    path = written(tmp_path / f"fields.{suffix}", shapes, crop=["wheat", " oats", "wheat"])
    found = read_labels(path, SCENE)
    wanted = expected({2: marked[0], 1: marked[1]}) + expected({2: marked[2]})
    np.testing.assert_array_equal(found.labels, wanted)
    assert found.labels.dtype == np.uint8
    assert found.class_names == {1: "oats", 2: "wheat"}
    assert found.transform == SCENE.transform


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:26916"])
def test_features_are_brought_to_the_crs_of_the_scene(tmp_path, crs):
    rng = np.random.default_rng(0)
    rows, cols = np.divmod(rng.permutation(48)[:12], 8)
    here = geopandas.GeoSeries(map(centre, rows, cols), crs="EPSG:32616")
    path = written(tmp_path / "points.gpkg", here.to_crs(crs), crs, kind=np.arange(12) + 1)
    wanted = np.zeros(SCENE.shape, dtype=int)
    wanted[rows, cols] = np.arange(12) + 1
    np.testing.assert_array_equal(read_labels(path, SCENE).labels, wanted)


def test_polygons_mark_the_pixels_whose_centres_they_cover(tmp_path):
    # Half a pixel and a little less, to the right and downwards.
    shape = pixels((1, 3), (1, 3)).buffer(14)
    path = written(tmp_path / "one.gpkg", [shape], kind=[300])
    found = read_labels(path, SCENE)
    np.testing.assert_array_equal(found.labels, expected({300: ((1, 3), (1, 3))}))
    assert found.labels.dtype == np.uint16
    assert found.class_names == {}
    wider = written(tmp_path / "two.gpkg", [pixels((1, 3), (1, 3)).buffer(16)], kind=[300])
    assert (read_labels(wider, SCENE).labels > 0).sum() == 16 - 4  # its corners are round


def test_rotated_grids(tmp_path):
    turned = Scene(
        np.zeros((6, 8, 3)), crs="EPSG:32616", transform=(24, 18, 500000, 18, -24, 4400000)
    )
    a, b, c, d, e, f = turned.transform
    row, col = 4.5, 2.5
    point = Point(a * col + b * row + c, d * col + e * row + f)
    labels = read_labels(written(tmp_path / "p.gpkg", [point], kind=[7]), turned).labels
    assert np.argwhere(labels == 7).tolist() == [[4, 2]]


def test_pixels_of_several_classes_keep_none(tmp_path):
    left, right, middle = ((0, 4), (0, 4)), ((0, 4), (2, 6)), ((1, 2), (3, 4))
    shapes = [pixels(*left), pixels(*right), pixels(*middle), pixels(*left)]
    path = written(tmp_path / "fields.gpkg", shapes, kind=[2, 1, 2, 2])
    with pytest.warns(HSVLMWarning) as caught:
        found = read_labels(path, SCENE)
    assert [str(one.message) for one in caught] == [
        f"{path}: features of different classes overlap on 8 pixels, which are left without a "
        "label.",
        f"{path}: 1 of 3 polygons of class 2 mark no pixel (under other classes).",
    ]
    assert caught[0].filename == __file__
    wanted = expected({2: ((0, 4), (0, 2)), 1: ((0, 4), (4, 6))})
    np.testing.assert_array_equal(found.labels, wanted)


def test_classes_that_mark_nothing(tmp_path):
    shapes = [centre(0, 0), centre(0, 99), speck(2, 2), None]
    path = written(tmp_path / "fields.gpkg", shapes, kind=["a", "b", "c", "d"])
    with pytest.warns(HSVLMWarning) as caught:
        found = read_labels(path, SCENE)
    assert [str(one.message) for one in caught] == [
        f"{path}: 1 of 1 features of 'b' mark no pixel (outside of the scene); 1 of 1 features of "
        "'c' mark no pixel (smaller than a pixel); 1 of 1 features of 'd' mark no pixel (without a "
        "usable geometry). Pass all_touched=True to mark all pixels that a polygon touches, or "
        "give points."
    ]
    assert found.labels.sum() == found.labels[0, 0] == 1
    assert found.class_names == {1: "a", 2: "b", 3: "c", 4: "d"}


def test_lines_mark_pixels(tmp_path):
    path = written(tmp_path / "l.gpkg", [LineString([centre(2, 1), centre(2, 5)])], kind=[1])
    np.testing.assert_array_equal(read_labels(path, SCENE).labels, expected({1: ((2, 3), (1, 6))}))


def test_columns_are_named(tmp_path):
    path = tmp_path / "points.gpkg"
    columns = {"kind": [4], "crop": ["oats"], "share": [0.5], "sure": [True]}
    written(path, [centre(1, 2)], **columns)
    assert read_labels(path, SCENE, column="kind").labels[1, 2] == 4
    assert read_labels(path, SCENE, column="crop").class_names == {1: "oats"}
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE)
    listed = str(error.value).partition("Columns: ")[2]
    assert str(error.value) == (
        f"{path}: 2 columns could hold the classes. Name the column of the classes: column=... "
        f"Columns: {listed}"
    )
    assert listed == (
        "kind (whole numbers: 4), crop (text: 'oats'), share (fractions: 0.5), sure (True and "
        "False)."
    )
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE, column="class")
    assert str(error.value) == f"{path}: has no column 'class'. Columns: {listed}"
    bare = written(tmp_path / "bare.gpkg", [centre(1, 2)])
    with pytest.raises(FileError, match=r"0 columns could hold .* Columns: none\.$"):
        read_labels(bare, SCENE)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ([1, 0], "column 'kind' holds 0"),
        ([-3, 2], "column 'kind' holds -3"),
        ([1, 2**31], "column 'kind' holds 2147483648"),
        ([1.5, 2], "column 'kind' holds 1.5"),
        ([True, False], "column 'kind' holds True and False, which are not classes"),
    ],
)
def test_what_is_no_class(tmp_path, values, wrong):
    path = written(tmp_path / "points.gpkg", [centre(1, 2), centre(3, 4)], kind=values)
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE, column="kind")
    largest = "" if "True" in wrong else ", and 2147483647 is the largest"
    assert str(error.value) == (
        f"{path}: {wrong}. Classes are text, or whole numbers from 1; 0 stands for no "
        f"label{largest}."
    )


@pytest.mark.parametrize("values", [["oats", None], ["oats", " "], [1, None]])
def test_features_without_a_class(tmp_path, values):
    path = written(tmp_path / "points.gpkg", [centre(1, 2), centre(3, 4)], kind=values)
    with pytest.warns(HSVLMWarning, match="1 of 2 points have no class and are left out"):
        found = read_labels(path, SCENE, column="kind")
    assert np.argwhere(found.labels).tolist() == [[1, 2]]


def test_whole_numbers_kept_as_floats(tmp_path):
    path = written(tmp_path / "points.gpkg", [centre(1, 2)], kind=[3.0])
    assert read_labels(path, SCENE, column="kind").labels[1, 2] == 3


def test_features_beside_the_scene(tmp_path):
    path = written(tmp_path / "far.gpkg", [pixels((0, 2), (20, 24)), centre(9, 9)], kind=[1, 2])
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE)
    assert str(error.value) == (
        f"{path}: no feature lies on the scene: in WGS 84 / UTM zone 16N, the features fill "
        "x from 500285 to 500720 and y from 4399715 to 4400000, the scene x from 500000 to 500240 "
        "and y from 4399820 to 4400000. Give features of this scene, and check their CRS."
    )


def test_features_too_small_for_any_pixel(tmp_path):
    path = written(tmp_path / "small.gpkg", [speck(2, 2)], kind=[1])
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE)
    assert str(error.value) == (
        f"{path}: no pixel of the scene gets a class: 1 of 1 polygons of class 1 mark no pixel "
        "(smaller than a pixel). Pass all_touched=True to mark all pixels that a polygon touches, "
        "or give points."
    )


def test_features_that_the_crs_cannot_express(tmp_path):
    path = written(tmp_path / "pole.gpkg", [Point(-93, 95)], "EPSG:4326", kind=[1])
    with pytest.raises(FileError, match="the features fill nowhere, the scene x from"):
        read_labels(path, SCENE)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_files_without_a_crs(tmp_path):
    path = written(tmp_path / "points.shp", [centre(1, 2)], None, kind=[1])
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE)
    assert str(error.value) == (
        f"{path}: has no coordinate reference system. A shapefile needs its .prj file beside it. "
        "If you know the CRS, save the features with it: "
        "geopandas.read_file(path).set_crs('EPSG:...').to_file(new_path)."
    )


@pytest.mark.parametrize(("crs", "what"), [(None, "CRS"), ("EPSG:32616", "transform")])
def test_scenes_without_a_place(tmp_path, crs, what):
    path = written(tmp_path / "points.gpkg", [centre(1, 2)], kind=[1])
    with pytest.raises(FileError) as error:
        read_labels(path, Scene(np.zeros((6, 8, 3)), crs=crs))
    assert str(error.value) == (
        f"{path}: its features cannot be placed on a scene that has no {what}. Use a georeferenced "
        "scene, or give the labels as a map of its pixels."
    )


@pytest.mark.slow
def test_scenes_whose_crs_is_nonsense(tmp_path):
    path = written(tmp_path / "points.gpkg", [centre(1, 2)], kind=[1])
    scene = Scene(np.zeros((6, 8, 3)), crs="nonsense", transform=SCENE.transform)
    with pytest.raises(FileError) as error:
        read_labels(path, scene)
    assert str(error.value) == (
        f"{path}: its features, in WGS 84 / UTM zone 16N, cannot be brought to the CRS nonsense. "
        "Check the CRS of the scene and of the file."
    )


def test_layers(tmp_path):
    path = tmp_path / "campaign.gpkg"
    for layer, label in (("june", 1), ("july", 2)):
        written(path, [centre(1, 2)], layer=layer, kind=[label])
    assert read_labels(path, SCENE, variable="july").labels[1, 2] == 2
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE)
    assert "--label-variable june" in error.value.for_command_line()
    assert str(error.value) == (
        f"{path}: holds 2 layers. Name one of them, as in variable='june'. It holds: june, july."
    )
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE, variable="may")
    assert str(error.value) == f"{path}: has no layer 'may'. It holds: june, july."


def test_damaged_and_missing_files(tmp_path):
    path = tmp_path / "cut.geojson"
    path.write_text('{"type": "FeatureColl')
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE)
    assert str(error.value).startswith(f"{path}: cannot be read as vector data (DataSourceError: ")
    path.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE)
    assert str(error.value) == (f"{path}: holds no points or polygons. Give a layer with features.")
    with pytest.raises(MissingFileError, match="does not exist"):
        read_labels(tmp_path / "none.shp", SCENE)
