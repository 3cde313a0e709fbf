"""Masked pre-training of encoders without labels."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from hsvlm import HSIPromptClassifier, PixelSamples, Scene
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError, TrainingDivergedError

# Where it is interrupted, and what bounds its memory, cannot be set from outside.
from hsvlm.pretraining import MaskedPretrainer, _loop, list_token_encoders, load_pretrained
from hsvlm.pretraining._reconstruction import MaskedModel, mask_order
from hsvlm.vision import get_vision_encoder

QUOTED = '"{}"'
ENCODERS = {"group-vit": {}, "overlap-vit": {"window_size": 5}, "vit": {"window_size": 9}}


def weights_of(pretrainer):
    return pretrainer.encoder_.weights


def assert_same_weights(first, second):
    for name, weight in weights_of(first).items():
        assert torch.equal(weight, weights_of(second)[name]), name


SMALL = {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8}


@parametrize_with_checks([MaskedPretrainer(vision_params=SMALL, max_epochs=1, device="cpu")])
def test_official_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("group-vit", "mse+sam"),
        ("group-vit", "multi-target"),
        *((name, "mse") for name in ENCODERS),
    ],
)
def test_the_loss_falls(make, scene, name, loss):
    pretrainer = make(name, loss=loss, max_epochs=4, lr=1e-2, **ENCODERS[name]).fit(scene)
    losses = [row["train_loss"] for row in pretrainer.history_]
    assert [row["epoch"] for row in pretrainer.history_] == [1, 2, 3, 4]
    assert losses[-1] < 0.97 * losses[0]
    assert all(np.isfinite(losses))


def test_sums_over_groups_are_a_second_target():
    generator = torch.Generator().manual_seed(0)
    encoder = get_vision_encoder("spectralgpt")(n_channels=6, window_size=9, image_size=16, **SMALL)
    windows = torch.randn(3, 9, 9, 6, generator=generator)
    order = mask_order(3, 8, generator)
    model = MaskedModel(encoder, windows, mask_ratio=0.5, loss="mse")
    plain = model(windows, order)
    model.loss = "multi-target"
    # Two groups of three channels, then four positions.
    errors = model.predict(windows, order) - encoder.token_values(windows)
    sums = errors[:, :4] + errors[:, 4:]
    torch.testing.assert_close(model(windows, order), plain + sums.square().flatten(1).mean(dim=1))


@pytest.mark.parametrize("name", ["vit", "overlap-vit"])
def test_a_second_target_needs_groups(make, scene, name):
    with pytest.raises(ParameterError) as error:
        make(name, loss="multi-target", **ENCODERS[name]).fit(scene)
    assert str(error.value) == (
        'loss="multi-target" compares sums over groups of channels, and the tokens of the vision '
        f"encoder {get_vision_encoder(name).__name__} are no such groups. Use "
        'vision_encoder="spectralgpt" or "group-vit", or loss="mse".'
    )


@pytest.mark.slow
def test_predictions_of_hidden_groups_are_better_than_the_mean(make, scene):
    pretrainer = make(max_epochs=10, lr=5e-3).fit(scene)
    values, predicted = pretrainer.reconstruct(scene)
    assert values.shape == predicted.shape == (16, 20, 3, 10)
    assert np.square(values - predicted).mean() < 0.8 * values.var()


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_predictions_do_not_depend_on_what_is_hidden(make, scene, name):
    pretrainer = make(name, **ENCODERS[name]).fit(scene)
    model = pretrainer._model
    shape = (4, pretrainer.window_size_, pretrainer.window_size_, 30)
    windows = torch.randn(shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
    order = torch.arange(model.n_tokens).flip(0).expand(4, -1)
    model.predict(windows, order).square().sum().backward()
    # The first tokens are hidden: the first bands, or the pixels of the first row.
    hidden = windows.grad[..., :10] if name == "group-vit" else windows.grad[:, 0, :3]
    assert not hidden.any()
    assert windows.grad.any()


@pytest.mark.slow
def test_only_visible_tokens_pass_through_the_encoder(make, scene, monkeypatch):
    lengths = set()
    encoder_class = get_vision_encoder("group-vit")
    run_tokens = encoder_class.run_tokens

    def watched(self, tokens):
        lengths.add(tokens.shape[1])
        return run_tokens(self, tokens)

    monkeypatch.setattr(encoder_class, "run_tokens", watched)
    params = {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8, "group_bands": 3}
    make(vision_params=params, mask_ratio=0.7).fit(scene)
    assert lengths == {3}  # of ten groups


@pytest.mark.parametrize(("mask_ratio", "n_hidden"), [(0.01, 1), (0.5, 2), (0.99, 2)])
def test_at_least_one_token_is_hidden_and_one_is_not(make, scene, mask_ratio, n_hidden):
    assert make(mask_ratio=mask_ratio, max_epochs=1).fit(scene)._model.n_hidden == n_hidden


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits(make, scene, fitted):
    state = torch.get_rng_state()
    again = make().fit(scene)
    assert torch.equal(torch.get_rng_state(), state)
    assert_same_weights(fitted, again)
    np.testing.assert_array_equal(fitted.transform(scene), again.transform(scene))
    other = make(random_state=1).fit(scene)
    assert other.encoder_.digest != fitted.encoder_.digest


@pytest.mark.slow
def test_kinds_of_input(make, scene, fitted):
    cube = np.asarray(scene.cube)
    grid = np.argwhere(np.ones(scene.shape, dtype=bool))
    for X in (cube, [scene], [cube], PixelSamples(cube, grid)):
        assert_same_weights(make().fit(X, y=scene.labels), fitted)
    several = make().fit([scene, replace(scene, cube=cube[:8, :9], labels=None)])
    assert several.encoder_.provenance["n_pixels"] == 16 * 20 + 8 * 9
    spectra = make().fit(cube.reshape(-1, 30))
    assert (spectra.window_size_, spectra.encoder_.patch_size) == (1, 1)
    assert spectra.transform(cube).shape == (16, 20, 8)


def test_samples_are_trained_on_alone(make, scene):
    X, _ = scene.samples()
    assert make().fit(X[:70]).encoder_.provenance["n_pixels"] == 70


@pytest.mark.slow
def test_pixels_without_data_are_left_out(make, scene):
    cube = np.array(scene.cube)
    cube[3, 4, 5], cube[0, 0] = np.nan, np.inf
    pretrainer = make().fit(cube)
    assert pretrainer.encoder_.provenance["n_pixels"] == 16 * 20 - 2
    features = pretrainer.transform(cube)
    assert np.argwhere(np.isnan(features).any(axis=2)).tolist() == [[0, 0], [3, 4]]
    valid = np.isfinite(cube).all(axis=2)
    assert_same_weights(pretrainer, make().fit(Scene(cube, valid=valid)))


@pytest.mark.slow
def test_excluded_pixels_have_no_influence(make, scene):
    cube = np.array(scene.cube)
    excluded = np.array([[3, 4], [3, 5], [15, 19]])
    changed = cube.copy()
    changed[tuple(excluded.T)] *= -7
    first = make().fit(cube, exclude=PixelSamples(cube, excluded))
    assert_same_weights(first, make().fit(changed, exclude=PixelSamples(changed, excluded)))
    # Windows of 3 pixels around 3 x 4 pixels, and around the 2 x 2 in the corner.
    assert first.encoder_.provenance["n_pixels"] == 16 * 20 - 12 - 4


@pytest.mark.slow
def test_excluded_pixels_are_recognized_in_copies(make, scene):
    X, _ = scene.samples()
    copied = PixelSamples(np.array(scene.cube), X.coords)
    mapped = X.map_spectra(lambda spectra: 2 * spectra)
    expected = make().fit(scene, exclude=X[:9]).encoder_.provenance["n_pixels"]
    assert make().fit(scene, exclude=copied[:9]).encoder_.provenance["n_pixels"] == expected
    with pytest.raises(DataError) as error:
        make().fit(scene, exclude=mapped[:9])
    assert str(error.value) == (
        "exclude has 9 pixels of a scene of 16 x 20 pixels that X does not contain. Pass pixels of "
        "the scenes in X, with the same values and bands."
    )


@pytest.mark.parametrize(
    ("make_exclude", "message"),
    [
        (
            lambda X: np.asarray(X),
            "exclude is of type ndarray. Pass PixelSamples, which know where they are, such as "
            "those of scene.samples().",
        ),
        (
            lambda X: X,
            "No pixel is left to train on: all are without data or excluded. Pass other scenes, "
            "exclude fewer pixels, or use a smaller window_size.",
        ),
    ],
)
def test_what_cannot_be_excluded(make, scene, make_exclude, message):
    X, _ = scene.samples(np.ones(scene.shape, dtype=int))
    with pytest.raises(DataError) as error:
        make().fit(scene, exclude=make_exclude(X))
    assert str(error.value) == message


@pytest.mark.slow
def test_large_scenes_are_read_in_parts(make, scene, fitted, monkeypatch):
    # Parts are whole batches, in the same order.
    monkeypatch.setattr(_loop, "_MAX_TABLE_VALUES", 30 * 9 * 64 * 2)
    assert_same_weights(make().fit(scene), fitted)


@pytest.mark.slow
def test_memory_does_not_grow_with_a_mapped_scene(make, tmp_path, monkeypatch):
    import tracemalloc

    shape = (400, 500, 30)
    rng = np.random.default_rng(0)
    cube = np.lib.format.open_memmap(tmp_path / "cube.npy", "w+", np.float32, shape)
    for row in range(0, shape[0], 50):
        cube[row : row + 50] = rng.normal(size=(50, *shape[1:]))
    cube.flush()
    monkeypatch.setattr(_loop, "_MAX_TABLE_VALUES", 2**16)
    monkeypatch.setattr("hsvlm._data.lazy._BLOCK_VALUES", 2**17)
    mapped = np.load(tmp_path / "cube.npy", mmap_mode="r")
    pretrainer = make(max_epochs=1, samples_per_epoch=128)
    tracemalloc.start()
    pretrainer.fit(mapped)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < cube.nbytes / 2
    assert pretrainer.encoder_.provenance["n_pixels"] == 200_000


def test_an_epoch_of_some_samples(make, scene, monkeypatch):
    sizes = []
    epoch = _loop.WindowStream.epoch

    def watched(self, rng):
        batches = list(epoch(self, rng))
        sizes.append([len(batch) for batch in batches])
        return iter(batches)

    monkeypatch.setattr(_loop.WindowStream, "epoch", watched)
    make(samples_per_epoch=100).fit(scene)
    assert sizes == [[64, 36]] * 2


def interrupt_in(epoch_number, monkeypatch):
    epoch, calls = _loop.WindowStream.epoch, []

    def stopped(self, rng):
        calls.append(0)
        yield next(epoch(self, rng))
        if len(calls) == epoch_number:
            raise KeyboardInterrupt

    monkeypatch.setattr(_loop.WindowStream, "epoch", stopped)


def test_an_interrupted_training_keeps_the_best_weights(make, scene, monkeypatch):
    interrupt_in(3, monkeypatch)
    with pytest.warns(HSVLMWarning, match=r"interrupted in epoch 3 of 9\. The encoder has the "):
        pretrainer = make(max_epochs=9).fit(scene)
    assert pretrainer.interrupted_
    assert len(pretrainer.history_) == 2
    assert pretrainer.encoder_.provenance["interrupted"]
    assert pretrainer.transform(scene).shape == (16, 20, 8)


def test_an_interrupted_first_epoch_leaves_nothing(make, scene, monkeypatch):
    interrupt_in(1, monkeypatch)
    pretrainer = make()
    with pytest.raises(KeyboardInterrupt):
        pretrainer.fit(scene)
    assert not hasattr(pretrainer, "encoder_")


def test_a_loss_that_is_not_finite_is_an_error(make, scene):
    with pytest.raises(TrainingDivergedError) as error:
        make(lr=1e30).fit(scene)
    assert str(error.value).startswith("The training loss became ")
    assert str(error.value).endswith(
        "and batch_size=64. Lower lr, raise batch_size, or look for extreme values in the data."
    )


def test_a_fit_that_fails_leaves_the_former_one(fitted, scene):
    before = fitted.transform(scene)
    with pytest.raises(DataError):
        fitted.fit(np.ones((5, 6, 7, 8)))
    np.testing.assert_array_equal(fitted.transform(scene), before)


@pytest.mark.slow
def test_a_new_fit_forgets_the_names_of_a_table(make, scene):
    names = [f"b{number}" for number in range(30)]
    table = pd.DataFrame(np.asarray(scene.cube).reshape(-1, 30), columns=names)
    pretrainer = make().fit(table)
    assert list(pretrainer.feature_names_in_[:2]) == ["b0", "b1"]
    assert not hasattr(pretrainer.fit(scene), "feature_names_in_")


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_a_saved_encoder_gives_the_same_features(make, scene, tmp_path, name):
    pretrainer = make(name, **ENCODERS[name]).fit(scene)
    loaded = load_pretrained(pretrainer.save(tmp_path / "encoder"))
    same = pickle.loads(pickle.dumps(pretrainer))
    torch.nn.init.zeros_(same._model.encoder.norm.weight)
    loaded.copy_into(same._model.encoder)
    same.preprocessing_ = loaded.preprocessing
    np.testing.assert_array_equal(same.transform(scene), pretrainer.transform(scene))
    assert loaded.provenance == pretrainer.encoder_.provenance
    assert loaded.digest == pretrainer.encoder_.digest
    for weight_name, weight in weights_of(pretrainer).items():
        assert torch.equal(loaded.weights[weight_name], weight)


def test_what_is_known_is_printed(fitted):
    count = sum(weight.numel() for weight in weights_of(fitted).values())
    assert repr(fitted.encoder_) == (f"<PretrainedEncoder group-vit, {count:,} values>")
    loss = fitted.history_[-1]["train_loss"]
    assert str(fitted.encoder_).splitlines()[1] == (
        f"trained on 320 pixels in 2 epochs, loss {loss:.4f}"
    )


def test_pickles_and_clones(fitted, scene):
    X, _ = scene.samples()
    same = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(same.transform(X), fitted.transform(X))
    assert clone(fitted).get_params() == fitted.get_params()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "chosen"),
    [
        ({"vision_encoder": "auto"}, ("vit", 9, 9 * 30)),
        ({"vision_encoder": "vit", "n_channels": 7}, ("vit", 9, 9 * 7)),
        ({"vision_encoder": "vit", "n_channels": None, "normalize": None}, ("vit", 9, 9 * 30)),
        ({"vision_encoder": "group-vit"}, ("group-vit", 3, 10)),
        ({"vision_encoder": "spectralgpt"}, ("spectralgpt", 9, 3 * 8 * 8)),
        ({"vision_encoder": "wavelength-vit"}, ("wavelength-vit", 9, 30)),
    ],
)
def test_what_is_left_open_follows_from_the_encoder(make, scene, settings, chosen):
    params = {name: value for name, value in SMALL.items() if name != "mlp_width"}
    encoder = make(**settings, vision_params=params, max_epochs=1).fit(scene)
    name, size, n_values = chosen
    assert (encoder.encoder_.vision_encoder, encoder.window_size_) == (name, size)
    assert encoder._model.leave.out_features == n_values
    is_reduced = "pca" in dict(encoder.preprocessing_.steps)
    assert is_reduced == (settings.get("n_channels", 0) is not None and "-vit" not in name)


@pytest.mark.slow
def test_spectra_are_cut_into_groups(make, scene):
    spectra = np.asarray(scene.cube).reshape(-1, 30)
    pretrainer = make("auto").fit(spectra)
    assert pretrainer.encoder_.vision_encoder == "group-vit"
    assert pretrainer.window_size_ == 1
    few = make("auto").fit(np.asarray(scene.cube)[..., :4])
    assert few.preprocessing_[-1].n_features_in_ == 4


@pytest.mark.slow
def test_features_for_another_estimator(make, scene):
    X, y = scene.samples()
    clf = make_pipeline(make(max_epochs=8, lr=5e-3), SVC(C=100)).fit(X, y)
    assert clf.score(X, y) > 0.7


@pytest.mark.slow
def test_names_of_features(fitted, scene):
    X, _ = scene.samples()
    table = clone(fitted).fit(scene).set_output(transform="pandas").transform(X[:3])
    assert list(table.columns[:2]) == ["maskedpretrainer0", "maskedpretrainer1"]
    assert table.shape == (3, 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_a_classifier_starts_from_it(make, scene, settings, name):
    pretrainer = make(name, **ENCODERS[name]).fit(scene)
    names = ("spatial", "lr", "device", "random_state")
    clf = HSIPromptClassifier(
        pretrained=pretrainer.encoder_,
        adapter="frozen",
        text_encoder=np.eye(4, 8, dtype=np.float32),
        max_epochs=1,
        **{name: settings[name] for name in names},
    )
    clf.fit(*scene.samples())
    state = clf.net_.module_.encoder.state_dict()
    for weight_name, weight in weights_of(pretrainer).items():
        assert torch.equal(state[weight_name], weight)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"vision_encoder": "vit", "window_size": 3},
            ParameterError,
            "The vision encoder makes a single token of a window of 3 x 3 pixels with 30 channels, "
            "so that none can be hidden. Raise window_size, lower patch_size, or use "
            'vision_encoder="group-vit", whose tokens are groups of bands.',
        ),
        (
            {"vision_encoder": "cnn2d", "vision_params": None},
            ParameterError,
            "The vision encoder CNN2D has no tokens that can be hidden. Use one of "
            f"{', '.join(map(QUOTED.format, list_token_encoders()))}, or give it the methods of "
            "hsvlm.pretraining.TokenEncoder.",
        ),
        (
            {"window_size": 4},
            ParameterError,
            "window_size=4 has no center pixel. Use an odd number of pixels, such as 3 or 5.",
        ),
    ],
)
def test_settings_that_are_refused(make, scene, changes, error, message):
    with pytest.raises(error) as caught:
        make(**changes).fit(scene)
    assert str(caught.value) == message


def test_data_that_are_refused(make, scene, fitted):
    with pytest.raises(DataError) as error:
        make().fit(np.ones((2, 3, 3, 4)))
    assert str(error.value) == (
        "X is an array of 4 dimensions. Pass a Scene or a list of them, a cube (height, width, "
        "n_bands) or a list of them, PixelSamples, or spectra (n_samples, n_bands)."
    )
    with pytest.raises(DataError, match="X is a list of scenes, whose maps may differ in size"):
        fitted.transform([scene, scene])
    with pytest.raises(ParameterError) as caught:
        fitted.transform(np.ones((4, 30)))
    assert str(caught.value) == (
        "The encoder was pre-trained on windows of 3 x 3 pixels, and X contains plain spectra, "
        "which have no surroundings. Pass PixelSamples, a Scene or a cube."
    )
    with pytest.raises(DataError, match="X has 7 features"):
        fitted.transform(np.ones((4, 5, 7)))
    with pytest.raises(DataError, match="No pixel of the cube is valid"):
        fitted.transform(np.full((4, 5, 30), np.nan))
    other = replace(scene, wavelengths_nm=scene.wavelengths_nm + 500)
    with pytest.raises(DataError):
        make().fit([scene, other])
    with pytest.raises(DataError):
        fitted.transform(other)


@pytest.mark.slow
def test_an_encoder_for_any_bands_goes_from_one_sensor_to_another(make, scene, tmp_path):
    pretrainer = make("wavelength-vit", window_size=5).fit(scene)
    params = pretrainer.encoder_.vision_params
    assert params["wavelengths_nm"] == scene.wavelengths_nm.tolist()
    other = scene.select_bands(range(0, 30, 2))
    loaded = load_pretrained(pretrainer.save(tmp_path / "encoder"))
    settings = {"criterion": "cross-entropy", "spatial": None, "max_epochs": 1, "lr": 1e-9}
    clf = HSIPromptClassifier(pretrained=loaded, **settings).fit(other)
    assert clf.n_features_in_ == 15
    assert clf.metadata_["wavelengths_nm"] == other.wavelengths_nm.tolist()
    for name, tensor in clf.net_.module_.encoder.state_dict().items():
        torch.testing.assert_close(tensor, weights_of(pretrainer)[name])
    with pytest.raises(ParameterError, match="X has none"):
        pretrainer.fit(scene.cube)
