"""Maps of scenes next to photographs, drawn from made-up arrays."""

import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from scipy.io import savemat
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from benchmarks import development_scenes, scene_maps, scenes
from hsvlm import Scene
from hsvlm.datasets import make_synthetic_scene

NAMES = {1: "grass", 2: "roads, lanes and other ways", 3: "water", 5: "cars", 7: "roofs"}
COLORS = {1: "#00ff00", 2: "#112233"}
SHAPE = (30, 40)


@pytest.fixture
def label_map():
    return np.random.default_rng(0).choice([0, *NAMES], size=SHAPE)


@pytest.fixture
def photograph():
    return np.random.default_rng(1).integers(0, 256, size=(120, 160, 3), dtype=np.uint8)


@pytest.fixture
def figure(photograph, label_map):
    maps = {"window by window": np.full(SHAPE, 2), "default": np.full(SHAPE, 1)}
    return scene_maps.draw_maps(photograph, label_map, maps, NAMES, COLORS)


def test_panels_show_photograph_reference_and_maps(figure, photograph, label_map):
    images = [ax.images[0].get_array() for ax in figure.axes]
    np.testing.assert_array_equal(images[0], photograph)
    assert (images[1][label_map == 1] == to_rgb("#00ff00")).all()
    assert (images[1][label_map == 0] == 1).all()
    np.testing.assert_allclose(images[2], np.broadcast_to(to_rgb("#112233"), (*SHAPE, 3)))
    np.testing.assert_allclose(images[3], np.broadcast_to(to_rgb("#00ff00"), (*SHAPE, 3)))
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["true color", "reference labels", "window by window", "default"]


@pytest.mark.slow
def test_one_legend_names_all_classes_in_the_colors_of_the_maps(figure):
    assert [ax.get_legend() for ax in figure.axes] == [None] * 4
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(NAMES.values())
    drawn = [patch.get_facecolor()[:3] for patch in legend.get_patches()]
    assert drawn[:2] == [to_rgb("#00ff00"), to_rgb("#112233")]
    assert len(set(drawn)) == len(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 16])
def test_nothing_overlaps_or_is_cut_off(photograph, n_classes):
    names = {label: f"class of number {label}" for label in range(1, n_classes + 1)}
    maps = {"window by window": np.ones(SHAPE, dtype=int), "default": np.ones(SHAPE, dtype=int)}
    figure = scene_maps.draw_maps(photograph, np.zeros(SHAPE, dtype=int), maps, names)
    figure.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    boxes.append(figure.legends[0].get_window_extent())
    for place, box in enumerate(boxes):
        assert figure.bbox.contains(box.xmin, box.ymin)
        assert figure.bbox.contains(box.xmax, box.ymax)
        assert not any(box.overlaps(other) for other in boxes[:place])


@pytest.mark.parametrize("shape", [(30, 40), (145, 145), (600, 100)])
def test_pixels_of_a_scene_are_squares_of_whole_pixels(shape):
    _, axes = scene_maps.make_panels(shape, 16)
    for ax in axes:
        box = ax.get_window_extent()
        zoom = box.height / shape[0], box.width / shape[1]
        assert zoom == pytest.approx((round(zoom[0]),) * 2)


@pytest.mark.slow
def test_saved_picture_is_small_and_keeps_the_colors_of_classes(figure, tmp_path):
    scene_maps.save_picture(figure, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size < 400_000
    pixels = np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).reshape(-1, 3)
    assert len(pixels) == round(figure.bbox.width * figure.bbox.height)
    for color in COLORS.values():
        assert (pixels == np.round(255 * np.array(to_rgb(color)))).all(axis=1).any()


def test_titles_hold_the_accuracy_on_the_test_side():
    scene = make_synthetic_scene(noise=0.5, random_state=0)
    estimators = {"bayes": GaussianNB(), "a tree": DecisionTreeClassifier(max_depth=3)}
    maps = scene_maps.predict_maps(estimators, scene, 0)
    X, y = scene.samples()
    train, test = scenes.make_splits("random-10", scene, X, y, 1)[0]
    clf = GaussianNB().fit(X[train], y[train])
    title, label_map = next(iter(maps.items()))
    assert title == f"bayes, OA {clf.score(X[test], y[test]):.1%}"
    pixels = scene.cube.reshape(-1, scene.n_bands)
    np.testing.assert_array_equal(label_map.ravel(), clf.predict(pixels))


def test_true_color_is_made_of_the_bands_or_read_from_the_file(tmp_path, photograph, monkeypatch):
    scene = make_synthetic_scene(random_state=0)
    picture = development_scenes.load_photograph("jasper-ridge", scene)
    assert picture.shape == (*scene.shape, 3)
    red = abs(scene.wavelengths_nm - 650).argmin()
    assert np.corrcoef(picture[..., 0].ravel(), scene.cube[..., red].ravel())[0, 1] > 0.9
    savemat(tmp_path / "houston2018_crop.mat", {"rgbImg": photograph})
    monkeypatch.setenv(development_scenes.FOLDER_VARIABLE, str(tmp_path))
    np.testing.assert_array_equal(
        development_scenes.load_photograph("houston-2018", scene), photograph
    )


@pytest.mark.slow
def test_command_draws_the_scenes_that_are_asked_for(tmp_path, monkeypatch, photograph, capsys):
    scene = make_synthetic_scene(random_state=0)
    named = {1: "tree", 2: "water", 3: "dirt", 4: "road"}
    scene = Scene(scene.cube, scene.labels, named, scene.wavelengths_nm)
    rows = {scene_maps.DEFAULT: GaussianNB(), scene_maps.WINDOWS: GaussianNB()}
    monkeypatch.setattr(scene_maps, "IMAGES", tmp_path)
    monkeypatch.setattr(scene_maps, "load_scene", lambda name, folder: scene)
    monkeypatch.setattr(scene_maps, "make_rows", lambda name: rows)
    monkeypatch.setattr(sys, "argv", ["scene_maps", "--scene", "jasper-ridge"])
    scene_maps.main()
    assert [path.name for path in tmp_path.iterdir()] == ["scene-jasper-ridge.png"]
    assert "window by window, OA" in capsys.readouterr().out
