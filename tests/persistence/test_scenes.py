"""A saved classifier knows its scenes, and refuses scenes that no fit keeps."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline

from hsvlm import HSIPromptClassifier, SpectralPCA, pixel_samples
from hsvlm._training_record import DisputedLabels  # what readout_ holds
from hsvlm.exceptions import FileError, HSVLMError, HSVLMWarning
from hsvlm.mapping import predict_scene
from hsvlm.persistence import load, save

WHOLE = "ValueError: scale, temperature, weights, noise, edges or scenes of the read-out"
DISPUTED = "ValueError: disputed labels of the read-out"
METHODS = ("predict", "predict_proba", "decision_function")


@pytest.fixture(scope="module")
def make(settings):
    """Makes a classifier that trains in a moment."""
    given = {
        **settings,
        "max_epochs": 2,
        "spatial": "random-walk",
        "spatial_params": {"restart": 0.01, "n_steps": 20, "weights": (0.75, 0.25, 0.5)},
    }
    return lambda **changes: HSIPromptClassifier(**{**given, **changes})


@pytest.fixture(scope="module")
def known(make, cube, labels):
    """Fitted on two scenes, with two disputed labels; not to be changed."""
    X, y = pixel_samples([cube, cube[:12] + 1], [labels, labels[:12]])
    clf = make().fit(X[::9], y[::9])
    disputed = DisputedLabels(
        scenes=np.array([1, 0]),
        coords=np.array([[3, 4], [5, 6]]),
        targets=np.array([0, 2]),
        suggested=np.array([2, 1]),
        trust=np.array([0.01, 0.4]),
    )
    found = {"temperature": 1.5, "weights": (1.25, 0.125, 0.5), "noise": 0.01, "disputed": disputed}
    clf.readout_ = replace(clf.readout_, **found)
    return clf


@pytest.fixture
def forge(known, tmp_path):
    """Saves a classifier whose read-out was changed, with right digests."""

    def apply(**changes):
        clf = copy.copy(known)
        clf.readout_ = replace(known.readout_, **changes)
        return clf.save(tmp_path / "forged")

    return apply


def assert_refused(folder, wrong):
    with pytest.raises(FileError) as caught:
        HSIPromptClassifier.load(folder, device="cpu")
    message = str(caught.value)
    assert message.startswith(f"{folder}: holds what this version does not know ({wrong}")


@pytest.mark.slow
def test_a_loaded_classifier_reads_the_same_out_of_its_scenes(known, cube, tmp_path):
    loaded = HSIPromptClassifier.load(known.save(tmp_path / "model"), device="cpu")
    found, expected = loaded.readout_, known.readout_
    numbers = ("restart", "contrast", "agreement", "n_steps", "scale", "temperature", "noise")
    for name in (*numbers, "weights"):
        assert getattr(found, name) == getattr(expected, name)
        assert type(getattr(found, name)) is type(getattr(expected, name))
    for name in ("slopes", "offsets"):
        one, other = (getattr(readout.discriminant, name) for readout in (found, expected))
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.disputed_labels_, known.disputed_labels_)
    assert loaded.disputed_labels_.dtype == known.disputed_labels_.dtype
    assert len(found.scenes) == 2
    for one, other in zip(found.scenes, expected.scenes, strict=True):
        assert one.shape == other.shape
        for name in ("coords", "targets", "weights", "references"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype
    for scene in (cube, cube[:12] + 1):
        for method in METHODS:
            np.testing.assert_array_equal(
                getattr(loaded, method)(scene), getattr(known, method)(scene)
            )
    np.testing.assert_array_equal(
        predict_scene(loaded, cube).label_map, predict_scene(known, cube).label_map
    )
    with pytest.warns(HSVLMWarning, match=r"^These samples are not of a scene"):
        loaded.predict(cube + 5)


def test_saving_again_changes_nothing(known, tmp_path):
    first = known.save(tmp_path / "first")
    second = HSIPromptClassifier.load(first, device="cpu").save(tmp_path / "second")
    for name in ("config.json", "model.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.slow
def test_what_a_fit_has_found_is_kept(make, cube, labels, tmp_path):
    X, y = pixel_samples(cube, labels)
    wrong = np.random.default_rng(1).choice(len(y), 10, replace=False)
    y = y.copy()
    y[wrong] = y[wrong] % 3 + 1
    with pytest.warns(HSVLMWarning, match="probably wrong"):
        clf = make(spatial_params=None).fit(X, y)
    assert clf.readout_.weights != (0.5, 0.5, 0.0)
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    for name in ("weights", "temperature", "noise"):
        assert getattr(loaded.readout_, name) == getattr(clf.readout_, name)
    assert len(loaded.disputed_labels_) > 0
    np.testing.assert_array_equal(loaded.disputed_labels_, clf.disputed_labels_)
    np.testing.assert_array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))


def test_labels_of_text(make, cube, labels, tmp_path):
    X, y = pixel_samples(cube, labels)
    clf = make().fit(X[::9], np.array(["", "oats", "rye", "soil"])[y[::9]])
    assert len(clf.disputed_labels_) == 0
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    assert loaded.disputed_labels_.dtype == clf.disputed_labels_.dtype


@pytest.mark.parametrize("weights", [(0.0, 0.0, 0.0), (1000.0, 0.0, 2000.0)])
def test_weights_beyond_those_that_can_be_given_are_loaded(known, forge, cube, weights):
    loaded = HSIPromptClassifier.load(forge(weights=weights), device="cpu")
    assert loaded.readout_.weights == weights
    assert np.isfinite(loaded.predict_proba(cube)).all()


@pytest.fixture
def many_bands():
    return np.random.default_rng(0).normal(size=(18, 20, 24)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("normalize", "steps"),
    [("auto", ["normalize", "pca"]), ("snv", ["snv", "scale", "pca"]), (None, ["pca", "scale"])],
)
def test_normalized_spectra(make, many_bands, labels, tmp_path, normalize, steps):
    clf = make(normalize=normalize).fit(many_bands, labels)
    assert [name for name, _ in clf.preprocessing_.steps] == steps
    folder = clf.save(tmp_path / "model")
    assert f"- {int((labels > 0).sum())} spectra, windows" in (folder / "README.md").read_text()
    loaded = HSIPromptClassifier.load(folder, device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(many_bands), clf.predict_proba(many_bands))


@pytest.mark.slow
def test_a_model_normalized_by_the_former_default(make, edit, many_bands, labels, tmp_path):
    """Its "auto" stood for "snv"."""
    clf = make(normalize="snv").fit(many_bands, labels)
    folder = clf.save(tmp_path / "model")
    edit(folder, lambda config: config["classifier"]["parameters"].update(normalize="auto"))
    loaded = HSIPromptClassifier.load(folder, device="cpu")
    assert loaded.normalize == "auto"
    np.testing.assert_array_equal(loaded.predict_proba(many_bands), clf.predict_proba(many_bands))


FORGED = {
    "scale of zero": ("brightness_scale_", lambda array: 0 * array),
    "negative scale": ("brightness_scale_", lambda array: -array),
    "scale of one column": ("brightness_scale_", lambda array: array[:1]),
    "integers": ("brightness_scale_", lambda array: np.ones(2, dtype=np.int64)),
    "negative weights": ("weights_", lambda array: -array),
    "infinite weights": ("weights_", lambda array: array + np.inf),
    "weights of the bands": ("weights_", lambda array: array[:-2]),
    "mean of NaN": ("mean_", lambda array: array * np.nan),
    "mean in a row": ("mean_", lambda array: array[None]),
    "no spectra": ("n_samples_seen_", lambda count: 0),
    "other bands": ("n_features_in_", lambda count: count + 2),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "change"), FORGED.values(), ids=FORGED)
def test_forged_brightness_is_refused(make, many_bands, labels, tmp_path, name, change):
    clf = make().fit(many_bands, labels)
    transformer = clf.preprocessing_["normalize"].transformer_
    setattr(transformer, name, change(getattr(transformer, name)))
    with pytest.raises(FileError, match="is not what a fit gives, or does not fit the rest"):
        HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")


@pytest.mark.slow
def test_pipelines(make, cube, labels, tmp_path):
    X, y = pixel_samples(cube, labels)
    pipeline = make_pipeline(SpectralPCA(6), make()).fit(X[::9], y[::9])
    loaded = load(save(pipeline, tmp_path / "model"), device="cpu")
    assert loaded[-1].readout_.scenes[0].shape == (18, 20, 6)
    np.testing.assert_array_equal(loaded.predict_proba(cube), pipeline.predict_proba(cube))


@pytest.mark.slow
@pytest.mark.parametrize("change", ["spatial", "windows"])
def test_a_model_without_a_scene_has_none(make, cube, labels, tmp_path, change):
    X, y = pixel_samples(cube, labels)
    clf = make(spatial=None) if change == "spatial" else make()
    data = X if change == "spatial" else X.windows(5)
    folder = clf.fit(data, y).save(tmp_path / "model")
    assert "readout" not in (folder / "config.json").read_text()
    loaded = HSIPromptClassifier.load(folder, device="cpu")
    assert loaded.readout_ is None
    assert loaded.spatial == clf.spatial
    np.testing.assert_array_equal(loaded.predict_proba(data), clf.predict_proba(data))


def test_a_model_from_before_is_as_it_was(make, edit, cube, labels, tmp_path):
    clf = make(spatial=None, spatial_params=None, normalize=None).fit(cube, labels)
    folder = clf.save(tmp_path / "model")

    def former(config):
        for name in ("normalize", "spatial", "spatial_params"):
            del config["classifier"]["parameters"][name]

    edit(folder, former)
    loaded = HSIPromptClassifier.load(folder, device="cpu")
    assert loaded.readout_ is loaded.spatial is loaded.normalize is None
    np.testing.assert_array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))


# Records that no fit makes


def with_value(name, place, value):
    def change(scene):
        array = getattr(scene, name).copy()
        array[place] = value
        return {name: array}

    return change


FORGED = {
    "row below the scene": with_value("coords", (0, 0), 18),
    "column beside the scene": with_value("coords", (0, 1), 20),
    "negative row": with_value("coords", (0, 0), -1),
    "no such class": with_value("targets", 0, 3),
    "negative class": with_value("targets", 0, -1),
    "no weight": with_value("weights", 0, 0),
    "negative weight": with_value("weights", 0, -1),
    "endless weight": with_value("weights", 0, np.inf),
    "weight that is no number": with_value("weights", 0, np.nan),
    "spectrum that is no number": with_value("references", (0, 2), np.nan),
    "endless spectrum": with_value("references", (0, 2), np.inf),
    "smaller scene": lambda _: {"shape": (3, 3, 12)},
    "other bands": lambda _: {"shape": (18, 20, 13)},
    "coords as floats": lambda one: {"coords": one.coords.astype(float)},
    "coords in 32 bits": lambda one: {"coords": one.coords.astype(np.int32)},
    "targets as floats": lambda one: {"targets": one.targets.astype(float)},
    "weights in single precision": lambda one: {"weights": one.weights.astype(np.float32)},
    "references in single precision": lambda one: {"references": one.references.astype("f4")},
    "coords of three": lambda one: {"coords": np.pad(one.coords, ((0, 0), (0, 1)))},
    "fewer targets": lambda one: {"targets": one.targets[:-1]},
    "fewer weights": lambda one: {"weights": one.weights[:-1]},
    "weights of two": lambda one: {"weights": np.column_stack([one.weights] * 2)},
    "references of fewer bands": lambda one: {"references": one.references[:, :-1]},
    "no references": lambda one: {"references": one.references[:0]},
    "more references than pixels": lambda one: {
        "references": np.repeat(one.references, len(one.coords), axis=0)
    },
    "no pixels": lambda one: {
        name: getattr(one, name)[:0] for name in ("coords", "targets", "weights", "references")
    },
}


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_forged_scenes_are_refused(known, forge, change, number):
    scenes = list(known.readout_.scenes)
    scenes[number] = replace(scenes[number], **change(scenes[number]))
    assert_refused(forge(scenes=tuple(scenes)), "ValueError: a scene of the read-out")


@pytest.mark.parametrize("name", ["scale", "temperature"])
@pytest.mark.parametrize("value", [0.0, -1.0, 1, True, "1", None])
def test_forged_factors_are_refused(forge, name, value):
    assert_refused(forge(**{name: value}), WHOLE)


@pytest.mark.parametrize("value", [-1.0, 1, True, "1", None])
def test_forged_noise_is_refused(forge, value):
    assert_refused(forge(noise=value), WHOLE)


@pytest.mark.parametrize("value", [5e-324, 1e-9, 1e9, 1e308])
def test_temperatures_that_cannot_be_computed_with_are_refused(forge, value):
    assert_refused(forge(temperature=value), WHOLE)


@pytest.mark.parametrize(
    "value",
    [
        (),
        (1.0,),
        (1.0, 1.0),
        (1.0, 1.0, 1.0, 1.0),
        (1, 1, 1),
        (True, 1.0, 1.0),
        (-1.0, 1.0, 1.0),
        (1.0, 1e308, 1.0),
        ("1", "1", "1"),
        (None, 1.0, 1.0),
        ([1.0], [1.0], [1.0]),
        "abc",
        {"a": 1.0, "b": 1.0, "c": 1.0},
    ],
    ids=repr,
)
def test_forged_weights_are_refused(forge, value):
    assert_refused(forge(weights=value), WHOLE)


@pytest.mark.parametrize("value", [None, 1.0, "auto", {"unknown": 1}])
def test_weights_that_are_no_list_are_refused(known, edit, tmp_path, value):
    folder = known.save(tmp_path / "model")
    edit(folder, lambda config: config["classifier"]["readout"].update(weights=value))
    assert_refused(folder, "")


FORGED_DISCRIMINANTS = {
    "none": lambda _: None,
    "fewer classes": lambda one: replace(one, slopes=one.slopes[1:], offsets=one.offsets[1:]),
    "fewer bands": lambda one: replace(one, slopes=one.slopes[:, 1:]),
    "a column of offsets": lambda one: replace(one, offsets=one.offsets[:, None]),
    "slopes that are no numbers": lambda one: replace(one, slopes=one.slopes * np.nan),
    "endless offsets": lambda one: replace(one, offsets=one.offsets + np.inf),
    "single precision": lambda one: replace(one, slopes=one.slopes.astype(np.float32)),
}


@pytest.mark.parametrize("change", FORGED_DISCRIMINANTS.values(), ids=FORGED_DISCRIMINANTS)
def test_forged_discriminants_are_refused(known, forge, change):
    discriminant = change(known.readout_.discriminant)
    wrong = WHOLE if discriminant is None else "ValueError: a discriminant of the read-out"
    assert_refused(forge(discriminant=discriminant), wrong)


def test_models_of_before_spectra_had_a_weight(known, edit, cube, tmp_path):
    weights = (0.75, 0.25, 0.0)
    clf = copy.copy(known)
    clf.readout_ = replace(known.readout_, weights=weights, discriminant=None)
    folder = clf.save(tmp_path / "model")

    def age(config):
        readout = config["classifier"]["readout"]
        del readout["discriminant"], readout["weights"][2]

    edit(folder, age)
    loaded = HSIPromptClassifier.load(folder, device="cpu")
    assert loaded.readout_.weights == weights
    np.testing.assert_array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))


FORGED_DISPUTED = {
    "negative scene": with_value("scenes", 0, -1),
    "negative row": with_value("coords", (0, 0), -1),
    "no such class": with_value("targets", 1, 3),
    "negative class": with_value("targets", 1, -1),
    "no such suggestion": with_value("suggested", 0, 3),
    "negative suggestion": with_value("suggested", 0, -1),
    "more than certain": with_value("trust", 0, 1.01),
    "less than nothing": with_value("trust", 0, -0.01),
    "trust that is no number": with_value("trust", 0, np.nan),
    "scenes as floats": lambda one: {"scenes": one.scenes.astype(float)},
    "coords in 32 bits": lambda one: {"coords": one.coords.astype(np.int32)},
    "targets as floats": lambda one: {"targets": one.targets.astype(float)},
    "suggested in 32 bits": lambda one: {"suggested": one.suggested.astype(np.int32)},
    "trust in single precision": lambda one: {"trust": one.trust.astype(np.float32)},
    "coords of three": lambda one: {"coords": np.pad(one.coords, ((0, 0), (0, 1)))},
    "coords of one": lambda one: {"coords": one.coords[:, 0]},
    "fewer scenes": lambda one: {"scenes": one.scenes[:1]},
    "fewer coords": lambda one: {"coords": one.coords[:1]},
    "fewer suggestions": lambda one: {"suggested": one.suggested[:1]},
    "more trust": lambda one: {"trust": np.append(one.trust, 0.1)},
    "targets of two": lambda one: {"targets": np.column_stack([one.targets] * 2)},
}


@pytest.mark.parametrize("change", FORGED_DISPUTED.values(), ids=FORGED_DISPUTED)
def test_forged_disputed_labels_are_refused(known, forge, change):
    disputed = known.readout_.disputed
    assert_refused(forge(disputed=replace(disputed, **change(disputed))), DISPUTED)


@pytest.mark.parametrize("value", [{}, [], 1, "", {"scenes": 1}])
def test_disputed_labels_that_are_no_lists_are_refused(known, edit, tmp_path, value):
    folder = known.save(tmp_path / "model")
    edit(folder, lambda config: config["classifier"]["readout"].update(disputed=value))
    assert_refused(folder, "")


@pytest.mark.parametrize("temperature", [0.0, -2.0, 1e-300, 1e300, None, "1", {"float": "nan"}])
def test_forged_read_outs_of_before_are_refused(known, edit, tmp_path, temperature):
    folder = known.save(tmp_path / "model")

    def former(config):
        readout = config["classifier"]["readout"]
        del readout["weights"], readout["noise"], readout["disputed"]
        readout.update(temperature=temperature, brier_scores=None)

    edit(folder, former)
    assert_refused(folder, "")


def test_a_read_out_without_scenes_is_refused(forge):
    assert_refused(forge(scenes=()), WHOLE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("restart", 0.0),
        ("restart", -1.0),
        ("restart", 1.5),
        ("restart", None),
        ("restart", "auto"),
        ("contrast", -1.0),
        ("contrast", "4"),
        ("agreement", -1.0),
        ("n_steps", 0),
        ("n_steps", 10**6),
        ("n_steps", 2.5),
    ],
)
def test_forged_settings_are_refused(forge, name, value):
    with pytest.raises(HSVLMError) as caught:
        HSIPromptClassifier.load(forge(**{name: value}), device="cpu")
    assert f"spatial_params: {name}={value!r} must be" in str(caught.value)


@pytest.mark.parametrize("n_left", [0, 1])
def test_edges_without_their_steps_are_refused(known, forge, n_left):
    assert_refused(forge(edges=Pipeline(known.readout_.edges.steps[:n_left])), WHOLE)


def test_edges_for_other_bands_are_refused(known, forge):
    spectra = np.random.default_rng(0).normal(size=(20, 11))
    edges = clone(known.readout_.edges).fit(spectra)
    assert_refused(forge(edges=edges), "ValueError: a step")


@pytest.mark.parametrize(
    "name", ["restart", "agreement", "scale", "edges", "scenes", "weights", "noise", "disputed"]
)
def test_missing_entries_are_told_of(known, edit, tmp_path, name):
    folder = known.save(tmp_path / "model")
    edit(folder, lambda config: config["classifier"]["readout"].pop(name) and None)
    assert_refused(folder, f"ValueError: missing '{name}'")


def test_unknown_entries_are_told_of(known, edit, tmp_path):
    folder = known.save(tmp_path / "model")
    edit(folder, lambda config: config["classifier"]["readout"].update(note=1))
    assert_refused(folder, "ValueError: unknown 'note'")
    folder = known.save(tmp_path / "other")
    edit(folder, lambda config: config["classifier"]["readout"]["scenes"][1].update(note=1))
    assert_refused(folder, "ValueError: unknown 'note'")
