"""Small files in the layout of sensor products, one maker for each.

They follow the layouts that public readers of these products use, and for PRISMA its specification
as these quote it; no real granule was at hand.
"""

from types import SimpleNamespace

import h5netcdf
import h5py
import numpy as np
import pytest
import rasterio
from pyproj import CRS
from rasterio.transform import from_origin

WIDTH, HEIGHT = 7, 5


def _counts(height, width, n_bands, first=1):
    values = np.arange(height * width * n_bands) + first
    return values.reshape(height, width, n_bands)


@pytest.fixture
def make_prisma(tmp_path):
    """Write level 2D with 6 VNIR bands and 5 SWIR bands, the first of each unused."""

    def make(level="2D", name="prisma.he5", shape=(HEIGHT, WIDTH), footprint=None, **attributes):
        height, width = shape
        path = tmp_path / name
        vnir = _counts(height, width, 6).astype(np.uint16)
        swir = _counts(height, width, 5, first=1000).astype(np.uint16)
        if footprint is not None:
            vnir[~footprint], swir[~footprint] = 0, 0
        stated = {
            "Processing_Level": np.bytes_(level),
            # Descending, and 0 where a band was not acquired.
            "List_Cw_Vnir": np.float32([0, 977, 950, 700, 550, 410]),
            "List_Cw_Swir": np.float32([0, 2400, 1600, 1000, 943]),
            "List_Cw_Vnir_Flags": np.uint8([0, 1, 1, 1, 1, 1]),
            "List_Cw_Swir_Flags": np.uint8([0, 1, 1, 1, 1]),
            "List_Fwhm_Vnir": np.float32([0, 10, 10, 10, 10, 10]),
            "List_Fwhm_Swir": np.float32([0, 12, 12, 12, 12]),
        }
        if level == "1":
            stated |= {"ScaleFactor_Vnir": 100.0, "ScaleFactor_Swir": 200.0}
            stated |= {"Offset_Vnir": 0.5, "Offset_Swir": 0.0}
        else:
            stated |= {"L2ScaleVnirMin": 0.0, "L2ScaleVnirMax": 1.3107}
            stated |= {"L2ScaleSwirMin": 0.1, "L2ScaleSwirMax": 0.75535}
        if level == "2D":
            # Centers of the corner pixels; the first pixel begins at (600000, 4600000).
            east, south = 600015 + 30 * (width - 1), 4599985 - 30 * (height - 1)
            stated |= {"Epsg_Code": np.int64(32632), "Projection_Name": np.bytes_("UTM")}
            stated |= {"Product_ULcorner_easting": 600015.0, "Product_ULcorner_northing": 4599985.0}
            stated |= {"Product_LRcorner_easting": east, "Product_LRcorner_northing": south}
        stated |= attributes
        swath = f"HDFEOS/SWATHS/PRS_L{level}_HCO"
        with h5py.File(path, "w") as file:
            for key, value in stated.items():
                if value is not None:
                    file.attrs[key] = value
            file[f"{swath}/Data Fields/VNIR_Cube"] = vnir.transpose(0, 2, 1)
            file[f"{swath}/Data Fields/SWIR_Cube"] = swir.transpose(0, 2, 1)
            errors = np.zeros((height, 6, width), np.uint8)
            file[f"{swath}/Data Fields/VNIR_PIXEL_L2_ERR_MATRIX"] = errors
            for field in ("Latitude", "Longitude"):
                file[f"{swath}/Geolocation Fields/{field}"] = np.zeros((height, width), np.float32)
            file["HDFEOS INFORMATION/StructMetadata.0"] = "GROUP=SwathStructure"
        order = [5, 4, 3, 10, 2, 1, 9, 8, 7]  # 410, 550, 700, 943, 950, 977, 1000, 1600, 2400
        joined = np.concatenate([vnir, swir], axis=2)[..., order]
        return SimpleNamespace(path=path, vnir=vnir, swir=swir, joined=joined, swath=swath)

    return make


@pytest.fixture
def make_emit(tmp_path):
    """Write a swath of 6 x 4 pixels that lies turned on a map grid of 8 x 9."""

    def make(name="emit.nc", cube="reflectance", dtype="f4", n_bands=4, without=(), **attributes):
        path = tmp_path / name
        swath = _counts(6, 4, n_bands).astype(dtype)
        rows = np.zeros((8, 9), np.int32)
        cols = np.zeros((8, 9), np.int32)
        for row in range(6):
            for col in range(4):
                y, x = 1 + row, row // 2 + 3 - col
                rows[y, x], cols[y, x] = row + 1, col + 1
        stated = {
            "geotransform": np.array([-120.0, 5e-4, 0, 40.0, 0, -5e-4]),
            "spatial_ref": CRS("EPSG:4326").to_wkt("WKT1_GDAL"),
        } | attributes
        with h5netcdf.File(path, "w") as file:
            file.dimensions = {
                "downtrack": 6, "crosstrack": 4, "bands": n_bands, "ortho_y": 8, "ortho_x": 9
            }  # fmt: skip
            for key, value in stated.items():
                if value is not None:
                    file.attrs[key] = value
            track, ortho = ("downtrack", "crosstrack"), ("ortho_y", "ortho_x")
            file.create_variable(cube, (*track, "bands"), dtype, fillvalue=-9999)[...] = swath
            bands = file.create_group("sensor_band_parameters")
            wavelengths = bands.create_variable("wavelengths", ("bands",), "f4")
            wavelengths[...] = np.linspace(400, 700, n_bands)
            wavelengths.attrs["units"] = "nm"
            bands.create_variable("fwhm", ("bands",), "f4")[...] = 8.5
            if cube == "reflectance":
                good = bands.create_variable("good_wavelengths", ("bands",), "f4")
                good[...] = [1, 0] + [1] * (n_bands - 2)
            location = file.create_group("location")
            for key in ("lon", "lat", "elev"):
                location.create_variable(key, track, "f8")[...] = 0
            for key, table in (("glt_x", cols), ("glt_y", rows)):
                if key not in without:
                    location.create_variable(key, ortho, "i4", fillvalue=0)[...] = table
        inside = rows > 0
        expected = np.full((8, 9, n_bands), -9999, dtype)
        expected[inside] = swath[rows[inside] - 1, cols[inside] - 1]
        return SimpleNamespace(path=path, swath=swath, ortho=expected, inside=inside)

    return make


@pytest.fixture
def make_neon(tmp_path):
    """Write a tile of 4 bands, the second in a bad window, one pixel without data."""

    def make(name="neon.h5", site="SERC", map_info=None, epsg=b"32618", **changed):
        path = tmp_path / name
        cube = _counts(HEIGHT, WIDTH, 4).astype(np.int16)
        cube[0, 0] = -9999
        if map_info is None:
            map_info = (
                b"UTM,  1.000,  1.000,       368000.00,       4307000.0,       1.0000000,"
                b"       1.0000000,  18,  North,  WGS-84,  units=Meters, 0"
            )
        wavelengths = changed.get("wavelengths", [400.0, 1400, 1500, 1900])
        with h5py.File(path, "w") as file:
            group = file.create_group(f"{site}/Reflectance")
            group.attrs["Band_Window_1_Nanometers"] = np.array([1340, 1445])
            group.attrs["Band_Window_2_Nanometers"] = np.array([1790, 1955])
            data = group.create_dataset("Reflectance_Data", data=cube, chunks=(1, WIDTH, 4))
            data.attrs["Data_Ignore_Value"] = -9999.0
            data.attrs["Scale_Factor"] = 10000.0
            spectral = group.create_group("Metadata/Spectral_Data")
            spectral["Wavelength"] = np.float32(wavelengths)
            spectral["Wavelength"].attrs["Units"] = "nanometers"
            spectral["FWHM"] = np.float32([5.8] * 4)
            place = group.create_group("Metadata/Coordinate_System")
            if map_info:
                place["Map_Info"] = np.bytes_(map_info)
            if epsg:
                place["EPSG Code"] = np.bytes_(epsg)
            images = group.create_group("Metadata/Ancillary_Imagery")
            images["Slope"] = np.zeros((HEIGHT, WIDTH), np.float32)
            file[f"{site}/Reflectance/Metadata/Logs/Solar_Zenith_Angle"] = 30.0
        return SimpleNamespace(path=path, cube=cube)

    return make


_ENMAP_BAND = """
   <bandID number="{number}">
    <wavelengthCenterOfBand>{wavelength}</wavelengthCenterOfBand>
    <FWHMOfBand>7.0</FWHMOfBand>
    <GainOfBand>{gain}</GainOfBand>
    <OffsetOfBand>{offset}</OffsetOfBand>
   </bandID>"""
_ENMAP = """<?xml version="1.0" encoding="UTF-8"?>
<level_X xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <base><level>{level}</level><format>GeoTIFF+Metadata</format></base>
 <specific>
  <numberOfVNIRBands>{n_vnir}</numberOfVNIRBands>
  <bandCharacterisation>{bands}
  </bandCharacterisation>
  <backgroundValue>-32768</backgroundValue>
 </specific>
 <product>
  <image><merge><name>{stem}SPECTRAL_IMAGE.TIF</name></merge></image>
  <bandStatistics>{statistics}
  </bandStatistics>
 </product>
</level_X>
"""
WAVELENGTHS = [420.5, 650.25, 905.0, 1400.0]


@pytest.fixture
def make_enmap(tmp_path):
    """Write level 2A of 4 bands, the last of which was never filled, one pixel without data."""

    def make(level="L2A", detectors=("",), xml=None, nodata=-32768, wavelengths=None):
        stem = f"ENMAP01-____{level}-DT0000001867_20220724T104526Z_008_V010302-"
        cube = _counts(HEIGHT, WIDTH, 4).astype(np.int16)
        cube[0, 0] = -32768
        cube[..., 3] = -32768
        wavelengths = WAVELENGTHS if wavelengths is None else wavelengths
        bands = "".join(
            _ENMAP_BAND.format(
                number=number,
                wavelength=wavelength,
                gain=0.0001 if level == "L2A" else number / 1000,
                offset=0 if level == "L2A" else -number,
            )
            for number, wavelength in enumerate(wavelengths, 1)
        )
        means = ["120.5", "130.5", "140.5", "-1000000"]
        statistics = "".join(
            f'\n   <bandID number="{number}"><mean>{mean}</mean>'
            f"<stdDeviation>{0 if mean == '-1000000' else 3.5}</stdDeviation></bandID>"
            for number, mean in enumerate(means, 1)
        )
        text = _ENMAP.format(level=level, n_vnir=3, bands=bands, stem=stem, statistics=statistics)
        metadata = tmp_path / f"{stem}METADATA.XML"
        metadata.write_bytes(text.encode() if xml is None else xml)
        images = []
        for detector in detectors:
            part = {"": cube, "_VNIR": cube[..., :3], "_SWIR": cube[..., 3:]}[detector]
            images.append(tmp_path / f"{stem}SPECTRAL_IMAGE{detector}.TIF")
            with rasterio.open(
                images[-1], "w", driver="GTiff", height=HEIGHT, width=WIDTH, count=part.shape[2],
                dtype="int16", crs="EPSG:32633", transform=from_origin(352740, 5987250, 30, 30),
                nodata=nodata,
            ) as file:  # fmt: skip
                file.write(np.moveaxis(part, 2, 0))
        return SimpleNamespace(path=images[0], images=images, metadata=metadata, cube=cube)

    return make
