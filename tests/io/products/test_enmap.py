"""EnMAP and DESIS: images with METADATA.XML beside them."""

import re

import numpy as np
import pytest

from hsvlm.exceptions import FileError
from hsvlm.io import read_scene

PLACE = (30.0, 0.0, 352740.0, 0.0, -30.0, 5987250.0)
WAVELENGTHS = [420.5, 650.25, 905.0, 1400.0]


@pytest.mark.parametrize("start", ["path", "metadata"])
def test_the_image_and_its_metadata(make_enmap, start):
    product = make_enmap()
    scene = read_scene(getattr(product, start))
    np.testing.assert_array_equal(np.asarray(scene.cube), product.cube)
    assert scene.wavelengths_nm.tolist() == WAVELENGTHS
    # The last was never filled, and its values say nothing of the pixels.
    assert scene.bad_bands.tolist() == [False, False, False, True]
    np.testing.assert_allclose(scene.scale, [[1e-4, 0]] * 4)
    assert scene.transform == PLACE
    assert "32633" in scene.crs
    assert not scene.valid[0, 0]
    assert scene.valid.sum() == scene.valid.size - 1


def test_suffixes_in_lower_case(make_enmap):
    product = make_enmap()
    image = product.path.rename(product.path.with_suffix(".tif"))
    product.metadata.rename(product.metadata.with_suffix(".xml"))
    assert read_scene(image).wavelengths_nm.tolist() == WAVELENGTHS


def test_without_metadata_it_is_an_image_like_any_other(make_enmap):
    product = make_enmap()
    product.metadata.unlink()
    assert read_scene(product.path, nodata=None).wavelengths_nm is None


def test_the_metadata_know_the_value_for_no_data(make_enmap):
    product = make_enmap(nodata=None)
    assert not read_scene(product.path).valid[0, 0]


def test_detectors_of_level_1b_are_read_one_at_a_time(make_enmap):
    product = make_enmap("L1B", detectors=("_VNIR", "_SWIR"))
    for image, bands in zip(product.images, (slice(0, 3), slice(3, None)), strict=True):
        scene = read_scene(image, nodata=None)
        assert scene.wavelengths_nm.tolist() == WAVELENGTHS[bands]
        np.testing.assert_array_equal(np.asarray(scene.cube), product.cube[..., bands])
        numbers = np.arange(1, 5)[bands]
        np.testing.assert_allclose(scene.scale, np.column_stack([numbers / 1000, -numbers]))
        # A fit to the corners of the scene is no georeference.
        assert scene.transform is None
        assert scene.crs is None
    with pytest.raises(FileError, match="an image of VNIR and one of SWIR") as error:
        read_scene(product.metadata)
    assert "--variable VNIR" in error.value.for_command_line()
    assert read_scene(product.metadata, variable="VNIR").wavelengths_nm.tolist() == WAVELENGTHS[:3]


@pytest.mark.parametrize("variable", ["VNIR", "../secret", "reflectance"])
def test_a_variable_that_is_no_image(make_enmap, variable):
    with pytest.raises(FileError, match=r"no image .* beside it"):
        read_scene(make_enmap().metadata, variable=variable)


def test_metadata_without_an_image(make_enmap):
    product = make_enmap()
    product.path.unlink()
    with pytest.raises(FileError, match=r"no image ENMAP01-____L2A.*SPECTRAL_IMAGE"):
        read_scene(product.metadata)


def test_metadata_of_another_number_of_bands(make_enmap):
    with pytest.raises(FileError, match=r"bandCharacterisation describes 3 bands, but .* has 4"):
        read_scene(make_enmap(wavelengths=[400, 500, 600]).path)


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (b"<level_X><base>", "cannot be read as the metadata"),
        (b"<level_X></level_X>", "wavelengthCenterOfBand is missing"),
        (
            b"<level_X><bandCharacterisation><bandID><FWHMOfBand>7</FWHMOfBand></bandID>"
            b"</bandCharacterisation></level_X>",
            "wavelengthCenterOfBand of band 1 is missing",
        ),
        (
            b"<level_X><bandCharacterisation><bandID><wavelengthCenterOfBand>red"
            b"</wavelengthCenterOfBand></bandID></bandCharacterisation></level_X>",
            "could not convert string to float",
        ),
        (
            b'<!DOCTYPE level_X [<!ENTITY a "9"><!ENTITY b "&a;&a;">]><level_X>&b;</level_X>',
            "declares a document type",
        ),
        (
            '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE level_X [<!ENTITY a SYSTEM '
            '"file:///etc/passwd">]><level_X>&a;</level_X>'.encode("utf-16"),
            "declares a document type",
        ),
        (b"<level_X>" + b" " * 2**24 + b"</level_X>", "more than 16,777,216 bytes"),
    ],
)
def test_metadata_that_cannot_be_read(make_enmap, xml, reason):
    product = make_enmap(xml=xml)
    for path in (product.path, product.metadata):
        with pytest.raises(FileError, match=reason) as error:
            read_scene(path)
        assert str(error.value).count(str(product.metadata)) == 1


def test_other_xml_files_are_left_to_gdal(tmp_path):
    path = tmp_path / "METADATA.XML"
    path.write_text("<product><name>another</name></product>")
    with pytest.raises(FileError, match="GDAL cannot read it"):
        read_scene(path)


def test_desis_has_other_names_for_the_same(make_enmap):
    product = make_enmap()
    text = product.metadata.read_text().replace("level_X", "hsi_doc")
    text = re.sub(
        r"<bandID number=\"(\d)\">(\s+<wave)", r"<band><bandNumber>\1</bandNumber>\2", text
    )
    text = re.sub(r"(</OffsetOfBand>\s+)</bandID>", r"\1</band>", text)
    text = text.replace("GainOfBand", "gainOfBand").replace("OffsetOfBand", "offsetOfBand")
    stem = "DESIS-HSI-L2A-DT0345060696_003-20191011T005603-V0210-"
    (product.path.with_name(f"{stem}METADATA.xml")).write_text(text)
    image = product.path.rename(product.path.with_name(f"{stem}SPECTRAL_IMAGE.tif"))
    assert read_scene(image).wavelengths_nm.tolist() == WAVELENGTHS
