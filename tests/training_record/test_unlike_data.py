"""Data in another scale, unit or order of bands than the training are told of; others are not."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm.exceptions import HSVLMWarning

N_BANDS = 12
SIDE = 24


def spectra_of(n_bands):
    """Reflectances 0 to 1 of water, soil, grass and trees: smooth, and rough in places."""
    x = np.linspace(0, 1, n_bands)
    edge = 1 / (1 + np.exp(-(x - 0.25) * 30))
    dips = 1 - 0.5 * np.exp(-(((x - 0.7) / 0.05) ** 2)) - 0.3 * np.exp(-(((x - 0.45) / 0.04) ** 2))
    return np.stack(
        [
            0.08 * np.exp(-4 * x) + 0.01,
            (0.1 + 0.3 * x) * dips,
            (0.05 + 0.45 * edge * (1 - 0.5 * x)) * dips,
            (0.03 + 0.3 * edge * (1 - 0.7 * x)) * dips,
        ]
    )


def landscape(seed, n_bands=N_BANDS):
    """Four classes in blocks of 6 pixels, with noise and shades of brightness."""
    rng = np.random.default_rng(seed)
    classes = np.kron(rng.permutation(np.arange(16) % 4).reshape(4, 4), np.ones((6, 6), int))
    shade = rng.uniform(0.7, 1.3, (SIDE, SIDE, 1))
    noise = rng.normal(0, 0.003, (SIDE, SIDE, n_bands))
    return spectra_of(n_bands)[classes] * shade + noise, classes + 1


def make(**changes):
    given = {
        "text_encoder": np.eye(4, 8),
        "vision_params": {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16},
        "n_components": 4,
        "window_size": 3,
        "patch_size": 1,
        "max_epochs": 1,
        "spatial": None,
        "device": "cpu",
        "random_state": 0,
    }
    return HSIPromptClassifier(**{**given, **changes})


@pytest.fixture(scope="module", params=["normalize=None", "normalize='snv'"])
def fitted(request):
    cube, labels = landscape(0)
    normalize = None if request.param.endswith("None") else "snv"
    return make(normalize=normalize).fit(cube, labels)


@pytest.fixture(scope="module")
def plain():
    """Does not normalize, so that scales matter."""
    return make().fit(*landscape(0))


def said(clf, X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.predict(X)
    return " ".join(str(one.message) for one in caught if one.category is HSVLMWarning)


LIKE = {
    "another landscape": lambda cube: cube,
    "a part": lambda cube: cube[:12, :12],
    "darker by a half": lambda cube: cube * 0.5,
    "brighter by a half": lambda cube: cube * 1.5,
    "single precision": lambda cube: cube.astype(np.float32),
    "Fortran order": np.asfortranarray,
    "a few pixels": lambda cube: cube[:3, :3] * 1e4,
    "spectra": lambda cube: PixelSamples(cube, [[0, 0], [5, 5], [9, 9]]),
}


@pytest.mark.parametrize("change", LIKE.values(), ids=LIKE)
def test_nothing_is_said_of_usual_data(fitted, change):
    assert said(fitted, change(landscape(1)[0])) == ""


@pytest.mark.parametrize("label", [1, 2, 3, 4])
def test_one_kind_of_land_cover_is_nothing_unusual(fitted, label):
    cube, labels = landscape(1)
    X, _ = pixel_samples(cube, np.where(labels == label, 1, 0))
    assert said(fitted, X) == ""


SCALES = {
    "x 10,000": (lambda cube: cube * 1e4, "about 10,000 times larger"),
    "x 10,000, integers": (lambda cube: (cube * 1e4).astype(np.int16), "about 10,000 times larger"),
    "x 255": (lambda cube: cube * 255, "times larger"),
    "x 100": (lambda cube: cube * 100, "about 100 times larger"),
    "x 10": (lambda cube: cube * 10, "about 10 times larger"),
    "/ 10": (lambda cube: cube / 10, "about 10 times smaller"),
    "/ 10,000": (lambda cube: cube / 1e4, "about 10,000 times smaller"),
    "x 1e8": (lambda cube: cube * 1e8, "about 100,000,000 times larger"),
}


@pytest.mark.parametrize(("change", "message"), SCALES.values(), ids=SCALES)
def test_another_scale_is_told_of_where_it_matters(plain, change, message):
    cube = change(landscape(1)[0])
    assert message in said(plain, cube)
    assert message in said(plain, cube.reshape(-1, N_BANDS)) if plain.window_size_ == 1 else True
    normalized = said(make(normalize="snv").fit(*landscape(0)), cube)
    if "about 10 times" in message:
        assert normalized == ""
    else:
        assert message in normalized
        assert "has no effect, since the classifier normalizes each spectrum" in normalized


@pytest.fixture(scope="module")
def bright():
    """Keeps some of the brightness, as by default from 16 bands on."""
    clf = make(n_components="auto").fit(*landscape(0, 16))
    assert "normalize" in clf.preprocessing_.named_steps
    return clf


@pytest.mark.parametrize("change", LIKE.values(), ids=LIKE)
def test_nothing_is_said_of_usual_brightness(bright, change):
    assert said(bright, change(landscape(1, 16)[0])) == ""


@pytest.mark.parametrize(("change", "message"), SCALES.values(), ids=SCALES)
def test_another_scale_is_told_of_where_some_brightness_is_kept(bright, change, message):
    text = said(bright, change(landscape(1, 16)[0]))
    assert message in text
    assert text.endswith(
        'Or fit with normalize="snv", for which a factor or offset that all bands share has no '
        "effect."
    )
    assert "normalizes each spectrum" not in text


RANGES = {
    "offset": (lambda cube: cube + 5, "another quantity, unit or offset"),
    "standardized": (lambda cube: (cube - cube.mean()) / cube.std(), "standardized data"),
    "negative": (lambda cube: -cube, "standardized data"),
}


@pytest.mark.parametrize(("change", "message"), RANGES.values(), ids=RANGES)
def test_another_quantity_is_told_of(plain, bright, change, message):
    assert message in said(plain, change(landscape(1)[0]))
    text = said(bright, change(landscape(1, 16)[0]))
    assert message in text
    assert ("negative" in text) == ('normalize="snv"' not in text)


ORDERS = {
    "reversed": (lambda cube: cube[..., ::-1], "The bands look reversed"),
    "reversed and scaled by 3": (lambda cube: 3 * cube[..., ::-1], "The bands look reversed"),
    "shifted": (lambda cube: np.roll(cube, 1, axis=2), "The bands look shifted by 1 band"),
    "transposed": (
        lambda cube: np.ascontiguousarray(cube.transpose(2, 0, 1)).reshape(cube.shape),
        "the axes or the interleave of the cube may be confused",
    ),
    "constant": (lambda cube: np.broadcast_to(cube[:1, :1], cube.shape), "are equal"),
}


@pytest.mark.parametrize(("change", "message"), ORDERS.values(), ids=ORDERS)
def test_another_order_of_bands_is_told_of(fitted, change, message):
    assert message in said(fitted, change(landscape(1)[0]))


@pytest.mark.slow
@pytest.mark.parametrize("n_bands", [16, 40, 120])
def test_many_bands_in_another_order_are_told_of(n_bands):
    cube, labels = landscape(0, n_bands)
    clf = make(n_components="auto").fit(cube, labels)
    other = landscape(1, n_bands)[0]
    assert said(clf, other) == ""
    assert "look reversed" in said(clf, other[..., ::-1])
    assert "look shifted" in said(clf, np.roll(other, 1, axis=2))


@pytest.mark.parametrize("n_bands", [1, 2, 3])
def test_few_bands_have_a_scale(n_bands):
    cube, labels = landscape(0, 12)
    chosen = [2, 5, 9][:n_bands]
    clf = make(n_components=None).fit(cube[..., chosen], labels)
    other = landscape(1, 12)[0][..., chosen]
    assert said(clf, other) == ""
    assert "times larger" in said(clf, other * 1e4)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "transform"])
def test_every_method_tells_of_it_once(plain, method):
    with pytest.warns(HSVLMWarning, match="about 10,000 times larger") as caught:
        getattr(plain, method)(landscape(1)[0] * 1e4)
    assert len(caught) == 1


def test_the_hint_for_the_command_line_speaks_no_python(plain):
    with pytest.warns(HSVLMWarning) as caught:
        plain.predict(landscape(1)[0] * 1e4)
    text = caught[0].message.for_command_line()
    assert text.endswith("or train on a scene in this scale.")
    assert "cube" not in text


def test_the_hint_for_the_command_line_names_the_option(bright):
    with pytest.warns(HSVLMWarning) as caught:
        bright.predict(landscape(1, 16)[0] * 10)
    text = caught[0].message.for_command_line()
    assert text.endswith(
        "Or fit with --set normalize=snv, for which a factor or offset that all bands share has no "
        "effect."
    )
    assert "cube" not in text


@pytest.mark.slow
def test_spectra_and_windows_are_looked_at_too():
    cube, labels = landscape(0)
    X, y = pixel_samples(cube, labels)
    for data in (np.asarray(X), X.windows(3)):
        clf = make().fit(data, y)
        assert said(clf, data) == ""
        assert "about 1,000 times larger" in said(clf, data * 1000)


def test_each_scene_is_looked_at(plain):
    cubes = [landscape(1)[0], landscape(2)[0] * 1e4]
    X, _ = pixel_samples(cubes, [np.ones((SIDE, SIDE), int)] * 2)
    assert said(plain, X).count("times larger") == 1


def test_the_scene_of_the_training_is_never_unlike():
    cube, labels = landscape(0)
    water = np.where(labels == 1, 1 + (np.arange(SIDE) % 2), 0)
    bright = cube + 3 * (labels != 1)[..., None]
    clf = make(text_encoder=np.eye(2, 8)).fit(bright, water)
    assert said(clf, bright) == ""


@pytest.mark.slow
def test_cross_validation_says_nothing():
    cube, labels = landscape(0)
    X, y = pixel_samples(cube, labels)
    assert np.isfinite(cross_val_score(make(), X, y, cv=3)).all()
