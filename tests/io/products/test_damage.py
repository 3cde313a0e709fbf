"""Damaged products, and metadata that say anything: an error that names the file, or a scene."""

import warnings

import h5py
import numpy as np
import pytest

from hsvlm._data.lazy import read_rows
from hsvlm.exceptions import DataError
from hsvlm.io import read_scene

# Damage to the dimension scales of EMIT can end the process in the HDF5 library itself.
PRODUCTS = ["prisma", "neon", "enmap"]
VALUES = ["", "abc", b"\xff\xfe", "1 2", "-1", np.nan, np.inf, -1, 0, 2**63 - 1, 1e308]
VALUES += [np.zeros(0), np.arange(9), np.full(6, np.nan), [["a", "b"]], np.zeros((2, 3))]


def check(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_rows(read_scene(path).cube, 0, 1)
        except DataError as error:
            message = str(error)
        else:
            return
    assert str(path.parent) in message


def damage(content, rng):
    changed = bytearray(content)
    if rng.random() < 0.3:
        return bytes(changed[: rng.integers(len(changed))])
    top = len(changed) if rng.random() < 0.5 else min(len(changed), 2000)
    for place in rng.integers(0, top, size=rng.integers(1, 8)):
        changed[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.integers(256)])
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("product", PRODUCTS)
def test_damaged_files_are_refused_or_read(product, request):
    made = request.getfixturevalue(f"make_{product}")()
    rng = np.random.default_rng(0)
    for path in [made.path, *([made.metadata] if product == "enmap" else [])]:
        content = path.read_bytes()
        for _ in range(40):
            path.write_bytes(damage(content, rng))
            check(made.path)
        path.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("product", "holder"),
    [
        ("prisma", "/"),
        ("emit", "/"),
        ("emit", "reflectance"),
        ("neon", "SERC/Reflectance"),
        ("neon", "SERC/Reflectance/Reflectance_Data"),
        ("neon", "SERC/Reflectance/Metadata/Spectral_Data/Wavelength"),
    ],
)
def test_attributes_may_say_anything(product, holder, request):
    path = request.getfixturevalue(f"make_{product}")().path
    content = path.read_bytes()
    with h5py.File(path) as file:
        names = set(file[holder].attrs) - {"DIMENSION_LIST", "_Netcdf4Coordinates", "_nc3_strict"}
    for name in sorted(names):
        for value in VALUES:
            path.write_bytes(content)
            with h5py.File(path, "r+") as file:
                del file[holder].attrs[name]
                file[holder].attrs[name] = value
            check(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("emit", "sensor_band_parameters/good_wavelengths"),
        ("emit", "location/glt_x"),
        ("neon", "SERC/Reflectance/Metadata/Spectral_Data/Wavelength"),
        ("neon", "SERC/Reflectance/Metadata/Coordinate_System/Map_Info"),
        ("neon", "SERC/Reflectance/Metadata/Coordinate_System/EPSG Code"),
        ("neon", "SERC/Reflectance/Reflectance_Data"),
        ("prisma", "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/VNIR_Cube"),
    ],
)
def test_datasets_may_hold_anything(product, name, request):
    path = request.getfixturevalue(f"make_{product}")().path
    content = path.read_bytes()
    for value in VALUES:
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            del file[name]
            file[name] = value
        check(path)
