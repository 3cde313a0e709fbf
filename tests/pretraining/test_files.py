"""Files that are damaged, hostile or of another kind are refused in clear words."""

import argparse
import hashlib
import os
import pickle
import zipfile

import pytest
import safetensors.torch
import torch

from hsvlm.exceptions import FileError, MissingFileError
from hsvlm.pretraining import _files, load_pretrained

HINT = (
    "If you trust its source, open it with torch yourself, and save only the weights: "
    "safetensors.torch.save_file(state_dict, path)."
)


class Foreign:
    """What trainings keep beside weights, and what attacks use."""

    def __reduce__(self):
        return os.mkdir, ("made-by-the-file",)


@pytest.mark.parametrize("is_archive", [True, False])
def test_code_in_a_file_is_not_run(layers, tmp_path, monkeypatch, is_archive):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pth"
    content = {"model": layers(), "state": Foreign()}
    torch.save(content, path, _use_new_zipfile_serialization=is_archive)
    with pytest.raises(FileError) as error:
        load_pretrained(path, n_heads=2)
    name = f"{os.mkdir.__module__}.mkdir"
    assert str(error.value) == (
        f"{path}: it asks for {name}, and only tensors and plain values are read, since anything "
        f"else would run code of the file. {HINT}"
    )
    assert not (tmp_path / "made-by-the-file").exists()


@pytest.mark.parametrize("is_archive", [True, False])
def test_what_trainings_keep_beside_the_weights(layers, tmp_path, is_archive):
    path = tmp_path / "checkpoint-199.pth"
    tensors = layers()
    state = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3}]}
    content = {
        "model": tensors,
        "optimizer": state,
        "epoch": 199,
        "scaler": {"scale": 65536.0},
        "args": argparse.Namespace(lr=1e-4, model="mae"),
    }
    torch.save(content, path, _use_new_zipfile_serialization=is_archive)
    pretrained = load_pretrained(path, n_heads=2)
    assert pretrained.provenance["other_entries"] == ["args", "epoch", "optimizer", "scaler"]
    assert pretrained.provenance["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert torch.equal(pretrained.weights["norm.bias"], tensors["norm.bias"])
    path.unlink()  # the weights do not depend on the file any more
    assert torch.equal(pretrained.weights["norm.bias"], tensors["norm.bias"])


def test_paths(tmp_path):
    with pytest.raises(MissingFileError, match=r"nothing\.pt does not exist"):
        load_pretrained(tmp_path / "nothing.pt")
    with pytest.raises(FileError) as error:
        load_pretrained(tmp_path)
    assert str(error.value).endswith(
        "is a folder without encoder.json. Give the path of the file of weights in it."
    )
    path = tmp_path / "model.h5"
    path.touch()
    with pytest.raises(FileError) as error:
        load_pretrained(path)
    assert str(error.value) == (
        f"{path}: the suffix '.h5' is unknown. Weights are read from files that end in "
        ".safetensors, .pt, .pth, .bin or .ckpt."
    )


def test_large_files_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "_MAX_BYTES", 10)
    path = tmp_path / "model.pt"
    path.write_bytes(bytes(11))
    with pytest.raises(FileError) as error:
        load_pretrained(path)
    assert str(error.value) == (
        f"{path}: it has 11 bytes, above the limit 10. Save the weights of the encoder alone, "
        "without the state of the optimizer."
    )


@pytest.mark.parametrize("content", [b"", b"hello, world", b"PK\x03\x04 cut off", b"\x80\x02]q"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_files(tmp_path, content, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(FileError) as error:
        load_pretrained(path)
    kind = {
        ".pt": "this is not a file that torch.save wrote, or it is damaged (",
        ".safetensors": "this is not a file of safetensors (",
    }[suffix]
    assert str(error.value).startswith(f"{path}: {kind}")
    assert str(error.value).endswith("). Copy or download it again.")


def test_files_that_are_cut_off(layers, write):
    path = write(layers())
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(FileError, match="it is damaged"):
            load_pretrained(path, n_heads=2)


def test_compressed_archives_are_refused(layers, write, tmp_path):
    packed = tmp_path / "packed.pt"
    with (
        zipfile.ZipFile(write(layers())) as plain,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
    with pytest.raises(FileError) as error:
        load_pretrained(packed)
    assert str(error.value) == f"{packed}: it is compressed, which torch never does. {HINT}"


@pytest.mark.parametrize(
    ("tensor", "problem"),
    [
        (torch.zeros(1).expand(10**9), "has more values than the file holds"),
        (torch.eye(3).to_sparse(), "is sparse, quantized or has no values"),
        (torch.zeros(3, device="meta"), "is sparse, quantized or has no values"),
    ],
)
def test_tensors_that_are_not_stored_as_they_are(layers, write, tensor, problem):
    path = write({**layers(), "other": tensor})
    with pytest.raises(FileError) as error:
        load_pretrained(path, n_heads=2)
    assert str(error.value) == f"{path}: the tensor 'other' {problem}. {HINT}"


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        ({"epoch": 3, "model": {"a": 1}}, "'epoch', 'model'"),
        ([torch.zeros(3)], "list"),
        (torch.zeros(3), "Tensor"),
        ({3: torch.zeros(3)}, "'3'"),
        ({}, "dict"),
    ],
)
def test_files_without_named_tensors(write, content, holds):
    path = write(content)
    with pytest.raises(FileError) as error:
        load_pretrained(path)
    assert str(error.value) == (
        f"{path}: it holds no tensors by name, but {holds}. They are looked for at the top and in "
        "'model', 'state_dict', 'model_state_dict'."
    )


def test_a_plain_pickle_is_not_read(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps({"a": 1}, protocol=2))
    with pytest.raises(FileError, match="it is damaged"):
        load_pretrained(path)


ONLY = "Only plain transformers with the weight names of timm can be read."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"blocks.1.attn.proj.bias": None},
            f"layer 1 of the transformer lacks attn.proj.bias. {ONLY}",
        ),
        (
            {"blocks.1.attn.gate": torch.zeros(3)},
            f"layer 1 of the transformer has attn.gate in addition. {ONLY}",
        ),
        (
            {"blocks.0.ls1.gamma": torch.zeros(3)},
            f"layer 0 of the transformer has ls1.gamma in addition. {ONLY}",
        ),
        (
            {"blocks.0.attn.q.weight": torch.zeros(16, 16)},
            "layer 0 of the transformer lacks attn.k.weight, attn.v.weight. " + ONLY,
        ),
        (
            {"blocks.1.mlp.fc2.weight": torch.zeros(16, 16)},
            "mlp.fc2.weight of layer 1 of the transformer has shape (16, 16), not (16, 24). "
            + ONLY,
        ),
        (
            {"blocks.0.norm1.weight": torch.zeros(())},
            f"its layers have no features. {ONLY}",
        ),
        (
            {"blocks.0.mlp.fc1.weight": None},
            f"its layers have no mlp.fc1.weight. {ONLY}",
        ),
        (
            {"norm.bias": None},
            f"the norm after the layers lacks norm.bias. {ONLY}",
        ),
        (
            {"blocks.5.norm1.weight": torch.zeros(16)},
            f"its layers are numbered [0, 1, 5]. {ONLY}",
        ),
        (
            {"blocks.final": torch.zeros(16)},
            f"the name 'blocks.final' is not that of a layer. {ONLY}",
        ),
        (
            {"teacher.blocks.0.norm1.weight": torch.zeros(16)},
            "it holds 2 transformers, under ['', 'teacher.']. Save the weights of one of them "
            "alone.",
        ),
        (
            {"blocks.0.norm1.bias": torch.full((16,), torch.nan)},
            "the tensor 'blocks.0.norm1.bias' has values that are NaN or infinite. Use another "
            "file.",
        ),
        (
            {"blocks.0.norm1.bias": torch.zeros(16, dtype=torch.int8)},
            "the tensor 'blocks.0.norm1.bias' has the type torch.int8. Weights are floating-point "
            "numbers.",
        ),
        (
            {"blocks.0.attn.sampling_offsets.weight": torch.zeros(3)},
            "it has 'blocks.0.attn.sampling_offsets.weight': attention at sampled positions, as "
            "HyperSIGMA has it. Put into a plain transformer, such weights would compute something "
            "else. Choose a model with plain attention; the guide on pre-training lists some.",
        ),
        (
            {"image_encoder.blocks.0.attn.rel_pos_h": torch.zeros(3)},
            "it has 'image_encoder.blocks.0.attn.rel_pos_h': relative positions and windows, as "
            "HyperFree has them. Put into a plain transformer, such weights would compute "
            "something else. Choose a model with plain attention; the guide on pre-training lists "
            "some.",
        ),
    ],
)
def test_layers_that_are_not_plain(layers, write, change, message):
    tensors = {name: value for name, value in {**layers(), **change}.items() if value is not None}
    path = write(tensors)
    with pytest.raises(FileError) as error:
        load_pretrained(path, n_heads=2)
    assert str(error.value) == f"{path}: {message}"


def test_files_of_other_networks(tmp_path):
    path = tmp_path / "resnet.safetensors"
    safetensors.torch.save_file(
        {f"conv{number}.weight": torch.zeros(3) for number in range(4)}, path
    )
    with pytest.raises(FileError) as error:
        load_pretrained(path)
    assert str(error.value) == (
        f"{path}: none of its 4 tensors ('conv0.weight', 'conv1.weight', 'conv2.weight', ...) is a "
        "layer named 'blocks.0.norm1.weight', as plain vision transformers have them. See the "
        "guide on pre-training for the models whose files can be read."
    )
