"""Tables, regions of ENVI, places of Google Earth and archives as sources of labels."""

import csv
import json
import zipfile

import geopandas
import numpy as np
import pytest
from pyproj import CRS, Transformer
from shapely import Point, box

from hsvlm import Scene
from hsvlm.exceptions import FileError, HSVLMWarning, ParameterError
from hsvlm.io import _sizes, list_feature_suffixes, read_labels, read_scene
from hsvlm.io._readers.features import archives

# 10 x 12 pixels of 30 m; the upper left corner lies at (500000, 4400000).
GRID = {"crs": "EPSG:32616", "transform": (30, 0, 500000, 0, -30, 4400000)}
SCENE = Scene(np.ones((10, 12, 3)), **GRID)
BARE = Scene(np.ones((10, 12, 3)))
ROWS = np.array([0, 3, 9, 5])
COLS = np.array([0, 7, 11, 2])
CROPS = ["soil", "oats", "oats", "soil"]
EAST, NORTH = 500015.0 + 30 * COLS, 4399985.0 - 30 * ROWS
LON, LAT = Transformer.from_crs("EPSG:32616", "EPSG:4326", always_xy=True).transform(EAST, NORTH)


def expected():
    labels = np.zeros(SCENE.shape, int)
    labels[ROWS, COLS] = [2, 1, 1, 2]
    return labels


def assert_read(found):
    np.testing.assert_array_equal(found.labels, expected())
    assert found.class_names == {1: "oats", 2: "soil"}
    assert found.text_classes


def table(path, columns, delimiter=",", comma=False, encoding="utf-8", head=""):
    with path.open("w", newline="", encoding=encoding) as stream:
        stream.write(head)
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            texts = [str(value) for value in row]
            if comma:
                texts = [text.replace(".", ",") for text in texts]
            writer.writerow(texts)
    return path


PLACES = {
    "row, col": {"row": ROWS, "col": COLS},
    "Line, Sample": {"Line": ROWS, "Sample": COLS},
    "lon, lat": {"lon": LON, "lat": LAT},
    "Longitude, Latitude": {"Longitude": LON, "Latitude": LAT},
    "easting, northing": {"easting": EAST, "northing": NORTH},
    "X, Y": {"X": EAST, "Y": NORTH},
    "x, y in degrees": {"x": LON, "y": LAT},
    "wkt": {"wkt": [Point(*one).wkt for one in zip(EAST, NORTH, strict=True)]},
    "wkt in degrees": {"geometry": [Point(*one).wkt for one in zip(LON, LAT, strict=True)]},
    "ewkt": {"WKT": [f"SRID=4326;POINT({x} {y})" for x, y in zip(LON, LAT, strict=True)]},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("csv", {}),
        ("csv", {"delimiter": ";"}),
        ("csv", {"delimiter": ";", "encoding": "utf-8-sig"}),
        ("tsv", {"delimiter": "\t"}),
        ("txt", {"delimiter": "\t", "encoding": "utf-16"}),
        ("csv", {"delimiter": ";", "head": "sep=;\n"}),
    ],
)
def test_tables_of_points(tmp_path, place, suffix, options):
    path = table(
        tmp_path / f"p.{suffix}", {"id": [4, 5, 6, 7], **PLACES[place], "crop": CROPS}, **options
    )
    assert_read(read_labels(path, SCENE))


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_decimal_commas(tmp_path, delimiter):
    columns = {"lat": LAT, "lon": LON, "crop": CROPS, "height": [1.5, 2.0, 2.5, 3.0]}
    path = table(tmp_path / "p.csv", columns, delimiter, comma=True)
    assert_read(read_labels(path, SCENE))


def test_blanks_as_delimiters(tmp_path):
    lines = [f"{row} {col}  {crop}" for row, col, crop in zip(ROWS, COLS, CROPS, strict=True)]
    path = tmp_path / "p.txt"
    path.write_text("\n".join(["row col  crop", *lines, ""]))
    assert_read(read_labels(path, SCENE))


def test_pixels_need_no_georeference(tmp_path):
    columns = {"row": ROWS, "col": COLS, "lon": LON, "lat": LAT, "crop": CROPS}
    path = table(tmp_path / "p.csv", columns)
    assert_read(read_labels(path, BARE))
    assert_read(read_labels(path, SCENE))
    with pytest.raises(FileError, match="cannot be placed on a scene that has no CRS"):
        read_labels(table(tmp_path / "q.csv", {"lon": LON, "lat": LAT, "crop": CROPS}), BARE)


def test_polygons_as_wkt_with_groups(tmp_path):
    shapes = [box(500000, 4399940, 500060, 4400000), box(500120, 4399940, 500180, 4400000)]
    path = table(
        tmp_path / "p.csv",
        {"wkt": [one.wkt for one in shapes], "code": ["03", "7"], "field": ["a", "b"]},
    )
    found = read_labels(path, SCENE, column="code", group_column="field")
    assert found.labels[0, 0] == 3
    assert found.labels[1, 5] == 7
    assert (found.labels > 0).sum() == 8
    assert found.groups[0, [0, 5]].tolist() == [1, 2]


def test_points_that_are_lost(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("row,col,crop\n1,1,oats\n2,,oats\n50,1,oats\n1,2,\n\n,,\n")
    with pytest.warns(HSVLMWarning) as caught:
        found = read_labels(path, SCENE)
    assert np.argwhere(found.labels).tolist() == [[1, 1]]
    assert (
        "2 of 3 points of 'oats' mark no pixel (1 without a usable geometry, 1 outside of the "
        "scene); 1 of 4 points have no class"
    ) in str(caught[0].message)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("row,col,crop\n10,12,oats\n1,1,soil\n", "rows lie between 1 and 10, but count from 0"),
        ("row,col,crop\n1.5,1,oats\n", "rows must be whole numbers from 0, but there is 1.5"),
        ("lon,lat,crop\n1,x,oats\n", r"column 'lat' holds 'x', which is not a number \(line 2\)"),
        ("lon,lat,crop\n1,2,oats\n1,2\n", "line 3 has 2 values, but there are 3 columns"),
        ("lon;lat;crop\n1;2;a;b\n", "line 2 has 4 values, but there are 3 columns"),
        ("1,2,3\n4,5,6\n", "its first line must name the columns"),
        ("a,b,crop\n1,2,oats\n", "has no coordinates, but the columns a, b, crop"),
        ("lon,lat,Lon\n1,2,3\n", "two of its columns have one name"),
        ("lon,lat,crop\n", "holds no rows"),
        ("", "it is empty, 0 bytes long"),
        ("\n", "holds no rows"),
        ('lon,lat,crop\n1,2,"oats\n', "cannot be read as a table"),
        ("lon,lat,crop\n500,400,oats\n", "no feature lies on the scene|cannot be brought"),
        ("x,y,crop\n3,4,oats\n", "If x and y count pixels, name their columns col and row"),
        (f"lon,lat,crop\n{LAT[0]},{LON[0]},oats\n", "longitude and latitude are not exchanged"),
        ("row,col,crop,red\n1,1,3,12\n", "crop .whole numbers: 3., red .whole numbers: 12."),
        ("wkt,crop\nPOINTY (1 2),oats\n", "cannot be read as shapes as WKT"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text, problem):
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=problem):
        read_labels(path, SCENE)


def test_the_encoding_of_a_table(tmp_path):
    columns = {"row": ROWS, "col": COLS, "crop": ["小麦", "水稻", "水稻", "小麦"]}
    path = table(tmp_path / "p.csv", columns, encoding="gbk")
    with pytest.raises(FileError, match="its text is not UTF-8") as error:
        read_labels(path, SCENE)
    assert "--encoding" in error.value.for_command_line()
    assert read_labels(path, SCENE, encoding="gbk").class_names == {1: "小麦", 2: "水稻"}
    with pytest.warns(HSVLMWarning, match="With encoding='gbk' they are '"):
        read_labels(path, SCENE, encoding="latin-1")


def test_files_without_layers(tmp_path):
    path = table(tmp_path / "p.csv", {"row": ROWS, "col": COLS, "crop": CROPS})
    with pytest.raises(ParameterError, match="names a layer, but"):
        read_labels(path, SCENE, variable="june")


def test_tables_are_no_scenes(tmp_path):
    path = table(tmp_path / "p.csv", {"row": ROWS, "col": COLS, "crop": CROPS})
    with pytest.raises(FileError, match="holds points and polygons, not a scene"):
        read_scene(path)


# More digits than Python converts to a number.
LONG = "9" * 5000

# As ENVI Classic writes it, without the values of the bands.
ASCII = """; ENVI Output of ROIs (4.8) [Sun Feb 07 09:41:07 2010]
; Number of ROIs: 2
; File Dimension: 12 x 10
;
; ROI name: soil
; ROI rgb value: {160, 82, 45}
; ROI npts: 2
;
; ROI name: oats
; ROI rgb value: {0, 255, 0}
; ROI npts: 2
;   ID    X    Y       Map X       Map Y  B1
     1    1    1   500015.00  4399985.00  12
     2    3    6   500075.00  4399835.00  13

     1    8    4   500225.00  4399895.00  14
     2   12   10   500345.00  4399715.00  15
"""


@pytest.mark.parametrize("suffix", ["txt", "roi"])
@pytest.mark.parametrize("scene", [SCENE, BARE], ids=["placed", "bare"])
def test_regions_of_envi_as_ascii(tmp_path, suffix, scene):
    path = tmp_path / f"regions.{suffix}"
    path.write_text(ASCII.replace("\n", "\r\n"), newline="")
    found = read_labels(path, scene)
    assert_read(found)
    assert found.class_colors == {1: "#00FF00", 2: "#A0522D"}


def test_colors_of_ascii_regions_end_at_255(tmp_path):
    path = tmp_path / "regions.txt"
    path.write_text(ASCII.replace("{160, 82, 45}", f"{{{LONG}, 256, 45}}"))
    assert read_labels(path, SCENE).class_colors == {1: "#00FF00", 2: "#FFFF2D"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("12 x 10", "10 x 12", "belong to an image of 10 x 12"),
        ("npts: 2", "npts: 3", "names 2 regions of 6 pixels, but 4 lines"),
        ("   ID    X    Y  ", "   ID    Lat    Lon  ", "its columns do not begin with ID, X and Y"),
        ("     1    8    4 ", "     1    0    4 ", "pixels count from 1 .* but there is 0"),
        (ASCII[ASCII.index(";   ID") :], "", "names 2 regions of 4 pixels, but 0 lines"),
        (
            ASCII[ASCII.index(";   ID") : ASCII.index("     1    1")],
            "",
            "do not begin with ID, X and Y",
        ),
        ("     1    8    4 ", "     1    a    4 ", "cannot be read as regions of ENVI"),
        ("     1    8    4 ", f"     1    {LONG}    4 ", "cannot be read as regions of ENVI"),
        ("12 x 10", f"{LONG} x 10", "belong to an image of 999"),
        ("npts: 2", f"npts: {LONG}", "names 2 regions of -2 pixels"),
        ("npts: 2", "npts: ²", "names 2 regions of -2 pixels"),
    ],
)
def test_ascii_regions_that_cannot_be_used(tmp_path, old, new, problem):
    path = tmp_path / "regions.txt"
    path.write_text(ASCII.replace(old, new))
    with pytest.raises(FileError, match=problem):
        read_labels(path, SCENE)


def test_ascii_regions_with_commas(tmp_path):
    head, _, rows = ASCII.partition(";   ID")
    rows = [",".join(line.split()) for line in rows.splitlines()]
    path = tmp_path / "regions.txt"
    path.write_text(head + "; ID," + "\n".join(rows))
    assert_read(read_labels(path, SCENE))


@pytest.mark.parametrize("suffix", ["parquet", "xlsx", "evf", "dbf", "gpx"])
def test_formats_that_are_not_read(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"PAR1")
    with pytest.raises(FileError, match=rf"labels are not read from \.{suffix} files\. \w+"):
        read_labels(path, SCENE)


def region(name, color, geometry, system=None):
    system = CRS("EPSG:32616").to_wkt("WKT1_ESRI") if system is None else system
    system = system.replace('"', "&quot;")
    return (
        f'<Region name="{name}" color="{color}"><GeometryDef><CoordSysStr>{system}</CoordSysStr>'
        f"{geometry}</GeometryDef></Region>"
    )


def polygon(shape):
    def ring(kind, coordinates):
        text = " ".join(f"{x} {y}" for x, y in coordinates)
        return f"<{kind}><LinearRing><Coordinates>{text}</Coordinates></LinearRing></{kind}>"

    inner = "".join(ring("Interior", one.coords) for one in shape.interiors)
    return f"<Polygon>{ring('Exterior', shape.exterior.coords)}{inner}</Polygon>"


def xml_regions(path, *regions):
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<RegionsOfInterest version="1.0">'
        f"{''.join(regions)}</RegionsOfInterest>"
    )
    return path


def test_regions_of_envi_as_xml(tmp_path):
    whole = box(500000, 4399910, 500090, 4400000)
    ring = whole.difference(box(500030, 4399940, 500060, 4399970))
    points = "<Point><Coordinates>500315 4399985 500345 4399985</Coordinates></Point>"
    path = xml_regions(
        tmp_path / "r.xml",
        region("soil", "255,0,0", polygon(ring)),
        region("oats", "0,255,0", points),
    )
    found = read_labels(path, SCENE)
    assert (found.labels == 2).sum() == 8
    assert found.labels[1, 1] == 0
    assert np.argwhere(found.labels == 1).tolist() == [[0, 10], [0, 11]]
    assert found.class_colors == {1: "#00FF00", 2: "#FF0000"}


def test_xml_regions_that_cannot_be_used(tmp_path):
    shape = polygon(box(500000, 4399910, 500090, 4400000))
    path = tmp_path / "r.xml"
    with pytest.raises(FileError, match="not all in one coordinate reference system"):
        read_labels(xml_regions(path, region("a", "1,2,3", shape, "none")), SCENE)
    threshold = '<Region name="a" color="1,2,3"><ThresholdDef/></Region>'
    with pytest.raises(FileError, match="region 'a' is defined by 'ThresholdDef'"):
        read_labels(xml_regions(path, threshold), SCENE)
    with pytest.raises(FileError, match="holds no regions"):
        read_labels(xml_regions(path), SCENE)
    with pytest.raises(FileError, match="its geometry 'Circle' is unknown"):
        read_labels(xml_regions(path, region("a", "1,2,3", "<Circle/>")), SCENE)


def test_binary_regions(tmp_path):
    path = tmp_path / "r.roi"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(FileError, match=r"binary file of ENVI regions, .* Export the regions"):
        read_labels(path, SCENE)


def places(path, folders):
    def placemark(name, x, y):
        return (
            f"<Placemark><name>{name}</name><Point><coordinates>{x},{y},0</coordinates></Point>"
            "</Placemark>"
        )

    content = "".join(
        f"<Folder><name>{folder}</name>{''.join(placemark(*one) for one in inside)}</Folder>"
        for folder, inside in folders
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'
        f"<Document><name>My places</name>{content}</Document></kml>"
    )
    return path


def zipped(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            archive.write(member, member.name)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_places_of_google_earth(tmp_path, packed):
    points = list(zip(CROPS, LON, LAT, strict=True))
    path = places(tmp_path / "doc.kml", [("points", points)])
    path = zipped(tmp_path / "p.kmz", path) if packed else path
    assert_read(read_labels(path, SCENE))


def test_folders_of_google_earth(tmp_path):
    points = [(f"point {i}", x, y) for i, (x, y) in enumerate(zip(LON, LAT, strict=True))]
    folders = [("soil", points[:1]), ("oats", points[1:3]), ("soil", points[3:])]
    path = places(tmp_path / "p.kml", folders)
    with pytest.raises(FileError, match=r"2 columns could hold the classes.*folder \(text: 'soil'"):
        read_labels(path, SCENE)
    assert_read(read_labels(path, SCENE, column="folder"))
    assert len(read_labels(path, SCENE, column="name").class_names) == 4


def frame():
    points = [Point(*one) for one in zip(EAST, NORTH, strict=True)]
    return geopandas.GeoDataFrame({"crop": CROPS}, geometry=points, crs=GRID["crs"])


def test_kml_that_gdal_writes(tmp_path):
    frame().to_crs("EPSG:4326").to_file(tmp_path / "a.kml", driver="KML")
    assert_read(read_labels(tmp_path / "a.kml", SCENE))


def test_gml(tmp_path):
    frame().to_file(tmp_path / "a.gml", driver="GML")
    before = sorted(tmp_path.iterdir())
    assert_read(read_labels(tmp_path / "a.gml", SCENE))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("suffix", ["zip", "shz", "ZIP"])
def test_zipped_shapefiles(tmp_path, suffix):
    frame().to_file(tmp_path / "points.shp")
    parts = sorted(tmp_path.glob("points.*"))
    assert_read(read_labels(zipped(tmp_path / f"a.{suffix}", *parts), SCENE))


def test_other_zipped_vector_files(tmp_path):
    frame().to_file(tmp_path / "points.gpkg", layer="june")
    path = zipped(tmp_path / "a.zip", tmp_path / "points.gpkg")
    assert_read(read_labels(path, SCENE))
    assert_read(read_labels(path, SCENE, variable="june"))
    with pytest.raises(FileError, match="has no layer 'july'"):
        read_labels(path, SCENE, variable="july")


def test_archives_of_several_files(tmp_path):
    for name in ("june", "july"):
        frame().to_file(tmp_path / f"{name}.shp")
    parts = sorted(tmp_path.glob("j*"))
    path = zipped(tmp_path / "a.zip", *parts)
    assert_read(read_labels(path, SCENE, variable="june"))
    assert_read(read_labels(path, SCENE, variable="july.shp"))
    with pytest.raises(FileError) as error:
        read_labels(path, SCENE)
    assert str(error.value) == (
        f"{path}: holds 2 vector files. Name one of them, as in variable='july'. It holds: "
        "july.shp, june.shp."
    )
    assert "--label-variable july" in error.value.for_command_line()
    with pytest.raises(FileError, match="holds 2 vector files"):
        read_labels(path, SCENE, variable="may")


def test_archives_that_try_to_escape(tmp_path):
    frame().to_file(tmp_path / "points.gpkg")
    path = tmp_path / "inner" / "a.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "points.gpkg", "../../escaped.gpkg")
    before = sorted(tmp_path.rglob("*"))
    assert_read(read_labels(path, SCENE))
    assert sorted(tmp_path.rglob("*")) == before


def test_archives_that_explode(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.geojson", b" " * 10**7)
    monkeypatch.setattr(archives, "_LARGEST", 10**6)
    with pytest.raises(FileError, match="it unpacks to 10,000,000 bytes, and 1,000,000 are"):
        read_labels(path, SCENE)


@pytest.mark.parametrize("suffix", ["kml", "gml", "xml"])
@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/r.dtd">',
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_xml_with_entities(tmp_path, suffix, doctype):
    root = {"kml": "kml", "gml": "FeatureCollection", "xml": "RegionsOfInterest"}[suffix]
    path = tmp_path / f"a.{suffix}"
    path.write_text(f'<?xml version="1.0"?>\n{doctype}\n<{root}>text</{root}>')
    with pytest.raises(FileError, match="it declares a document type"):
        read_labels(path, SCENE)


def test_xml_without_an_end(tmp_path):
    path = tmp_path / "a.kml"
    path.write_text("<kml>" + "<Folder>" * 100)
    with pytest.raises(FileError, match="nested more than 64 deep"):
        read_labels(path, SCENE)
    path.write_text("<gpx></gpx>")
    with pytest.raises(FileError, match="its outermost element is 'gpx' and not 'kml'"):
        read_labels(path, SCENE)
    path.write_text("<kml>", encoding="utf-16")
    with pytest.raises(FileError, match="UTF-16"):
        read_labels(path, SCENE)
    path.write_text("<kml>")
    with pytest.raises(FileError, match="cannot be read as XML"):
        read_labels(path, SCENE)


@pytest.mark.parametrize("suffix", ["csv", "kml", "zip", "shz"])
def test_damaged_sources(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    rng = np.random.default_rng(0)
    for data in (b"", rng.bytes(2000), b"PK\x03\x04" + rng.bytes(500)):
        path.write_bytes(data)
        with pytest.raises(FileError, match=str(path)):
            read_labels(path, SCENE)


def test_tables_have_to_fit_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(_sizes, "available_memory", lambda: 10**8)
    path = tmp_path / "a.csv"
    path.write_text("row,col,crop\n")
    with path.open("r+b") as stream:
        stream.truncate(10**7)
    with pytest.raises(FileError, match="does not fit into memory"):
        read_labels(path, SCENE)


@pytest.mark.slow
def test_many_points_are_read_at_once(tmp_path):
    rng = np.random.default_rng(0)
    rows, cols = rng.integers(0, [[10], [12]], (2, 20_000))
    path = table(tmp_path / "a.csv", {"row": rows, "col": cols, "code": np.full(20_000, 4)})
    assert (read_labels(path, SCENE).labels == 4).all()


def test_points_as_geojson_and_as_a_table_agree(tmp_path):
    frame().to_file(tmp_path / "a.geojson")
    assert json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert_read(read_labels(tmp_path / "a.geojson", SCENE))


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
PAGE = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"


@pytest.mark.parametrize("suffix", list_feature_suffixes())
@pytest.mark.parametrize(
    ("content", "problem"),
    [(LFS, "it is a Git LFS pointer"), (PAGE, "it is a web page"), ("", "it is empty")],
)
def test_files_that_are_something_else(tmp_path, suffix, content, problem):
    path = tmp_path / f"a{suffix}"
    path.write_text(content)
    with pytest.raises(FileError, match=problem):
        read_labels(path, SCENE)
