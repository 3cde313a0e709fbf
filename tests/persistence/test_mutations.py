"""A file that was changed is refused, or it is as good as before: by accident and by intent."""

import copy
import json
import struct
import time
import warnings
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, SpectralPCA, pixel_samples
from hsvlm._storage.format import CONFIG
from hsvlm._storage.parts import CARD, SUMS, TENSORS, read_parts, write_parts
from hsvlm.exceptions import FileError, HSVLMError, HSVLMWarning
from hsvlm.persistence import load, save

FILES = (CONFIG, TENSORS, CARD, SUMS)
SEED = 0
N_BYTE_CHANGES = 200  # of each file of a folder, and four times as many of an archive
N_FORGED = 120  # of each kind


@pytest.fixture(scope="session")
def models(fitted, cube, labels, settings, tmp_path_factory):
    """Folders of two models of the same layout; the first is a pipeline."""
    folder = tmp_path_factory.mktemp("models")
    prompts = {1: "oats", 2: ["wheat", "a cereal"], 3: "soil"}
    given = {**settings, "random_state": np.random.RandomState(1), "n_components": 3}
    clf = HSIPromptClassifier(prompts, class_names={1: "Oats"}, **given)
    pipeline = make_pipeline(SpectralPCA(6, whiten=True), clf)
    pipeline.fit(*pixel_samples(cube, labels))
    metadata = {"wavelengths_nm": np.arange(12.0), "names": np.array(["a", "b"]), "x": (1, [2.5])}
    return (
        save(pipeline, folder / "one", metadata=metadata),
        fitted.save(folder / "two", metadata={"a": None}),
    )


@pytest.fixture(scope="session")
def read_outs(cube, labels, settings, tmp_path_factory):
    """Folders of two models that read out their scenes and have disputed labels."""
    folder = tmp_path_factory.mktemp("read-outs")
    X, y = pixel_samples(cube, labels)
    wrong = np.random.default_rng(1).choice(len(y), 10, replace=False)
    y[wrong] = y[wrong] % 3 + 1
    paths = []
    for seed in (0, 1):
        given = {"spatial": "random-walk", "spatial_params": {"n_steps": 5}, "random_state": seed}
        given["max_epochs"] = 8  # or it would not be sure enough to dispute labels
        with pytest.warns(HSVLMWarning, match="probably wrong"):
            clf = HSIPromptClassifier(**{**settings, **given}).fit(X, y)
        paths.append(clf.save(folder / str(seed)))
    return paths


# Changes of bytes


def flip(rng, content, _):
    place = rng.integers(len(content))
    content[place] ^= 1 << rng.integers(8)


def replace_byte(rng, content, _):
    content[rng.integers(len(content))] = rng.integers(256)


def truncate(rng, content, _):
    del content[rng.integers(len(content)) :]


def insert(rng, content, _):
    place = rng.integers(len(content) + 1)
    content[place:place] = rng.bytes(rng.integers(1, 9))


def delete(rng, content, _):
    start = rng.integers(len(content))
    del content[start : start + rng.integers(1, 9)]


def swap(rng, content, _):
    first, second = np.sort(rng.integers(len(content), size=2))
    length = min(rng.integers(1, 64), second - first, len(content) - second)
    one, other = content[first : first + length], content[second : second + length]
    content[first : first + length], content[second : second + length] = other, one


def repeat(rng, content, _):
    start = rng.integers(len(content))
    content[start:start] = content[start : start + rng.integers(1, 64)]


def blank(rng, content, _):
    start = rng.integers(len(content))
    stop = min(len(content), start + rng.integers(1, 64))
    content[start:stop] = bytes(stop - start)


def borrow(rng, content, other):
    start, place = rng.integers(min(len(content), len(other)), size=2)
    piece = other[start : start + rng.integers(1, 64)]
    content[place : place + len(piece)] = piece


CHANGES = (flip, replace_byte, truncate, insert, delete, swap, repeat, blank, borrow)


def changed(number, content, other):
    """Make one change, drawn from a generator of its own, so that it can be made again alone."""
    rng = np.random.default_rng((SEED, number))
    result = bytearray(content)
    for _ in range(rng.integers(1, 3)):
        if result:
            CHANGES[rng.integers(len(CHANGES))](rng, result, other)
    return bytes(result)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_folders(models, tmp_path, name):
    folder = write_parts(tmp_path / "model", read_parts(models[0]))
    expected = read_parts(folder)
    content, other = (folder / name).read_bytes(), (models[1] / name).read_bytes()
    n_changed = n_refused = 0
    for number in range(N_BYTE_CHANGES):
        mutant = changed(number, content, other)
        n_changed += mutant != content
        (folder / name).write_bytes(mutant)
        try:
            found = read_parts(folder)
        except FileError:
            n_refused += 1
        else:
            assert found == expected, f"SEED {SEED}, number {number}"
    assert n_refused == n_changed > 0.9 * N_BYTE_CHANGES


@pytest.mark.slow
def test_archives(models, tmp_path):
    one, two = (write_parts(tmp_path / f"{number}.zip", read_parts(models[number]))
                for number in (0, 1))  # fmt: skip
    expected, content, other = read_parts(one), one.read_bytes(), two.read_bytes()
    with zipfile.ZipFile(one) as intact:
        places = [0, *(info.header_offset for info in intact.infolist()[1:]), intact.start_dir]
    n_refused = 0
    for number in range(4 * N_BYTE_CHANGES):
        mutant = changed(number, content, other)
        if number % 2:  # in the headers, which are the smaller part
            rng = np.random.default_rng((SEED, number))
            start = places[rng.integers(len(places))]
            length = 30 if start < places[-1] else len(content) - start
            header = changed(number, content[start : start + length], other[-length:])
            mutant = content[:start] + header + content[start + length :]
        one.write_bytes(mutant)
        try:
            found = read_parts(one)
        except FileError:
            n_refused += 1
        else:
            assert found == expected, f"SEED {SEED}, number {number}"
    assert n_refused > 2 * N_BYTE_CHANGES


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_model_is_refused(models, tmp_path, name):
    folder = write_parts(tmp_path / "model", read_parts(models[0]))
    (folder / name).write_bytes((models[1] / name).read_bytes())
    with pytest.raises(FileError, match="the model is damaged or was changed by hand"):
        load(folder, device="cpu")


def members(*names, links=()):
    """An archive of the parts of a model and of others, under any names."""

    def write(path, parts):
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
            warnings.simplefilter("ignore", UserWarning)  # two members of one name
            for name in (*parts, *names):
                archive.writestr(name, parts.get(name, b"x"))
            for name in links:
                info = zipfile.ZipInfo(name)
                info.create_system, info.external_attr = 3, 0o120777 << 16
                archive.writestr(info, b"/etc/passwd")

    return write


def bomb(path, parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content if name != TENSORS else bytes(2**26))


def crowd(path, parts):
    """A directory that takes two gigabytes in memory is not made here, but one of its kind."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        for number in range(2000):
            archive.writestr(f"{number}", b"")


def shared(path, parts):
    """All entries of the directory point to one member."""
    members()(path, parts)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.start_dir
        for info in archive.infolist():
            content[entry + 42 : entry + 46] = bytes(4)
            entry += 46 + len(info.filename)
    path.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "wrong"),
    [
        (members("../config.json"), "holds '../config.json', which is not part of a saved model"),
        (members("/config.json"), "holds '/config.json', which is not part of a saved model"),
        (members("a\\config.json"), "which is not part of a saved model"),
        (members("sub/config.json"), "holds 'sub/config.json', which is not part of a saved model"),
        (members("C:/evil.dll"), "which is not part of a saved model"),
        (members(links=["link"]), "holds 'link', which is not part of a saved model"),
        (members(links=[CARD]), "holds two members of the same name"),
        (members(CONFIG), "holds two members of the same name"),
        (bomb, "holds compressed or encrypted members, which saved models do not have"),
        (crowd, "is neither a folder nor a zip archive (it has too many members)"),
        (shared, "cannot be read"),
    ],
)
def test_archives_of_strangers(models, tmp_path, write, wrong):
    parts = read_parts(models[0])
    path = tmp_path / "model.zip"
    write(path, {**parts, SUMS: (models[0] / SUMS).read_bytes()})
    with pytest.raises(FileError) as caught:
        load(path, device="cpu")
    assert str(caught.value).startswith(f"{path}: ")
    assert wrong in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["model.zip"]


def test_a_link_in_place_of_a_part(models, tmp_path):
    archive = tmp_path / "model.zip"
    parts = {**read_parts(models[0]), SUMS: (models[0] / SUMS).read_bytes()}
    del parts[CARD]
    members(links=[CARD])(archive, parts)
    with pytest.raises(FileError, match=r"README\.md does not have the digest"):
        load(archive, device="cpu")


# Changes whose digests are right


def places_in(value, path=()):
    yield path
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield from places_in(value[key], (*path, key))


HUGE = [10**5, 10**6, 10**9, 2**31, 2**63, 10**30, 1e308, -1e308]
ODD = [None, True, False, [], {}, "", "vit", "../x", "os.system", -1, 0, 1, 0.5, 2**-1074]
KINDS = [
    {"float": "nan"}, {"float": "inf"}, {"tuple": []}, {"dict": {}}, {"items": [[[], 1]]},
    {"numpy": ["float64", {"float": "nan"}]}, {"numpy": ["int8", 300]}, {"path": "/etc/passwd"},
    {"torch": "network.encoder.norm.bias"}, {"unknown": 1}, {"object": "builtins.eval"},
    {"array": {"dtype": "<U9999", "shape": [1], "values": [""]}},
    {"array": {"dtype": "<f8", "shape": [0, 10**9], "values": []}},
    {"array": {"dtype": "|O", "order": "C", "tensor": "prototypes_"}},
    {"random_state": [[1] * 624, 10**9, 0, 0.0]},
]  # fmt: skip


def forged_config(rng, parts, _, inside=()):
    config = json.loads(parts[CONFIG])
    places = [path for path in places_in(config) if path and path[0] not in ("format", "versions")]
    places = [path for path in places if path[: len(inside)] == inside]
    for _ in range(rng.integers(1, 4)):
        path = places[rng.integers(len(places))]
        inner = config
        try:
            for key in path[:-1]:
                inner = inner[key]
            edited(rng, inner, path[-1], config, places)
        except (LookupError, TypeError, AttributeError):
            continue  # an edit before has removed the place
    return {**parts, CONFIG: json.dumps(config).encode()}


def edited(rng, inner, key, config, places):
    kind = rng.integers(6)
    if kind == 0:
        del inner[key]
    elif kind == 1:
        inner[key] = HUGE[rng.integers(len(HUGE))]
    elif kind == 2:
        inner[key] = ODD[rng.integers(len(ODD))]
    elif kind == 3:
        inner[key] = copy.deepcopy(KINDS[rng.integers(len(KINDS))])
    elif kind == 4:
        other = config
        for step in places[rng.integers(len(places))]:
            other = other[step]
        inner[key] = copy.deepcopy(other)
    elif isinstance(inner, dict):
        inner["0" if rng.integers(2) else key + "_"] = inner[key]
    else:
        inner.insert(key, copy.deepcopy(inner[key]))


def forged_read_out(rng, parts, others):
    return forged_config(rng, parts, others, ("classifier", "readout"))


def forged_tensors(rng, parts, _, inside=""):
    tensors = safetensors.torch.load(parts[TENSORS])
    names = sorted(name for name in tensors if name.startswith(inside))
    for _ in range(rng.integers(1, 3)):
        name, other = (names[one] for one in rng.integers(len(names), size=2))
        one = tensors.get(name, torch.ones(1))
        kind = rng.integers(8)
        if kind == 0:
            tensors.pop(name, None)
        elif kind == 1:
            tensors[f"{name}x"] = one.clone()
        elif kind == 2:
            tensors[name], tensors[other] = tensors.get(other, one).clone(), one
        elif kind == 3:
            tensors[name] = one.T.contiguous() if one.ndim == 2 else one[None]
        elif kind == 4:
            dtypes = (torch.float64, torch.float16, torch.int64, torch.bool, torch.complex64)
            tensors[name] = one.to(dtypes[rng.integers(len(dtypes))])
        elif kind == 5:
            tensors[name] = torch.full_like(one, (0, 1, 100)[rng.integers(3)])
        elif kind == 6 and one.is_floating_point():
            value = (float("nan"), float("inf"), 1e38, -1e-45)[rng.integers(4)]
            tensors[name] = one.clone().index_fill_(0, torch.tensor([0]), value) \
                if one.ndim and len(one) else torch.full_like(one, value)  # fmt: skip
        else:
            tensors[name] = one.repeat(*(2 for _ in one.shape)) if one.ndim else one[None]
    return {**parts, TENSORS: safetensors.torch.save(tensors)}


def forged_read_out_tensors(rng, parts, others):
    return forged_tensors(rng, parts, others, "readout.")


def forged_header(rng, parts, _):
    content = parts[TENSORS]
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    names = [name for name in header if name != "__metadata__"]
    entry = header[names[rng.integers(len(names))]]
    kind = rng.integers(5)
    if kind == 0:
        entry["data_offsets"] = [int(one) for one in rng.integers(-1, 2**40, size=2)]
    elif kind == 1:
        entry["data_offsets"] = header[names[rng.integers(len(names))]]["data_offsets"]
    elif kind == 2:
        entry["shape"] = [HUGE[rng.integers(6)], int(rng.integers(3))][: rng.integers(1, 3)]
    elif kind == 3:
        entry["dtype"] = ("F64", "I8", "BOOL", "F8_E4M3", "X")[rng.integers(5)]
    else:
        length = (0, 2**24, 2**62, 2**64 - 1, length - 1)[rng.integers(5)]
        return {**parts, TENSORS: struct.pack("<Q", length) + content[8:]}
    text = json.dumps(header).encode()
    return {**parts, TENSORS: struct.pack("<Q", len(text)) + text + content[8 + length :]}


def forged_bytes(rng, parts, others):
    name = (CONFIG, TENSORS)[rng.integers(2)]
    number = int(rng.integers(2**31))
    return {**parts, name: changed(number, parts[name], others[name])}


def assert_consistent(model, cube):
    clf = model if isinstance(model, HSIPromptClassifier) else model[-1]
    n_classes = len(clf.classes_)
    assert list(clf.prompts_) == clf.classes_.tolist()
    if hasattr(clf, "prototypes_"):
        assert clf.prototypes_.shape == (n_classes, clf._n_features_out)
        assert np.isfinite(clf.prototypes_).all()
    for parameter in clf.net_.module_.parameters():
        assert parameter.isfinite().all()
    assert isinstance(clf.metadata_, dict)
    disputed = clf.disputed_labels_
    assert np.isin([disputed["label"], disputed["suggested"]], clf.classes_).all()
    assert ((disputed["probability"] >= 0) & (disputed["probability"] <= 1)).all()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # Forged statistics of the training may be unlike any data.
        warnings.simplefilter("ignore", HSVLMWarning)
        labels, probabilities = model.predict(cube), model.predict_proba(cube)
    assert probabilities.shape == (*cube.shape[:2], n_classes)
    assert np.isfinite(probabilities).all()
    assert np.isin(labels, clf.classes_).all()


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("forge", [forged_config, forged_tensors, forged_header, forged_bytes])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_forged_models(models, tmp_path, cube, forge, which, seal):
    try_forgeries(forge, models[which], models[1 - which], tmp_path, cube[:6, :6], seal)


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("forge", [forged_read_out, forged_read_out_tensors])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_forged_read_outs(read_outs, tmp_path, cube, forge, which, seal):
    try_forgeries(forge, read_outs[which], read_outs[1 - which], tmp_path, cube, seal)


def try_forgeries(forge, model, other, tmp_path, cube, seal):
    parts, others = read_parts(model), read_parts(other)
    path, n_refused, slowest = tmp_path / "model", 0, 0.0
    for number in range(N_FORGED):
        rng = np.random.default_rng((SEED, number))
        seal(path, forge(rng, parts, others))
        begin = time.perf_counter()
        try:
            loaded = load(path, device="cpu")
            assert_consistent(loaded, cube)
        except HSVLMError:
            n_refused += 1
        except BaseException as error:
            error.add_note(f"SEED {SEED}, {forge.__name__}, {model.name}, number {number}")
            raise
        slowest = max(slowest, time.perf_counter() - begin)
    assert n_refused > N_FORGED // 10
    assert slowest < 10
