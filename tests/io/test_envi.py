import pickle
import re
import warnings

import numpy as np
import pyproj
import pytest
import rasterio
import spectral.io.envi as spy
from hypothesis import given
from hypothesis import strategies as st

from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import FileError, HSVLMWarning, MissingFileError
from hsvlm.io import read_scene
from hsvlm.io._readers.envi import read_cube, read_label_map

CUBE = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
CUBE.setflags(write=False)
AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
CODES = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "u2": 12, "u4": 13, "i8": 14, "u8": 15}
COPY_AGAIN = "Copy both files again, or correct the header."
MAP_INFO = "{UTM, 1, 1, 500000, 4400000, 20, 30, 16, North, WGS-84, units=Meters}"


def written(
    folder, cube=CUBE, *, interleave="bsq", order="<", data="field.img", offset=0, **fields
):
    """A header and a data file, made without the library that reads them."""
    dtype = cube.dtype.newbyteorder(order)
    values = np.transpose(cube, AXES.get(interleave, AXES["bsq"])).astype(dtype).tobytes()
    (folder / data).write_bytes(b"\7" * offset + values)
    header = {
        "samples": cube.shape[1],
        "lines": cube.shape[0],
        "bands": cube.shape[2],
        "header offset": offset,
        "file type": "ENVI Standard",
        "data type": CODES[cube.dtype.str[1:]],
        "interleave": interleave,
        "byte order": int(order == ">"),
    }
    header |= {name.replace("_", " "): value for name, value in fields.items()}
    lines = [f"{name} = {value}" for name, value in header.items() if value is not None]
    path = folder / "field.hdr"
    path.write_text("\n".join(["ENVI", *lines, ""]))
    return path


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip", "BSQ", "Bil"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_interleaves_and_byte_orders(tmp_path, interleave, order):
    path = written(tmp_path, interleave=interleave.lower(), order=order)
    path.write_text(path.read_text().replace(interleave.lower(), interleave))
    cube = read_cube(path).scene.cube
    assert cube.shape == (2, 3, 4)
    assert cube.dtype == np.int16
    assert cube.dtype.isnative
    assert isinstance(cube, np.memmap if order == "<" else LazyCube)
    np.testing.assert_array_equal(cube, CUBE)
    np.testing.assert_array_equal(cube[[1, 0], [2, 0]], CUBE[[1, 0], [2, 0]])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(cube)), CUBE)


@pytest.mark.slow
@given(
    code=st.sampled_from(sorted(CODES)),
    order=st.sampled_from("<>"),
    interleave=st.sampled_from(sorted(AXES)),
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    offset=st.integers(0, 9),
    seed=st.integers(0, 9),
)
def test_any_array_is_read_as_it_was_written(
    tmp_path_factory, code, order, interleave, shape, offset, seed
):
    cube = np.random.default_rng(seed).integers(0, 200, shape).astype(code)
    folder = tmp_path_factory.mktemp("envi")
    path = written(folder, cube, interleave=interleave, order=order, offset=offset)
    found = read_cube(path).scene.cube
    assert found.dtype == np.dtype(code)
    np.testing.assert_array_equal(found, cube)


@pytest.mark.parametrize(
    "data", ["field.img", "field.dat", "field.raw", "field.bsq", "field.IMG", "field", "field.bin"]
)
def test_header_and_data_file_find_each_other(tmp_path, data):
    header = written(tmp_path, data=data)
    for path in (header, tmp_path / data, str(header)):
        scene = read_scene(path)
        np.testing.assert_array_equal(scene.cube, CUBE)
        assert scene.name == "field"


def test_headers_may_be_called_like_the_data_file_and_more(tmp_path):
    written(tmp_path, data="field.rfl").rename(tmp_path / "field.rfl.hdr")
    for name in ("field.rfl", "field.rfl.hdr"):
        np.testing.assert_array_equal(read_cube(tmp_path / name).scene.cube, CUBE)


def test_of_several_data_files_that_of_the_right_size_is_meant(tmp_path):
    header = written(tmp_path, data="field.raw")
    (tmp_path / "field.img").write_bytes(b"notes")
    np.testing.assert_array_equal(read_cube(header).scene.cube, CUBE)


def test_metadata(tmp_path):
    path = written(
        tmp_path,
        wavelength="{0.45, 0.55,\n 0.65, 2.5}",
        wavelength_units="Micrometers",
        band_names="{blue, green, red, far}",
        bbl="{1, 1.0, 0, 1}",
        data_ignore_value="-9999",
        map_info=MAP_INFO,
        description="{Made\n by hand}",
        reflectance_scale_factor="10000",
        **{"Sensor Type": "Unknown"},
    )
    found = read_cube(path)
    scene = found.scene
    assert found.nodata == -9999
    assert scene.wavelengths_nm.tolist() == [450, 550, 650, 2500]
    assert scene.band_names == ("blue", "green", "red", "far")
    assert scene.bad_bands.tolist() == [False, False, True, False]
    assert rasterio.crs.CRS.from_wkt(scene.crs).to_epsg() == 32616
    assert scene.transform == (20, 0, 500000, 0, -30, 4400000)
    assert scene.cube.dtype == np.int16
    np.testing.assert_array_equal(scene.cube, CUBE)


def test_without_metadata_nothing_is_made_up(tmp_path):
    found = read_cube(written(tmp_path))
    scene = found.scene
    told = (found.nodata, scene.wavelengths_nm, scene.bad_bands, scene.crs, scene.transform)
    assert told == (None,) * 5
    assert scene.band_names == ()


@pytest.mark.parametrize(
    ("values", "unit", "nanometres", "said"),
    [
        ("400, 500, 600, 700", "Nanometers", [400, 500, 600, 700], None),
        ("400, 500, 600, 700", "nm", [400, 500, 600, 700], None),
        ("400, 500, 600, 700", None, [400, 500, 600, 700], None),
        ("0.4, 0.5, 0.6, 2.5", "Micrometers", [400, 500, 600, 2500], None),
        ("4000, 5000, 6000, 7000", "Angstroms", [400, 500, 600, 700], None),
        (".0004, .0005, .0006, .0007", "Millimeters", [400, 500, 600, 700], None),
        ("25000, 20000, 12500, 10000", "Wavenumber", [400, 500, 800, 1000], None),
        ("400, 500, 500, 450", "Nanometers", [400, 500, 500, 450], None),
        ("400, 500, 600, 700", "Unknown", [400, 500, 600, 700], "in the unit 'Unknown', are taken"),
        (".4, .5, .6, .7", "Unknown", [400, 500, 600, 700], "are taken as micrometers"),
        (".4, .5, .6, .7", None, [400, 500, 600, 700], "without a unit, are taken as micrometers"),
        ("400, 500, 600, 700", "Nanometre s", [400, 500, 600, 700], None),
        ("400, 500, 600, 700", "Nannometers", [400, 500, 600, 700], "is read as nanometers"),
        ("400, 500, 600, 700", "Micrometers", [400, 500, 600, 700], "cannot be in the unit"),
        (".4, .5, .6, .7", "Nanometers", [400, 500, 600, 700], "are taken as micrometers"),
        ("400, 500, 600, 700", "Index", None, "are not used: their unit is 'Index'"),
        ("1, 2, 3, 4", "Unknown", None, "they only count the bands"),
        ("1, 2, 3, 4", "Nanometers", None, "they only count the bands"),
    ],
)
def test_units_of_wavelengths(tmp_path, values, unit, nanometres, said):
    path = written(tmp_path, wavelength=f"{{{values}}}", wavelength_units=unit)
    if said is None:
        wavelengths = read_cube(path).scene.wavelengths_nm
    else:
        with pytest.warns(HSVLMWarning) as warned:
            wavelengths = read_cube(path).scene.wavelengths_nm
        assert len(warned) == 1
        assert said in str(warned[0].message)
    assert (wavelengths if nanometres is None else wavelengths.tolist()) == nanometres


@pytest.mark.parametrize(
    ("info", "transform"),
    [
        # The reference pixel is counted from 1; 1.5 is the centre of the first.
        ("UTM, 1.5, 1.5, 500010, 4399985, 20, 30, 16, North, WGS-84", (20, 0, 5e5, 0, -30, 4.4e6)),
        ("UTM, 3, 2, 500040, 4399970, 20, 30, 16, North, WGS-84", (20, 0, 5e5, 0, -30, 4.4e6)),
        (
            "UTM, 1, 1, 500000, 4400000, 20, 20, 16, North, WGS-84, rotation=90",
            (0, 20, 5e5, 20, 0, 4.4e6),
        ),
        (
            "UTM, 1, 2, 500020, 4400000, 20, 20, 16, North, WGS-84, rotation=90",
            (0, 20, 5e5, 20, 0, 4.4e6),
        ),
        (
            "UTM, 1, 1, 500000, 4400000, 20, 20, 16, North, WGS-84, rotation=30",
            (20 * 0.75**0.5, 10, 5e5, 10, -20 * 0.75**0.5, 4.4e6),
        ),
        ("Arbitrary, 1, 1, 10, 20, 2, 2, 0, North", (2, 0, 10, 0, -2, 20)),
        ("Geographic Lat/Lon, 1, 1, -87, 40, 0.1, 0.1, WGS-84", (0.1, 0, -87, 0, -0.1, 40)),
    ],
)
def test_reference_pixel_and_rotation(tmp_path, info, transform):
    scene = read_cube(written(tmp_path, map_info=f"{{{info}}}")).scene
    np.testing.assert_allclose(scene.transform, transform, atol=1e-6)


@pytest.mark.parametrize(
    ("info", "epsg"),
    [
        ("UTM, 1, 1, 5, 5, 1, 1, 33, South, WGS-84", 32733),
        ("UTM, 1, 1, 5, 5, 1, 1, 16, North, North America 1983", 26916),
        ("Geographic Lat/Lon, 1, 1, 5, 5, 1, 1, WGS-84, units=Degrees", 4326),
        ("Arbitrary, 1, 1, 5, 5, 1, 1, 0, North", None),
    ],
)
def test_coordinate_systems(tmp_path, info, epsg):
    crs = read_cube(written(tmp_path, map_info=f"{{{info}}}")).scene.crs
    assert (crs and rasterio.crs.CRS.from_wkt(crs).to_epsg()) == epsg


def test_the_coordinate_system_string_counts_more_than_the_name(tmp_path):
    europe = rasterio.crs.CRS.from_epsg(3035).to_wkt(version="WKT1_ESRI")
    path = written(
        tmp_path,
        map_info="{Unknown projection, 1, 1, 4000000, 3000000, 20, 20, units=Meters}",
        coordinate_system_string=f"{{{europe}}}",
    )
    found = rasterio.crs.CRS.from_wkt(read_cube(path).scene.crs).to_dict()
    assert (found["proj"], found["lat_0"], found["lon_0"]) == ("laea", 52, 10)


UTM_IN = "UTM, 1, 1, 500, 4600, 2, 2, 33, North, WGS-84, "
DEGREES_IN = "Geographic Lat/Lon, 1, 1, 360, 720, 36, 36, WGS-84, "


@pytest.mark.parametrize(
    ("texts", "meters"),
    [
        (["Meters", "meter", "METRES", "m", '"Meters"', "Unknown", ""], 1),
        (["Km", "km", "Kilometers", "kilometre"], 1000),
        (["Feet", "foot", "ft"], 0.3048),
        (["Yards", "yard"], 0.9144),
        (["Miles", "mile"], 1609.344),
        (["Nautical Miles", "nautical mile"], 1852),
    ],
)
@pytest.mark.parametrize("sign", ["units=", "Units = "])
def test_units_of_projected_coordinates(tmp_path, texts, meters, sign):
    for text in texts:
        scene = read_cube(written(tmp_path, map_info=f"{{{UTM_IN}{sign}{text}}}")).scene
        assert scene.transform == (2, 0, 500, 0, -2, 4600)
        crs = rasterio.crs.CRS.from_wkt(scene.crs)
        assert crs.linear_units_factor[1] == pytest.approx(meters)
        parameters = pyproj.CRS.from_wkt(scene.crs).to_json_dict()["conversion"]["parameters"]
        easting = next(each["value"] for each in parameters if each["name"] == "False easting")
        assert easting * meters == pytest.approx(500_000)


@pytest.mark.parametrize(
    ("texts", "parts"),
    [
        (["Degrees", "deg", "decimal degrees", ""], 1),
        (["Minutes", "arc minutes", "arcmin"], 60),
        (["Seconds", "Arcseconds", "arcsec", "arc-second"], 3600),
    ],
)
def test_units_of_degrees(tmp_path, texts, parts):
    for text in texts:
        scene = read_cube(written(tmp_path, map_info=f"{{{DEGREES_IN}units={text}}}")).scene
        step = 36 / parts
        np.testing.assert_allclose(scene.transform, (step, 0, 360 / parts, 0, -step, 720 / parts))


@pytest.mark.parametrize("place", [UTM_IN, DEGREES_IN])
@pytest.mark.parametrize("unit", ["cm", "Inches", "US Survey Feet", "gon"])
def test_places_in_unknown_units_are_not_used(tmp_path, place, unit):
    path = written(tmp_path, map_info=f"{{{place}units={unit}}}")
    with pytest.warns(HSVLMWarning, match=f"`map info` has the unknown unit '{unit}' and is not"):
        scene = read_cube(path).scene
    assert scene.crs is None
    assert scene.transform is None


def test_units_that_need_not_be_known(tmp_path):
    place = "1, 1, 5, 6, 2, 2, units=cm"
    scene = read_cube(written(tmp_path, map_info=f"{{Arbitrary, {place}}}")).scene
    assert (scene.crs, scene.transform) == (None, (2, 0, 5, 0, -2, 6))
    stated = rasterio.crs.CRS.from_epsg(3035).to_wkt(version="WKT1_ESRI")
    path = written(
        tmp_path, map_info=f"{{Europe, {place}}}", coordinate_system_string=f"{{{stated}}}"
    )
    scene = read_cube(path).scene
    assert scene.transform == (2, 0, 5, 0, -2, 6)
    assert rasterio.crs.CRS.from_wkt(scene.crs).linear_units_factor[1] == 1


@pytest.mark.parametrize("unit", ["Feet", "ft", "US Survey Feet"])
@pytest.mark.parametrize(("epsg", "meters"), [(2263, 12 / 39.37), (2222, 0.3048)])
def test_the_coordinate_system_string_tells_which_feet_they_are(tmp_path, unit, epsg, meters):
    stated = rasterio.crs.CRS.from_epsg(epsg)
    path = written(
        tmp_path,
        map_info=f"{{State Plane, 1, 1, 980000, 200000, 10, 10, units={unit}}}",
        coordinate_system_string=f"{{{stated.to_wkt(version='WKT1_ESRI')}}}",
    )
    crs = rasterio.crs.CRS.from_wkt(read_cube(path).scene.crs)
    assert crs.linear_units_factor[1] == pytest.approx(meters, rel=1e-9)
    assert crs.to_epsg() == epsg


def test_rasterio_reads_the_same_georeference(tmp_path):
    path = written(tmp_path, map_info=MAP_INFO.replace("units=Meters", "rotation=-20"))
    scene = read_cube(path).scene
    with rasterio.open(tmp_path / "field.img") as dataset:
        assert tuple(dataset.transform)[:6] == pytest.approx(scene.transform)
        assert dataset.crs == rasterio.crs.CRS.from_wkt(scene.crs)
        np.testing.assert_array_equal(np.moveaxis(dataset.read(), 0, 2), scene.cube)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_headers_in_several_encodings(tmp_path, encoding):
    path = written(tmp_path, band_names="{prés, forêt, sol, eau}")
    path.write_text(path.read_text(), encoding=encoding)
    assert read_cube(path).scene.band_names == ("prés", "forêt", "sol", "eau")


def replaced(old, new):
    return lambda path: path.write_text(path.read_text().replace(old, new))


def cut(path):
    data = path.with_suffix(".img")
    data.write_bytes(data.read_bytes()[:-2])


def lengthened(path):
    data = path.with_suffix(".img")
    data.write_bytes(data.read_bytes() + b"\0\0")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (
            replaced("ENVI\n", "ENVY\n"),
            'it is not an ENVI header: it does not begin with "ENVI". Give the header of an ENVI '
            "file, or its data file.",
        ),
        (
            replaced("samples = 3\n", ""),
            "the header lacks the field `samples`. Add the line `samples = ...`: the number of "
            "columns.",
        ),
        (
            replaced("file type = ENVI Standard", "file type = ENVI Spectral Library"),
            "its field `file type` is 'ENVI Spectral Library', not an image with values of "
            "its own. Export it from ENVI as an image of type ENVI Standard.",
        ),
        (
            replaced("bsq", "tiled"),
            "its field `interleave` is 'tiled'. Correct it to bsq, bil or bip.",
        ),
        (
            replaced("data type = 2", "data type = 6"),
            "its field `data type` is 6, complex values. Convert it to integers or floats.",
        ),
        (
            replaced("data type = 2", "data type = 7"),
            "its field `data type` is 7, not a type of ENVI. Convert it to integers or floats.",
        ),
        (
            replaced("byte order = 0", "byte order = 2"),
            "its field `byte order` is 2. Correct it: 0 for little endian or 1 for big endian.",
        ),
        (
            replaced("lines = 2", "lines = two"),
            f"its field `lines` is two. It must be a whole number from 1 on. {COPY_AGAIN}",
        ),
        (
            replaced("bands = 4", "bands = 0"),
            f"its field `bands` is 0. It must be a whole number from 1 on. {COPY_AGAIN}",
        ),
        (
            replaced("bands = 4", f"bands = {'9' * 4000}"),
            f"its field `bands` is {'9' * 20}. It must be a whole number from 1 on. {COPY_AGAIN}",
        ),
        (
            replaced("header offset = 0", "header offset = -4"),
            f"its field `header offset` is -4. It must be a whole number from 0 on. {COPY_AGAIN}",
        ),
        (
            replaced("bands = 4", "bands = 4000000000"),
            "field.img has 48 bytes, but 2 lines x 3 samples x 4000000000 bands of int16 after 0 "
            "bytes make 48,000,000,000. The file was cut off or the header is another's. "
            + COPY_AGAIN,
        ),
        (
            cut,
            "field.img has 46 bytes, but 2 lines x 3 samples x 4 bands of int16 after 0 bytes make "
            f"48. The file was cut off or the header is another's. {COPY_AGAIN}",
        ),
        (
            lengthened,
            "field.img has 50 bytes, but 2 lines x 3 samples x 4 bands of int16 after 0 bytes make "
            f"48. {COPY_AGAIN}",
        ),
        (
            replaced("byte order = 0", "byte order = 0\nfile compression = 1"),
            "its data file is compressed, so it cannot be mapped into memory. Decompress it with "
            "gunzip and set `file compression = 0`.",
        ),
        (
            replaced("byte order = 0", "byte order = 0\nmajor frame offsets = {0, 8}"),
            "its frames lie apart (`major frame offsets`, `minor frame offsets`). Export it from "
            "ENVI without frame offsets.",
        ),
        (
            replaced("bands = 4", "bands = 4\nbands = 5"),
            "its field `bands` is there twice, as 4 and as 5. Delete the wrong one.",
        ),
        (
            replaced("interleave = bsq\n", ""),
            "the header lacks the field `interleave`. Add the line `interleave = ...`: bsq, bil or "
            "bip.",
        ),
    ],
)
def test_damaged_files(tmp_path, harm, message):
    path = written(tmp_path)
    harm(path)
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == f"{path}: {message}"


def test_no_header_beside_the_data(tmp_path):
    path = written(tmp_path)
    path.unlink()
    with pytest.raises(MissingFileError) as error:
        read_cube(tmp_path / "field.img")
    assert str(error.value) == (
        f"{tmp_path / 'field.img'} needs an ENVI header, but neither field.img.hdr nor field.hdr "
        "lies beside it. Put the header there."
    )


def test_no_data_beside_the_header(tmp_path):
    path = written(tmp_path)
    (tmp_path / "field.img").unlink()
    with pytest.raises(MissingFileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path} is a header, but its data file is not beside it: field, or field with one of the "
        "suffixes .img, .dat, .raw, .bsq, .bil, .bip, .bin, .hyspex. Put it there, or give the "
        "path of the data file."
    )


def test_other_headers_are_refused_without_being_parsed(tmp_path):
    path = tmp_path / "picture.hdr"
    path.write_bytes(b"#?RADIANCE\n" + bytes(range(256)))
    with pytest.raises(FileError, match="it is not an ENVI header"):
        read_cube(path)


def test_one_array_has_no_variables(tmp_path):
    path = written(tmp_path)
    for read in (read_cube, read_label_map):
        with pytest.raises(FileError) as error:
            read(path, "cube")
        assert str(error.value) == (
            f"{path}: an ENVI file holds one array, but variable='cube' is asked for. Leave out "
            "`variable`."
        )


LABELS = np.array([[0, 1, 2], [3, 2, 255]], dtype=np.uint8)
CLASSES = {
    "file_type": "ENVI Classification",
    "classes": 4,
    "class_names": "{Unclassified, corn, oats, wheat}",
    "class_lookup": "{0, 0, 0, 255, 0, 0, 0, 128, 1, 10, 11, 12}",
}


def test_label_maps(tmp_path):
    path = written(tmp_path, LABELS[..., None], data_ignore_value=255, map_info=MAP_INFO, **CLASSES)
    found = read_label_map(path)
    assert found.labels.tolist() == [[0, 1, 2], [3, 2, 0]]
    assert found.labels.dtype == np.uint8
    assert not isinstance(found.labels, np.memmap)
    assert found.class_names == {1: "corn", 2: "oats", 3: "wheat"}
    assert found.class_colors == {1: "#FF0000", 2: "#008001", 3: "#0A0B0C"}
    assert found.transform == (20, 0, 500000, 0, -30, 4400000)
    assert rasterio.crs.CRS.from_wkt(found.crs).to_epsg() == 32616


def test_label_maps_that_spectral_wrote(tmp_path):
    spy.save_classification(
        str(tmp_path / "map.hdr"),
        LABELS % 4,
        class_names=["none", "corn", "oats", "wheat"],
        class_colors=[(0, 0, 0), (255, 0, 0), (0, 128, 1), (10, 11, 12)],
    )
    found = read_label_map(tmp_path / "map.hdr")
    np.testing.assert_array_equal(found.labels, LABELS % 4)
    assert found.class_names == {1: "corn", 2: "oats", 3: "wheat"}
    assert found.class_colors[2] == "#008001"


def test_label_maps_of_floats_hold_whole_numbers(tmp_path):
    found = read_label_map(written(tmp_path, LABELS[..., None].astype(np.float32)))
    assert found.labels.dtype == np.uint8
    np.testing.assert_array_equal(found.labels, LABELS)
    path = written(tmp_path, LABELS[..., None] + np.float32(0.5))
    with pytest.raises(FileError) as error:
        read_label_map(path)
    assert str(error.value) == (
        f"{path}: the label map must hold whole numbers, but holds 0.5. Give the map of classes, "
        "not of measurements."
    )


def test_a_class_of_number_0_is_not_dropped_in_silence(tmp_path):
    names = "{water, corn, oats, wheat}"
    path = written(tmp_path, LABELS[..., None], **{**CLASSES, "class_names": names})
    with pytest.warns(HSVLMWarning) as warned:
        found = read_label_map(path)
    assert str(warned[0].message) == (
        f"{path}: 0 is the class 'water' there, but stands for \"no label\" here, so its pixels "
        "are left out. Number the classes from 1 to keep them."
    )
    assert found.class_names == {1: "corn", 2: "oats", 3: "wheat"}


def test_label_maps_have_one_band(tmp_path):
    path = written(tmp_path)
    with pytest.raises(FileError) as error:
        read_label_map(path)
    assert str(error.value) == (
        f"{path}: it has 4 bands, but a label map has one. Give the file of the label map."
    )


@pytest.mark.parametrize("lookup", ["{0, 0, 0, 1}", "{red, green}", "{0}"])
def test_a_lookup_table_that_is_not_understood(tmp_path, lookup):
    path = written(tmp_path, LABELS[..., None], **{**CLASSES, "class_lookup": lookup})
    with pytest.warns(HSVLMWarning, match="`class lookup` .* and is not used"):
        found = read_label_map(path)
    assert found.class_names == {1: "corn", 2: "oats", 3: "wheat"}
    assert found.class_colors == {}


def test_a_number_of_classes_that_is_none(tmp_path):
    path = written(tmp_path, LABELS[..., None], **{**CLASSES, "classes": "9" * 5000})
    assert read_label_map(path).class_names == {1: "corn", 2: "oats", 3: "wheat"}


LENIENT = {
    "trailing comma": {"wavelength": "{450, 550, 650, 750,}"},
    "blanks": {"wavelength": "{450 550 650 750}"},
    "tabs and lines": {"wavelength": "{\n450\t550,\n 650\n750\n}"},
    "brackets": {"wavelength": "[450, 550, 650, 750]"},
    "brackets and lines": {"wavelength": "[450 550\n 650 750]"},
    "no braces": {"wavelength": "450, 550, 650, 750"},
    "no braces and lines": {"wavelength": "450, 550,\n650, 750"},
    "semicolons": {"wavelength": "{450; 550; 650; 750}"},
    "quotes": {"wavelength": "{'450', '550', '650', '750'}"},
    "double precision of IDL": {"wavelength": "{4.5d2, 5.5D+02, 650, 750}"},
    "comment after": {"wavelength": "{450, 550, 650, 750} ; of the laboratory"},
    "comments within": {"wavelength": "{450, 550, ; blue {and} green\n; red\n650, 750}"},
    "blanks in the key": {"Wavelength ": "{450, 550, 650, 750}"},
    "underscores in keys": {"wavelength": "{450, 550, 650, 750}", "wavelength units": None},
    "the same twice": {"wavelength": "{450, 550, 650, 750}", "WAVELENGTH": "{450,550, 650, 750}"},
    "empty values": {"wavelength": "{450, 550, 650, 750}", "data ignore value": "", "bbl": "{}"},
}


@pytest.mark.parametrize("fields", LENIENT.values(), ids=LENIENT)
def test_headers_that_envi_or_gdal_open(tmp_path, fields):
    path = written(tmp_path)
    lines = [f"{name} = {value}" for name, value in fields.items() if value is not None]
    path.write_text(path.read_text() + "\n".join([*lines, "data_ignore_value = 7", ""]))
    if "data ignore value" in fields:
        path.write_text(path.read_text().replace("data_ignore_value = 7", ""))
    found = read_cube(path)
    np.testing.assert_array_equal(found.scene.cube, CUBE)
    assert found.scene.wavelengths_nm.tolist() == [450, 550, 650, 750]
    assert found.nodata == (None if "data ignore value" in fields else 7)


@pytest.mark.parametrize("old", ["samples = 3", "data type = 2", "interleave = bsq", "bands = 4"])
@pytest.mark.parametrize("new", ["{} ; a note", "  {}  ", "{}\r", "{}\n; samples = 99"])
def test_notes_and_blanks_beside_essential_values(tmp_path, old, new):
    path = written(tmp_path)
    path.write_text(path.read_text().replace(old, new.format(old)), newline="")
    np.testing.assert_array_equal(read_cube(path).scene.cube, CUBE)


@pytest.mark.parametrize(
    ("value", "bad"),
    [
        ("{True, False, true, TRUE}", [False, True, False, False]),
        ("{yes, no, y, n}", [False, True, False, True]),
        ("{good, bad, good, good}", [False, True, False, False]),
        ("1 0 1 1", [False, True, False, False]),
        ("{1., 0.0, 1e0, 1,}", [False, True, False, False]),
    ],
)
def test_spellings_of_bad_bands(tmp_path, value, bad):
    assert read_cube(written(tmp_path, bbl=value)).scene.bad_bands.tolist() == bad


@pytest.mark.parametrize(
    ("value", "nodata"),
    [
        ("-9999", -9999),
        ("{-9999}", -9999),
        ("-9999 ; nothing", -9999),
        ("{-9999, 0}", (-9999, 0)),
        ("-9999 0", (-9999, 0)),
        ("", None),
        ("{}", None),
        ("-3.4e38", -3.4e38),
    ],
)
def test_spellings_of_the_value_for_no_data(tmp_path, value, nodata):
    assert read_cube(written(tmp_path, data_ignore_value=value)).nodata == nodata


LOWEST = np.finfo(np.float32).min
ROUNDED = [
    ("f4", LOWEST, "-3.40282e+38"),
    ("f4", LOWEST, "-3.402823e+038"),
    ("f4", LOWEST, "-3.40283e+38"),
    ("f8", LOWEST, "-3.40282e+38"),
    ("f8", np.finfo(np.float64).min, "-1.79769e+308"),
    ("f4", 9.969209968386869e36, "9.96921e+36"),
    ("f4", np.finfo(np.float32).tiny, "1.17549e-38"),
    ("f8", np.float32(-9999.9), "-9999.9"),
    ("f4", -0.123456789, "-0.1234568"),
    ("f8", np.float32(1e20), "1e+20"),
    ("f4", -9999, "-9999.0"),
]


@pytest.mark.parametrize(("dtype", "fill", "stated"), ROUNDED)
def test_rounded_values_for_no_data(tmp_path, dtype, fill, stated):
    cube = np.ones((2, 3, 4), dtype)
    cube[0, 1] = fill
    scene = read_scene(written(tmp_path, cube, data_ignore_value=stated))
    np.testing.assert_array_equal(scene.valid, [[True, False, True], [True] * 3])
    labels = np.ones((2, 3, 1), dtype)
    labels[0, 1] = fill
    found = read_label_map(written(tmp_path, labels, data_ignore_value=stated))
    np.testing.assert_array_equal(found.labels, [[1, 0, 1], [1, 1, 1]])


@pytest.mark.parametrize(
    ("dtype", "value", "stated"),
    [
        ("f4", 1e-38, "0"),
        ("f8", 1e-300, "0"),
        ("f8", -9999.0001, "-9999"),
        ("f8", 1 + 1e-9, "1"),
        ("f4", 0, "1.17549e-38"),
        ("f4", LOWEST * 0.99, "-3.40282e+38"),
        ("f4", LOWEST, "-1.79769e+308"),
        ("f8", 0.1001, "0.1"),
        ("i2", -9999, "-9999.9"),
    ],
)
def test_values_nearby_are_data(tmp_path, dtype, value, stated):
    cube = np.full((2, 3, 4), value, dtype)
    assert read_scene(written(tmp_path, cube, data_ignore_value=stated)).valid is None


@pytest.mark.parametrize("value", ["nan", "NaN", "-nan", "1.#QNAN", "-1.#IND", "nan(0x8)"])
def test_spellings_of_nan(tmp_path, value):
    assert np.isnan(read_cube(written(tmp_path, data_ignore_value=value)).nodata)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("{a, b, c, d}", ("a", "b", "c", "d")),
        ("{a, b, c, d,}", ("a", "b", "c", "d")),
        ("{a (450, 460), b, c, d}", ("a (450, 460)", "b", "c", "d")),
        ('{"a, first", b, c, d}', ("a, first", "b", "c", "d")),
        ("{a, first,\nb, second,\nc,\nd}", ("a, first", "b, second", "c", "d")),
        ("{a; b, b, c, ; of the laboratory\nd} ; note", ("a; b", "b", "c", "d")),
        ("{a = 1, b,\n c, d}", ("a = 1", "b", "c", "d")),
        ("{ a , , c, d}", ("a", "", "c", "d")),
    ],
)
def test_band_names(tmp_path, value, names):
    assert read_cube(written(tmp_path, band_names=value)).scene.band_names == names


SAID = {
    "no byte order": (
        {"byte order": None},
        "there is no `byte order`, so 0 (little endian) is assumed",
    ),
    "count of wavelengths": (
        {"wavelength": "{400, 500}"},
        "`wavelength` has 2 entries, not 4, and is not used",
    ),
    "text in wavelengths": (
        {"wavelength": "{400, 500, nan, x}"},
        "`wavelength` holds 'x' and is not used",
    ),
    "negative wavelengths": (
        {"wavelength": "{400, 500, -1, 600}"},
        "the wavelengths are negative or infinite in part and are not used",
    ),
    "count of bbl": ({"bbl": "{1, 0, 1}"}, "`bbl` has 3 entries, not 4, and is not used"),
    "all bad": ({"bbl": "{0, 0, 0, 0}"}, "`bbl` marks every band as bad and is not used"),
    "count of names": (
        {"band names": "{a, b}"},
        "`band names` has 2 entries, not 4, and is not used",
    ),
    "no number for no data": (
        {"data ignore value": "none"},
        "`data ignore value` is 'none' and is not used",
    ),
    "map info": (
        {"map info": "{UTM, 1, 1, here, there, 2, 2}"},
        "`map info` is {UTM, 1, 1, here, there, 2, 2} and is not used: it needs the name of a "
        "projection, the reference pixel (2 numbers), its coordinates (2) and the size of a pixel "
        "(2)",
    ),
    "pixels of no size": ({"map info": "{UTM, 1, 1, 5, 5, 0, 2}"}, "and is not used: it needs"),
    "map info of a word": ({"map info": "UTM"}, "`map info` is {UTM} and is not used"),
    "misspelt": (
        {"wavelengths": "{400, 500, 600, 700}"},
        "`wavelengths` is read as `wavelength`",
    ),
    "misspelt and there": (
        {"wavelengths": "{1, 2, 3, 4}", "wavelength": "{400, 500, 600, 700}"},
        "`wavelengths` is not used, for `wavelength` is there too",
    ),
    "twice": (
        {"bbl": "{1, 0, 1, 1}", "Bbl": "{1, 1, 1, 0}"},
        "`bbl` is there twice, and the last one counts",
    ),
    "open brace": (
        {"wavelength": "{400, 500, 600, 700", "bbl": "{1, 1, 1, 0}"},
        "the brace of `wavelength` is never closed",
    ),
    "zone": (
        {"map info": "{UTM, 1, 1, 500000, 4400000, 20, 30, 99, North, WGS-84}"},
        "`map info` names the UTM zone '99, North'; there is no CRS",
    ),
    "datum": (
        {"map info": "{UTM, 1, 1, 500000, 4400000, 20, 30, 16, North, WGS-85}"},
        "`map info` names the unknown datum 'WGS-85'; WGS 84 is assumed",
    ),
    "no datum": (
        {"map info": "{UTM, 1, 1, 500000, 4400000, 20, 30, 16, North}"},
        "`map info` names no datum, and NAD27 is assumed",
    ),
    "no CRS": (
        {"map info": "{Geographic Lat/Lon, 1, 1, -87, 40, 0.1, 0.1}"},
        "`map info` ('Geographic Lat/Lon') names no CRS that GDAL knows",
    ),
    "coordinate system": (
        {"map info": MAP_INFO, "coordinate system string": "{PROJCS[broken}"},
        "`coordinate system string` is not understood and is not used",
    ),
    "ellipsoid": (
        {
            "map info": MAP_INFO,
            "coordinate system string": "{"
            + rasterio.crs.CRS.from_epsg(32616)
            .to_wkt(version="WKT1_ESRI")
            .replace("6378137.0", "637813.0")
            + "}",
        },
        "the ellipsoid 'WGS 84' of its CRS is corrupt, with a half axis of 637,813.0 m",
    ),
    "half axes": (
        {"map info": MAP_INFO, "projection info": "{3, 6378137.0, 6356.3, 0, -87, 5e5, 0, 0.9996}"},
        "`projection info` states an ellipsoid with half axes of 6,378,137.0 and 6,356.3 m, not "
        "the Earth's",
    ),
    "gains": (
        {"data gain values": "{1, 2}"},
        "`data gain values` has 2 entries, not 4, and is not used",
    ),
}


@pytest.mark.parametrize(("fields", "note"), SAID.values(), ids=SAID)
def test_what_is_not_understood_is_said_once(tmp_path, fields, note):
    path = written(tmp_path, **{name.replace(" ", "_"): value for name, value in fields.items()})
    with pytest.warns(HSVLMWarning) as warned:
        found = read_cube(path)
    np.testing.assert_array_equal(found.scene.cube, CUBE)
    assert len(warned) == 1
    assert str(warned[0].message).startswith(f"{path}: ")
    assert note in str(warned[0].message)
    assert warned[0].filename == __file__


def test_one_warning_lists_all_fields(tmp_path):
    path = written(
        tmp_path, byte_order=None, bbl="{1}", band_names="{a}", wavelength="{x}", map_info="{UTM}"
    )
    with pytest.warns(HSVLMWarning) as warned:
        read_cube(path)
    assert len(warned) == 1
    for name in ("byte order", "bbl", "band names", "wavelength", "map info"):
        assert f"`{name}`" in str(warned[0].message)
    assert warned[0].message.for_command_line() == str(warned[0].message)


def test_misspelt_names_are_used(tmp_path):
    path = written(
        tmp_path,
        wavelengths="{0.4, 0.5, 0.6, 0.7}",
        wavelength_unit="Micrometers",
        data_ignore_values="-9999",
        bandnames="{a, b, c, d}",
        bad_bands_list="{1, 1, 1, 0}",
    )
    with pytest.warns(HSVLMWarning) as warned:
        found = read_cube(path)
    assert len(warned) == 1
    assert found.scene.wavelengths_nm.tolist() == [400, 500, 600, 700]
    assert found.nodata == -9999
    assert found.scene.band_names == tuple("abcd")
    assert found.scene.bad_bands.tolist() == [False, False, False, True]


def test_fields_of_other_software_are_no_misspellings(tmp_path):
    names = ["pixelsize x", "himg", "binning", "tint", "fps", "acquisition date", "line rate"]
    names += ["wavelength step", "data units", "sensorid", "band count", "class colors", "z start"]
    path = written(tmp_path, **{name.replace(" ", "_"): "{1, 2}" for name in names})
    assert read_cube(path).scene.wavelengths_nm is None


@pytest.mark.slow
def test_many_unknown_or_open_fields_take_little_time(tmp_path):
    path = written(tmp_path)
    text = path.read_text()
    for line in ("wavelengthz {0} = 1\n", "fwhm = {{1, 2,\n", "x{0} = {{{{\n", "bbl{0} = {{\n"):
        path.write_text(text + "".join(line.format(number) for number in range(50_000)))
        with pytest.warns(HSVLMWarning) as warned:
            assert read_cube(path).scene.shape == (2, 3)
        assert len(str(warned[0].message)) < 1500
    path.write_text(text + "band names = {" + "(," * 10**6 + ")}")
    with pytest.warns(HSVLMWarning, match="`band names` has 1000001 entries, not 4"):
        read_cube(path)


@pytest.mark.parametrize(("suffix", "interleave"), [("bil", "bil"), ("bip", "bip"), ("bsq", "bsq")])
def test_the_suffix_tells_an_interleave_that_is_not_stated(tmp_path, suffix, interleave):
    path = written(tmp_path, interleave=interleave, data=f"field.{suffix}")
    path.write_text(path.read_text().replace(f"interleave = {interleave}\n", ""))
    with pytest.warns(HSVLMWarning, match=f"no `interleave`, so {interleave} is assumed"):
        np.testing.assert_array_equal(read_cube(path).scene.cube, CUBE)


def test_a_data_file_of_any_suffix_whose_size_agrees(tmp_path):
    path = written(tmp_path, data="field.rfl")
    (tmp_path / "field.xml").write_text("<notes/>")
    np.testing.assert_array_equal(read_cube(path).scene.cube, CUBE)


@pytest.mark.parametrize("header", ["field.HDR", "field.img.hdr", "field.img.HDR", "field.Hdr"])
def test_names_of_headers(tmp_path, header):
    written(tmp_path).rename(tmp_path / header)
    for path in (tmp_path / "field.img", tmp_path / header):
        np.testing.assert_array_equal(read_cube(path).scene.cube, CUBE)


@pytest.mark.parametrize(
    ("fields", "scale"),
    [
        ({"reflectance scale factor": "10000"}, [[1e-4, 0]] * 4),
        ({"reflectance scale factor": "{ 1e4 } ; per cent"}, [[1e-4, 0]] * 4),
        ({"data gain values": "{1, 2, 3, 4}"}, [[1, 0], [2, 0], [3, 0], [4, 0]]),
        (
            {"data gain values": "{1, 1, 1, 1}", "data offset values": "{5, 5, 5, 5}"},
            [[1, 5]] * 4,
        ),
        ({"data reflectance gain values": "{2, 2, 2, 2}"}, [[2, 0]] * 4),
        ({"reflectance scale factor": "1"}, None),
        ({}, None),
    ],
)
def test_factors_and_offsets_are_kept_and_not_applied(tmp_path, fields, scale):
    path = written(tmp_path, **{name.replace(" ", "_"): value for name, value in fields.items()})
    scene = read_cube(path).scene
    np.testing.assert_array_equal(scene.cube, CUBE)
    assert (scene.scale if scale is None else scene.scale.tolist()) == scale
    assert ("scale" in scene.summary()) == (scale is not None)


@pytest.mark.parametrize(
    ("info", "name"),
    [
        (MAP_INFO, "WGS 84 / UTM zone 16N"),
        ("{UTM, 1, 1, 5, 5, 1, 1, 33, South, WGS-84}", "WGS 84 / UTM zone 33S"),
        ("{UTM, 1, 1, 5, 5, 1, 1, 16, North, North America 1983}", "NAD83 / UTM zone 16N"),
        ("{Geographic Lat/Lon, 1, 1, 5, 5, 1, 1, WGS-84}", "WGS 84"),
    ],
)
def test_coordinate_systems_have_their_names(tmp_path, info, name):
    assert read_cube(written(tmp_path, map_info=info)).scene.summary()["CRS"] == name


def test_a_georeference_that_was_dropped_leaves_none(tmp_path):
    path = written(tmp_path, map_info="{UTM, 1, 1, here, there, 2, 2}")
    with pytest.warns(HSVLMWarning):
        scene = read_cube(path).scene
    assert (scene.crs, scene.transform) == (None, None)


def test_values_that_are_a_pointer_of_git_lfs(tmp_path):
    path = written(tmp_path)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 48\n"
    (tmp_path / "field.img").write_text(pointer)
    with pytest.raises(FileError, match=r"field\.img: it is a Git LFS pointer"):
        read_cube(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"wavelength": "{450.5 nm, 550.5 nm, 650.5nm, 750.5 nm,}"},
        {"wavelength": "{0.4505 um, 0.5505 um, 0.6505 um, 0.7505 um}"},
        {"wavelength": "{4.505e-01 um, 5.505e-01 um, 6.505e-01 um, 7.505e-01 um}"},
        {"wavelength": "{450-451 nm, 550 - 551 nm, 650 to 651 nm, 750-751nm}"},
        {"band_names": "{450-451 nm, fwhm 9 nm 550.5 nm, 650.5/9 nm, 1 - 750.5 nm}"},
        {"band_names": "{a (450.5 nm), b (550.5 nm), c (650.5 nm), d (750.5 nm)}"},
        {"band_names": "{1: 450.5 Nanometers, 550.5 Nanometers, 650.5 nm, 750.5 nm}"},
        {
            "band_names": "{a (1 nm), b (2 nm), c (3 nm), d (4 nm)}",
            "wavelength": "{450.5, 550.5, 650.5, 750.5}",
        },
    ],
)
def test_units_behind_numbers_and_wavelengths_in_names(tmp_path, fields):
    scene = read_cube(written(tmp_path, **fields)).scene
    assert scene.wavelengths_nm.tolist() == [450.5, 550.5, 650.5, 750.5]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hsvlm.exceptions.HSVLMWarning")
@given(
    order=st.permutations(range(9)),
    spelling=st.sampled_from([str.lower, str.upper, str.title]),
    blanks=st.sampled_from(["", " ", "  "]),
    listed=st.sampled_from(["{{{0}}}", "{{ {0} }}", "{{\n{0}\n}}", "{{{0}}} ; note", "{{{0},}}"]),
    extra=st.lists(
        st.sampled_from(
            ["; note", "", "description = {a = 1,\n b}", "bbl = {}", "fwhm = {1 2}", "x = y = z"]
        ),
        max_size=4,
    ),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_rasterio_opens_gives_the_same_values(
    tmp_path_factory, order, spelling, blanks, listed, extra, end
):
    folder = tmp_path_factory.mktemp("envi")
    path = written(folder, wavelength=listed.format("400, 500, 600, 700"))
    text = path.read_text().removeprefix("ENVI\n")
    known = re.split(r"\n(?=[a-z ]+=)", text.strip())
    assert len(known) == 9
    lines = ["ENVI"]
    for number in order:
        name, value = known[number].split("=", 1)
        lines.append(f"{blanks}{spelling(name.strip())}{blanks} = {value.strip()}{blanks}")
    path.write_text(end.join([*lines, *extra, ""]), newline="")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(folder / "field.img") as dataset:
            expected = np.moveaxis(dataset.read(), 0, 2)
    scene = read_cube(path).scene
    np.testing.assert_array_equal(scene.cube, expected)
    assert scene.wavelengths_nm.tolist() == [400, 500, 600, 700]
