"""Pictures as label maps, palettes, and grids that are turned."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from hsvlm import Scene
from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io import read_labels, read_scene

SCENE = Scene(np.ones((8, 9, 3)))
RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 128, 0), (0, 0, 255), (0, 0, 0)
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def picture():
    pixels = np.zeros((8, 9, 3), np.uint8)
    pixels[:2] = RED
    pixels[2:4, :5] = GREEN
    pixels[6:, 6:] = BLUE
    return pixels


def written(path, pixels, driver=None, **options):
    bands = np.moveaxis(np.atleast_3d(pixels), 2, 0)
    drivers = {".png": "PNG", ".tif": "GTiff", ".bmp": "BMP", ".jpg": "JPEG"}
    with rasterio.open(
        path,
        "w",
        driver=driver or drivers[path.suffix],
        width=pixels.shape[1],
        height=pixels.shape[0],
        count=len(bands),
        dtype=bands.dtype,
        **options,
    ) as file:
        file.write(bands)
    return path


def expected():
    labels = np.zeros((8, 9), int)
    labels[:2], labels[2:4, :5], labels[6:, 6:] = 3, 2, 1
    return labels


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_each_color_is_a_class(tmp_path, suffix):
    path = written(tmp_path / f"gt.{suffix}", picture())
    with pytest.warns(HSVLMWarning) as caught:
        found = read_labels(path, SCENE)
    assert str(caught[0].message) == (
        f"{path}: its 3 colors are read as classes, black as no label: 1 = #0000FF (6 pixels), 2 = "
        "#008000 (10 pixels), 3 = #FF0000 (18 pixels). Give class_names with these colors as names "
        "to choose the numbers."
    )
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(found.labels, expected())
    assert found.class_names == found.class_colors == {1: "#0000FF", 2: "#008000", 3: "#FF0000"}
    assert found.text_classes


def test_colors_keep_their_class_in_another_picture(tmp_path):
    other = picture()
    other[6:, 6:] = RED  # without blue
    path = written(tmp_path / "test.png", other)
    names = {1: "#0000FF", 2: "#008000", 3: "#FF0000"}
    with pytest.warns(HSVLMWarning):
        labels = read_labels(path, SCENE, class_names=names).labels
    np.testing.assert_array_equal(labels, np.where(expected() == 1, 3, expected()))


def test_transparent_pixels_have_no_label(tmp_path):
    alpha = np.full((8, 9, 1), 255, np.uint8)
    alpha[:1] = 0
    path = written(tmp_path / "gt.png", np.concatenate([picture(), alpha], axis=2))
    with pytest.warns(HSVLMWarning):
        labels = read_labels(path, SCENE).labels
    wanted = expected()
    wanted[:1] = 0
    np.testing.assert_array_equal(labels, wanted)


def test_without_black_every_pixel_has_a_label(tmp_path):
    pixels = picture()
    pixels[(pixels == 0).all(axis=2)] = 255
    with pytest.warns(HSVLMWarning, match="4 = #FFFFFF"):
        labels = read_labels(written(tmp_path / "gt.png", pixels), SCENE).labels
    assert labels.min() == 1


def test_photographs_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    scene = Scene(np.ones((40, 50, 3)))
    photograph = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    with pytest.raises(FileError, match=r"it has [12],\d+ colors, and 256 are the most"):
        read_labels(written(tmp_path / "a.png", photograph), scene)


@pytest.mark.parametrize("pixels", [picture(), picture()[..., 0]])
def test_jpeg_is_refused(tmp_path, pixels):
    path = written(tmp_path / "gt.jpg", pixels)
    with pytest.raises(FileError, match="its format, JPEG, mixes the colors and numbers"):
        read_labels(path, SCENE)


def test_gray_pictures_are_maps_of_numbers(tmp_path):
    numbers = np.repeat(expected()[..., None], 3, axis=2).astype(np.uint8)
    found = read_labels(written(tmp_path / "gt.png", numbers), SCENE)
    np.testing.assert_array_equal(found.labels, expected())
    assert found.class_names == {}


def test_other_rasters_of_several_bands(tmp_path):
    for pixels in (picture().astype(np.uint16), np.dstack([picture(), picture()])):
        with pytest.raises(FileError, match="bands, but a label map has one"):
            read_labels(written(tmp_path / "gt.tif", pixels), SCENE)


def with_palette(path, colors):
    path = written(path, expected().astype(np.uint8), photometric="palette")
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, colors)
        assert file.colorinterp == (ColorInterp.palette,)
    return path


def test_palettes_give_colors(tmp_path):
    colors = {0: BLACK, 1: BLUE, 2: GREEN, 3: RED}
    found = read_labels(with_palette(tmp_path / "gt.tif", colors), SCENE)
    np.testing.assert_array_equal(found.labels, expected())
    assert found.class_colors == {1: "#0000FF", 2: "#008000", 3: "#FF0000"}


def test_a_palette_with_a_color_for_no_label(tmp_path):
    path = with_palette(tmp_path / "gt.tif", {0: (10, 200, 30), 1: BLUE, 2: GREEN, 3: RED})
    with pytest.warns(HSVLMWarning, match="0 has the color #0AC81E in its palette, but stands for"):
        read_labels(path, SCENE)


def test_two_classes_of_one_name(tmp_path):
    header = (
        "ENVI\nsamples = 9\nlines = 8\nbands = 1\nheader offset = 0\nfile type = ENVI "
        "Classification\ndata type = 1\ninterleave = bsq\nbyte order = 0\nclasses = 4\n"
        "class names = {Unclassified, oats, soil, Oats }\n"
    )
    (tmp_path / "gt.hdr").write_text(header)
    (tmp_path / "gt.img").write_bytes(expected().astype(np.uint8).tobytes())
    with pytest.warns(HSVLMWarning, match="the classes 1, 3 have one name, 'oats'"):
        read_labels(tmp_path / "gt.hdr", SCENE)


NORTH_UP = rasterio.Affine(30, 0, 500000, 0, -30, 4400000)
SOUTH_UP = rasterio.Affine(30, 0, 500000, 0, 30, 4400000 - 8 * 30)
EAST_WEST = rasterio.Affine(-30, 0, 500000 + 9 * 30, 0, -30, 4400000)
PLACED = {"crs": "EPSG:32616"}


def placed(path, transform):
    return written(path, expected().astype(np.uint8), transform=transform, **PLACED)


@pytest.mark.parametrize("ours", [NORTH_UP, SOUTH_UP, EAST_WEST])
@pytest.mark.parametrize("theirs", [NORTH_UP, SOUTH_UP, EAST_WEST])
def test_maps_that_run_in_another_direction(tmp_path, ours, theirs):
    scene = Scene(SCENE.cube, transform=ours, **PLACED)
    path = placed(tmp_path / "gt.tif", theirs)
    if ours == theirs:
        np.testing.assert_array_equal(read_labels(path, scene).labels, expected())
        return
    with pytest.raises(FileError, match="run in another direction than those of the scene"):
        read_labels(path, scene)


@pytest.mark.parametrize("shape", [(9, 8), (16, 18), (4, 3)])
def test_maps_of_another_size(tmp_path, shape):
    np.save(tmp_path / "gt.npy", np.ones(shape, np.uint8))
    turned = " (it seems to be transposed)" if shape == (9, 8) else ""
    with pytest.raises(FileError) as error:
        read_labels(tmp_path / "gt.npy", SCENE)
    assert str(error.value) == (
        f"{tmp_path / 'gt.npy'}: the label map has {shape[0]} x {shape[1]} pixels, the scene 8 x 9"
        f"{turned}. Give a map with a label for each pixel of the scene."
    )


def test_scenes_may_be_pictures(tmp_path):
    path = written(tmp_path / "scene.png", picture())
    assert read_scene(path).cube.shape == (8, 9, 3)
