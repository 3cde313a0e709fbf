import dataclasses
import errno
import hashlib
import io
import json
import os
import re
import shutil
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from hsvlm import datasets
from hsvlm.datasets import _cache, _registry
from hsvlm.datasets._arrays import read_label_map
from hsvlm.datasets._cache import RemoteFile, data_folder
from hsvlm.exceptions import (
    DataError,
    DownloadError,
    MissingDependencyError,
    ParameterError,
    UnknownNameError,
)

NAMED = {
    "augsburg": datasets.fetch_augsburg,
    "botswana": datasets.fetch_botswana,
    "houston-2013": datasets.fetch_houston2013,
    "ksc": datasets.fetch_ksc,
    "muufl": datasets.fetch_muufl,
    "pavia-centre": datasets.fetch_pavia_centre,
    "pavia-university": datasets.fetch_pavia_university,
    "salinas": datasets.fetch_salinas,
    "trento": datasets.fetch_trento,
}
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "datasets.md"
CUBE = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)
LABELS = np.array([[0, 1, 2], [2, 2, 0]], dtype=np.uint8)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def small(provider, as_mat, monkeypatch):
    """Pavia University as a scene of 2 x 3 pixels at the local provider, with known digests."""
    provider.files = {"PaviaU.mat": as_mat(paviaU=CUBE), "PaviaU_gt.mat": as_mat(paviaU_gt=LABELS)}
    entry = _registry.SCENES["pavia-university"]

    def at_provider(file):
        return dataclasses.replace(
            file,
            page="https://example.org/scenes",
            urls=(provider.url(file.name),),
            sha256=sha256(provider.files[file.name]),
        )

    entry = dataclasses.replace(
        entry,
        shape=CUBE.shape,
        counts=(1, 3),
        cube=at_provider(entry.cube),
        labels=at_provider(entry.labels),
    )
    monkeypatch.setitem(_registry.SCENES, "pavia-university", entry)
    return entry


@pytest.fixture
def unknown(small, monkeypatch):
    """The same scene with no digest known."""
    entry = dataclasses.replace(
        small,
        cube=dataclasses.replace(small.cube, sha256=None),
        labels=dataclasses.replace(small.labels, sha256=None),
    )
    monkeypatch.setitem(_registry.SCENES, "pavia-university", entry)
    return entry


def fetch(folder):
    return datasets.fetch_pavia_university(data_home=folder, progress=False)


def test_download_and_reuse(small, provider, tmp_path):
    scene = fetch(tmp_path / "new" / "folder")
    np.testing.assert_array_equal(scene.cube, CUBE)
    np.testing.assert_array_equal(scene.labels, LABELS)
    assert scene.cube.dtype == np.uint16
    assert scene.cube.flags.c_contiguous
    assert scene.cube.flags.writeable
    assert scene.labels.dtype == np.uint8
    assert scene.labels.flags.writeable
    assert scene.class_names[5] == "Painted metal sheets"
    assert scene.wavelengths_nm is None
    assert scene.name == "Pavia University"
    assert "P. Gamba" in scene.citation
    assert provider.visits == ["PaviaU.mat", "PaviaU_gt.mat"]
    fetch(tmp_path / "new" / "folder")
    assert provider.visits == ["PaviaU.mat", "PaviaU_gt.mat"]
    # Nothing but the files is left, and no record of digests that are known anyway.
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == [
        "PaviaU.mat",
        "PaviaU_gt.mat",
    ]


def test_the_class_names_of_a_scene_are_its_own(small, tmp_path):
    fetch(tmp_path).class_names[1] = "changed"
    assert fetch(tmp_path).class_names[1] == "Asphalt"


def test_files_put_there_by_hand_need_no_network(small, provider, tmp_path, monkeypatch):
    for name, content in provider.files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setitem(sys.modules, "pooch", None)
    np.testing.assert_array_equal(fetch(tmp_path).cube, CUBE)
    assert provider.visits == []


def test_downloads_need_pooch(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingDependencyError) as error:
        fetch(tmp_path)
    assert str(error.value) == (
        'pooch is needed here and is not installed. Install it with: pip install "hsvlm[data]"'
    )


@pytest.mark.parametrize("trouble", [503, 0.5, 0.0])
def test_passing_troubles_are_sat_out(trouble, small, provider, tmp_path):
    provider.troubles = [trouble]
    np.testing.assert_array_equal(fetch(tmp_path).cube, CUBE)
    assert provider.visits == ["PaviaU.mat", "PaviaU.mat", "PaviaU_gt.mat"]


@pytest.mark.parametrize("digests", ["small", "unknown"])
def test_a_broken_connection_leaves_no_file(digests, request, provider, tmp_path):
    request.getfixturevalue(digests)
    provider.troubles = [0.5] * 3
    with pytest.raises(DownloadError):
        fetch(tmp_path)
    assert len(provider.visits) == 3
    assert list(tmp_path.iterdir()) == []


def test_offline(small, tmp_path, monkeypatch):
    nowhere = dataclasses.replace(small.cube, urls=("http://192.0.2.1/PaviaU.mat",))
    entry = dataclasses.replace(small, cube=nowhere)
    monkeypatch.setitem(_registry.SCENES, "pavia-university", entry)
    with pytest.raises(DataError) as error:
        fetch(tmp_path)
    assert isinstance(error.value, ConnectionError)
    assert re.sub(r"\(http://192.0.2.1/PaviaU.mat: .*\)", "(...)", str(error.value)) == (
        f"PaviaU.mat is not in {tmp_path} and could not be downloaded (...). Get it from one of "
        "these addresses or from https://example.org/scenes and put it under this name into that "
        "folder, or pass a folder that holds it as data_home."
    )
    assert "tests must not use the network" in str(error.value)


def test_every_address_is_tried(small, provider, tmp_path, monkeypatch):
    urls = (provider.url("gone.mat"), provider.url("PaviaU.mat"))
    entry = dataclasses.replace(small, cube=dataclasses.replace(small.cube, urls=urls))
    monkeypatch.setitem(_registry.SCENES, "pavia-university", entry)
    np.testing.assert_array_equal(fetch(tmp_path).cube, CUBE)
    assert provider.visits == ["gone.mat"] * 3 + ["PaviaU.mat", "PaviaU_gt.mat"]


def test_another_file_at_the_address_is_not_kept(small, provider, tmp_path):
    content = provider.files["PaviaU.mat"] = b"another"
    with pytest.raises(DownloadError) as error:
        fetch(tmp_path)
    assert small.cube.sha256 in str(error.value)
    assert sha256(content) in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_changed_file_is_refused(small, tmp_path):
    fetch(tmp_path)
    path = tmp_path / "PaviaU.mat"
    path.write_bytes(b"changed")
    with pytest.raises(DataError) as error:
        fetch(tmp_path)
    assert not isinstance(error.value, DownloadError)
    assert str(error.value) == (
        f"{path} has the SHA-256 digest {sha256(b'changed')}, expected {small.cube.sha256}. The "
        "file is damaged or another version. Delete it to have it downloaded again."
    )


def test_the_first_file_is_trusted_where_no_digest_is_known(unknown, provider, as_mat, tmp_path):
    fetch(tmp_path)
    first = provider.files["PaviaU.mat"]
    record = tmp_path / "sha256.json"
    assert json.loads(record.read_text()) == {
        name: sha256(content) for name, content in provider.files.items()
    }
    fetch(tmp_path)
    path = tmp_path / "PaviaU.mat"
    changed = as_mat(paviaU=CUBE + 1)
    path.write_bytes(changed)
    with pytest.raises(DataError) as error:
        fetch(tmp_path)
    assert str(error.value) == (
        f"{path} has the SHA-256 digest {sha256(changed)}, expected {sha256(first)}, as recorded "
        "at its first use. The file is damaged or another version. Delete it to have it "
        f"downloaded again. If it is the one you want, take its line out of {record}."
    )
    record.unlink()
    np.testing.assert_array_equal(fetch(tmp_path).cube, CUBE + 1)


def test_a_file_that_cannot_be_read_is_never_trusted(unknown, provider, tmp_path):
    provider.files["PaviaU.mat"] = b"<html>Please log in, in any of the usual ways</html>" * 9
    path = tmp_path / "PaviaU.mat"
    with pytest.raises(DataError) as error:
        fetch(tmp_path)
    assert re.sub(r"\(\w+: .*\)", "(...)", str(error.value)) == (
        f"{path} cannot be read (...). Delete it to have it downloaded again."
    )
    assert not (tmp_path / "sha256.json").exists()


def test_a_damaged_record(unknown, tmp_path):
    fetch(tmp_path)
    record = tmp_path / "sha256.json"
    for damaged, reason in (
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "'list' object has no attribute 'items'"),
    ):
        record.write_text(damaged)
        with pytest.raises(DataError) as error:
            fetch(tmp_path)
        assert str(error.value) == (
            f"{record}, the record of digests, is damaged ({reason}). Delete it to have the "
            "files trusted as they are now."
        )


def test_a_folder_that_cannot_be_written_to(unknown, provider, tmp_path, monkeypatch):
    for name, content in provider.files.items():
        (tmp_path / name).write_bytes(content)

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr("hsvlm.datasets._cache.tempfile.TemporaryDirectory", refuse)
    np.testing.assert_array_equal(fetch(tmp_path).cube, CUBE)


@pytest.mark.parametrize(
    ("name", "variables", "message"),
    [
        (
            "PaviaU.mat",
            {"paviaU": CUBE[:, :2]},
            "{path} holds uint16 of shape (2, 2, 4), expected real numbers of shape (2, 3, 4). ",
        ),
        (
            "PaviaU.mat",
            {"paviaU": CUBE * 1j},
            "{path} holds complex128 of shape (2, 3, 4), expected real numbers of shape "
            "(2, 3, 4). ",
        ),
        ("PaviaU.mat", {"pavia": CUBE}, "{path} cannot be read (KeyError: 'paviaU'). "),
        (
            "PaviaU_gt.mat",
            {"paviaU_gt": LABELS.T},
            "{path} holds uint8 of shape (3, 2), expected real numbers of shape (2, 3). ",
        ),
        (
            "PaviaU_gt.mat",
            {"paviaU_gt": np.minimum(LABELS, 1)},
            "{path} has 4 pixels of class 1, expected 1. It is another label map. ",
        ),
        (
            "PaviaU_gt.mat",
            {"paviaU_gt": np.where(LABELS == 0, 7, LABELS)},
            "{path} has 2 pixels of class 7, expected 0. It is another label map. ",
        ),
        (
            "PaviaU_gt.mat",
            {"paviaU_gt": np.where(LABELS == 1, 0, LABELS)},
            "{path} has 0 pixels of class 1, expected 1. It is another label map. ",
        ),
        (
            "PaviaU_gt.mat",
            {"paviaU_gt": np.where(LABELS == 1, 1.5, LABELS)},
            "{path} has 0 pixels of class 1, expected 1. It is another label map. ",
        ),
    ],
)
def test_other_content(name, variables, message, unknown, as_mat, provider, tmp_path):
    provider.files[name] = as_mat(**variables)
    with pytest.raises(DataError) as error:
        fetch(tmp_path)
    assert str(error.value) == (
        message.format(path=tmp_path / name) + "Delete it to have it downloaded again."
    )


@pytest.fixture
def small_houston(provider, as_tiff, monkeypatch):
    maps = {"train.tif": np.where(LABELS == 1, 1, 0), "test.tif": np.where(LABELS == 2, 2, 0)}
    provider.files = {name: as_tiff(array) for name, array in maps.items()}
    train, test = (
        RemoteFile(name=name, page="", urls=(provider.url(name),), sha256=sha256(content))
        for name, content in provider.files.items()
    )
    split = dataclasses.replace(
        _registry.SPLITS["houston-2013"],
        shape=(2, 3),
        train_counts=(1, 0),
        test_counts=(0, 3),
        train=train,
        test=test,
    )
    scene = _registry.SCENES["houston-2013"]
    scene = dataclasses.replace(
        scene,
        shape=CUBE.shape,
        cube=dataclasses.replace(scene.cube, sha256=sha256(b"a cube")),
        wavelengths_nm=(400.0, 500.0, 600.0, 700.0),
    )
    monkeypatch.setitem(_registry.SPLITS, "houston-2013", split)
    monkeypatch.setitem(_registry.SCENES, "houston-2013", scene)


def test_houston_is_for_the_user_to_get(small_houston, provider, tmp_path):
    with pytest.raises(DownloadError) as error:
        datasets.fetch_houston2013(data_home=tmp_path)
    assert str(error.value) == (
        f"2013_IEEE_GRSS_DF_Contest_CASI.tif is not in {tmp_path}. It is not downloaded "
        "automatically, because its provider wants users to register. Get it from "
        "https://machinelearning.ee.uh.edu/2013-ieee-grss-data-fusion-contest/ and put it under "
        "this name into that folder, or pass a folder that holds it as data_home."
    )
    path = tmp_path / "2013_IEEE_GRSS_DF_Contest_CASI.tif"
    path.write_bytes(b"another cube")
    with pytest.raises(DataError) as error:
        datasets.fetch_houston2013(data_home=tmp_path)
    assert str(error.value) == (
        f"{path} has the SHA-256 digest {sha256(b'another cube')}, expected {sha256(b'a cube')}. "
        "The file is damaged or another version. Replace it by the file from "
        "https://machinelearning.ee.uh.edu/2013-ieee-grss-data-fusion-contest/."
    )
    assert provider.visits == []


def test_houston(small_houston, tmp_path, monkeypatch):
    (tmp_path / "2013_IEEE_GRSS_DF_Contest_CASI.tif").write_bytes(b"a cube")

    class Opened:
        def __init__(self, path):
            self.content = path.read_bytes()

        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def read(self):
            assert self.content == b"a cube"
            return np.moveaxis(CUBE, -1, 0)

    rasterio = types.ModuleType("rasterio")
    rasterio.open = Opened
    monkeypatch.setitem(sys.modules, "rasterio", rasterio)
    scene = datasets.fetch_houston2013(data_home=tmp_path, progress=False)
    np.testing.assert_array_equal(scene.cube, CUBE)
    np.testing.assert_array_equal(scene.labels, LABELS)
    assert scene.cube.flags.c_contiguous
    assert scene.wavelengths_nm.tolist() == [400, 500, 600, 700]


def test_houston_needs_rasterio(small_houston, tmp_path, monkeypatch):
    (tmp_path / "2013_IEEE_GRSS_DF_Contest_CASI.tif").write_bytes(b"a cube")
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(MissingDependencyError) as error:
        datasets.fetch_houston2013(data_home=tmp_path)
    assert str(error.value) == (
        'rasterio is needed here and is not installed. Install it with: pip install "hsvlm[geo]"'
    )


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HSVLM_CACHE_DIR", str(tmp_path))
    assert data_folder(None) == tmp_path / "data"
    assert data_folder("~/scenes").is_absolute()
    assert data_folder(tmp_path / "scenes") == tmp_path / "scenes"
    monkeypatch.setattr("hsvlm.datasets._cache.cache_folder", lambda _: None)
    with pytest.raises(DataError) as error:
        data_folder(None)
    assert str(error.value) == (
        "There is no home folder to keep data in. Pass data_home, or set the environment variable "
        "HSVLM_CACHE_DIR."
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", _registry.SCENES)
def test_every_scene_is_fetched_by_its_name(name, tmp_path):
    with pytest.raises(DownloadError) as error:
        datasets.fetch_scene(name, data_home=tmp_path, progress=False)
    assert str(error.value).startswith(f"{_registry.SCENES[name].cube.name} is not in {tmp_path}")
    assert f'"{name}"' in GUIDE.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fetcher"), NAMED.items())
def test_functions_of_single_scenes(name, fetcher, tmp_path):
    with pytest.raises(DownloadError) as error:
        fetcher(data_home=tmp_path, progress=False)
    assert str(error.value).startswith(f"{_registry.SCENES[name].cube.name} is not in {tmp_path}")


def test_an_unknown_scene(tmp_path):
    with pytest.raises(UnknownNameError) as error:
        datasets.fetch_scene("pavia", data_home=tmp_path)
    names = ", ".join(repr(name) for name in sorted(_registry.SCENES))
    assert str(error.value) == (
        f"Unknown scene 'pavia'. Known: {names}. Indian Pines comes with a package: call "
        "load_indian_pines()."
    )


def test_the_registry_is_consistent():
    page = (Path(__file__).parents[2] / "docs" / "guide" / "datasets.md").read_text("utf-8")
    for key, entry in _registry.SCENES.items():
        # The number of labeled pixels that people read, where the labels are distributed.
        assert not entry.counts or f"| {sum(entry.counts):,} |" in page
        if entry.labels is None:
            assert key in _registry.SPLITS
        else:
            assert len(entry.counts) == len(entry.class_names)
        assert entry.wavelengths_nm is None or len(entry.wavelengths_nm) == entry.shape[2]
    files = [entry.cube for entry in _registry.SCENES.values()]
    files += [entry.labels for entry in _registry.SCENES.values() if entry.labels]
    files += [file for entry in _registry.SPLITS.values() for file in (entry.train, entry.test)]
    sources = [one for entry in _registry.SCENES.values() for one in entry.auxiliary.values()]
    files += [source.file for source in sources]
    assert len({(file.name, file.variable) for file in files}) == len(files)
    for file in files:
        assert all(url.startswith("https://") and url.endswith(file.name) for url in file.urls)
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert (file.variable is None) == file.name.endswith(".tif")


HEIGHTS = np.arange(12, dtype=np.float32).reshape(2, 3, 2)


@pytest.fixture
def small_muufl(provider, monkeypatch):
    """MUUFL Gulfport as a scene of 2 x 3 pixels, all of which is in one structure."""
    labels = np.where(LABELS == 0, -1, LABELS.astype(np.int16))
    lidar = np.empty(2, dtype=object)
    lidar[:] = [{"z": HEIGHTS}, {"z": HEIGHTS + 1}]
    stream = io.BytesIO()
    savemat(stream, {"hsi": {"Data": CUBE, "Lidar": lidar, "sceneLabels": {"labels": labels}}})
    entry = _registry.SCENES["muufl"]
    provider.files = {entry.cube.name: stream.getvalue()}

    def at_provider(file):
        digest = sha256(stream.getvalue())
        return dataclasses.replace(file, urls=(provider.url(file.name),), sha256=digest)

    lidar = entry.auxiliary["lidar"]
    entry = dataclasses.replace(
        entry,
        shape=CUBE.shape,
        counts=(1, 3),
        cube=at_provider(entry.cube),
        labels=at_provider(entry.labels),
        auxiliary={"lidar": dataclasses.replace(lidar, file=at_provider(lidar.file))},
    )
    monkeypatch.setitem(_registry.SCENES, "muufl", entry)


def test_further_sources(small_muufl, provider, tmp_path):
    scene = datasets.fetch_muufl(auxiliary=True, data_home=tmp_path, progress=False)
    np.testing.assert_array_equal(scene.labels, LABELS)
    assert scene.sources == {"spectra": slice(0, 4), "lidar": slice(4, 6)}
    np.testing.assert_array_equal(scene.cube[:], np.concatenate([CUBE, HEIGHTS], axis=2))
    alone = datasets.fetch_scene("muufl", data_home=tmp_path, progress=False)
    np.testing.assert_array_equal(alone.cube, CUBE)
    assert alone.sources is None
    assert len(provider.visits) == 1  # one file holds all of it


def test_scenes_without_further_sources(tmp_path):
    with pytest.raises(ParameterError) as error:
        datasets.fetch_scene("salinas", auxiliary=True, data_home=tmp_path)
    assert str(error.value) == (
        "The scene 'salinas' has no further sources. Leave out auxiliary, or take one of "
        "'houston-2013', 'trento', 'muufl', 'augsburg'."
    )


def test_files_of_an_archive(small, provider, tmp_path, monkeypatch):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in provider.files.items():
            archive.writestr(f"folder/{name}", content)
    provider.files = {"all.zip": stream.getvalue()}

    def in_archive(file):
        return dataclasses.replace(file, urls=(provider.url(f"all.zip#folder/{file.name}"),))

    entry = dataclasses.replace(small, cube=in_archive(small.cube), labels=in_archive(small.labels))
    monkeypatch.setitem(_registry.SCENES, "pavia-university", entry)
    np.testing.assert_array_equal(fetch(tmp_path).cube, CUBE)
    assert provider.visits == ["all.zip"]
    names = ["PaviaU.mat", "PaviaU_gt.mat", "all.zip"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    (tmp_path / "PaviaU.mat").unlink()
    (tmp_path / "all.zip").write_bytes(b"no archive")
    with pytest.raises(DownloadError, match=r"all.zip does not hold folder/PaviaU.mat .*delete it"):
        fetch(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == names[1:]


def test_two_processes_may_take_the_same_file_out_of_an_archive(tmp_path, monkeypatch):
    archive, target = tmp_path / "all.zip", tmp_path / "data.mat"
    content = os.urandom(3 * _cache._CHUNK_BYTES)
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("folder/data.mat", content)
    copy = shutil.copyfileobj

    def interrupted(source, destination, n_bytes):
        destination.write(source.read(n_bytes))
        monkeypatch.setattr(shutil, "copyfileobj", copy)
        _cache._extract(archive, "folder/data.mat", target)  # by the other process, meanwhile
        assert target.read_bytes() == content
        copy(source, destination, n_bytes)

    monkeypatch.setattr(shutil, "copyfileobj", interrupted)
    _cache._extract(archive, "folder/data.mat", target)
    assert target.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip", "data.mat"]


def test_a_folder_that_cannot_be_made(small, tmp_path):
    (tmp_path / "file").write_text("a file where the folder should be")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataError, match=r"there is no folder .* Pass another folder"):
            fetch(folder)


@pytest.mark.parametrize("name", ["trento"])
def test_published_maps_have_the_published_counts(name):
    entry = _registry.SCENES[name]
    folder = os.environ.get("HSVLM_SCENES")
    path = Path(folder or "") / "trento_labels.mat"
    if not folder or not path.is_file():
        pytest.skip("the map is not on this machine")
    assert sha256(path.read_bytes()) == entry.labels.sha256
    labels = read_label_map(path, entry.labels, entry.shape[:2], entry.counts)
    assert np.bincount(labels.ravel())[1:].tolist() == list(entry.counts)


def test_downloads_without_an_end_are_given_up(small, provider, tmp_path, monkeypatch):
    monkeypatch.setattr("hsvlm.datasets._cache._LARGEST_BYTES", 100)
    with pytest.raises(DownloadError, match="it sends more than 100 bytes"):
        fetch(tmp_path)
    assert not any(tmp_path.rglob("*.mat"))


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/a.mat"])
def test_only_the_web_is_asked(small, tmp_path, monkeypatch, address):
    entry = dataclasses.replace(small, cube=dataclasses.replace(small.cube, urls=(address,)))
    monkeypatch.setitem(_registry.SCENES, "pavia-university", entry)
    with pytest.raises(DownloadError, match="No connection adapters were found"):
        fetch(tmp_path)


def test_redirections_lead_to_no_file(small, provider, tmp_path):
    provider.redirect = (tmp_path / "secret").as_uri()
    (tmp_path / "secret").write_bytes(provider.files["PaviaU.mat"])
    with pytest.raises(DownloadError, match="No connection adapters were found"):
        fetch(tmp_path / "data")


def test_every_address_is_encrypted_and_every_name_plain():
    files = [
        file
        for entry in (*_registry.SCENES.values(), *_registry.SPLITS.values())
        for file in vars(entry).values()
        if isinstance(file, RemoteFile)
    ]
    assert len(files) > 10
    for file in files:
        assert all(url.startswith("https://") for url in file.urls)
        assert re.fullmatch(r"[\w-]+\.(mat|tif|tiff)", file.name)
