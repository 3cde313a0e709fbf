"""The comparisons of pre-trained encoders, on a small scene, and their pages."""

import argparse

import numpy as np
import pytest
import torch

from benchmarks import adapters, adapters_page, networks, pretraining, pretraining_page
from benchmarks.chosen_svm import chosen_svm
from benchmarks.records import read_rows
from hsvlm.datasets import make_synthetic_scene

SMALL = {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8}


@pytest.fixture
def scene(monkeypatch, tmp_path):
    scene = make_synthetic_scene(height=24, width=24, random_state=0)
    for module in (pretraining, adapters, networks):
        monkeypatch.setattr(module, "load_scene", lambda name, folder: scene)
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(pretraining, "SEEN", tmp_path / "encoders")
    monkeypatch.setattr(pretraining, "BUDGET", {"max_epochs": 1, "vision_params": SMALL})
    changes = {"n_channels": 10}
    small = {**pretraining.ENCODERS["vit"], **changes}
    monkeypatch.setattr(pretraining, "ENCODERS", {**pretraining.ENCODERS, "vit": small})
    for name, module in (("pretraining", pretraining), ("adapters", adapters)):
        for each in (module, {"pretraining": pretraining_page, "adapters": adapters_page}[name]):
            monkeypatch.setattr(each, "FOLDER", tmp_path / name)
    return scene


@pytest.fixture
def quick(monkeypatch):
    """Shorten all trainings, whatever they start from."""
    plain = pretraining.HSIPromptClassifier

    def make_quick(**parameters):
        texts = np.eye(4, 8, dtype=np.float32)
        changes = {"prompts": None, "text_encoder": texts, "max_epochs": 1, "device": "cpu"}
        return plain(**{**parameters, **changes})

    for module in (pretraining, adapters):
        monkeypatch.setattr(module, "HSIPromptClassifier", make_quick)
    monkeypatch.setattr(
        adapters,
        "_sizes",
        lambda clf: dict.fromkeys(("n_trained", "n_weights", "factor_bytes", "stored_bytes"), 9),
    )


@pytest.fixture
def test_pixels(scene):
    return scene.samples()[0][:20]


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["group-vit", "vit"])
def test_rows_start_from_what_they_say(scene, test_pixels, encoder):
    starts = {
        start: pretraining.starting_point(
            f"{encoder}: {start}", scene, "synthetic", test_pixels, 0, "part"
        )[0]
        for start in pretraining_page.STARTS[encoder]
    }
    usual = starts["pre-trained, full"]
    assert starts["scratch, full"].weights == {}
    assert starts["random, frozen"].weights.keys() == usual.weights.keys()
    digests = {name: each.digest for name, each in starts.items()}
    same = {name for name, digest in digests.items() if digest == usual.digest}
    assert same == {name for name in starts if name.startswith("pre-trained")}
    read = {name: starts[name].provenance["n_pixels"] for name in starts}
    assert read["inductive, full"] < read["pre-trained, full"] == 24 * 24
    # The bands are those of the scene, whatever was learned of others.
    spectra = np.asarray(test_pixels)
    expected = usual.preprocessing.transform(spectra)
    for name, start in starts.items():
        if not name.startswith(("inductive", "permuted pixels")):
            assert np.array_equal(start.preprocessing.transform(spectra), expected)


@pytest.mark.slow
def test_shuffled_channels_have_the_map_of_another_one(scene, test_pixels):
    usual, shuffled = (
        pretraining.starting_point(f"vit: {start}", scene, "synthetic", test_pixels, 0, "part")[0]
        for start in ("pre-trained, full", "shuffled channels, full")
    )
    maps = [each.weights["embed.weight"].unflatten(1, (9, 10)) for each in (usual, shuffled)]
    order = [
        next(n for n in range(10) if torch.equal(maps[1][..., channel], maps[0][..., n]))
        for channel in range(10)
    ]
    assert sorted(order) == list(range(10)) != order


@pytest.mark.slow
def test_the_table_of_pre_training(scene, quick):
    rows = [*pretraining_page.OTHERS, "vit: scratch, full", "vit: pre-trained, frozen"]
    arguments = argparse.Namespace(row=rows, draws=1, data=None)
    pretraining.measure("indian-pines", "three-per-class", arguments)
    lines = read_rows(pretraining_page.FOLDER / "indian-pines-three-per-class.csv")
    assert [line["row"] for line in lines] == rows
    page = pretraining_page.render()
    assert "| vit: pre-trained, frozen |" in page
    assert "with *vit*." in page


@pytest.mark.slow
def test_the_table_of_adapters(scene, quick):
    base = adapters.load_base("own", "indian-pines", argparse.Namespace(data=None))
    assert base.vision_encoder == "vit"
    arguments = argparse.Namespace(method=["krona+"], draws=1, data=None)
    adapters.measure("indian-pines", "ten-per-class", {"own": base}, arguments)
    lines = read_rows(adapters_page.FOLDER / "indian-pines-ten-per-class.csv")
    assert [(line["base"], line["method"]) for line in lines][2:] == [
        ("own", "krona+"),
        ("own", "scratch"),
    ]
    assert "| own | krona+ |" in adapters_page.render()


def test_the_svm_does_without_folds_where_classes_have_one_sample():
    X = np.random.default_rng(0).normal(size=(3, 20))
    clf = chosen_svm().fit(X, ["corn", "oats", "rye"])
    assert clf.predict(X).tolist() == ["corn", "oats", "rye"]
    assert clf[-1].best_params_ == {"C": 100, "gamma": 1 / 20}
