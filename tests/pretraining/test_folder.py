"""Pre-trained encoders in folders."""

import hashlib
import json
import re

import numpy as np
import pytest
import torch

from hsvlm._storage.folders import sum_line
from hsvlm.exceptions import FileError, MissingFileError, ParameterError
from hsvlm.preprocessing.default import fit_preprocessing

# The public readers and writers are MaskedPretrainer.save and load_pretrained.
from hsvlm.pretraining import PretrainedEncoder
from hsvlm.pretraining._folder import digest_of, read_encoder_folder, write_encoder_folder
from hsvlm.vision import get_vision_encoder

PARAMS = {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8}
FILES = ("SHA256SUMS", "encoder.json", "preprocessing.safetensors", "weights.safetensors")


@pytest.fixture
def spectra():
    return np.random.default_rng(0).normal(5, 2, size=(40, 20))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return get_vision_encoder("group-vit")(20, 3, 3, **PARAMS)


@pytest.fixture
def pretrained(encoder, spectra):
    weights = dict(encoder.state_dict())
    return PretrainedEncoder(
        "group-vit",
        PARAMS,
        weights,
        digest_of(weights),
        {"mask_ratio": 0.7, "scenes": ["a" * 64]},
        window_size=3,
        patch_size=3,
        preprocessing=fit_preprocessing(spectra, "snv", 6),
    )


@pytest.fixture
def folder(pretrained, tmp_path):
    return write_encoder_folder(tmp_path / "encoder", pretrained)


def change_config(folder, change):
    """Change encoder.json and its digest."""
    config = json.loads((folder / "encoder.json").read_text())
    change(config)
    content = json.dumps(config).encode()
    (folder / "encoder.json").write_bytes(content)
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    sums[0] = sum_line("encoder.json", content).decode()
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")


def test_what_is_read_is_what_was_written(pretrained, folder, spectra):
    loaded = read_encoder_folder(folder)
    assert tuple(sorted(path.name for path in folder.iterdir())) == FILES
    for name in ("vision_encoder", "vision_params", "digest", "provenance", "window_size"):
        assert getattr(loaded, name) == getattr(pretrained, name)
    assert (loaded.patch_size, loaded.dropped) == (3, ())
    assert loaded.weights.keys() == pretrained.weights.keys()
    assert all(
        torch.equal(loaded.weights[name], pretrained.weights[name]) for name in loaded.weights
    )
    np.testing.assert_array_equal(
        loaded.preprocessing.transform(spectra), pretrained.preprocessing.transform(spectra)
    )


def test_the_digest_is_that_of_the_file(pretrained, folder):
    content = (folder / "weights.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest() == pretrained.digest


def test_the_same_encoder_gives_the_same_files(pretrained, folder, tmp_path):
    again = write_encoder_folder(tmp_path / "again", read_encoder_folder(folder))
    assert [(folder / name).read_bytes() for name in FILES] == [
        (again / name).read_bytes() for name in FILES
    ]


def test_an_encoder_without_preprocessing(pretrained, tmp_path):
    plain = PretrainedEncoder("group-vit", {}, pretrained.weights, pretrained.digest)
    loaded = read_encoder_folder(write_encoder_folder(tmp_path / "plain", plain))
    assert (loaded.preprocessing, loaded.window_size, loaded.patch_size) == (None, None, None)


def test_a_folder_of_an_encoder_is_replaced(pretrained, folder):
    changed = PretrainedEncoder("vit", {}, pretrained.weights, pretrained.digest)
    write_encoder_folder(folder, changed)
    assert read_encoder_folder(folder).vision_encoder == "vit"
    assert [path.name for path in folder.parent.iterdir()] == ["encoder"]


@pytest.mark.parametrize("name", ["notes.txt", "weights.safetensors"])
def test_other_folders_are_not_replaced(pretrained, tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_text("mine")
    with pytest.raises(FileError) as error:
        write_encoder_folder(tmp_path / "folder", pretrained)
    assert str(error.value) == (
        f"{tmp_path / 'folder'}: exists and is not the folder of a pre-trained encoder alone "
        f"({name}). Choose another path, or delete it first."
    )


def test_files_are_not_replaced(pretrained, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match=r"file: is a file, not a folder\. Choose another path"):
        write_encoder_folder(tmp_path / "file", pretrained)


def test_a_folder_that_cannot_be_made(pretrained, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match=r"could not be written \(.*\)\. Choose another place"):
        write_encoder_folder(tmp_path / "file" / "encoder", pretrained)


@pytest.mark.parametrize("name", FILES[1:])
def test_a_changed_byte_is_noticed(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(FileError) as error:
        read_encoder_folder(folder)
    assert str(error.value) == (
        f"{folder}: {name} does not have the digest in SHA256SUMS; the encoder is damaged or was "
        "changed by hand. Copy the folder again, or save the encoder again."
    )


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(MissingFileError) as error:
        read_encoder_folder(folder)
    assert str(error.value) == (
        f"{folder} is not a complete pre-trained encoder: {name} is missing. Copy the folder "
        "again, or save the encoder again."
    )


def test_a_missing_folder(folder, tmp_path):
    with pytest.raises(MissingFileError) as error:
        read_encoder_folder(tmp_path / "nothing")
    assert str(error.value) == (
        f"{tmp_path / 'nothing'} does not exist. Give the folder of a pre-trained encoder."
    )
    with pytest.raises(MissingFileError, match="is a file"):
        read_encoder_folder(folder / "encoder.json")


def test_a_folder_whose_replacement_was_interrupted(folder):
    backup = folder.with_name(".encoder.previous")
    folder.rename(backup)
    message = re.escape(f"The previous encoder is {backup}: rename that folder.")
    with pytest.raises(MissingFileError, match=message):
        read_encoder_folder(folder)


def test_other_formats_are_refused(folder):
    change_config(folder, lambda config: config["format"].update(number=2))
    with pytest.raises(FileError) as error:
        read_encoder_folder(folder)
    assert str(error.value) == (
        f"{folder} was written by hsvlm 0.1.0 in format hsvlm-encoder 2; hsvlm 0.1.0 reads "
        "hsvlm-encoder 1 only. Load it with hsvlm 0.1.0."
    )


def test_other_json_is_refused(folder):
    change_config(folder, lambda config: config.pop("format"))
    with pytest.raises(FileError, match="does not belong to a pre-trained encoder"):
        read_encoder_folder(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda config: config.pop("provenance"), "missing 'provenance'"),
        (lambda config: config.update(more=1), "unknown 'more'"),
        (lambda config: config["encoder"].update(name=3), "the name of the encoder is not what"),
        (lambda config: config["encoder"].update(window_size=-3), "window_size is not what"),
        (lambda config: config["encoder"].update(params=[]), "vision_params is not what"),
        (lambda config: config.update(preprocessing=None), "unknown tensors preprocessing."),
        (lambda config: config["preprocessing"].pop(1), "unknown tensors"),
        (lambda config: config["preprocessing"][0]["step"].update({"class": "os"}), "KeyError"),
    ],
)
def test_what_no_version_writes_is_refused(folder, change, reason):
    change_config(folder, change)
    with pytest.raises(FileError, match="holds what this version does not know") as error:
        read_encoder_folder(folder)
    assert reason in str(error.value)
    assert "It was written by hsvlm 0.1.0." in str(error.value)


def test_weights_that_are_not_finite_are_refused(pretrained, tmp_path):
    pretrained.weights["norm.bias"][0] = torch.nan
    folder = write_encoder_folder(tmp_path / "broken", pretrained)
    with pytest.raises(FileError, match=r"the weight norm\.bias is not what a fit gives"):
        read_encoder_folder(folder)


def test_a_huge_text_is_not_parsed(folder):
    with (folder / "encoder.json").open("r+b") as file:
        file.truncate(2**25 + 1)
    with pytest.raises(FileError, match="has 33554433 bytes, above the limit 33554432"):
        read_encoder_folder(folder)


def test_steps_that_cannot_be_stored_are_refused(pretrained, spectra, tmp_path):
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import MinMaxScaler

    steps = Pipeline([("scale", MinMaxScaler())]).fit(spectra)
    other = PretrainedEncoder("vit", {}, pretrained.weights, "", preprocessing=steps)
    with pytest.raises(ParameterError, match=r"preprocessing\.scale is a MinMaxScaler"):
        write_encoder_folder(tmp_path / "other", other)
