"""Values keep their types and bits; what no packer makes is refused."""

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from hsvlm import HSIPromptClassifier
from hsvlm._storage.values import Packer, Unpacker, fields
from hsvlm.exceptions import FileError, HSVLMError

DTYPES = ["?", "i1", ">i2", "<i4", ">i8", "u1", "<u2", ">u4", "u8", "<f2", ">f4", "f8"]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, min_side=0, max_side=4))
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(DTYPES).flatmap(lambda one: npst.arrays(one, ()).map(lambda array: array[()]))
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(np.str_)
)  # fmt: skip
KEYS = SCALARS.filter(lambda one: one == one)
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)


def through_json(value):
    packer = Packer()
    packed = json.loads(json.dumps(packer.pack(value, "here"), allow_nan=False))
    unpacker = Unpacker(packer.tensors)
    found = unpacker.unpack(packed)
    unpacker.close()
    return found


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert found.tolist() == expected.tolist() or np.isnan(expected).any()
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for pair in zip(found, expected, strict=True):
            assert_same(*pair)
    elif isinstance(expected, dict):
        assert_same(list(found.items()), list(expected.items()))
    elif isinstance(expected, (float, np.floating)) and math.isnan(expected):
        assert math.isnan(found)
    else:
        assert found == expected
        assert repr(found) == repr(expected)


@pytest.mark.slow
@given(VALUES)
def test_every_value_comes_back(value):
    assert_same(through_json(value), value)


@pytest.mark.slow
@given(st.sampled_from(DTYPES), st.permutations(range(3)), st.booleans())
def test_arrays_of_any_order_in_memory(dtype, axes, reverse):
    array = np.arange(24).reshape(2, 3, 4).transpose(axes).astype(dtype, order="K")
    array = array[::-1] if reverse else array
    before = array.copy()
    found = through_json(array)
    np.testing.assert_array_equal(found, before)
    if array.flags.f_contiguous:
        assert found.flags.f_contiguous
    found[...] = 0  # memory of its own
    np.testing.assert_array_equal(array, before)


def test_strings_keep_their_room():
    found = through_json(np.array(["a", "mäh"], dtype="<U9"))
    assert found.dtype == "<U9"
    assert found.tolist() == ["a", "mäh"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.int64, torch.bool])
def test_tensors(dtype):
    tensor = torch.arange(6).reshape(2, 3).T.to(dtype)
    assert torch.equal(through_json([tensor])[0], tensor)


def test_arrays_under_keys_that_look_the_same():
    arrays = [np.zeros((1, 2)), np.ones((2, 1))]
    found = through_json({float("nan"): arrays[0], float("nan"): arrays[1]})
    for one, other in zip(found.values(), arrays, strict=True):
        np.testing.assert_array_equal(one, other)


def test_paths_become_paths():
    assert through_json(Path("a") / "b") == Path("a/b")


@pytest.mark.parametrize(
    "value", [b"bytes", {1}, 1j, object(), print, np.complex64(1), np.datetime64("2020"), int]
)
def test_other_types_are_refused(value):
    with pytest.raises(HSVLMError, match=r"there\['a'\] is of type"):
        Packer().pack({"a": value}, "there")


def test_generators_of_other_kinds_are_refused():
    with pytest.raises(HSVLMError, match="is of type RandomState"):
        Packer().pack(np.random.RandomState(np.random.PCG64(0)), "random_state")


@pytest.mark.parametrize(
    "packed",
    [
        {},
        {"dict": {}, "tuple": []},
        {"object": "os.system"},
        {"float": "1e400"},
        {"numpy": ["object", 1]},
        {"numpy": ["int8", 300]},
        {"array": {"dtype": "O", "shape": [], "values": [1]}},
        {"array": {"dtype": "i4,f4", "shape": [1], "values": [1]}},
        {"array": {"dtype": "<M8[s]", "shape": [1], "values": [1]}},
        {"array": {"dtype": "<i8", "shape": [2], "values": [1]}},
        {"array": {"dtype": "<i8", "shape": [1], "values": [1], "order": "C"}},
        {"array": {"dtype": "<i8", "order": "C", "tensor": "none"}},
        {"random_state": [[1, 2], 0, 0, 0.0]},
    ],
)
def test_what_no_packer_makes_is_refused(packed):
    with pytest.raises((ValueError, LookupError, TypeError, OverflowError)):
        Unpacker({}).unpack(packed)


def test_keys_are_checked():
    assert fields({"a": 1, "b": 2}, ("a",), ("b", "c")) == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match=r"^missing 'a', 'b'; unknown 'd'$"):
        fields({"c": 1, "d": 2}, ("a", "b", "c"))
    with pytest.raises(ValueError, match=r"^expected an object with a, got list$"):
        fields([], ("a",))


# A saved model whose digests are right, and whose content is not ours


def places_in(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places_in(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value[:3]):
            yield from places_in(one, (*path, index))


def put(config, path, value):
    changed = copy.deepcopy(config)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


# Big numbers are left out: they are refused too, but for want of memory.
STRANGE = [None, [], {}, "", "vit", -1, 0, 3, 0.5, True, {"tuple": []}, {"unknown": 1}]


@pytest.mark.slow
def test_whatever_stands_in_it_a_model_is_loaded_or_refused(saved, edit):
    config = json.loads((saved / "config.json").read_text())
    changes = [
        (path, value) for path in places_in(config["classifier"], ("classifier",))
        for value in STRANGE
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    n_refused = 0
    for number in rng.choice(len(changes), 250, replace=False):
        path, value = changes[number]
        edit(saved, lambda _, path=path, value=value: put(config, path, value))
        try:
            HSIPromptClassifier.load(saved, device="cpu")
        except HSVLMError:
            n_refused += 1
    assert n_refused > 100


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        (("note",), 1, "ValueError: unknown 'note'"),
        (("classifier", "note"), 1, "ValueError: unknown 'note'"),
        (("classifier", "parameters", "n_layers"), 1, "ValueError: unknown 'n_layers'"),
        (("classifier", "fitted", "note_"), 1, "ValueError: unknown 'note_'"),
        (("classifier", "preprocessing", 0, "step", "class"), "os.system", "KeyError: 'os.system'"),
        (("classifier", "network", "projection"), "text", "RuntimeError: "),
        (("classifier", "network", "precision"), "float8", "KeyError: 'float8'"),
        (("classifier", "network", "settings", "dict", "n_soft"), 1, "TypeError: "),
        (("pipeline",), {"steps": []}, "ValueError: missing 'classifier', 'verbose'"),
    ],
)
def test_unknown_content_is_told_of(saved, edit, path, value, wrong):
    edit(saved, lambda config: put(config, path, value))
    with pytest.raises(FileError) as caught:
        HSIPromptClassifier.load(saved, device="cpu")
    message = str(caught.value)
    assert message.startswith(f"{saved}: holds what this version does not know ({wrong}")
    assert "Load it with what it was written with: hsvlm 0.1.0, python 3." in message


def test_unknown_tensors_are_refused(fitted, saved):
    from safetensors.torch import load, save

    from hsvlm._storage.parts import read_parts, write_parts

    parts = read_parts(saved)
    tensors = load(parts["model.safetensors"])
    more = save({**tensors, "stowaway": torch.ones(1)})
    write_parts(saved, {**parts, "model.safetensors": more})
    with pytest.raises(FileError, match=r"\(ValueError: unknown tensors stowaway\)"):
        HSIPromptClassifier.load(saved, device="cpu")
    fewer = {name: one for name, one in tensors.items() if name != "network.encoder.norm.bias"}
    write_parts(saved, {**parts, "model.safetensors": save(fewer)})
    with pytest.raises(FileError, match=r"Missing key\(s\)"):
        HSIPromptClassifier.load(saved, device="cpu")
    write_parts(saved, {**parts, "model.safetensors": b"\x08" + bytes(7) + b"{}      x"})
    with pytest.raises(FileError, match="SafetensorError"):
        HSIPromptClassifier.load(saved, device="cpu")


def test_a_parameter_that_came_later_has_its_default(saved, edit, fitted, cube):
    edit(saved, lambda config: config["classifier"]["parameters"].pop("augment") and None)
    loaded = HSIPromptClassifier.load(saved, device="cpu")
    assert loaded.augment is True
    np.testing.assert_array_equal(loaded.predict(cube), fitted.predict(cube))
