"""Pages of maps, opened in a browser."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import DataError, FileError
from hsvlm.mapping import predict_scene

HOSTILE = "</script><img src=x onerror=\"document.title='bad'\">"

pytestmark = pytest.mark.slow  # opens pages in a browser


@pytest.fixture(scope="module")
def scene():
    scene = make_synthetic_scene(random_state=0)
    valid = np.ones(scene.shape, dtype=bool)
    valid[:4, :4] = False
    return replace(scene, valid=valid, labels=np.where(valid, scene.labels, 0))


@pytest.fixture(scope="module")
def fitted(scene):
    X, y = scene.samples()
    return GaussianNB().fit(X, y)


def page_of(tmp_path, scene, clf, *, probabilities=True, **options):
    scene_map = predict_scene(clf, scene, probabilities=probabilities)
    return scene_map, scene_map.save_report(tmp_path / "map.html", classifier=clf, **options)


def ready(page):
    page.wait_for_selector(".map-view[data-ready]")
    return page


def wait_until(page, condition):
    # wait_for_function compiles texts, which the policy of the page forbids
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{condition} did not become true")


def click_pixel(page, row, col):
    page.locator(".map-canvas").scroll_into_view_if_needed()
    point = page.evaluate(
        """([row, col]) => {
            const view = document.querySelector(".map-view").hsvlmMap;
            const point = view.map.latLngToContainerPoint([-row - 0.5, col + 0.5]);
            const box = view.mapElement.getBoundingClientRect();
            return [point.x + box.x, point.y + box.y];
        }""",
        [row, col],
    )
    page.mouse.click(*point)


def painted(page, row, col):
    """Color of the layer, red, green, blue and alpha, at a stored pixel."""
    script = """([row, col]) => Array.from(document.querySelector(".map-view").hsvlmMap.context
        .getImageData(col, row, 1, 1).data)"""
    return page.evaluate(script, [int(row), int(col)])


def rgb(color):
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def test_a_click_tells_class_probability_reference_and_spectrum(open_page, tmp_path, scene, fitted):
    scene_map, path = page_of(tmp_path, scene, fitted, reference=scene)
    page = ready(open_page(path))
    for row, col in ((10, 12), (31, 31), (4, 0)):
        click_pixel(page, row, col)
        label = scene_map.label_map[row, col]
        probabilities = scene_map.probabilities[row, col]
        details = page.locator(".map-panel").inner_text()
        assert f"row {row}, column {col}" in details
        assert page.locator("dd").nth(1).inner_text() == scene_map.class_names[label]
        bars = page.locator(".map-bars li").all_inner_texts()
        assert len(bars) == len(scene_map.classes)
        assert f"{100 * probabilities.max():.0f}" in bars[0]
        shown = [float(re.search(r"([\d.]+) %", bar)[1]) for bar in bars]
        assert shown == pytest.approx(sorted(100 * probabilities, reverse=True), abs=0.25)
        reference = scene.labels[row, col]
        expected = scene.class_names.get(reference, "no label")
        assert page.locator("dd").nth(2).inner_text().startswith(expected)
        drawn = page.evaluate("document.querySelector('.map-view').hsvlmMap.spectrum().values")
        np.testing.assert_allclose(drawn, scene.cube[row, col], rtol=1e-6)
        assert page.evaluate("document.querySelector('.map-view').hsvlmMap.chart.data.length") > 2
    assert page.locator(".map-chart canvas").count() == 1


def test_means_are_those_of_the_reference(open_page, tmp_path, scene, fitted):
    _, path = page_of(tmp_path, scene, fitted, reference=scene)
    page = ready(open_page(path))
    classes = page.evaluate("document.querySelector('.map-view').hsvlmMap.settings.classes")
    for label, entry in zip(fitted.classes_, classes, strict=True):
        expected = scene.cube[scene.labels == label].mean(axis=0)
        np.testing.assert_allclose(entry["mean"], expected, rtol=1e-4)
    assert "that the reference labels as the class" in path.read_text(encoding="utf-8")


def test_pixels_without_data_have_no_class(open_page, tmp_path, scene, fitted):
    _, path = page_of(tmp_path, scene, fitted)
    page = ready(open_page(path))
    click_pixel(page, 1, 1)
    assert page.get_by_role("status").inner_text() == "No data at this pixel"
    assert page.locator("dd").nth(1).inner_text() == "no data"
    assert page.locator(".map-bars").count() == 0
    assert painted(page, 1, 1)[3] == 0


def test_layers_show_classes_probabilities_entropy_and_errors(open_page, tmp_path, scene, fitted):
    scene_map, path = page_of(tmp_path, scene, fitted, reference=scene)
    page = ready(open_page(path))
    row, col = np.argwhere(scene.labels > 0)[40]
    label = scene_map.label_map[row, col]
    assert painted(page, row, col)[:3] == rgb(scene_map.class_colors[label])
    page.get_by_label("Probability", exact=True).check()
    assert "not a measured accuracy" in page.locator(".map-definition").inner_text()
    bright = painted(page, row, col)[:3]
    index = int(np.flatnonzero(fitted.classes_ != label)[0])
    page.get_by_label("Probability of").select_option(str(index + 1))
    dark = painted(page, row, col)[:3]
    assert sum(dark) < sum(bright)
    page.get_by_label("Entropy", exact=True).check()
    assert painted(page, row, col)[3] == 255
    page.get_by_label("Reference", exact=True).check()
    truth = scene.labels[row, col]
    assert painted(page, row, col)[:3] == rgb(scene_map.class_colors[truth])
    unlabeled = np.argwhere(scene.labels == 0)[-1]
    assert painted(page, *unlabeled)[3] == 0
    page.get_by_label("Errors", exact=True).check()
    agrees = truth == label
    assert painted(page, row, col)[:3] == rgb("#0072b2" if agrees else "#d55e00")


def test_the_legend_hides_and_shows_classes(open_page, tmp_path, scene, fitted):
    scene_map, path = page_of(tmp_path, scene, fitted)
    page = ready(open_page(path))
    name = scene_map.class_names[scene_map.label_map[20, 20]]
    button = page.locator(".map-classes button", has_text=name).first
    assert f"{scene_map.counts[scene_map.label_map[20, 20]]:,} px" in button.inner_text()
    button.focus()
    page.keyboard.press("Space")
    assert button.get_attribute("aria-pressed") == "false"
    assert painted(page, 20, 20)[3] == 0
    page.get_by_role("button", name="Hide all").click()
    button.click()
    assert painted(page, 20, 20)[3] == 255
    page.get_by_role("button", name="Show all").click()
    assert page.locator(".map-classes button[aria-pressed=false]").count() == 0


def test_pixels_are_chosen_by_keyboard(open_page, tmp_path, scene, fitted):
    _, path = page_of(tmp_path, scene, fitted)
    page = ready(open_page(path))
    page.get_by_label("Row", exact=True).fill("7")
    page.get_by_label("Column", exact=True).fill("9")
    assert "row 7, column 9" in page.locator(".map-details").inner_text()
    page.keyboard.press("ArrowUp")
    assert "row 7, column 10" in page.locator(".map-details").inner_text()
    page.get_by_label("Row", exact=True).fill("999")  # outside: the last pixel stays
    assert "row 7, column 10" in page.locator(".map-details").inner_text()


def test_the_map_zooms_and_follows_the_window(open_page, tmp_path, scene, fitted):
    _, path = page_of(tmp_path, scene, fitted)
    page = ready(open_page(path, viewport={"width": 1200, "height": 800}))
    zoom = "document.querySelector('.map-view').hsvlmMap.map.getZoom()"
    first = page.evaluate(zoom)
    page.get_by_role("button", name="Zoom in").click()
    wait_until(page, f"{zoom} > {first}")
    page.wait_for_timeout(400)  # the animation takes 250 ms
    page.locator(".map-canvas").focus()
    page.keyboard.press("Minus")
    wait_until(page, f"{zoom} === {first}")
    click_pixel(page, 5, 6)
    page.set_viewport_size({"width": 360, "height": 700})
    wait_until(page, "document.querySelector('.uplot').clientWidth < 340")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".map-canvas").scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    click_pixel(page, 9, 8)
    assert "row 9, column 8" in page.locator(".map-details").inner_text()


def test_dark_pages_draw_charts_in_light_lines(open_page, tmp_path, scene, fitted):
    _, path = page_of(tmp_path, scene, fitted)
    page = ready(open_page(path, color_scheme="dark"))
    click_pixel(page, 9, 8)
    stroke = "document.querySelector('.map-view').hsvlmMap.chart.series[1].stroke()"
    assert page.evaluate(stroke).strip() == "#e8eaed"
    page.emulate_media(color_scheme="light")
    wait_until(page, f"{stroke}.trim() === '#1b1f24'")
    page.emulate_media(media="print", color_scheme="dark")
    wait_until(page, f"{stroke}.trim() === '#000'")
    assert page.locator(".map-layers label:visible").all_inner_texts() == ["Classes"]


def test_hostile_names_are_shown_as_they_are(open_page, tmp_path, scene, fitted):
    names = {label: f"{HOSTILE} {label} \u202e" for label in fitted.classes_.tolist()}
    scene_map = predict_scene(fitted, replace(scene, name=HOSTILE), class_names=names)
    path = scene_map.save_report(tmp_path / "map.html", recipe=HOSTILE)
    page = ready(open_page(path))
    click_pixel(page, 9, 9)
    assert page.title() == f"Map of {HOSTILE}"
    expected = names[scene_map.label_map[9, 9]].replace("\u202e", "\\u202e")
    assert page.locator("dd").nth(1).inner_text() == expected
    assert page.locator("main img:not(.leaflet-image-layer)").count() == 0


def test_one_pixel_and_labels_of_text(open_page, tmp_path):
    cube = np.random.default_rng(0).random((6, 5, 2)).astype(np.float64)
    X = cube.reshape(-1, 2)
    clf = GaussianNB().fit(X, np.where(np.arange(30) % 2, "corn", "wheat"))
    for part in (cube[:1, :1], cube):
        scene_map = predict_scene(clf, Scene(part), probabilities=True)
        path = scene_map.save_report(tmp_path / "map.html")
        page = ready(open_page(path))
        click_pixel(page, 0, 0)
        assert page.get_by_role("status").inner_text().startswith(scene_map.label_map[0, 0])
        assert "band, counted from 0" in path.read_text(encoding="utf-8")


def test_more_classes_than_a_byte_counts(open_page, tmp_path):
    rng = np.random.default_rng(0)
    X = np.arange(300)[:, None] + rng.random((300, 3))
    clf = GaussianNB().fit(np.repeat(X, 2, axis=0), np.repeat(np.arange(1000, 1300), 2))
    cube = X[:, None].repeat(2, axis=1)
    scene_map = predict_scene(clf, Scene(cube), probabilities=True)
    page = ready(open_page(scene_map.save_report(tmp_path / "map.html")))
    page.get_by_label("Row", exact=True).fill("299")
    page.get_by_label("Column", exact=True).fill("1")
    assert page.locator("dd").nth(1).inner_text() == str(scene_map.label_map[299, 1]) == "1299"
    page.get_by_label("Probability", exact=True).check()
    page.get_by_label("Probability of").select_option("1")
    assert "The 5 largest are stored" in page.locator(".map-definition").inner_text()


def test_coordinates_and_areas_where_the_scene_has_a_georeference(
    open_page, tmp_path, scene, fitted
):
    pytest.importorskip("pyproj")
    placed = replace(scene, crs="EPSG:32616", transform=(20.0, 0, 500_000, 0, -20.0, 4_480_000))
    _, path = page_of(tmp_path, placed, fitted)
    page = ready(open_page(path))
    click_pixel(page, 10, 12)
    coordinates = page.locator("dd").nth(1).inner_text()
    assert coordinates == "x 500250.0, y 4479790.0 (WGS 84 / UTM zone 16N)"
    assert " ha" in page.locator(".map-classes").inner_text()


def test_prompts_are_shown_with_the_class(open_page, tmp_path, cube, labels, settings):
    clf = HSIPromptClassifier(prompts="a field of {}", **settings).fit(cube, labels)
    scene = Scene(np.array(cube), np.array(labels))
    scene_map, path = page_of(tmp_path, scene, clf, reference=scene)
    page = ready(open_page(path))
    click_pixel(page, 8, 4)
    label = scene_map.label_map[8, 4]
    assert clf.prompts_[label][0] in page.locator(".map-prompts").inner_text()
    assert "trained on" in page.locator("dd").nth(2).inner_text()


def test_maps_in_files_are_read_from_them(open_page, tmp_path, scene, fitted):
    pytest.importorskip("rasterio")
    in_memory, expected = page_of(tmp_path, scene, fitted, reference=scene)
    written = predict_scene(
        fitted, scene, tmp_path / "map.tif", probabilities=tmp_path / "probabilities.tif"
    )
    path = written.save_report(tmp_path / "written.html", classifier=fitted, reference=scene)
    assert path.read_bytes() == expected.read_bytes()
    assert in_memory.path is None


def test_pages_without_probabilities_say_so(open_page, tmp_path, scene, fitted):
    _, path = page_of(tmp_path, scene, fitted, probabilities=None)
    page = ready(open_page(path))
    click_pixel(page, 9, 9)
    assert page.locator(".map-bars").count() == 0
    assert page.locator(".map-layers label").all_inner_texts() == ["Classes"]
    assert "none are shown" in page.locator(".notes").inner_text()


def test_large_maps_are_thinned_and_their_spectra_reconstructed(
    open_page, tmp_path, scene, fitted, monkeypatch
):
    monkeypatch.setattr("hsvlm.mapping._page_map._MAX_PIXELS", 300)
    monkeypatch.setattr("hsvlm.mapping._page_cube._MAX_COMPLETE_BYTES", 0)
    monkeypatch.setattr("hsvlm.mapping._page_cube._MAX_SCORES", 200)
    scene_map, path = page_of(tmp_path, scene, fitted, reference=scene)
    page = ready(open_page(path))
    notes = page.locator(".notes").inner_text()
    assert "This page shows every 2nd row and column" in notes
    click_pixel(page, 7, 9)  # of the page
    assert "row 14, column 18" in page.locator(".map-details").inner_text()
    assert (
        page.get_by_role("status")
        .inner_text()
        .startswith(scene_map.class_names[scene_map.label_map[14, 18]])
    )
    drawn = page.evaluate("document.querySelector('.map-view').hsvlmMap.spectrum()")
    assert (drawn["row"], drawn["col"]) != (14, 18)
    note = page.locator(".map-panel .map-note").last.inner_text()
    assert f"that of row {drawn['row']}, column {drawn['col']}" in note
    stated = float(re.search(r"95th percentile ([\d.e-]+)", note)[1])
    error = np.sqrt(np.mean((drawn["values"] - scene.cube[drawn["row"], drawn["col"]]) ** 2))
    assert error < 3 * stated
    total = sum(scene_map.counts.values())
    assert f"{total:,}" in page.locator("tfoot").first.inner_text()


def test_pages_are_refused_before_work_is_done(tmp_path, scene, fitted):
    scene_map = predict_scene(fitted, scene)
    with pytest.raises(FileError, match="the page is HTML"):
        scene_map.save_report(tmp_path / "map.pdf")
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(FileError, match="is not replaced"):
        scene_map.save_report(tmp_path / "mine.html")
    with pytest.raises(DataError, match="has shape"):
        scene_map.save_report(tmp_path / "map.html", reference=np.ones((2, 2)))
    assert not (tmp_path / "map.html").exists()


def test_scenes_are_read_in_rows_twice_at_most(tmp_path, scene, fitted, counting, monkeypatch):
    monkeypatch.setattr("hsvlm._data.lazy._BLOCK_VALUES", 4 * 32 * 30)
    monkeypatch.setattr("hsvlm.mapping._page_cube._MAX_COMPLETE_BYTES", 0)
    cube = counting(np.asarray(scene.cube))
    scene_map = predict_scene(fitted, replace(scene, cube=cube), probabilities=True)
    cube.reads[:] = 0
    scene_map.save_report(tmp_path / "map.html")
    assert cube.reads.tolist() == [2] * 32


@pytest.mark.parametrize("dtype", ["bool", ">u2", "float16", "int64"])
def test_spectra_of_other_types_are_shown(open_page, tmp_path, dtype):
    values = np.random.default_rng(0).integers(0, 2, (5, 4, 3)).astype(dtype)
    clf = GaussianNB(var_smoothing=1).fit(values.reshape(-1, 3), np.arange(20) % 2)
    path = predict_scene(clf, Scene(values)).save_report(tmp_path / "map.html")
    page = ready(open_page(path))
    click_pixel(page, 3, 2)
    drawn = page.evaluate("document.querySelector('.map-view').hsvlmMap.spectrum().values")
    np.testing.assert_array_equal(drawn, values[3, 2].astype(float))
    note = page.locator(".map-panel .map-note").last.inner_text()
    assert ("as they are in the scene" in note) == (dtype != "int64")


def test_bad_bands_and_further_sources_are_not_drawn(open_page, tmp_path, scene, fitted):
    bad = np.zeros(scene.n_bands, dtype=bool)
    bad[3:6] = True
    marked = replace(scene, bad_bands=bad)
    heights = np.arange(32.0 * 32).reshape(32, 32)
    both = replace(scene, auxiliary={"lidar": heights})
    alone = both.select_sources(["lidar"])
    _, path = page_of(tmp_path, marked, fitted)
    page = ready(open_page(path))
    click_pixel(page, 9, 9)
    drawn = page.evaluate("document.querySelector('.map-view').hsvlmMap.spectrum().values")
    np.testing.assert_allclose(drawn, scene.cube[9, 9][~bad], rtol=1e-6)
    assert "3 bands marked as bad are left out" in page.locator(".map-panel").inner_text()
    for part, n_bands in ((both, scene.n_bands), (alone, 1)):
        X, y = part.samples()
        _, path = page_of(tmp_path, part, GaussianNB().fit(X, y))
        page = ready(open_page(path))
        click_pixel(page, 9, 9)
        drawn = page.evaluate("document.querySelector('.map-view').hsvlmMap.spectrum().values")
        assert len(drawn) == n_bands


def test_maps_in_envi_files_are_read_from_them(tmp_path, scene, fitted):
    pytest.importorskip("rasterio")
    _, expected = page_of(tmp_path, scene, fitted)
    paths = {"out": tmp_path / "map.hdr", "probabilities": tmp_path / "probabilities.hdr"}
    path = predict_scene(fitted, scene, **paths).save_report(
        tmp_path / "written.html", classifier=fitted
    )
    assert path.read_bytes() == expected.read_bytes()
