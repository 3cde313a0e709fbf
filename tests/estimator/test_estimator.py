import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hsvlm import HSIPromptClassifier, PixelSamples, SpectralPCA, pixel_samples
from hsvlm._inputs.windows import input_source
from hsvlm._training.presets import list_presets
from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import (
    ParameterError,
    PromptError,
    TrainingDivergedError,
)
from hsvlm.vision.vit import MaskedViT


class Letters:
    """A text encoder that counts letters."""

    def encode(self, texts):
        return np.array([[1 + text.lower().count(one) for one in "abcdefghij"] for text in texts])


class AnyVectors:
    """A text encoder of which every text gets another direction."""

    def encode(self, texts):
        return np.random.default_rng(0).normal(size=(len(texts), 64))


@pytest.fixture
def data(cube, labels):
    return pixel_samples(cube, labels)


@pytest.fixture
def brief(settings):
    """Two epochs: enough where two fits are compared, or nothing has to be learned."""
    return {**settings, "max_epochs": 2}


@pytest.fixture(scope="module")
def fitted(cube, labels, settings):
    """Not to be changed."""
    return HSIPromptClassifier(**settings).fit(cube, labels)


@pytest.mark.slow
def test_learns_the_classes(fitted, cube, labels, data):
    assert fitted.score(cube, labels) > 0.95
    assert fitted.score(*data) == fitted.score(cube, labels)


@pytest.mark.slow
def test_fitted_attributes(fitted):
    np.testing.assert_array_equal(fitted.classes_, [1, 2, 3])
    assert fitted.n_features_in_ == 12
    assert list(fitted.prompts_) == [1, 2, 3]
    assert fitted.prototypes_.shape == (3, 8)
    np.testing.assert_allclose(np.linalg.norm(fitted.prototypes_, axis=1), 1, rtol=1e-6)
    assert 1 <= fitted.logit_scale_ <= 100
    assert len(fitted.history_) == 8
    assert [name for name, _ in fitted.preprocessing_.steps] == ["pca", "scale"]
    assert fitted.window_size_ == 5
    assert fitted.device_ == "cpu"


@pytest.mark.slow
def test_maps_of_a_cube(fitted, cube):
    probabilities = fitted.predict_proba(cube)
    assert probabilities.shape == (18, 20, 3)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_array_equal(
        fitted.predict(cube), fitted.classes_[probabilities.argmax(axis=-1)]
    )
    embeddings = fitted.transform(cube)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=-1), 1, rtol=1e-5)
    scores = fitted.logit_scale_ * embeddings @ fitted.prototypes_.T
    np.testing.assert_allclose(fitted.decision_function(cube), scores, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_all_kinds_of_input_agree(cube, labels, data, settings):
    X, y = data
    by_map = HSIPromptClassifier(**settings).fit(cube, labels)
    by_samples = HSIPromptClassifier(**settings).fit(X, y)
    probabilities = by_map.predict_proba(cube)[labels > 0]
    np.testing.assert_array_equal(by_samples.predict_proba(X), probabilities)
    np.testing.assert_allclose(by_map.predict_proba(X.windows(5)), probabilities, atol=1e-6)
    by_windows = HSIPromptClassifier(**settings).fit(X.windows(5), y)
    assert by_windows.window_size_ == 5
    assert by_windows.score(X, y) > 0.95
    assert by_windows.n_features_in_ == by_map.n_features_in_ == 12


@pytest.mark.slow
def test_spectra_are_windows_of_one_pixel(data, settings):
    X, y = data
    clf = HSIPromptClassifier(**settings).fit(np.asarray(X), y)
    assert clf.window_size_ == 1
    assert clf.score(np.asarray(X), y) > 0.8
    np.testing.assert_array_equal(clf.predict(X), clf.predict(np.asarray(X)))


@pytest.mark.slow
def test_a_dozen_training_pixels_are_enough_to_be_stable():
    scene = make_synthetic_scene(random_state=0)
    X, y = pixel_samples(scene.cube, scene.labels)
    few = np.concatenate([np.flatnonzero(y == label)[:3] for label in range(1, 5)])
    clf = HSIPromptClassifier(
        text_encoder=np.eye(4), window_size=3, max_epochs=30, lr=3e-3, random_state=0
    )
    clf.fit(X[few], y[few])
    channels = clf.preprocessing_.transform(np.asarray(X))
    assert abs(channels).max() < 100
    assert clf.score(X, y) > 0.8


@pytest.mark.slow
def test_rounding_of_the_data_does_not_change_predictions(cube, labels, brief):
    few_bands = cube.astype(np.float64)
    clf = HSIPromptClassifier(**brief)
    expected = clf.fit(few_bands, labels).predict_proba(few_bands)
    noise = 1 + 1e-12 * np.random.default_rng(0).normal(size=cube.shape)
    np.testing.assert_allclose(clf.predict_proba(few_bands * noise), expected, atol=1e-5)


@pytest.mark.slow
def test_single_bands(cube, labels, settings):
    settings = {**settings, "n_components": "auto"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = HSIPromptClassifier(**settings).fit(cube[..., 1:2], labels)
    assert clf.score(cube[..., 1:2], labels) > 0.5


@pytest.mark.slow
def test_string_labels_and_their_prompts(cube, labels, settings):
    names = np.array(["", "corn", "oats", "soil"])[labels]
    clf = HSIPromptClassifier(
        **{**settings, "unlabeled": "", "text_encoder": Letters()},
        prompts={"soil": "high jig", "oats": ["a cab", "a baa"], "corn": "dice feed"},
    )
    clf.fit(cube, names)
    assert clf.score(cube, names) > 0.9
    assert list(clf.classes_) == ["corn", "oats", "soil"]
    assert clf.prompts_["oats"] == ("a cab", "a baa")
    assert set(np.unique(clf.predict(cube))) <= {"corn", "oats", "soil"}


@pytest.mark.slow
def test_zero_is_a_class_in_a_label_vector(data, brief):
    X, y = data
    clf = HSIPromptClassifier(**brief).fit(X, y - 1)
    np.testing.assert_array_equal(clf.classes_, [0, 1, 2])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits(cube, labels, brief):
    first, second = (
        HSIPromptClassifier(**{**brief, "n_hard": 1, "n_semi_hard": 0, "augment": True})
        .fit(cube, labels)
        .predict_proba(cube)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    other = HSIPromptClassifier(**{**brief, "random_state": 1}).fit(cube, labels)
    assert not np.array_equal(first, other.predict_proba(cube))


@pytest.mark.slow
@pytest.mark.parametrize("random_state", [0, None])
def test_global_generators_are_left_alone(cube, labels, brief, random_state):
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()
    masked = {**brief["vision_params"], "mask_ratio": 0.5}
    clf = HSIPromptClassifier(
        **{**brief, "random_state": random_state, "vision_params": masked},
        validation_fraction=0.2,
    )
    clf.fit(cube, labels).predict(cube)
    assert all(
        np.array_equal(*pair) for pair in zip(numpy_state, np.random.get_state(), strict=True)
    )
    assert torch.equal(torch_state, torch.get_rng_state())


@pytest.mark.slow
def test_parameters_stay_as_given(cube, labels, brief):
    clf = HSIPromptClassifier(**brief)
    before = {name: id(value) for name, value in clf.get_params(deep=False).items()}
    clf.fit(cube, labels)
    assert {name: id(value) for name, value in clf.get_params(deep=False).items()} == before
    assert not hasattr(clone(clf), "classes_")


@pytest.mark.slow
def test_pickled_models_predict_the_same(fitted, cube):
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(restored.predict_proba(cube), fitted.predict_proba(cube))
    assert len(restored.history_) == len(fitted.history_)


@pytest.mark.slow
def test_pickles_hold_the_weights_once(cube, labels, settings):
    wide = {"width": 64, "depth": 6}
    clf = HSIPromptClassifier(**{**settings, "vision_params": wide, "max_epochs": 1})
    clf.set_params(validation_fraction=0.3).fit(cube, labels)
    weights = sum(4 * one.numel() for one in clf.net_.module_.parameters())
    assert len(pickle.dumps(clf)) < 1.3 * weights


@pytest.mark.slow
def test_samples_may_come_in_any_order_and_more_than_once(data, brief, cube):
    X, y = data
    weights = np.random.default_rng(0).integers(0, 3, size=len(y))
    weighted = HSIPromptClassifier(**brief).fit(X, y, sample_weight=weights)
    index = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weights))
    repeated = HSIPromptClassifier(**brief).fit(X[index], y[index])
    np.testing.assert_array_equal(weighted.predict_proba(cube), repeated.predict_proba(cube))


@pytest.mark.slow
def test_weights_of_a_map(cube, labels, brief, data):
    weights = np.random.default_rng(0).uniform(0.5, 2, size=labels.shape)
    by_map = HSIPromptClassifier(**brief).fit(cube, labels, sample_weight=weights)
    by_samples = HSIPromptClassifier(**brief).fit(*data, sample_weight=weights[labels > 0])
    np.testing.assert_array_equal(by_map.predict_proba(cube), by_samples.predict_proba(cube))


@pytest.mark.slow
def test_class_weights_pull_predictions(settings, data):
    X, y = data
    blurred = PixelSamples(np.asarray(X.cubes[0]) * 0.1, X.coords)
    settings = {**settings, "max_epochs": 3}
    plain = HSIPromptClassifier(**settings).fit(blurred, y)
    heavy = HSIPromptClassifier(**settings, class_weight={1: 100, 2: 1, 3: 1}).fit(blurred, y)
    assert (heavy.predict(blurred) == 1).sum() > (plain.predict(blurred) == 1).sum()


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["hard-semi-hard", "all-negatives", "clip", "cross-entropy"])
@pytest.mark.parametrize("projection", ["vision", "text"])
def test_every_criterion_and_projection_learns(cube, labels, settings, criterion, projection):
    clf = HSIPromptClassifier(**settings, criterion=criterion, projection=projection)
    assert clf.fit(cube, labels).score(cube, labels) > 0.9
    assert hasattr(clf, "prototypes_") == (criterion != "cross-entropy")


@pytest.mark.slow
def test_two_classes_have_one_decision_value(cube, labels, brief):
    pair = np.where(labels == 3, 0, labels)
    brief["text_encoder"] = np.eye(2, 8)
    clf = HSIPromptClassifier(**brief).fit(cube, pair)
    decision = clf.decision_function(cube)
    assert decision.shape == pair.shape
    np.testing.assert_array_equal(clf.predict(cube), clf.classes_[(decision > 0).astype(int)])


@pytest.mark.slow
def test_validation_is_recorded_and_spatially_separate(cube, labels, brief, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "hsvlm._training.fit.input_source",
        lambda X, *rest: seen.append(X.coords) or input_source(X, *rest),
    )
    clf = HSIPromptClassifier(**brief, validation_fraction=0.25).fit(cube, labels)
    blocks = [{tuple(one) for one in coords // clf.window_size_} for coords in seen]
    assert len(seen) == 2
    assert not blocks[0] & blocks[1]
    assert {"train_loss", "valid_loss", "valid_acc", "lr", "dur"} <= set(clf.history_[-1])
    assert 0 <= clf.history_[-1, "valid_acc"] <= 1


def test_callbacks_of_skorch_are_called(cube, labels, settings):
    from skorch.callbacks import EarlyStopping

    stop = EarlyStopping(monitor="train_loss", patience=1, threshold=10.0)
    clf = HSIPromptClassifier(**settings, callbacks=[stop]).fit(cube, labels)
    assert len(clf.history_) < settings["max_epochs"]


@pytest.mark.slow
def test_a_fit_that_fails_leaves_the_previous_one(cube, labels, brief):
    clf = HSIPromptClassifier(**brief).fit(cube, labels)
    expected, state = clf.predict_proba(cube), dict(vars(clf))
    for change, error in (
        ({"prompts": {4: "corn", 5: "oats"}}, PromptError),
        ({"lr": 1e30, "lr_schedule": "constant", "batch_size": 32}, TrainingDivergedError),
        ({"vision_params": {"n_heads": 7}}, ParameterError),
        ({"window_size": 6}, ParameterError),
    ):
        with pytest.raises(error):
            clf.set_params(**change).fit(cube[..., :9], labels)
        clf.set_params(**{name: state[name] for name in change})
        assert {k: v for k, v in vars(clf).items() if k.endswith("_")} == {
            k: v for k, v in state.items() if k.endswith("_")
        }
        np.testing.assert_array_equal(clf.predict_proba(cube), expected)


@pytest.mark.slow
def test_a_new_fit_forgets_the_previous_one(cube, labels, brief):
    clf = HSIPromptClassifier(**brief).fit(cube, labels)
    clf.set_params(criterion="cross-entropy").fit(cube, labels)
    assert not hasattr(clf, "prototypes_")
    assert not hasattr(clf, "logit_scale_")


@pytest.mark.slow
def test_parameters_set_after_fit_do_not_change_predictions(cube, labels, brief):
    clf = HSIPromptClassifier(**brief).fit(cube, labels)
    expected = clf.predict_proba(cube)
    clf.set_params(padding="zero", window_size=9, n_components=2, text_encoder=np.eye(3))
    np.testing.assert_array_equal(clf.predict_proba(cube), expected)


@pytest.mark.slow
def test_fits_in_threads_are_those_of_one_thread(cube, labels, brief):
    clf = HSIPromptClassifier(**brief)
    expected = clone(clf).fit(cube, labels).predict_proba(cube)
    state = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        fits = [pool.submit(clone(clf).fit, cube, labels) for _ in range(6)]
        for fit in fits:
            np.testing.assert_array_equal(fit.result().predict_proba(cube), expected)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
def test_training_goes_on_with_new_prompts(cube, labels, settings):
    settings = {**settings, "text_encoder": Letters(), "warm_start": True}
    clf = HSIPromptClassifier({1: "a cab", 2: "dice", 3: "high jig"}, **settings)
    clf.fit(cube, labels)
    other = clf.with_prompts({1: "dice", 2: "high jig", 3: "a cab"}).set_params(max_epochs=15)
    other.fit(cube, labels)
    assert other.score(cube, labels) > 0.9
    assert clf.score(cube, labels) > 0.9
    np.testing.assert_array_equal(other.text_embeddings_[0], clf.text_embeddings_[1])


@pytest.mark.slow
def test_weights_of_a_map_in_the_score(fitted, cube, labels):
    right = fitted.predict(cube) == labels
    assert fitted.score(cube, labels, sample_weight=right.astype(float)) == 1
    assert fitted.score(cube, labels, sample_weight=1.0 - right) == 0


@pytest.mark.slow
def test_learning_rate_warms_up_and_decays(cube, labels, settings):
    rates = HSIPromptClassifier(**settings).fit(cube, labels).history_[:, "lr"]
    assert rates[0] < rates[1]
    assert rates[-1] < 0.2 * settings["lr"]
    constant = HSIPromptClassifier(**settings, lr_schedule="constant").fit(cube, labels)
    assert set(constant.history_[:, "lr"]) == {settings["lr"]}


@pytest.mark.slow
def test_warm_start_continues(cube, labels, settings):
    clf = HSIPromptClassifier(**settings, warm_start=True).fit(cube, labels)
    before, scale = clf.history_[-1, "train_loss"], clf.preprocessing_
    clf.fit(cube, labels)
    assert clf.history_[0, "train_loss"] < 2 * before
    assert clf.preprocessing_ is scale
    cold = HSIPromptClassifier(**settings).fit(cube, labels)
    assert cold.history_[0, "train_loss"] > clf.history_[0, "train_loss"]


@pytest.mark.parametrize("depths", [(1, 1, 1), np.array([1, 1, 1])], ids=["tuple", "array"])
def test_warm_start_compares_sequences(cube, labels, settings, depths):
    settings = {**settings, "vision_encoder": "gaht", "max_epochs": 1, "warm_start": True}
    clf = HSIPromptClassifier(**{**settings, "vision_params": {"depths": depths}})
    clf.fit(cube, labels)
    clf.set_params(vision_params={"depths": [1, 1, 1]}).fit(cube, labels)
    with pytest.raises(ParameterError, match="vision_params changed"):
        clf.set_params(vision_params={"depths": [1, 2, 1]}).fit(cube, labels)


@pytest.mark.slow
def test_similarity_and_new_prompts_need_no_training(cube, labels, settings):
    settings = {**settings, "text_encoder": Letters()}
    prompts = {1: "a cab", 2: "dice", 3: "high jig"}
    for projection in ("vision", "text"):
        clf = HSIPromptClassifier(prompts, **settings, projection=projection).fit(cube, labels)
        cosines = clf.similarity(cube, list(prompts.values()))
        scores = clf.decision_function(cube)
        np.testing.assert_allclose(clf.logit_scale_ * cosines, scores, rtol=1e-4, atol=1e-4)
        other = clf.with_prompts({"second": "dice", "first": "a cab"})
        assert list(other.classes_) == ["first", "second"]
        mask = labels == 1
        assert (other.predict(cube)[mask] == "first").mean() > 0.9
        np.testing.assert_array_equal(clf.classes_, [1, 2, 3])


@pytest.mark.slow
def test_cross_validation_of_samples_and_of_cubes(cube, labels, settings, data):
    clf = HSIPromptClassifier(**settings)
    assert cross_val_score(clf, *data, cv=3).min() > 0.8
    assert cross_val_score(clf, cube, labels, cv=2).min() > 0.6


@pytest.mark.slow
def test_grid_search_over_a_pipeline(data, settings):
    settings = {**settings, "n_components": None, "window_size": 3, "max_epochs": 4}
    pipeline = Pipeline([("pca", SpectralPCA()), ("clf", HSIPromptClassifier(**settings))])
    grid = {
        "pca__n_components": [3, 6],
        "clf__prompts": [None, "a field of {}"],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    assert search.fit(*data).best_score_ > 0.8
    assert search.predict(data[0]).shape == data[1].shape
    assert (search.cv_results_["std_test_score"] >= 0).all()


@pytest.mark.slow
def test_works_behind_other_steps_without_components(data, settings):
    settings = {**settings, "n_components": None}
    clf = HSIPromptClassifier(**settings).fit(*data)
    assert [name for name, _ in clf.preprocessing_.steps] == ["scale"]
    assert clf.score(*data) > 0.9


@pytest.mark.slow
def test_memory_mapped_cubes_are_as_good_as_arrays(tmp_path, cube, labels, brief):
    path = tmp_path / "cube.npy"
    np.save(path, cube)
    mapped = np.load(path, mmap_mode="r")
    clf = HSIPromptClassifier(**brief).fit(mapped, labels)
    expected = HSIPromptClassifier(**brief).fit(cube, labels).predict_proba(cube)
    np.testing.assert_array_equal(clf.predict_proba(mapped), expected)


@pytest.mark.slow
def test_predictions_do_not_depend_on_block_boundaries(fitted, cube, monkeypatch):
    expected = fitted.predict_proba(cube)
    monkeypatch.setattr("hsvlm._prediction.windows.BLOCK_SIZE", 37)
    np.testing.assert_allclose(fitted.predict_proba(cube), expected, atol=1e-5)


@pytest.mark.slow
def test_predictions_come_in_the_order_asked_for(fitted, data, monkeypatch):
    monkeypatch.setattr("hsvlm._prediction.windows.BLOCK_SIZE", 50)
    X, _ = data
    both = PixelSamples.concatenate([X, PixelSamples(X.cubes[0][::-1], X.coords)])
    order = np.random.default_rng(0).permutation(len(both))
    expected = fitted.predict_proba(both)
    np.testing.assert_allclose(fitted.predict_proba(both[order]), expected[order], atol=1e-6)


def test_presets_carry_the_settings_of_the_reference():
    indian = HSIPromptClassifier.from_preset("paper-indian-pines", random_state=3).get_params()
    expected = {
        "prompts": "indian-pines",
        "text_encoder": "BAAI/bge-large-en-v1.5",
        "n_components": 25,
        "window_size": 33,
        "patch_size": 3,
        "n_hard": 4,
        "n_semi_hard": 4,
        "lr": 1e-3,
        "lr_schedule": "constant",
        "weight_decay": 0.0,
        "augment": False,
        "max_epochs": 50,
        "batch_size": 32,
        "random_state": 3,
        "criterion": "hard-semi-hard",
        "padding": "zero",
        "projection": "text",
        "vision_params": {"width": 64, "depth": 6, "n_heads": 16, "mlp_width": 64},
    }
    assert {name: indian[name] for name in expected} == expected
    pavia = HSIPromptClassifier.from_preset("paper-pavia-university").get_params()
    assert (pavia["max_epochs"], pavia["batch_size"]) == (25, 128)


def test_rows_of_table_1_are_presets():
    clip = HSIPromptClassifier.from_preset("paper-clip", prompts="indian-pines").get_params()
    ours = HSIPromptClassifier.from_preset("paper-indian-pines").get_params()
    differ = {name for name in ours if clip[name] != ours[name]}
    assert differ - {"n_hard", "n_semi_hard"} == {"criterion"}  # that loss draws no negatives
    assert clip["criterion"] == "clip"
    vit = HSIPromptClassifier.from_preset("paper-vit")
    encoder = MaskedViT(n_channels=200, window_size=15, patch_size=3, **vit.vision_params)
    # Table 1 prints 2.61 million.
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 2_615_568 - 16 * 129
    assert (vit.window_size, vit.patch_size, vit.n_components) == (15, 3, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "prompts"),
    [("paper-clip", {n: [f"crop {n}", f"field of {n}"] for n in range(1, 5)}), ("paper-vit", None)],
)
def test_rows_of_table_1_are_trained_without_a_warning(name, prompts, recwarn):
    rng = np.random.default_rng(0)
    cube, labels = rng.normal(size=(9, 8, 30)), np.zeros((9, 8), dtype=int)
    labels[:, ::2] = np.arange(4) + 1
    changes = {"text_encoder": AnyVectors()} if prompts else {}
    clf = HSIPromptClassifier.from_preset(name, max_epochs=1, prompts=prompts, **changes)
    assert clf.fit(cube, labels).predict(cube).shape == labels.shape
    assert not list(recwarn)


@pytest.mark.parametrize("name", list_presets())
def test_presets_are_not_changed_through_a_classifier(name):
    settings = HSIPromptClassifier.from_preset(name).get_params()
    changed = HSIPromptClassifier.from_preset(name)
    for one in (changed.vision_params, changed.spatial_params):
        if one is not None:
            one["width"] = 7
    assert HSIPromptClassifier.from_preset(name).get_params() == settings


@pytest.mark.slow
def test_the_preset_trains_as_many_parameters_as_the_reference():
    rng = np.random.default_rng(0)
    cube, labels = rng.normal(size=(9, 8, 30)), np.zeros((9, 8), dtype=int)
    labels[:, ::2] = np.arange(4) + 1
    clf = HSIPromptClassifier.from_preset(
        "paper-indian-pines", text_encoder=rng.normal(size=(4, 1024)), max_epochs=1
    )
    clf.fit(cube, labels)
    parameters = clf.net_.module_.parameters()
    assert sum(one.numel() for one in parameters if one.requires_grad) == 173_760 + 65_600 + 1


@pytest.mark.slow
def test_fits_without_a_warning(cube, labels, brief):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        HSIPromptClassifier(**brief).fit(cube, labels).predict(cube)


@pytest.mark.slow
def test_feature_names_out(fitted, cube):
    assert list(fitted.get_feature_names_out())[:2] == [
        "hsipromptclassifier0",
        "hsipromptclassifier1",
    ]


@pytest.mark.slow
def test_scaled_pipelines_pass_samples_through(data, settings):
    from hsvlm import SpectralTransformer

    pipeline = Pipeline(
        [("scale", SpectralTransformer(StandardScaler())), ("clf", HSIPromptClassifier(**settings))]
    )
    assert pipeline.fit(*data).score(*data) > 0.9
