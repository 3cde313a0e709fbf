"""Files on the hub are downloaded when they are named, and nothing else is."""

import huggingface_hub
import pytest
import torch

from hsvlm.exceptions import DownloadError, ParameterError
from hsvlm.pretraining import load_pretrained

ADDRESS = "hf://someone/some-model/files/model.pth"


@pytest.fixture
def calls(monkeypatch):
    """The requests that reach the library of the hub; nothing is in its cache."""
    calls = []

    def download(repository, file, *, revision=None, local_files_only=False):
        calls.append((repository, file, revision, local_files_only))
        raise FileNotFoundError("not in the cache")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return calls


@pytest.mark.parametrize(
    ("address", "revision"), [(ADDRESS, None), (ADDRESS.replace("model/", "model@v1/", 1), "v1")]
)
def test_a_file_in_the_cache(layers, write, monkeypatch, address, revision):
    path, calls = write(layers()), []

    def download(*place, **arguments):
        calls.append((*place, arguments))
        return str(path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    pretrained = load_pretrained(address, n_heads=2)
    assert torch.equal(pretrained.weights["norm.bias"], layers()["norm.bias"])
    arguments = {"revision": revision, "local_files_only": True}
    assert calls == [("someone/some-model", "files/model.pth", arguments)]


def test_a_file_that_is_downloaded(layers, write, monkeypatch):
    path = write(layers())

    def download(repository, file, *, revision, local_files_only=False):
        if local_files_only:
            raise FileNotFoundError
        return str(path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    assert load_pretrained(ADDRESS, n_heads=2).provenance["file"] == path.name


def test_the_hub_is_not_asked_where_it_must_not_be(calls, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError) as error:
        load_pretrained(ADDRESS)
    assert str(error.value) == (
        f"{ADDRESS} is not in the local cache of the hub and could not be downloaded (the hub was "
        "not asked, because HF_HUB_OFFLINE is set). Download the file on a machine with a network, "
        "and pass its path."
    )
    assert calls == [("someone/some-model", "files/model.pth", None, True)]


def test_without_a_network(calls, monkeypatch):
    def refuse(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    with pytest.raises(DownloadError, match=r"\(ConnectionError: no route to host\)"):
        load_pretrained(ADDRESS)
    assert len(calls) == 1


@pytest.mark.parametrize("address", ["hf://", "hf://a", "hf://a/b", "hf://a/@v/c", "hf://a/b/"])
def test_addresses_that_name_no_file(calls, address):
    with pytest.raises(ParameterError) as error:
        load_pretrained(address)
    assert str(error.value) == (
        f"{address!r} is not the address of a file on the hub. Write hf://owner/model/file, or "
        "hf://owner/model@revision/file."
    )
    assert calls == []
