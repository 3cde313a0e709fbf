"""What becomes of each feature, of its class and of its group."""

import pickle
import shutil

import geopandas
import numpy as np
import pytest
from shapely import MultiPolygon, Point, Polygon, box

from hsvlm import Scene
from hsvlm.exceptions import DataError, FileError, HSVLMWarning, MissingFileError, ParameterError
from hsvlm.io import read_labels, read_scene, write_scene

# 10 x 12 pixels of 30 m; the upper left corner lies at (500000, 4400000).
GRID = {"crs": "EPSG:32616", "transform": (30, 0, 500000, 0, -30, 4400000)}
SCENE = Scene(np.ones((10, 12, 3)), **GRID)


def pixels(rows, cols):
    """The rectangle of pixels rows[0] <= row < rows[1], cols[0] <= col < cols[1]."""
    return box(
        500000 + 30 * cols[0], 4400000 - 30 * rows[1], 500000 + 30 * cols[1], 4400000 - 30 * rows[0]
    )


def plot(row, col):
    """A field plot of 6 m in the upper left corner of a pixel."""
    return pixels((row + 0.1, row + 0.3), (col + 0.1, col + 0.3))


def center(row, col):
    return Point(500015 + 30 * col, 4399985 - 30 * row)


def written(path, geometry, crs="EPSG:32616", **columns):
    geopandas.GeoDataFrame(columns, geometry=geometry, crs=crs).to_file(path)
    return path


def only_message(caught):
    assert len(caught) == 1
    return caught[0].message


def test_plots_smaller_than_a_pixel_are_counted(tmp_path):
    rows, cols = np.divmod(np.arange(40), 12)
    shapes = [pixels((8, 10), (8, 10)), *map(plot, rows, cols), pixels((6, 8), (0, 2))]
    path = written(tmp_path / "plots.gpkg", shapes, crop=["oats"] * 41 + ["soil"])
    with pytest.warns(HSVLMWarning) as caught:
        labels = read_labels(path, SCENE).labels
    message = only_message(caught)
    assert str(message) == (
        f"{path}: 40 of 41 polygons of 'oats' mark no pixel (smaller than a pixel). Pass "
        "all_touched=True to mark all pixels that a polygon touches, or give points."
    )
    assert "--all-touched" in message.for_command_line()
    assert "all_touched" not in message.for_command_line()
    assert (labels == 1).sum() == 4
    touched = read_labels(path, SCENE, all_touched=True).labels
    assert (touched == 1).sum() == 44
    assert touched[rows, cols].all()


def test_each_reason_is_named(tmp_path):
    valid = np.ones(SCENE.shape, bool)
    valid[8:] = False
    scene = Scene(SCENE.cube, valid=valid, **GRID)
    shapes = [
        pixels((0, 2), (0, 2)),  # marks pixels
        plot(3, 3),
        pixels((20, 22), (0, 2)),
        None,
        Polygon(),
        pixels((4, 6), (4, 6)),  # lies under the class "soil"
        pixels((9, 10), (0, 2)),  # where there is no data
        pixels((0, 1), (0, 1)),  # within the first one of its class
        pixels((4, 6), (4, 7)),
        pixels((0, 2), (8, 9)),
    ]
    path = written(tmp_path / "f.gpkg", shapes, crop=["oats"] * 8 + ["soil", None])
    with pytest.warns(HSVLMWarning) as caught:
        labels = read_labels(path, scene).labels
    messages = [str(warning.message) for warning in caught]
    assert "overlap on 4 pixels" in messages[0]
    assert (
        "6 of 8 polygons of 'oats' mark no pixel (2 without a usable geometry, 1 outside of the "
        "scene, 1 smaller than a pixel, 1 under other classes, 1 where the scene has no data); 1 "
        "of 10 polygons have no class and are left out."
    ) in messages[1]
    assert (labels == 2).sum() == 2


def test_features_that_the_border_cuts(tmp_path):
    shapes = [pixels((-3, 2), (0, 2)), pixels((4, 6), (11, 14)), pixels((0, 0.6), (4, 12.2))]
    path = written(tmp_path / "f.gpkg", shapes, crop=["oats", "oats", "soil"])
    with pytest.warns(HSVLMWarning) as caught:
        read_labels(path, SCENE)
    assert str(only_message(caught)) == (
        f"{path}: the border of the scene cuts 2 polygons (2 of 2 of 'oats')."
    )


def test_many_classes_make_one_short_message(tmp_path):
    shapes = [plot(row, 0) for row in range(10)] + [pixels((0, 2), (4, 6))]
    path = written(tmp_path / "f.gpkg", shapes, crop=[f"crop {one}" for one in range(11)])
    with pytest.warns(HSVLMWarning) as caught:
        read_labels(path, SCENE)
    assert "; 6 of 6 of 6 more classes mark no pixel" in str(only_message(caught))


def test_shapes_of_any_kind(tmp_path):
    bow_tie = Polygon([(500000, 4400000), (500060, 4399940), (500060, 4400000), (500000, 4399940)])
    parts = MultiPolygon([pixels((4, 6), (0, 2)), pixels((4, 6), (4, 6))])
    high = Point(500015 + 30 * 7, 4399985, 120.0)
    path = written(tmp_path / "f.geojson", [bow_tie, parts, high], code=[1, 2, 3])
    labels = read_labels(path, SCENE).labels
    assert (labels == 2).sum() == 8
    assert np.argwhere(labels == 3).tolist() == [[0, 7]]
    assert (labels == 1).any()


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        (["1", "2", "3"], [1, 2, 3]),
        (["3", "1", "10"], [3, 1, 10]),
        (["007", "8", "9"], [7, 8, 9]),
        ([" 4", "5.0", "6,0"], [4, 5, 6]),
        ([2.0, 1.0, 3.0], [2, 1, 3]),
        ([70000, 1, 2], [70000, 1, 2]),
    ],
)
def test_codes_stay_the_numbers_that_they_are(tmp_path, values, codes):
    path = written(tmp_path / "f.gpkg", [center(0, col) for col in range(3)], code=values)
    found = read_labels(path, SCENE)
    assert found.labels[0, :3].tolist() == codes
    assert found.class_names == {}


CODES = [
    ["91E0", "6510", "9110"],
    ["91E0", "91D0", "9110"],
    ["1E3", "2E3", "3E3"],
    ["1E+03", "2E+03", "3E+03"],
    ["1_0", "2_0", "3_0"],
    ["0x1F", "0x2F", "0x3F"],
    ["inf", "1e5", "infinity"],
]


@pytest.mark.parametrize("suffix", [".gpkg", ".csv", ".geojson"])
@pytest.mark.parametrize("values", CODES)
def test_codes_that_only_look_like_numbers_are_names(tmp_path, suffix, values):
    path = tmp_path / f"f{suffix}"
    if suffix == ".csv":
        lines = [f"0,{col},{value}" for col, value in enumerate(values)]
        path.write_text("\n".join(["row,col,code", *lines]))
    else:
        written(path, [center(0, col) for col in range(3)], code=values)
    found = read_labels(path, SCENE)
    assert [found.class_names[label] for label in found.labels[0, :3].tolist()] == values


@pytest.mark.parametrize("value", ["1.5e-3", "2e-05", "2.5E0", "1,5e-3"])
def test_measurements_are_no_classes(tmp_path, value):
    path = tmp_path / "points.csv"
    path.write_text(f"row;col;crop;ndvi\n0;0;oats;{value}\n0;1;soil;0.25\n0;2;soil;1e5")
    assert read_labels(path, SCENE).class_names == {1: "oats", 2: "soil"}


@pytest.mark.parametrize("missing", ["nan", "None", "NULL", "<Null>", "NA", " "])
def test_words_for_no_value_are_no_class(tmp_path, missing):
    shapes = [center(0, col) for col in range(3)]
    path = written(tmp_path / "f.gpkg", shapes, crop=["oats", missing, "soil"])
    with pytest.warns(HSVLMWarning, match="1 of 3 points have no class and are left out"):
        assert read_labels(path, SCENE).class_names == {1: "oats", 2: "soil"}
    empty = written(tmp_path / "g.gpkg", shapes, crop=[missing] * 3)
    with pytest.raises(FileError, match="column 'crop' is empty for all 3 features"):
        read_labels(empty, SCENE, column="crop")


@pytest.mark.parametrize("suffix", [".dbf", ".shx"])
def test_shapefiles_that_lack_a_part(tmp_path, suffix):
    path = written(tmp_path / "f.shp", [center(0, 0)], crop=["oats"])
    path.with_suffix(suffix).unlink()
    with pytest.raises(MissingFileError, match=f"in a file {suffix}, which is not there"):
        read_labels(path, SCENE)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (["0", "1", "2"], "holds 0"),
        (["-1", "1", "2"], "holds -1"),
        (["1.5", "1", "2"], "holds 1.5"),
        (["1", "oats", "2"], r"mixes numbers \('1'\) and names \('oats'\)"),
        (["10", "oats", "20"], r"mixes numbers \('10'\) and names \('oats'\)"),
        (["1", "2", "3a"], r"mixes numbers \('1'\) and names \('3a'\)"),
        ([str(2**40), "1", "2"], "holds 1099511627776"),
    ],
)
def test_codes_that_are_not_classes(tmp_path, values, problem):
    path = written(tmp_path / "f.gpkg", [center(0, col) for col in range(3)], code=values)
    with pytest.raises(FileError, match=f"column 'code' {problem}"):
        read_labels(path, SCENE)


@pytest.mark.parametrize(
    ("values", "names", "shown"),
    [
        (["Oats", "oats ", "oats"], {1: "oats"}, "'Oats', 'oats' are read as 'oats'"),
        (["Oats", "OATS", "soil"], {1: "OATS", 2: "soil"}, "'OATS', 'Oats' are read as 'OATS'"),
        (["07", "7", "8"], {}, "'07', '7' are read as 7"),
    ],
)
def test_spellings_of_one_class(tmp_path, values, names, shown):
    path = written(tmp_path / "f.gpkg", [center(0, col) for col in range(3)], crop=values)
    with pytest.warns(HSVLMWarning) as caught:
        found = read_labels(path, SCENE)
    assert str(only_message(caught)) == (
        f"{path}: column 'crop' spells a class in several ways: {shown}."
    )
    assert found.class_names == names
    assert found.labels[0, 0] == found.labels[0, 1]


def test_spaces_and_composed_letters_are_no_other_class(tmp_path):
    values = ["Winter\u00a0 wheat", "Winter wheat ", "Bl\u00e9", "Ble\u0301"]
    path = written(tmp_path / "f.gpkg", [center(0, col) for col in range(4)], crop=values)
    assert read_labels(path, SCENE).class_names == {1: "Bl\u00e9", 2: "Winter wheat"}


def test_columns_are_matched_without_case(tmp_path):
    path = written(tmp_path / "f.gpkg", [center(0, 0)], Crop=["oats"], ID=[7])
    assert read_labels(path, SCENE, column="CROP").class_names == {1: "oats"}
    both = written(tmp_path / "g.geojson", [center(0, 0)], Crop=["oats"], crop=["soil"])
    assert read_labels(both, SCENE, column="crop").class_names == {1: "soil"}
    with pytest.raises(FileError, match="has no column 'CROP'"):
        read_labels(both, SCENE, column="CROP")


def test_numbers_of_features_are_never_taken_for_classes(tmp_path):
    path = written(tmp_path / "f.gpkg", [center(0, 0), center(0, 1)], id=[1, 2])
    with pytest.raises(FileError, match=r"0 columns could hold the classes.*id \(whole numbers"):
        read_labels(path, SCENE)
    named = written(
        tmp_path / "g.gpkg", [center(0, 0), center(0, 1)], OBJECTID=[1, 2], c=["a", "b"]
    )
    assert read_labels(named, SCENE).class_names == {1: "a", 2: "b"}


def test_columns_of_codes_with_gaps_are_candidates(tmp_path):
    # With a gap, the codes become floats; the notes alone must not become the classes.
    shapes = [center(0, 0), center(0, 1)]
    path = written(tmp_path / "f.gpkg", shapes, code=[3, None], note=["wet", "dry"])
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE)
    assert str(error.value) == (
        f"{path}: 2 columns could hold the classes. Name the column of the classes: column=... "
        "Columns: code (whole numbers: 3), note (text: 'wet', 'dry')."
    )
    assert "--label-column" in error.value.for_command_line()


def test_groups_are_those_of_the_column(tmp_path):
    shapes = [pixels((0, 2), (0, 2)), pixels((0, 2), (4, 6)), pixels((6, 8), (0, 2))]
    path = written(
        tmp_path / "f.gpkg", shapes, crop=["a", "b", "a"], field=["x", "y", "x"], number=[7, 9, 8]
    )
    assert read_labels(path, SCENE, column="crop").groups is None
    for column, numbers in (("field", [1, 2, 1]), ("number", [7, 9, 8]), ("fid", [1, 2, 3])):
        groups = read_labels(path, SCENE, column="crop", group_column=column).groups
        assert groups.dtype == np.int32
        assert [groups[0, 0], groups[0, 4], groups[6, 0]] == numbers
        assert (groups > 0).sum() == 12


def test_groups_begin_at_one(tmp_path):
    path = written(tmp_path / "f.gpkg", [center(0, 0), center(0, 1)], crop=["a", "b"], n=[0, 5])
    groups = read_labels(path, SCENE, column="crop", group_column="n").groups
    assert groups[0, :2].tolist() == [1, 2]


def test_features_without_a_group(tmp_path):
    path = written(
        tmp_path / "f.gpkg", [center(0, 0), center(0, 1)], crop=["a", "b"], field=["x", None]
    )
    with pytest.raises(FileError, match="column 'field' is empty for 1 of 2 features"):
        read_labels(path, SCENE, column="crop", group_column="field")
    with pytest.raises(FileError, match=r"has no column 'plot' for groups.*'fid' makes each"):
        read_labels(path, SCENE, column="crop", group_column="plot")


def test_pixels_of_several_groups_are_said(tmp_path):
    shapes = [pixels((0, 2), (0, 2)), pixels((0, 2), (1, 4)), pixels((5, 6), (5, 6))]
    path = written(tmp_path / "f.gpkg", shapes, crop=["a", "a", "b"])
    with pytest.warns(HSVLMWarning, match="features of different groups overlap on 2 pixels"):
        found = read_labels(path, SCENE, group_column="fid")
    assert (found.labels == 1).sum() == 8
    assert ((found.groups > 0) == (found.labels > 0)).all()


def test_groups_go_with_the_scene(tmp_path):
    rng = np.random.default_rng(0)
    valid = rng.random(SCENE.shape) > 0.2
    write_scene(tmp_path / "scene.tif", SCENE)
    shapes = [pixels((0, 4), (0, 5)), pixels((0, 4), (6, 12)), pixels((5, 10), (2, 9))]
    path = written(tmp_path / "f.gpkg", shapes, crop=["a", "b", "a"], field=["x", "y", "z"])
    scene = read_scene(
        tmp_path / "scene.tif", labels=path, label_column="crop", group_column="field"
    )
    scene = pickle.loads(pickle.dumps(scene)).select_bands([0, 2])
    assert scene.summary()["groups"] == "3"
    masked = Scene(scene.cube, labels=scene.labels, groups=scene.groups, valid=valid)
    X, y = masked.samples()
    groups = masked.sample_groups()
    assert len(groups) == len(y) < (scene.labels > 0).sum()
    np.testing.assert_array_equal(groups, scene.groups[tuple(X.coords.T)])
    with pytest.raises(DataError, match="samples have no group"):
        masked.sample_groups(np.ones(SCENE.shape, int))


def test_scenes_check_their_groups():
    with pytest.raises(DataError, match=r"the map of groups has shape \(3, 4\)"):
        Scene(SCENE.cube, groups=np.ones((3, 4), int))
    for broken in (np.full(SCENE.shape, -1), np.full(SCENE.shape, 0.5)):
        with pytest.raises(DataError, match="groups must hold whole numbers from 0"):
            Scene(SCENE.cube, groups=broken)
    with pytest.raises(DataError, match="The scene has no groups"):
        SCENE.sample_groups(np.ones(SCENE.shape, int))


NAMES = ["小麦", "水稻"]


def shapefile(path, names, encoding, says_so):
    frame = geopandas.GeoDataFrame(
        {"crop": names}, geometry=[center(0, col) for col in range(len(names))], crs=GRID["crs"]
    )
    frame.to_file(path, encoding=encoding)
    if not says_so:
        path.with_suffix(".cpg").unlink()
        with path.with_suffix(".dbf").open("r+b") as stream:
            stream.seek(29)
            stream.write(b"\0")
    return path


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_the_encoding_of_a_shapefile(tmp_path, encoding):
    path = shapefile(tmp_path / "f.shp", NAMES, encoding, says_so=False)
    with pytest.warns(HSVLMWarning) as caught:
        misread = read_labels(path, SCENE).class_names
    message = only_message(caught)
    assert f"{path}: the encoding of the class names is uncertain" in str(message)
    assert all(repr(name) in str(message) for name in misread.values())
    assert f"encoding={encoding!r}" in str(message)
    assert all(name in str(message) for name in NAMES)
    assert f"--encoding {encoding}" in message.for_command_line()
    assert set(read_labels(path, SCENE, encoding=encoding).class_names.values()) == set(NAMES)


def test_accents_in_a_shapefile_of_unknown_encoding(tmp_path):
    path = shapefile(tmp_path / "f.shp", ["Kürbis", "Blé"], "cp1252", says_so=False)
    with pytest.warns(HSVLMWarning, match=r"'Blé', 'Kürbis'\. If these are wrong, pass encoding"):
        read_labels(path, SCENE)
    assert read_labels(path, SCENE, encoding="cp1252").class_names == {1: "Blé", 2: "Kürbis"}


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_shapefiles_that_state_their_encoding(tmp_path, encoding):
    path = shapefile(tmp_path / "f.shp", ["Kürbis", "Blé"], encoding, says_so=True)
    assert read_labels(path, SCENE).class_names == {1: "Blé", 2: "Kürbis"}


@pytest.mark.parametrize("suffix", ["gpkg", "geojson"])
def test_names_that_were_misread_before(tmp_path, suffix):
    misread = "Äpfel".encode().decode("cp1252")
    path = written(tmp_path / f"f.{suffix}", [center(0, 0)], crop=[misread])
    with pytest.warns(HSVLMWarning, match="With encoding='utf-8' they are 'Äpfel'"):
        read_labels(path, SCENE)


def test_wrong_and_unknown_encodings(tmp_path):
    path = shapefile(tmp_path / "f.shp", NAMES, "gbk", says_so=False)
    with pytest.raises(FileError, match="its text is not utf-8"):
        read_labels(path, SCENE, encoding="utf-8")
    with pytest.raises(ParameterError, match="encoding 'klingon' is unknown"):
        read_labels(path, SCENE, encoding="klingon")
    other = written(tmp_path / "f.gpkg", [center(0, 0)], crop=["a"])
    with pytest.raises(ParameterError, match=r"encoding='gbk' applies to .* states its own"):
        read_labels(other, SCENE, encoding="gbk")


def test_the_names_in_an_envi_header(tmp_path):
    labels = np.zeros(SCENE.shape, np.uint8)
    labels[0, :2] = 1, 2
    (tmp_path / "gt.img").write_bytes(labels.tobytes())
    header = (
        "ENVI\nsamples = 12\nlines = 10\nbands = 1\nheader offset = 0\nfile type = ENVI "
        "Classification\ndata type = 1\ninterleave = bsq\nbyte order = 0\nclasses = 3\n"
        "class names = {Unclassified, 小麦, 水稻}\n"
    )
    path = tmp_path / "gt.hdr"
    path.write_bytes(header.encode("gbk"))
    with pytest.warns(HSVLMWarning, match="With encoding='gbk' they are '小麦', '水稻'"):
        read_labels(path, SCENE)
    assert read_labels(path, SCENE, encoding="gbk").class_names == {1: "小麦", 2: "水稻"}
    path.write_bytes(header.encode())
    assert read_labels(path, SCENE).class_names == {1: "小麦", 2: "水稻"}
    shutil.copy(tmp_path / "gt.img", tmp_path / "gt.npy")
    np.save(tmp_path / "gt.npy", labels)
    with pytest.raises(ParameterError, match="is of another format"):
        read_labels(tmp_path / "gt.npy", SCENE, encoding="gbk")
