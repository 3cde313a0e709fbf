"""What the classifier adds to the time of its network: both sides, and the page."""

import copy
import sys

import numpy as np
import pytest
import torch

from benchmarks import overhead, page, records
from hsvlm import HSIPromptClassifier
from hsvlm.datasets import make_synthetic_scene
from hsvlm.vision import list_vision_encoders


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(overhead, "PATH", tmp_path / "steps.csv")
    for name, value in {"REPEATS": 2, "SECONDS": 0.01, "LEAST_STEPS": 2}.items():
        monkeypatch.setattr(overhead, name, value)
    monkeypatch.setattr(overhead, "machine", lambda: "a machine")
    monkeypatch.setattr(overhead, "commit", lambda: "0123456")
    return overhead.PATH


@pytest.fixture(scope="module")
def scene():
    return make_synthetic_scene(height=24, width=20, labeled_share=0.9, random_state=0)


@pytest.fixture
def small(monkeypatch, settings):
    """Stands for the default: a network that trains in no time."""

    def make(network, setting, scene_name, max_epochs):
        given = {**settings, "max_epochs": max_epochs, "batch_size": 8}
        return HSIPromptClassifier(**{**given, "text_encoder": np.eye(4, 8)})

    monkeypatch.setattr(overhead, "make_estimator", make)
    return make


def line(network, repeat, **figures):
    times = {"step_ms": 3, "network_step_ms": 2, "window_us": 30, "network_window_us": 20}
    known = {"network": network, "repeat": repeat, "batch_size": 64, "n_multiply_adds": 2e6}
    return {**known, "start_s": 1, **times, **figures}


@pytest.mark.slow
def test_the_network_alone_does_what_the_classifier_does(scene, small):
    X, y = scene.samples()
    clf = small("mlp", "ours", "", 1).set_params(augment=False, lr_schedule="constant").fit(X, y)
    alone = overhead.Alone(clf, X, y)
    windows = torch.cat([windows for windows, _ in alone.batches])
    np.testing.assert_allclose(alone.predict(windows), clf.predict_proba(X), atol=1e-5)
    assert [len(targets) for _, targets in alone.batches][:-1] == [8] * (len(alone.batches) - 1)
    before = copy.deepcopy(alone.module.state_dict())
    steps = []
    alone.optimizer.register_step_post_hook(lambda *_: steps.append(1))
    alone.train(2)
    assert len(steps) == 2 * len(alone.batches)
    changed = [name for name, x in alone.module.state_dict().items() if (x != before[name]).any()]
    assert changed == [name for name, _ in alone.module.named_parameters()]
    # The classifier keeps its own weights.
    assert all(torch.equal(x, before[name]) for name, x in clf.net_.module_.state_dict().items())


@pytest.mark.slow
def test_every_repeat_has_a_line(scene, small):
    lines = overhead.measure("mlp", scene, batch_size=8)
    assert [one["repeat"] for one in lines] == [0, 1]
    for one in lines:
        assert one.keys() == set(overhead.COLUMNS)
        assert (one["batch_size"], one["window_size"]) == (8, 5)
        assert one["n_steps"] >= 2
        assert one["n_windows"] >= 2 * 20
        assert all(value > 0 for name, value in one.items() if name.endswith(("_ms", "_us", "_s")))


def test_the_page_names_the_encoders_beyond_the_goal(path):
    lines = [
        *(line("mlp", repeat, step_ms=value) for repeat, value in enumerate((3, 9, 5))),
        *(line("vit", repeat) for repeat in range(3)),
    ]
    records.write_rows(path, overhead.COLUMNS, lines)
    text = overhead.render()
    # The median of the ratios.
    assert "| mlp | 2.00 | 5.00 | 2.00 | 2.50 | 30.0 | 20.0 | 1.50 | 1.00 |" in text
    assert "| vit | 2.00 | 3.00 | 2.00 | 1.50 | 30.0 | 20.0 | 1.50 | 1.00 |" in text
    assert "The goal is a ratio of at most 2. It is missed in training with mlp." in text
    records.write_rows(path, overhead.COLUMNS, lines[3:])
    text = overhead.render()
    assert "All that are measured reach it." in text
    assert "A step has 64 windows. " in text


def test_the_page_names_smaller_batches(path):
    lines = [line("vit", 0), *(line("mlp", repeat, batch_size=4) for repeat in range(2))]
    records.write_rows(path, overhead.COLUMNS, lines)
    assert "A step has 64 windows, or 4 with mlp (`--batch-size`). " in overhead.render()


def test_the_page_names_encoders_that_are_not_measured_yet(path, monkeypatch):
    records.write_rows(path, overhead.COLUMNS, [line("mlp", 0)])
    monkeypatch.setattr(overhead, "NETWORKS", ["mlp", "vit"])
    assert "are left out.\nNot measured yet: vit.\n" in overhead.render()
    monkeypatch.setattr(overhead, "NETWORKS", ["mlp"])
    assert "are left out.\n\n" in overhead.render()


def test_encoders_are_measured_one_by_one_and_the_others_kept(path, monkeypatch, capsys):
    monkeypatch.setattr(overhead, "measure", lambda network, *_: [line(network, 0)])
    monkeypatch.setattr(overhead, "write_pages", lambda: None)
    monkeypatch.setattr(overhead, "load_indian_pines", lambda: None)
    monkeypatch.setattr(torch, "set_num_threads", lambda n_threads: None)
    for names in (["mlp", "vit"], ["mlp"], []):
        monkeypatch.setattr(sys, "argv", ["overhead", *(["--network", *names] if names else [])])
        overhead.main()
        measured = [row["network"] for row in records.read_rows(path)]
        assert measured[:2] == ["mlp", "vit"]
    assert set(measured) == set(list_vision_encoders()) - set(overhead.PRETRAINED)
    assert "mlp: training 1.50, prediction 1.50\n" in capsys.readouterr().out


def test_the_page_is_part_of_the_benchmarks():
    assert page.sections()["overhead"] is overhead.render
