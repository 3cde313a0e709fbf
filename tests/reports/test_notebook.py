"""What notebooks show: escaped, readable in light and dark, quick, and never an error."""

import base64
import copy
import html.parser
import io
import re
import time

import dask.array as da
import numpy as np
import pytest
import sklearn
from PIL import Image
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, PixelSamples, Scene, SpectralPCA, pixel_samples
from hsvlm._data.lazy import LazyCube
from hsvlm._reports.notebook import swatch_table
from hsvlm.evaluation import evaluate, leakage_report
from hsvlm.io import AlignmentReport, ChannelShift
from hsvlm.mapping import predict_scene
from hsvlm.metrics import classification_summary

EVIL = "</td><script>alert('x')</script>"


class Reads(LazyCube):
    """Counts the rows that are read, and waits for each; fails if told to."""

    def __init__(self, shape, seconds=0.0, error=None):
        super().__init__(shape, np.float32)
        self.seconds, self.error, self.n_rows = seconds, error, 0

    def read_rows(self, start, stop):
        if self.error:
            raise self.error
        self.n_rows += stop - start
        time.sleep(self.seconds * (stop - start))
        rows = np.arange(start, stop, dtype=np.float32)[:, None, None]
        return np.broadcast_to(rows, (stop - start, *self.shape[1:]))


class Tags(html.parser.HTMLParser):
    """Refuses elements that are not closed, scripts, and colors of texts."""

    def __init__(self):
        super().__init__()
        self.stack = []

    def handle_starttag(self, tag, attributes):
        assert tag != "script"
        style = dict(attributes).get("style") or ""
        assert not re.search(r"(^|;)\s*color:", style)
        assert "background" not in style or tag == "span"  # a swatch without text
        if tag != "img":
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def shown(thing):
    page = thing._repr_html_()
    tags = Tags()
    tags.feed(page)
    assert tags.stack == []
    return page


def images(page):
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


@pytest.fixture
def scene(cube, labels):
    return Scene(
        cube,
        labels,
        class_names={1: "oats", 2: EVIL, 3: "woods"},
        class_colors={1: "#123456", 2: 'red"><script>'},
        wavelengths_nm=np.linspace(450, 900, 12),
        name=EVIL,
        crs="EPSG:32632",
        transform=(30, 0, 500000, 0, -30, 4400000),
    )


@pytest.fixture(scope="module")
def fitted(cube, labels, settings):
    named = {"class_names": {1: "oats", 2: EVIL}, "validation_fraction": 0.2}
    return HSIPromptClassifier(**{**settings, "spatial": "random-walk"}, **named).fit(cube, labels)


def test_a_scene_shows_a_picture_its_facts_and_its_classes(scene, labels):
    page = shown(scene)
    assert "EPSG:32632" in page
    assert "450.0 to 900.0 nm" in page
    assert "#123456" in page
    assert f"oats</td><td>1</td><td>{np.sum(labels == 1)}</td>" in page
    assert f'<td style="text-align:left">{np.sum(labels == 0)}</td>' in page
    assert "&lt;script&gt;" in page
    (image,) = images(page)
    assert image.shape == (18, 20, 3)


def test_pictures_show_infrared_red_and_green_without_bad_pixels(cube):
    cube = np.zeros((4, 6, 5), dtype=np.float32)
    cube[..., 3] = np.arange(6)  # 860 nm
    valid = np.ones((4, 6), dtype=bool)
    valid[1, 2] = False
    scene = Scene(cube, wavelengths_nm=[550, 600, 650, 860, 1000], valid=valid)
    (image,) = images(shown(scene))
    assert image[0, :, 0].tolist() == sorted(image[0, :, 0].tolist())
    assert image[0, -1].tolist() == [255, 0, 0]
    assert image[1, 2].tolist() == [128, 128, 128]


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 500, 2), (500, 1, 3), (3, 3, 700)])
def test_scenes_of_any_shape_are_shown(shape):
    rng = np.random.default_rng(0)
    (image,) = images(shown(Scene(rng.random(shape))))
    assert max(image.shape) <= 128


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf])
def test_scenes_without_contrast_are_shown(fill):
    assert images(shown(Scene(np.full((4, 5, 3), fill))))


def test_a_cube_in_a_file_is_read_in_few_rows():
    cube = Reads((5000, 100, 10))
    (image,) = images(shown(Scene(cube)))
    assert image.shape[0] <= 128
    assert cube.n_rows <= 128


def test_a_wide_cube_is_read_in_fewer_rows():
    cube = Reads((5000, 40000, 10))
    images(shown(Scene(cube)))
    assert cube.n_rows * 40000 * 10 <= 2**24


@pytest.mark.slow
def test_a_cube_that_is_slow_to_read_has_no_picture():
    cube = Reads((1000, 50, 10), seconds=0.2)
    start = time.monotonic()
    assert images(shown(Scene(cube))) == []
    assert time.monotonic() - start < 5


def test_a_cube_of_dask_is_not_computed():
    def fail(block):
        raise AssertionError

    cube = da.zeros((8, 9, 3), chunks=4).map_blocks(fail, dtype=float, meta=np.zeros((0, 0, 0)))
    assert images(shown(Scene(cube))) == []


def test_a_file_that_is_gone_is_no_error():
    page = shown(Scene(Reads((20, 30, 4), error=OSError("gone"))))
    assert images(page) == []
    assert "20 x 30 pixels" in page


def test_samples_show_their_scenes_and_classes(scene):
    X, _ = scene.samples()
    page = shown(X)
    assert "oats" in page
    assert "450.0 to 900.0 nm" in page
    page = shown(PixelSamples.concatenate([X, pixel_samples(scene.cube.copy(), scene.labels)[0]]))
    assert page.count("18 x 20 pixels") == 2
    assert "18 x 20 pixels" in shown(X[:0])


def test_a_map_shows_its_classes(scene):
    scene_map = predict_scene(
        GaussianNB().fit(*scene.samples()), scene, class_colors={3: "#010203"}
    )
    page = shown(scene_map)
    (image,) = images(page)
    place = tuple(np.argwhere(scene_map.label_map == 3)[0])
    assert image[place].tolist() == [1, 2, 3]
    assert "&lt;script&gt;" in page


def test_a_large_map_is_thinned(labels):
    cube = np.zeros((600, 400, 2), dtype=np.float32)
    cube[:300, :, 0] = 1
    clf = GaussianNB().fit([[0.0, 0.1], [1.0, 0.0], [0.1, 0.0], [0.9, 0.1]], [1, 2, 1, 2])
    (image,) = images(shown(predict_scene(clf, cube)))
    assert max(image.shape) <= 256


def test_reports_are_shown(cube, labels):
    X, y = pixel_samples(cube, labels)
    train, test = next(KFold(2, shuffle=True, random_state=0).split(X))
    assert "quantile" in shown(leakage_report(X[train], X[test], window_size=5))
    shift = ChannelShift(EVIL, "height", 0.25, float("nan"), 20.0)
    assert "&lt;script&gt;" in shown(AlignmentReport((shift,)))
    assert "oats" in shown(classification_summary(["oats", "rye"], ["oats", "oats"]))
    report = evaluate({"a": GaussianNB(), "b": GaussianNB()}, X, y, KFold(2), baselines=[])
    assert "p = " in shown(report.compare("a", "b"))


@pytest.mark.slow
def test_a_fitted_classifier_shows_its_classes(fitted):
    for page in (fitted._repr_html_(), fitted._repr_mimebundle_()["text/html"]):
        diagram, _, own = page.partition("<details open><summary>Fitted: 3 classes")
        assert "sk-container" in diagram
        assert "oats" in own
        assert "an aerial photograph of oats" in own
        assert own.count("<span style=") == 0  # the scene that is mapped may bring others
        assert "validation accuracy of the last epoch" in own
        assert "18 x 20 pixels" in own
        assert "&lt;script&gt;" in own
        assert "<script>" not in own


def test_a_fitted_classifier_shows_the_colors_that_it_knows(fitted):
    clf = copy.copy(fitted)
    clf.metadata_ = {"class_colors": [(1, "#123456"), (3, "#654321")]}
    own = clf._repr_html_().partition("Fitted: 3 classes")[2]
    assert own.count("<span style=") == 2
    assert "#123456" in own


def test_an_unfitted_classifier_shows_the_diagram_of_scikit_learn(settings):
    clf = HSIPromptClassifier(**settings)
    assert "Fitted: " not in clf._repr_html_()
    with sklearn.config_context(display="text"):
        assert set(clf._repr_mimebundle_()) == {"text/plain"}
        assert not hasattr(clf, "_repr_html_")


def test_diagrams_of_others_stay_as_they_are(fitted, settings):
    page = make_pipeline(SpectralPCA(3), fitted)._repr_html_()
    assert "Fitted: " not in page
    assert GridSearchCV(HSIPromptClassifier(**settings), {})._repr_html_()


@pytest.mark.slow
def test_a_broken_classifier_is_shown(cube, labels, settings):
    clf = HSIPromptClassifier(**settings).fit(cube, labels)
    clf.classes_ = None
    assert "sk-container" in clf._repr_html_()


def test_long_tables_end(labels):
    page = swatch_table(["class"], [[number] for number in range(500)], ["#000000"] * 500)
    assert page.count("<tr>") == 61
    assert "and 440 more" in page
