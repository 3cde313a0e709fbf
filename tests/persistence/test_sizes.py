"""Whatever sizes a file states, loading it takes no more memory than the file is worth."""

import json
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier
from hsvlm._storage import parts as files
from hsvlm._storage import tensors, values
from hsvlm._storage.format import CONFIG
from hsvlm._storage.parts import TENSORS, read_parts, write_parts
from hsvlm._storage.values import Packer, Unpacker
from hsvlm.exceptions import FileError, ParameterError


def with_config(change):
    def forge(parts):
        config = json.loads(parts[CONFIG])
        change(config)
        return {**parts, CONFIG: json.dumps(config).encode()}

    return forge


def network(**params):
    def change(config):
        config["classifier"]["network"]["encoder_params"]["dict"].update(params)
        if "window_size" in params:
            config["classifier"]["fitted"]["window_size_"] = params["window_size"]

    return with_config(change)


def metadata(packed):
    return with_config(lambda config: config["metadata"]["dict"].update(a=packed))


def steps(**values):
    def change(config):
        for step in config["classifier"]["preprocessing"]:
            step["step"]["fitted"].update(values)

    return with_config(change)


def text(content):
    return lambda parts: {**parts, CONFIG: b'{"format": 1, "versions": {"hsvlm": "1"}, ' + content}


def header(entries):
    content = json.dumps(entries).encode()
    return lambda parts: {**parts, TENSORS: struct.pack("<Q", len(content)) + content}


STRINGS = {"array": {"dtype": "<U9999", "shape": [2000], "values": [""] * 2000}}
NOTHING = {"array": {"dtype": "<f8", "shape": [0, 10**9, 10**9], "values": []}}
AGAIN = {"array": {"dtype": "<f4", "order": "C", "tensor": "text_embeddings_"}}
EMPTY = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
FORGED = {
    "width": (network(width=10**6), "far larger"),
    "layers": (network(depth=10**9), "far larger"),
    "tiny layers": (network(depth=10**9, width=1, n_heads=1, mlp_width=1), "far larger"),
    "empty layers": (network(depth=10**9, width=0, mlp_width=0), "width=0 is too small"),
    "hidden": (network(mlp_width=10**9), "far larger"),
    "beyond all numbers": (network(mlp_width=10**30), "cannot be made from"),
    "window": (network(window_size=10**5), "far larger"),
    "channels": (network(n_channels=10**9), "other channels"),
    "preprocessing": (steps(n_features_in_=10**9), "a step is not what a fit gives"),
    "strings": (metadata([STRINGS] * 4), "arrays of strings"),
    "copies": (metadata([AGAIN] * 10**4), "is referred to twice"),
    "nesting": (text(b'"classifier": ' + b"[" * 10**6), "does not belong to a saved model"),
    "long text": (text(b'"classifier": [' + b"{}," * (10**6) + b"{}]}"), "missing"),
    "longer text": (text(b" " * 2**25 + b"}"), "above the limit"),
    "header": (header({"__metadata__": {"a": " " * 2**24}}), "a header of"),
    "offsets": (header({"a": {**EMPTY, "shape": [2**40], "data_offsets": [0, 2**42]}}), "Error"),
    "overlap": (header({"a": {**EMPTY, "shape": [2], "data_offsets": [0, 8]}}), "Error"),
}

# Loads and uses a model in a new process, and others while it may take only a gigabyte more than it
# has. All in a single process: importing torch takes longer than the rest.
_LOAD = """
import json, sys
import numpy as np
from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import HSVLMError

def load(path):
    try:
        HSIPromptClassifier.load(path, device="cpu")
    except HSVLMError as error:
        return str(error)

def load_with_little_memory(paths):
    import resource
    load(whole)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pages = int(open("/proc/self/statm").read().split()[0])
    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + 2**30
    resource.setrlimit(resource.RLIMIT_AS, (most, unlimited[1]))
    found = [load(path) for path in paths]
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - kilobytes
    resource.setrlimit(resource.RLIMIT_AS, unlimited)
    return found, taken

whole, cube, probabilities, *forged = sys.argv[1:]
found, kilobytes = load_with_little_memory(forged) if forged else ([], 0)
clf = HSIPromptClassifier.load(whole, device="cpu")
np.save(probabilities, clf.predict_proba(np.load(cube)))
print(json.dumps([found, kilobytes, "sentence_transformers" in sys.modules]))
"""


@pytest.fixture(scope="module")
def new_process(fitted, cube, tmp_path_factory):
    """What it says about every forged model, how many kilobytes that took, what it imported, and
    the probabilities that it found for the cube with the whole model."""
    folder = tmp_path_factory.mktemp("forged")
    parts = read_parts(fitted.save(folder / "whole"))
    np.save(folder / "cube.npy", cube)
    paths = [folder / name for name in ("whole", "cube.npy", "probabilities.npy")]
    if sys.platform.startswith("linux"):  # only there, memory is limited and told in this way
        paths += forged_models(folder, parts)
    command = [sys.executable, "-c", _LOAD, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return *json.loads(done.stdout), np.load(folder / "probabilities.npy")


def forged_models(folder, parts):
    paths = []
    for name, (forge, _) in FORGED.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "_MAX_TEXT_BYTES", 2**40)
            paths.append(write_parts(folder / name, forge(parts)))
    crowd = folder / "crowd.zip"
    with zipfile.ZipFile(crowd, "w") as archive:
        archive.writestr("x", b"")
        # One entry, ten thousand times.
        archive.filelist *= 10**4
    return [*paths, crowd]


@pytest.fixture(scope="module")
def forged(new_process):
    """What loading each of the models says, and how many kilobytes that took."""
    found, kilobytes, *_ = new_process
    if not found:
        pytest.skip("only Linux limits and tells memory in this way")
    return dict(zip([*FORGED, "crowd"], found, strict=True)), kilobytes


@pytest.mark.slow
def test_new_processes_predict_the_same(new_process, fitted, cube):
    *_, loads_text_models, probabilities = new_process
    assert not loads_text_models
    np.testing.assert_array_equal(probabilities, fitted.predict_proba(cube))


@pytest.mark.slow
@pytest.mark.parametrize("name", FORGED)
def test_sizes_are_checked(forged, name):
    assert FORGED[name][1] in (forged[0][name] or "it was loaded")


@pytest.mark.slow
def test_archives_of_many_members_are_not_listed(forged):
    assert "(it has too many members)" in forged[0]["crowd"]


@pytest.mark.slow
def test_little_memory_is_taken(forged):
    assert forged[1] < 400 * 1024


def test_arrays_without_values_are_only_a_shape(saved, edit):
    edit(saved, lambda config: config["metadata"]["dict"].update(a=NOTHING))
    loaded = HSIPromptClassifier.load(saved, device="cpu")
    assert loaded.metadata_["a"].shape == (0, 10**9, 10**9)


def test_long_arrays_are_no_text(fitted, tmp_path):
    given = {"long": np.arange(10**5, dtype=">i2"), "short": np.arange(3)}
    path = fitted.save(tmp_path / "model", metadata=given)
    assert len(read_parts(path)[CONFIG]) < 10**5
    found = HSIPromptClassifier.load(path, device="cpu").metadata_
    for name, array in given.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_what_could_not_be_loaded_is_not_saved(fitted, tmp_path, monkeypatch):
    def message_of(**given):
        with pytest.raises(ParameterError) as caught:
            fitted.save(tmp_path / "model", metadata=given)
        assert list(tmp_path.iterdir()) == []
        return str(caught.value)

    monkeypatch.setattr(values, "_MAX_STRING_BYTES", 1000)
    assert message_of(a=np.array([""] * 10), b=np.array(["a"] * 300)) == (
        "metadata['b']: the arrays of strings of a saved model take 1000 bytes at most, and with "
        "this one they take 1240. Pass lists of strings, or arrays of dtype object."
    )
    size = len(read_parts(fitted.save(tmp_path / "x" / "model"))[CONFIG])
    (tmp_path / "x").rename(tmp_path.with_name("elsewhere"))
    monkeypatch.setattr(files, "_MAX_TEXT_BYTES", size)
    assert message_of(a="x" * 1000).startswith(f"{tmp_path / 'model'}: config.json would have ")
    assert message_of(a="x" * 1000).endswith(
        f" bytes, above the limit {size}. Shorten the metadata; arrays of numbers are stored "
        "elsewhere."
    )
    monkeypatch.setattr(tensors, "_MAX_HEADER_BYTES", 1000)
    assert "Join the arrays of the metadata into larger ones." in message_of()


@pytest.mark.parametrize(
    "packed",
    [
        [[1] * 624, 0, 0, 0.0],
        [{"array": {"dtype": "<u4", "order": "C", "tensor": "zeros"}}, 0, 0, 0.0],
        [{"array": {"dtype": "<u4", "order": "C", "tensor": "words"}}, 625, 0, 0.0],
        [{"array": {"dtype": "<u4", "order": "C", "tensor": "words"}}, -1, 0, 0.0],
        [{"array": {"dtype": "<u4", "order": "C", "tensor": "words"}}, 0, 2, 0.0],
    ],
)
def test_generators_that_would_read_beyond_their_state_or_never_end(packed):
    packer = Packer()
    words = np.ones(624, dtype=np.uint32)
    packer.store(words, "words")
    words[1:] = 0
    packer.store(words, "zeros")
    with pytest.raises(ValueError, match="an invalid random state"):
        Unpacker(packer.tensors).unpack({"random_state": packed})


@pytest.mark.slow
def test_networks_of_ones_own_are_bounded_too(cube, labels, settings, tmp_path, edit):
    class Line(torch.nn.Module):
        def __init__(self, n_channels, window_size, patch_size, width=4):
            super().__init__()
            self.n_features = width
            self.layer = torch.nn.Linear(n_channels, width)

        def forward(self, windows):
            return self.layer(windows.mean(dim=(1, 2)))

    own = {"vision_encoder": Line, "vision_params": {"width": 4}}
    path = HSIPromptClassifier(**{**settings, **own}).fit(cube, labels).save(tmp_path / "model")

    def widen(config):
        config["classifier"]["network"]["encoder_params"]["dict"]["width"] = 10**8

    edit(path, widen)
    with pytest.raises(FileError, match="far larger than the weights in the file"):
        HSIPromptClassifier.load(path, device="cpu", vision_encoder=Line)
