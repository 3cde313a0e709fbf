"""Trainings that go on from a file are those that were never interrupted, bit for bit."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm._storage.parts import read_parts, write_parts
from hsvlm.contrastive import losses
from hsvlm.exceptions import FileError, HSVLMWarning, ParameterError


class PowerCutError(Exception):
    pass


class Cut(Callback):
    """Ends everything at the end of an epoch; it is part of the training, the epoch is not."""

    epoch = None

    def on_epoch_end(self, net, **_):
        if len(net.history) == self.epoch:
            raise PowerCutError


@contextmanager
def power_cut(epoch):
    Cut.epoch = epoch
    try:
        with pytest.raises(PowerCutError):
            yield
    finally:
        Cut.epoch = None


class WithDropout(torch.nn.Module):
    """Draws from torch's global generator in every step, and counts steps in a buffer."""

    def __init__(self, n_channels, window_size, patch_size):
        super().__init__()
        self.n_features = n_channels
        self.layer = torch.nn.Linear(n_channels, n_channels)
        self.dropout = torch.nn.Dropout(0.5)
        self.norm = torch.nn.BatchNorm1d(n_channels)

    def forward(self, windows):
        return self.norm(self.layer(self.dropout(windows.mean(dim=(1, 2)))))


class LearnedOffset(torch.nn.Module):
    """A criterion with a weight of its own, which is trained with the network."""

    def __init__(self):
        super().__init__()
        self.offset = torch.nn.Parameter(torch.zeros(()))

    def forward(self, similarities, targets):
        offset = self.offset.sigmoid().neg().expand(len(targets), 1)
        lowered = similarities.scatter_add(1, targets[:, None], offset)
        return torch.nn.functional.cross_entropy(lowered, targets, reduction="none")


@pytest.fixture(autouse=True)
def learned_offset(monkeypatch):
    monkeypatch.setitem(losses._CRITERIA.entries, "learned-offset", LearnedOffset)


@pytest.fixture(scope="module")
def labels(labels):
    """Every other row of the labels, which makes half as many steps."""
    return np.where(np.arange(len(labels))[:, np.newaxis] % 2, labels, 0)


@pytest.fixture
def make(settings, tmp_path):
    def make(*, every=3, callbacks=(), **parameters):
        given = {"checkpoint_dir": tmp_path / "runs", "checkpoint_every": every, "resume": True}
        return HSIPromptClassifier(
            **{**settings, **given, "callbacks": [*callbacks, Cut()], **parameters}
        )

    return make


def assert_same(first, second, X):
    for name, value in second.net_.module_.state_dict().items():
        assert torch.equal(first.net_.module_.state_dict()[name], value), name
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    figures = ("epoch", "train_loss", "lr")
    assert first.history_[:, figures] == second.history_[:, figures]


def scheduler():
    return LRScheduler("ReduceLROnPlateau", monitor="train_loss", patience=0, threshold=10.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lr_schedule": "constant", "weight_decay": 0.1},
        {"criterion": "cross-entropy", "every": 1},
        {"criterion": "clip", "validation_fraction": 0.3},
        {"criterion": "learned-offset"},
        {"vision_encoder": WithDropout, "vision_params": None},
        {"vision_params": {"width": 8, "depth": 1, "n_heads": 2, "mask_ratio": 0.5}},
        {"callbacks": [scheduler()], "lr_schedule": "constant"},
        {"random_state": np.random.RandomState(3), "class_weight": "balanced"},
    ],
    ids=[
        "default",
        "constant",
        "head",
        "held-out",
        "criterion",
        "dropout",
        "masked",
        "callback",
        "state",
    ],
)
def test_resumed_trainings_are_equal_to_the_bit(make, cube, labels, changes, tmp_path):
    """They are cut short after an epoch that was kept, and again before the next is."""
    whole = clone(make(**changes, checkpoint_dir=None, resume=False)).fit(cube, labels)
    for cut in (4, 6):
        with power_cut(cut):
            clone(make(**changes)).fit(cube, labels)
        assert len(list((tmp_path / "runs").iterdir())) == 1
    resumed = clone(make(**changes)).fit(cube, labels)
    # Figures of single batches are not kept, which tells where it went on.
    done = [len(one["batches"]) for one in resumed.history_].count(0)
    assert done == 5 // changes.get("every", 3) * changes.get("every", 3)
    assert_same(resumed, whole, cube)
    assert not resumed.interrupted_


@pytest.fixture(scope="module")
def wrong_labels(cube, labels):
    """Samples, in all rows of the map, of which a few labels are wrong."""
    every_row = np.zeros_like(labels)
    every_row[2:-2] = labels[3]
    X, y = pixel_samples(cube, every_row)
    wrong = np.random.default_rng(1).choice(len(y), 10, replace=False)
    y[wrong] = y[wrong] % 3 + 1
    return X, y


@pytest.fixture(scope="module")
def whole(settings, wrong_labels):
    """Fitted on them without a checkpoint; not to be changed."""
    clf = HSIPromptClassifier(**{**settings, "spatial": "random-walk"})
    with pytest.warns(HSVLMWarning, match="probably wrong"):
        return clf.fit(*wrong_labels)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*probably wrong:hsvlm.exceptions.HSVLMWarning")
def test_resumed_trainings_leave_out_the_same_labels(make, cube, wrong_labels, whole, tmp_path):
    given = {"spatial": "random-walk", "every": 2}
    with power_cut(5):
        make(**given).fit(*wrong_labels)
    assert len(list((tmp_path / "runs").iterdir())) == 1
    resumed = make(**given).fit(*wrong_labels)
    assert [len(one["batches"]) for one in resumed.history_].count(0) == 4
    assert_same(resumed, whole, cube)
    assert len(whole.disputed_labels_) > 3
    np.testing.assert_array_equal(resumed.disputed_labels_, whole.disputed_labels_)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*probably wrong:hsvlm.exceptions.HSVLMWarning")
@pytest.mark.parametrize(
    "other",
    [
        {"spatial": None},
        {"spatial": "random-walk", "spatial_params": {"weights": (0.5, 0.5)}},
        {"spatial": "random-walk", "spatial_params": {"restart": 0.5, "contrast": 100}},
    ],
    ids=["windows", "given", "other walks"],
)
def test_a_training_with_other_labels_is_not_continued(make, cube, wrong_labels, whole, other):
    make(**other).fit(*wrong_labels)
    assert_same(make(spatial="random-walk").fit(*wrong_labels), whole, cube)


@pytest.mark.slow
def test_early_stopping_goes_on_with_its_patience(make, cube, labels):
    def stop():
        return EarlyStopping(
            monitor="train_loss", patience=5, threshold=10, threshold_mode="abs", load_best=True
        )

    whole = make(callbacks=[stop()], checkpoint_dir=None, resume=False).fit(cube, labels)
    assert len(whole.history_) == 6
    with power_cut(4):
        make(callbacks=[stop()]).fit(cube, labels)
    for _ in range(2):  # to its end, and then from its end
        resumed = make(callbacks=[stop()]).fit(cube, labels)
        assert_same(resumed, whole, cube)


@pytest.mark.slow
def test_a_finished_training_is_not_repeated(make, cube, labels, tmp_path, monkeypatch):
    first = make().fit(cube, labels)
    (path,) = (tmp_path / "runs").iterdir()
    written = path.stat().st_mtime_ns
    with monkeypatch.context() as nothing_is_learned:
        nothing_is_learned.setattr(torch.optim.AdamW, "step", None)
        again = make().fit(cube, labels)
    assert_same(again, first, cube)
    assert path.stat().st_mtime_ns == written


@pytest.mark.slow
def test_without_resume_training_starts_afresh(make, cube, labels):
    with power_cut(7):
        make().fit(cube, labels)
    with power_cut(1):
        make(resume=False).fit(cube, labels)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", ["data", "labels", "weights", "neighbours", "lr", "seed", "prompts", "callbacks"]
)
def test_another_training_is_not_taken_for_this_one(make, cube, labels, change, tmp_path):
    weights = np.ones(labels.shape)
    with power_cut(4):
        make().fit(cube, labels, sample_weight=weights)
    changes = {
        "lr": {"lr": 4e-3},
        "seed": {"random_state": 1},
        "prompts": {"text_encoder": np.eye(3, 9)},
        "callbacks": {"callbacks": [EarlyStopping("train_loss")]},
    }.get(change, {})
    cube, labels = cube.copy(), labels.copy()
    if change == "data":
        cube[9, 9, 0] += 1e-3
    elif change == "neighbours":
        cube[1, 5, 0] += 1e-3  # of no label, but in the windows of labelled pixels
    elif change == "labels":
        labels[9, 9] = 1 + labels[9, 9] % 3
    elif change == "weights":
        weights[9, 9] = 2
    with power_cut(1):
        make(**changes).fit(cube, labels, sample_weight=weights)
    assert len(list((tmp_path / "runs").iterdir())) == 1  # the second one had no time for its own


@pytest.mark.slow
def test_a_grid_search_goes_on_where_it_was(make, cube, labels):
    X, y = pixel_samples(cube, labels)
    grid = {"lr": [1e-3, 5e-3]}
    plain = make(checkpoint_dir=None, resume=False, max_epochs=4)
    expected = GridSearchCV(plain, grid, cv=2).fit(X, y)
    search = GridSearchCV(make(max_epochs=4, every=1), grid, cv=2, error_score="raise")
    with power_cut(3):
        search.fit(X, y)
    search.fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


@pytest.mark.slow
def test_a_warm_start_goes_on_too(make, cube, labels):
    first = make(warm_start=True, checkpoint_dir=None, resume=False).fit(cube, labels)

    def second():
        clf = make(warm_start=True)
        vars(clf).update(
            {k: v for k, v in vars(first).items() if k.endswith("_") or k == "_n_features_out"}
        )
        return clf

    whole = second().set_params(checkpoint_dir=None, resume=False).fit(cube, labels)
    with power_cut(5):
        second().fit(cube, labels)
    assert_same(second().fit(cube, labels), whole, cube)


@pytest.mark.slow
def test_fitted_classifiers_do_not_carry_checkpoints_along(make, cube, labels):
    net = make().fit(cube, labels).net_
    names = [type(one[1]).__name__ for one in net.callbacks_]
    assert "Checkpoint" not in names
    assert len(net.callbacks) == 4  # progress, best weights, schedule and the one of the user


def test_what_a_checkpoint_cannot_hold_is_found_at_once(make, cube, labels):
    class Keeping(Callback):
        def on_train_begin(self, net, **_):
            self.figure_ = object()

    with pytest.raises(ParameterError) as caught:
        make(callbacks=[Keeping()]).fit(cube, labels)
    assert str(caught.value) == (
        "The callback Keeping keeps what a checkpoint cannot hold: callbacks.Keeping['figure_'] is "
        "of type object, which a saved model does not hold. It holds None, booleans, real numbers, "
        "strings, lists, tuples, dicts, paths and arrays. Leave the callback out, or train with "
        "checkpoint_dir=None."
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"checkpoint_dir": None},
            "resume=True needs to know where the checkpoints are. Set checkpoint_dir to the folder "
            "that the interrupted training had.",
        ),
        (
            {"random_state": None},
            "checkpoint_dir needs a random_state: with None, every fit draws another seed, and "
            "none could be continued. Set an integer.",
        ),
    ],
)
def test_parameters_that_cannot_go_together(make, cube, labels, parameters, message):
    with pytest.raises(ParameterError) as caught:
        make(**parameters).fit(cube, labels)
    assert str(caught.value) == message


def test_a_folder_that_cannot_be_made(make, cube, labels, tmp_path):
    (tmp_path / "file").write_text("notes")
    with pytest.raises(FileError, match=r"file: cannot be made \(.*\)\. Choose another folder\."):
        make(checkpoint_dir=tmp_path / "file").fit(cube, labels)


@pytest.mark.slow
def test_a_full_disk_costs_the_checkpoint_only(make, cube, labels, monkeypatch):
    expected = make(checkpoint_dir=None, resume=False).fit(cube, labels)

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hsvlm._storage.parts.write_file", full)
    with pytest.warns(HSVLMWarning) as warned:
        clf = make().fit(cube, labels)
    assert [str(one.message)[:37] for one in warned] == [
        f"The checkpoint of epoch {epoch} is left out" for epoch in (3, 6, 8)
    ]
    assert_same(clf, expected, cube)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused(make, cube, labels, tmp_path):
    with power_cut(4):
        make().fit(cube, labels)
    (path,) = (tmp_path / "runs").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        make().fit(cube, labels)
    assert str(caught.value).startswith(f"The checkpoint cannot be continued from. {path}: ")
    assert str(caught.value).endswith("Delete it to start this training afresh.")


@pytest.mark.slow
def test_a_checkpoint_of_other_versions_is_continued_with_a_warning(make, cube, labels, tmp_path):
    with power_cut(4):
        make().fit(cube, labels)
    (path,) = (tmp_path / "runs").iterdir()
    parts = read_parts(path)
    old = f'"torch": "{torch.__version__}"'.encode()
    assert old in parts["config.json"]
    parts["config.json"] = parts["config.json"].replace(old, b'"torch": "2.10.0"')
    write_parts(path, parts)
    with pytest.warns(HSVLMWarning) as warned:
        make().fit(cube, labels)
    assert str(warned[0].message) == (
        f"{path} was written with torch 2.10.0 (now {torch.__version__}): training goes on, but "
        "its last bits may differ from what they would have been."
    )


@pytest.mark.slow
def test_a_checkpoint_with_other_contents_is_refused(make, cube, labels, tmp_path):
    with power_cut(4):
        make().fit(cube, labels)
    (path,) = (tmp_path / "runs").iterdir()
    parts = read_parts(path)
    parts["config.json"] = parts["config.json"].replace(b'"stopped"', b'"ended"')
    write_parts(path, parts)
    with pytest.raises(FileError, match="is no checkpoint of this training") as caught:
        make().fit(cube, labels)
    assert str(caught.value).endswith(". Delete it to start this training afresh.")
