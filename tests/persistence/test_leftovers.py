"""What killed saves leave behind, and what is kept beside the classifier itself."""

import json
import os

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, SpectralPCA, pixel_samples
from hsvlm._storage.format import CONFIG
from hsvlm._storage.parts import read_parts, write_parts
from hsvlm.exceptions import FileError, HSVLMError
from hsvlm.persistence import load, save

DAY_S = 24 * 3600


def draft(path, age_s):
    """What a save leaves that was killed so long before the model at `path` was written."""
    if path.suffix == ".part" and ".zip" not in path.name:
        path.mkdir()
        (path / "config.json").write_text("{")
    else:
        path.write_text("PK")
    os.utime(path, (1e9, path.stat().st_mtime - age_s))
    return path


@pytest.mark.parametrize("name", ["model", "model.zip"])
def test_drafts_of_dead_saves_are_removed(saved, tmp_path, name):
    parts, path = read_parts(saved), tmp_path / "new" / name
    write_parts(path, parts)
    dead = draft(path.with_name(f".{name}.0123abcd.part"), DAY_S + 60)
    kept = {
        draft(path.with_name(f".{name}.0123abce.part"), DAY_S - 60),  # may yet be written to
        draft(path.with_name(f".{name}x.0123abcd.part"), 2 * DAY_S),
        draft(path.with_name(f".{name}.0123abcd"), 2 * DAY_S),
        draft(path.with_name(f".{name}.mine.part"), 2 * DAY_S),
    }
    write_parts(path, parts)
    assert not dead.exists()
    assert set(path.parent.iterdir()) == {path, *kept}


def test_a_checkpoint_is_no_model(saved, tmp_path):
    config = json.loads(read_parts(saved)[CONFIG])
    config = {name: config[name] for name in ("format", "versions")} | {"checkpoint": {}}
    path = tmp_path / "3f2a.zip"
    write_parts(path, {**read_parts(saved), CONFIG: json.dumps(config).encode()})
    for loader in (load, HSIPromptClassifier.load):
        with pytest.raises(FileError) as caught:
            loader(path, device="cpu")
        assert str(caught.value) == (
            f"{path}: is a checkpoint of an unfinished training, not a saved model. Continue the "
            "training: fit with checkpoint_dir set to the folder it is in and resume=True, then "
            "save the classifier."
        )


@pytest.mark.parametrize("interrupted", [False, True])
def test_interruptions_of_the_training_are_remembered(
    cube, labels, settings, tmp_path, interrupted
):
    clf = HSIPromptClassifier(**{**settings, "max_epochs": 1}).fit(cube, labels)
    clf.interrupted_ = interrupted
    assert load(clf.save(tmp_path / "model"), device="cpu").interrupted_ is interrupted


def test_what_pipelines_pass_on_is_kept(cube, labels, settings, tmp_path):
    clf = HSIPromptClassifier(**{**settings, "n_components": None, "max_epochs": 1})
    pipeline = make_pipeline(SpectralPCA(4), clf).fit(*pixel_samples(cube, labels))
    assert load(save(pipeline, tmp_path / "one"), device="cpu").transform_input is None
    pipeline.transform_input = ["X_val"]
    assert load(save(pipeline, tmp_path / "two"), device="cpu").transform_input == ["X_val"]


def test_arrays_of_objects_keep_lists_as_items(saved, fitted, tmp_path):
    array = np.empty(2, dtype=object)
    array[0], array[1] = [1, 2], [3, 4]
    found = load(fitted.save(tmp_path / "model", metadata={"a": array}), device="cpu").metadata_
    assert found["a"].shape == (2,)
    assert found["a"].tolist() == [[1, 2], [3, 4]]


EVIL = (
    b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins\x8c\x04exec\x93\x8c\x02x=\x85R."
)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["network"]["encoder"].update({"class": "os.system", "name": None}),
        lambda record: record["network"]["encoder"].update({"name": "builtins.exec"}),
        lambda record: record["preprocessing"][0]["step"].update({"class": "builtins.eval"}),
        lambda record: record["parameters"].update(vision_encoder={"__reduce__": ["os.system"]}),
        lambda record: record["fitted"].update(classes_={"object": "builtins.list"}),
    ],
)
def test_names_in_a_file_are_not_imported(saved, edit, change, monkeypatch):
    imported = []
    monkeypatch.setattr("importlib.import_module", imported.append)
    edit(saved, lambda config: change(config["classifier"]))
    with pytest.raises(HSVLMError):
        load(saved, device="cpu")
    assert imported == []


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_pickles_are_not_read(saved, seal, name):
    seal(saved, {**read_parts(saved), name: EVIL})
    with pytest.raises(FileError):
        load(saved, device="cpu")
