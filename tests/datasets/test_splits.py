import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hsvlm import datasets
from hsvlm.datasets import StandardSplit, _registry
from hsvlm.exceptions import DataError, DownloadError, UnknownNameError

NAMED = {
    "houston-2013": datasets.fetch_houston2013_split,
    "indian-pines": datasets.fetch_indian_pines_split,
    "pavia-university": datasets.fetch_pavia_university_split,
}


def small_entry(key, provider, train, test, shape, counts):
    """The registry's split `key` as two files of other content at the local provider."""
    entry = _registry.SPLITS[key]
    provider.files |= {entry.train.name: train, entry.test.name: test}

    def at_provider(file):
        content = provider.files[file.name]
        digest = hashlib.sha256(content).hexdigest()
        return dataclasses.replace(file, urls=(provider.url(file.name),), sha256=digest)

    return dataclasses.replace(
        entry,
        shape=shape,
        train_counts=counts[0],
        test_counts=counts[1],
        train=at_provider(entry.train),
        test=at_provider(entry.test),
    )


def test_values_of_indian_pines_become_labels_of_the_scene(
    provider, as_tiff, tmp_path, monkeypatch
):
    train = np.zeros((5, 8), dtype=np.uint8)
    train[:2] = np.arange(1, 17).reshape(2, 8)
    test = np.zeros_like(train)
    test[2:4] = train[:2]
    entry = small_entry(
        "indian-pines", provider, as_tiff(train), as_tiff(test), (5, 8), [(1,) * 16] * 2
    )
    monkeypatch.setitem(_registry.SPLITS, "indian-pines", entry)
    split = datasets.fetch_indian_pines_split(data_home=tmp_path, progress=False)
    order = [[2, 3, 4, 5, 6, 8, 10, 11], [12, 13, 14, 15, 16, 1, 7, 9]]
    empty = [[0] * 8] * 2
    assert split.train_map.tolist() == [*order, *empty, [0] * 8]
    assert split.test_map.tolist() == [*empty, *order, [0] * 8]
    assert split.labels.tolist() == [*order, *order, [0] * 8]
    assert split.train_map.dtype == split.labels.dtype == np.uint8
    # Value 1 of the files is Corn-notill, and the classes of 15 training pixels are the rare ones.
    names = datasets.load_indian_pines().class_names
    assert split.class_names == names
    assert names[split.train_map[0, 0]] == "Corn-notill"
    assert [names[label] for label in split.train_map[1, 5:]] == [
        "Alfalfa",
        "Grass-pasture-mowed",
        "Oats",
    ]
    visits = len(provider.visits)
    datasets.fetch_indian_pines_split(data_home=tmp_path, progress=False)
    assert len(provider.visits) == visits == 2


def test_values_of_pavia_university_are_labels(provider, as_mat, tmp_path, monkeypatch):
    train, test = np.array([[1, 0, 0, 9]]), np.array([[0, 3, 0, 0]])
    entry = small_entry(
        "pavia-university",
        provider,
        as_mat(TRpaviaU=train),
        as_mat(TSpaviaU=test),
        (1, 4),
        [(1, 0, 0, 0, 0, 0, 0, 0, 1), (0, 0, 1, 0, 0, 0, 0, 0, 0)],
    )
    monkeypatch.setitem(_registry.SPLITS, "pavia-university", entry)
    split = datasets.fetch_pavia_university_split(data_home=tmp_path, progress=False)
    assert split.train_map.tolist() == train.tolist()
    assert split.test_map.tolist() == test.tolist()
    assert split.labels.tolist() == [[1, 3, 0, 9]]
    assert split.class_names == _registry.SCENES["pavia-university"].class_names
    assert repr(split) == (
        "StandardSplit('Pavia University', 1 x 4 pixels, 2 for training, 1 for testing, 9 classes)"
    )


def test_another_map(provider, as_tiff, tmp_path, monkeypatch):
    content = as_tiff([[1, 2]])
    entry = small_entry("houston-2013", provider, content, content, (1, 2), [(1, 1), (2, 0)])
    monkeypatch.setitem(_registry.SPLITS, "houston-2013", entry)
    with pytest.raises(DataError) as error:
        datasets.fetch_houston2013_split(data_home=tmp_path, progress=False)
    assert str(error.value) == (
        f"{tmp_path / entry.test.name} has 1 pixels of class 1, expected 2. It is another label "
        "map. Delete it to have it downloaded again."
    )


def test_maps_that_share_pixels(provider, as_tiff, tmp_path, monkeypatch):
    contents = as_tiff([[1, 2]]), as_tiff([[0, 2]])
    entry = small_entry("houston-2013", provider, *contents, (1, 2), [(1, 1), (0, 1)])
    monkeypatch.setitem(_registry.SPLITS, "houston-2013", entry)
    with pytest.raises(DataError) as error:
        datasets.fetch_houston2013_split(data_home=tmp_path, progress=False)
    assert str(error.value) == (
        "1 pixels are in the training map and in the test map. Set them to 0 in one of the two."
    )


@pytest.mark.parametrize(("train", "test"), [((2, 3), (3, 2)), ((2, 3), (2, 3, 1)), ((4,), (4,))])
def test_maps_of_other_shapes(train, test):
    with pytest.raises(DataError) as error:
        StandardSplit(np.zeros(train), np.zeros(test))
    assert str(error.value) == (
        f"The training map has shape {train} and the test map {test}. Both must be 2-D maps "
        "(height, width) of the same scene."
    )


def test_maps_may_be_lists():
    split = StandardSplit([[1, 0, 0]], [[0, 2, 0]])
    assert split.labels.tolist() == [[1, 2, 0]]
    assert repr(split) == "StandardSplit('', 1 x 3 pixels, 1 for training, 1 for testing)"
    with pytest.raises(DataError, match="1 pixels are in the training map and in the test map"):
        StandardSplit([[1, 0, 0]], [[1, 2, 0]])


@pytest.mark.parametrize("empty", [np.nan, "", None])
def test_maps_of_other_values_than_numbers_are_refused(empty):
    with pytest.raises(DataError, match="holds texts, NaN or infinite values"):
        StandardSplit(np.array([[1, empty]]), np.array([[0, 1]]))


@pytest.mark.slow
@given(
    labels=arrays(np.uint8, (4, 5), elements=st.integers(0, 3)),
    chosen=arrays(np.bool_, (4, 5)),
)
def test_the_maps_make_up_the_labels(labels, chosen):
    split = StandardSplit(np.where(chosen, labels, 0), np.where(chosen, 0, labels))
    np.testing.assert_array_equal(split.labels, labels)


@pytest.mark.parametrize("name", _registry.SPLITS)
def test_every_split_is_fetched_by_its_name(name, tmp_path):
    with pytest.raises(DownloadError) as error:
        datasets.fetch_split(name, data_home=tmp_path, progress=False)
    assert str(error.value).startswith(f"{_registry.SPLITS[name].train.name} is not in {tmp_path}")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fetcher"), NAMED.items())
def test_functions_of_single_splits(name, fetcher, tmp_path):
    with pytest.raises(DownloadError) as error:
        fetcher(data_home=tmp_path, progress=False)
    assert str(error.value).startswith(f"{_registry.SPLITS[name].train.name} is not in {tmp_path}")


def test_an_unknown_split(tmp_path):
    with pytest.raises(UnknownNameError) as error:
        datasets.fetch_split("salinas", data_home=tmp_path)
    assert str(error.value) == (
        "Unknown split 'salinas'. Known: 'houston-2013', 'indian-pines', 'pavia-university'."
    )


def test_the_registry_is_consistent():
    sizes = {
        "houston-2013": (2_832, 12_197),
        "indian-pines": (695, 9_671),
        "pavia-university": (3_921, 40_002),
    }
    for key, entry in _registry.SPLITS.items():
        assert (sum(entry.train_counts), sum(entry.test_counts)) == sizes[key]
        n_classes = len(entry.class_names)
        assert len(entry.train_counts) == len(entry.test_counts) == n_classes
        assert sorted(entry.order) in ([], list(range(1, n_classes + 1)))
