"""Files that state more than they hold, or that lead elsewhere: refused before any harm is done."""

import contextlib
import json
import struct
import threading
import tracemalloc
import zipfile
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h5py
import numpy as np
import pytest
import rasterio

from hsvlm import Scene
from hsvlm.exceptions import FileError, ParameterError
from hsvlm.io import _gdal, _sizes, read_labels, read_scene, write_map, write_raster, write_scene

CUBE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
GRID = {"crs": "EPSG:32616", "transform": (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)}
NEVER_FILLED = "It was never filled, or its header is damaged: get the file again."
HINT_SPLIT_FILE = "Read it on a machine with more memory, or cut it into smaller files."


def npy(shape, descr="<f4", version=1, length=None):
    header = str({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    form = "<H" if version == 1 else "<I"
    size = struct.pack(form, len(header) if length is None else length)
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + bytes(96)


def envi(folder, size=24, **changed):
    fields = {"samples": 3, "lines": 2, "bands": 4, "data_type": 1, "byte_order": 0}
    fields |= {"interleave": "bsq", **changed}
    lines = [f"{name.replace('_', ' ')} = {value}" for name, value in fields.items()]
    (folder / "a.hdr").write_text("\n".join(["ENVI", *lines]))
    with (folder / "a.img").open("wb") as stream:
        stream.truncate(size)
    return folder / "a.hdr"


def hdf5(path, shape, chunks, name="cube"):
    with h5py.File(path, "w") as file:
        file.create_dataset(name, shape, "u1", chunks=chunks, compression="gzip")
    return path


def written(path, content):
    path.write_bytes(content)
    return path


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(f"{name}.npy", content)
    return path


def mat(path, shape, kind=2, flags=9):
    """A MATLAB file of version 5 whose one variable has 48 bytes of values."""
    sizes = struct.pack(f"<2I{len(shape)}i", 5, 4 * len(shape), *shape) + bytes(4)
    parts = struct.pack("<4I", 6, 8, flags, 0) + sizes + struct.pack("<2I8s", 1, 4, b"cube")
    parts += struct.pack("<2I", kind, 48) + bytes(48)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    return written(path, header + struct.pack("<2I", 14, len(parts)) + parts)


def sparse_tiff(path, side, **options):
    with rasterio.open(
        path, "w", driver="GTiff", height=side, width=side, count=4, dtype="uint8", tiled=True,
        blockxsize=1024, blockysize=1024, compress="deflate", SPARSE_OK=True,
        photometric="minisblack", **options,
    ):  # fmt: skip
        pass
    return path


HOSTILE = {
    "envi: bands": (
        lambda d: envi(d, bands=10**9),
        "lines x 3 samples x 1000000000 bands of uint8",
    ),
    "envi: no bands": (lambda d: envi(d, bands=0), "its field `bands` is 0."),
    "envi: minus": (lambda d: envi(d, lines=-2), "its field `lines` is -2."),
    "envi: nan": (lambda d: envi(d, samples="nan"), "its field `samples` is nan."),
    "envi: offset": (lambda d: envi(d, header_offset=10**6), "after 1000000 bytes make 1,000,024"),
    "envi: header": (
        lambda d: envi(d, wavelength="{" + "1," * 2**22 + "}"),
        "it has more than 8,388,608 bytes, which no ENVI header needs.",
    ),
    "npy: short": (
        lambda d: written(d / "a.npy", npy((10**5, 10**5, 10**2))),
        "it holds 96 bytes of values, but its header states (100000, 100000, 100) values of",
    ),
    "npy: long": (lambda d: written(d / "a.npy", npy((1, 3, 4))), "or holds several arrays"),
    "npy: minus": (lambda d: written(d / "a.npy", npy((-2, -3, 4))), "states (-2, -3, 4) values"),
    "npy: header": (
        lambda d: written(d / "a.npy", npy((2, 3, 4), version=2, length=2**32 - 1)),
        "the header is said to have 4,294,967,295 bytes",
    ),
    "npy: objects": (lambda d: written(d / "a.npy", npy((2, 3, 4), "|O")), "holds Python objects"),
    "npy: table": (
        lambda d: written(d / "a.npy", npy((2, 3, 4), [("a", "<f4")])),
        "type [('a', '<f4')], but a cube has 3",
    ),
    "npz: short": (
        lambda d: archive(d / "a.npz", cube=npy((10**5, 10**5, 10**2))),
        "variable 'cube' holds 96 bytes of values, but its header states",
    ),
    "npz: header": (
        lambda d: archive(d / "a.npz", cube=npy((2, 3, 4), version=2, length=2**31)),
        "the header is said to have 2,147,483,648 bytes",
    ),
    "npz: members": (
        lambda d: archive(d / "a.npz", **{f"a{one}": b"" for one in range(10_001)}),
        "it holds 10,001 arrays, and 10,000 are the most.",
    ),
    "mat: dimensions": (
        lambda d: mat(d / "a.mat", (2**30, 2**30, 2**30)),
        f"1073741824 x 1073741824 x 1073741824 values of uint8, {2**90:,} bytes, but has only",
    ),
    "mat: minus": (lambda d: mat(d / "a.mat", (-2, -3, 8)), "(-2, -3, 8) values are stated, but"),
    "mat: long": (lambda d: mat(d / "a.mat", (2, 3, 4)), "are stated, but there are 48 bytes"),
    "mat: type": (
        # scipy would look up this number beyond the end of a table, and end the process.
        lambda d: mat(d / "a.mat", (2, 3, 8), kind=0xFFF),
        "(2, 3, 8) values are stated, but of the unknown type 4095",
    ),
    "mat: complex": (lambda d: mat(d / "a.mat", (2, 3, 8), flags=0x809), "its values are complex"),
    "hdf5": (
        lambda d: hdf5(d / "a.h5", (10**6, 10**6, 10**3), (100, 100, 10)),
        "it states 1000000 x 1000000 x 1000 values of uint8, 1,000,000,000,000,000 bytes, but",
    ),
    "mat 7.3": (
        lambda d: hdf5(d / "a.mat", (10**3, 10**3, 10**6), (10**3, 1, 1)),
        "it states 1000 x 1000 x 1000000 values of uint8, 1,000,000,000,000 bytes, but has only",
    ),
    "hdf5: wavelengths": (
        lambda d: hdf5(d / "a.h5", (10**10,), (100,), "wavelengths"),
        "it states 10000000000 values of uint8, 10,000,000,000 bytes, but has only",
    ),
    "tiff": (
        lambda d: sparse_tiff(d / "a.tif", 10**5, nodata=0),
        "it states 100000 x 100000 x 4 values of uint8, 40,000,000,000 bytes, but has only",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_stated_is_checked_before_memory_is_taken(tmp_path, case):
    write, message = HOSTILE[case]
    path = write(tmp_path)
    if case == "hdf5: wavelengths":
        with h5py.File(path, "a") as file:
            file["cube"] = CUBE
    tracemalloc.start()
    try:
        with pytest.raises(FileError) as error:
            read_scene(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert message in str(error.value)
    assert peak < 150e6


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(_sizes, "available_memory", lambda: 10**8)


def bomb(path):
    header = npy((120, 1000, 1000), "|u1")[:-96]
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as opened,
        opened.open("cube.npy", "w") as stream,
    ):
        stream.write(header)
        for _ in range(120):
            stream.write(bytes(10**6))
    return path


@pytest.mark.slow
def test_what_is_read_at_once_has_to_fit_into_memory(tmp_path, little_memory):
    path = bomb(tmp_path / "a.npz")
    with pytest.raises(FileError) as error:
        read_scene(path)
    assert str(error.value) == (
        f"{path}: what is read at once does not fit into memory (120 x 1000 x 1000 values of "
        f"uint8 take 240,000,000 bytes and there are 100,000,000). {HINT_SPLIT_FILE}"
    )
    path = sparse_tiff(tmp_path / "a.tif", 10_000, nodata=0)
    with path.open("ab") as stream:
        stream.write(bytes(10**5))
    with pytest.raises(FileError, match="10000 x 10000 values of bool take 200,000,000 bytes"):
        read_scene(path)
    scene = read_scene(path, nodata=None)
    assert scene.cube.shape == (10_000, 10_000, 4)
    assert not scene.cube[:2].any()
    with pytest.raises(FileError, match="3000 x 10000 x 4 values of uint8 take 120,000,000"):
        scene.cube[:3000]
    path = envi(tmp_path, 36 * 10**6, lines=6000, samples=6000, bands=1)
    with pytest.raises(FileError, match="6000 x 6000 values of uint8 take 108,000,000 bytes"):
        read_labels(path, Scene(CUBE))


def test_running_out_of_memory_is_an_error_of_the_file(tmp_path, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError("Unable to allocate 8.00 GiB")

    np.savez(tmp_path / "a.npz", cube=CUBE)
    monkeypatch.setattr(np, "load", exhausted)
    with pytest.raises(FileError) as error:
        read_scene(tmp_path / "a.npz")
    assert str(error.value) == (
        f"{tmp_path / 'a.npz'}: what is read at once does not fit into memory (Unable to allocate "
        f"8.00 GiB). {HINT_SPLIT_FILE}"
    )


def test_the_memory_that_is_left_is_known():
    assert 10**6 < _sizes.available_memory() < 10**15


def linked(file, other):
    file["cube"] = h5py.ExternalLink(other, "/cube")


def virtual(file, other):
    layout = h5py.VirtualLayout((2, 3, 4), "f4")
    layout[:] = h5py.VirtualSource(other, "cube", (2, 3, 4))
    file.create_virtual_dataset("cube", layout)


def stored_elsewhere(file, other):
    file.create_dataset("cube", (2, 3, 4), "f4", external=[(other, 0, 96)])


@pytest.mark.parametrize("suffix", ["h5", "nc", "mat"])
@pytest.mark.parametrize("refer", [linked, virtual, stored_elsewhere])
def test_values_in_other_files_are_not_read(tmp_path, refer, suffix):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["cube"] = CUBE
    path = tmp_path / f"a.{suffix}"
    with h5py.File(path, "w") as file:
        refer(file, str(tmp_path / "other.h5"))
    for read in (read_scene, lambda one: read_labels(one, Scene(CUBE))):
        with pytest.raises(FileError) as error:
            read(path)
        assert str(error.value) == (
            f"{path}: its values of 'cube' lie in another file, which is not opened. Get a file "
            "that holds all its values itself."
        )


def test_files_without_an_end(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file
        for _ in range(70):
            group = group.create_group("deeper")
    with pytest.raises(FileError, match="it has more than 20,000 objects, or groups more than 64"):
        read_scene(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["round"] = h5py.SoftLink("/round")
        file["again"] = file["/"]
        file["cube"] = CUBE
    np.testing.assert_array_equal(read_scene(tmp_path / "b.h5").cube, CUBE)


class Visited(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.visits.append(self.path)
        self.send_error(404)

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Visited) as opened:
        opened.visits = []
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


def descriptions(url):
    service = (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{z}}/${{x}}/${{y}}.png</ServerUrl>'
        "</Service><DataWindow><UpperLeftX>0</UpperLeftX><UpperLeftY>1</UpperLeftY><LowerRightX>1"
        "</LowerRightX><LowerRightY>0</LowerRightY><TileLevel>1</TileLevel></DataWindow>"
        "<BandsCount>1</BandsCount></GDAL_WMS>"
    )
    yield service
    for source in (escape(service), f"{url}/a.tif", f"/vsicurl/{url}/a.tif", f"WMS:{url}/?a=1"):
        yield (
            '<VRTDataset rasterXSize="256" rasterYSize="256"><VRTRasterBand dataType="Byte" '
            f'band="1"><SimpleSource><SourceFilename>{source}</SourceFilename></SimpleSource>'
            "</VRTRasterBand></VRTDataset>"
        )


def visits_of_readers(path, server):
    for description in descriptions(f"http://127.0.0.1:{server.server_port}"):
        path.write_text(description)
        with pytest.raises(FileError):
            read_scene(path).cube[:1]
    return len(server.visits)


def test_no_file_sends_a_reader_to_the_network(tmp_path, server, monkeypatch):
    assert visits_of_readers(tmp_path / "field.tif", server) == 0
    monkeypatch.setattr(_gdal, "_SAFE", {})
    monkeypatch.setattr(_gdal, "_REMOTE", frozenset())
    assert visits_of_readers(tmp_path / "field.tif", server) > 0


def test_no_file_of_features_sends_a_reader_to_the_network(tmp_path, server):
    url = f"http://127.0.0.1:{server.server_port}"
    kml = (
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><NetworkLink><Link><href>'
        f"{url}/a.kml</href></Link></NetworkLink><Style><IconStyle><Icon><href>{url}/a.png</href>"
        f"</Icon></IconStyle></Style><Placemark><name>oats</name><styleUrl>{url}/s.kml#a</styleUrl>"
        "<Point><coordinates>-86.9999,36.1443</coordinates></Point></Placemark></Document></kml>"
    )
    gml = (
        '<ogr:FeatureCollection xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="http://ogr.maptools.org/ {url}/?SERVICE=WFS&amp;REQUEST='
        'DescribeFeatureType" xmlns:ogr="http://ogr.maptools.org/" '
        'xmlns:gml="http://www.opengis.net/gml" xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<gml:featureMember><ogr:a fid="a.0"><ogr:crop>oats</ogr:crop><ogr:geometryProperty '
        f'xlink:href="{url}/a.gml#b"><gml:Point srsName="EPSG:32616"><gml:coordinates>500015,'
        "3999995</gml:coordinates></gml:Point></ogr:geometryProperty></ogr:a></gml:featureMember>"
        "</ogr:FeatureCollection>"
    )
    for suffix, content in (("kml", kml), ("gml", gml)):
        path = tmp_path / f"a.{suffix}"
        path.write_text(content)
        with contextlib.suppress(FileError):
            read_labels(path, Scene(CUBE, **GRID))
    assert not server.visits


def test_virtual_rasters_run_no_code(tmp_path, monkeypatch):
    monkeypatch.setenv("GDAL_VRT_ENABLE_PYTHON", "YES")
    mark = tmp_path / "ran"
    write_raster(tmp_path / "a.tif", CUBE[..., :1])
    code = f"def f(*a, **k):\n    open({str(mark)!r}, 'w')\n"
    (tmp_path / "a.vrt").write_text(
        '<VRTDataset rasterXSize="3" rasterYSize="2"><VRTRasterBand dataType="Float32" band="1" '
        'subClass="VRTDerivedRasterBand"><PixelFunctionType>f</PixelFunctionType>'
        "<PixelFunctionLanguage>Python</PixelFunctionLanguage><PixelFunctionCode>"
        f"<![CDATA[{code}]]></PixelFunctionCode><SimpleSource><SourceFilename relativeToVRT='1'>"
        "a.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(FileError, match="GDAL cannot read it"):
        read_scene(tmp_path / "a.vrt").cube[:1]
    assert not mark.exists()


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "geojson", "json", "fgb"])
def test_vector_files_are_what_their_suffix_says(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_text('<OGRVRTDataSource><OGRVRTLayer name="a"/></OGRVRTDataSource>')
    with pytest.raises(FileError) as error:
        read_labels(path, Scene(CUBE, **GRID))
    assert str(error.value) == (
        f"{path}: cannot be read as vector data (it does not begin like a .{suffix} file). The "
        "file is damaged or of another kind: copy it again, or correct its suffix."
    )


def test_features_have_to_fit_into_memory(tmp_path, little_memory):
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with path.open("r+b") as stream:
        stream.truncate(4 * 10**6)
    with pytest.raises(FileError, match=r"4000000 values of uint8 take 128,000,000 bytes and"):
        read_labels(path, Scene(CUBE, **GRID))


@pytest.mark.parametrize("suffix", ["tif", "hdr", "img"])
def test_results_never_take_the_place_of_their_scene(tmp_path, suffix):
    path = write_scene(tmp_path / f"a.{suffix}", Scene(CUBE, **GRID))
    scene = read_scene(path)
    for write in (write_map, write_raster):
        with pytest.raises(ParameterError, match="which is the scene itself"):
            write(path, np.ones((2, 3), np.uint8), scene=scene)
    np.testing.assert_array_equal(read_scene(path).cube, CUBE)
