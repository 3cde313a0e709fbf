"""Every callback of skorch does in the classifier what it does elsewhere, or is refused."""

import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from skorch import callbacks as skorch_callbacks
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    MlflowLogger,
    NeptuneLogger,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    TrainEndCheckpoint,
    Unfreezer,
    WandbLogger,
    WarmRestartLR,
)
from torch.optim.lr_scheduler import StepLR

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import HSVLMWarning, ParameterError


class Records:
    """Stands for whatever a service of experiments gives: takes every call and item."""

    def __init__(self, folder=None):
        self.dir = folder
        self.calls = []
        self.info = SimpleNamespace(run_id="1")

    def __getattr__(self, name):
        if name.startswith("__") or name == "get_params":
            raise AttributeError(name)
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs))

    def __getitem__(self, key):
        return self

    def __setitem__(self, key, value):
        self.calls.append((key, (value,), {}))

    def numbers(self):
        values = [one for _, args, named in self.calls for one in (*args, *named.values())]
        values += [one for value in values if isinstance(value, dict) for one in value.values()]
        return [one for one in values if isinstance(one, float)]


@pytest.fixture
def fit(cube, labels, settings):
    def fitted(*callbacks, **parameters):
        few = {"max_epochs": 3, "validation_fraction": 0.2}
        clf = HSIPromptClassifier(**{**settings, **few, **parameters}, callbacks=list(callbacks))
        return clf.fit(cube, labels)

    return fitted


@pytest.fixture
def fake_neptune(monkeypatch):
    for name in ("neptune", "neptune.types", "neptune.handler"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["neptune.types"].File = Records()
    sys.modules["neptune.handler"].Handler = type("Handler", (), {})


def epoch_scoring(fit, folder):
    clf = fit(EpochScoring("accuracy", lower_is_better=False))
    np.testing.assert_allclose(clf.history_[:, "accuracy"], clf.history_[:, "valid_acc"])


def batch_scoring(fit, folder):
    clf = fit(BatchScoring("accuracy", lower_is_better=False, name="each"))
    np.testing.assert_allclose(clf.history_[:, "each"], clf.history_[:, "valid_acc"])


def epoch_timer(fit, folder):
    assert "dur" in fit(EpochTimer()).history_[-1]


def print_log(fit, folder, capsys):
    fit(PrintLog())
    assert len([line for line in capsys.readouterr().out.splitlines() if line.strip()]) == 2 + 3


class Postfix(ProgressBar):
    def on_batch_end(self, net, **arguments):
        super().on_batch_end(net, **arguments)
        self.shown_ = self._get_postfix_dict(net)


def progress_bar(fit, folder, capsys):
    bar = Postfix(detect_notebook=False)
    fit(bar)
    assert isinstance(bar.shown_["valid_loss"], float)
    assert "/4 [" in capsys.readouterr().err


def lr_scheduler(fit, folder):
    clf = fit(LRScheduler(StepLR, step_size=1, gamma=0.1), lr_schedule="constant")
    np.testing.assert_allclose(clf.history_[:, "lr"], [5e-3, 5e-4, 5e-5])


def early_stopping(fit, folder):
    stop = EarlyStopping("valid_loss", patience=1, threshold=1e6, threshold_mode="abs")
    assert len(fit(stop, max_epochs=9).history_) < 9


def gradient_norm_clipping(fit, folder):
    clipped, free = (
        next(fit(GradientNormClipping(value), max_epochs=1).net_.module_.encoder.parameters())
        for value in (1e-12, None)
    )
    assert not torch.allclose(clipped, free)


def checkpoint(fit, folder):
    clf = fit(Checkpoint(dirname=str(folder), load_best=True))
    assert {one.name for one in folder.iterdir()} == {
        "params.pt",
        "optimizer.pt",
        "criterion.pt",
        "history.json",
    }
    kept = torch.load(folder / "params.pt", weights_only=True)
    state = clf.net_.module_.state_dict()
    assert all(torch.equal(state[name], value) for name, value in kept.items())


def train_end_checkpoint(fit, folder):
    clf = fit(TrainEndCheckpoint(dirname=str(folder)))
    kept = torch.load(folder / "train_end_params.pt", weights_only=True)
    state = clf.net_.module_.state_dict()
    assert all(torch.equal(state[name], value) for name, value in kept.items())


def freezer(fit, folder):
    clf = fit(Freezer("encoder.*"), max_epochs=1)
    frozen = [not one.requires_grad for one in clf.net_.module_.encoder.parameters()]
    assert all(frozen)


def unfreezer(fit, folder):
    clf = fit(Freezer("encoder.*"), Unfreezer("encoder.*", at=2), max_epochs=2)
    assert all(one.requires_grad for one in clf.net_.module_.parameters())


def initializer(fit, folder):
    clf = fit(Initializer("encoder.*", fn=torch.nn.init.zeros_), max_epochs=1, lr=1e-12)
    assert max(one.abs().max() for one in clf.net_.module_.encoder.parameters()) < 1e-9


def param_mapper(fit, folder):
    halve = partial(torch.nn.init.constant_, val=0.5)
    clf = fit(ParamMapper(["encoder.*"], fn=halve, at=1), max_epochs=1, lr=1e-12, weight_decay=0.0)
    assert torch.allclose(next(clf.net_.module_.encoder.parameters()), torch.tensor(0.5))


def passthrough_scoring(fit, folder):
    clf = fit(PassthroughScoring("train_loss", on_train=True))
    assert np.isfinite(clf.history_[:, "train_loss"]).all()


def tensor_board(fit, folder):
    run = Records()
    fit(TensorBoard(run))
    assert run.numbers()


def sacred_logger(fit, folder):
    run = Records()
    fit(SacredLogger(run, log_on_batch_end=True))
    assert run.numbers()


def wandb_logger(fit, folder):
    run = Records(folder)
    fit(WandbLogger(run))
    assert run.numbers()
    assert (folder / "best_model.pth").exists()


def mlflow_logger(fit, folder):
    run = Records()
    fit(MlflowLogger(run, client=run, log_on_batch_end=True))
    assert run.numbers()


def neptune_logger(fit, folder):
    run = Records()
    fit(NeptuneLogger(run, log_on_batch_end=True))
    assert run.numbers()


WORKS = {
    "BatchScoring": batch_scoring,
    "Checkpoint": checkpoint,
    "EarlyStopping": early_stopping,
    "EpochScoring": epoch_scoring,
    "EpochTimer": epoch_timer,
    "Freezer": freezer,
    "GradientNormClipping": gradient_norm_clipping,
    "Initializer": initializer,
    "LRScheduler": lr_scheduler,
    "MlflowLogger": mlflow_logger,
    "NeptuneLogger": neptune_logger,
    "ParamMapper": param_mapper,
    "PassthroughScoring": passthrough_scoring,
    "PrintLog": print_log,
    "ProgressBar": progress_bar,
    "SacredLogger": sacred_logger,
    "TensorBoard": tensor_board,
    "TrainEndCheckpoint": train_end_checkpoint,
    "Unfreezer": unfreezer,
    "WandbLogger": wandb_logger,
}
REFUSED = {
    "InputShapeSetter": (InputShapeSetter(), "given its number of channels anyway"),
    "LoadInitState": (LoadInitState(Checkpoint()), "checkpoint_dir and resume=True"),
    "WarmRestartLR": (WarmRestartLR, r"Pass LRScheduler\(WarmRestartLR, ...\)"),
}


def test_every_callback_of_skorch_is_classified():
    assert set(WORKS) | set(REFUSED) | {"Callback"} == set(skorch_callbacks.__all__)


@pytest.mark.usefixtures("fake_neptune")
@pytest.mark.parametrize("name", sorted(WORKS))
def test_callbacks_do_their_job(name, fit, tmp_path, request):
    more = {"capsys"} & set(WORKS[name].__code__.co_varnames)
    WORKS[name](fit, tmp_path, **{one: request.getfixturevalue(one) for one in more})


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_callbacks_that_work_against_the_classifier_are_refused(name, fit):
    callback, message = REFUSED[name]
    with pytest.raises(ParameterError, match=message):
        fit(callback)


@pytest.mark.parametrize(
    ("callback", "parameters", "message"),
    [
        (LRScheduler(StepLR, step_size=1), {}, 'Set lr_schedule="constant"'),
        (LRScheduler, {}, 'Set lr_schedule="constant"'),
        (EpochScoring("accuracy"), {"validation_fraction": None}, "Set validation_fraction"),
        (BatchScoring("accuracy"), {"validation_fraction": None}, "Set validation_fraction"),
        (Checkpoint(), {"validation_fraction": None}, "Set validation_fraction"),
        (EarlyStopping("accuracy"), {}, "The history has .*valid_acc"),
        (Checkpoint(monitor="acc_best"), {}, "The history has .*valid_acc"),
        (Checkpoint(f_pickle="net.pkl"), {}, "clf.save"),
        (Freezer("encodr*"), {}, "No parameter of the network matches .* They are called"),
        (Freezer("encoder.*", at=9), {}, "acts in epoch 9, but max_epochs=3"),
        (("monitor", EpochTimer()), {}, "Choose another name"),
    ],
)
def test_callbacks_that_could_not_take_effect_are_refused(
    callback, parameters, message, fit, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match=message):
        fit(callback, **parameters)


@pytest.mark.parametrize("caching", [True, False])
@pytest.mark.parametrize("on_train", [True, False])
@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", "neg_log_loss", None, "function"])
@pytest.mark.parametrize("text", [False, True])
def test_scores_compare_predictions_with_labels(
    cube, labels, settings, scoring, text, on_train, caching
):
    seen = []

    def function(net, X, y):
        predicted = net.predict(X)
        seen.append((set(y.tolist()), set(predicted.tolist()) | set(y.tolist())))
        return f1_score(y, predicted, average="macro")

    names = np.array(["", "oats", "wheat", "woods"])
    score = EpochScoring(
        function if scoring == "function" else scoring,
        name="figure",
        lower_is_better=False,
        on_train=on_train,
        use_caching=caching,
    )
    few = {"max_epochs": 2, "validation_fraction": 0.5, "unlabeled": "" if text else 0}
    clf = HSIPromptClassifier(**{**settings, **few}, callbacks=[score])
    clf.fit(cube, names[labels] if text else labels)
    assert np.isfinite(clf.history_[:, "figure"]).all()
    for in_y, in_both in seen:
        assert in_y == in_both == set(clf.classes_.tolist())


@pytest.mark.slow
def test_a_score_that_is_never_recorded_is_said(fit):
    with pytest.warns(HSVLMWarning, match="found no 'los' to record. The history has .*train_loss"):
        fit(PassthroughScoring("los"))


@pytest.mark.slow
def test_early_stopping_follows_a_score(fit):
    score = EpochScoring("accuracy", lower_is_better=False, name="right")
    stop = EarlyStopping("right", lower_is_better=False, patience=2, load_best=True)
    clf = fit(score, stop, max_epochs=40)
    assert len(clf.history_) < 40
    assert not clf.interrupted_


def test_callbacks_of_ones_own_see_labels_and_numbers(fit):
    class Look(Callback):
        def on_batch_end(self, net, batch=None, training=False, loss=None, **_):
            self.labels_ = batch[1]
            self.loss_ = net.history[-1, "batches", -1, "train_loss"]

    look = Look()
    fit(look, max_epochs=1, validation_fraction=None)
    assert set(look.labels_.tolist()) <= {1, 2, 3}
    assert isinstance(look.loss_, float)


@pytest.mark.slow
def test_a_scored_training_can_be_resumed(fit, tmp_path):
    kept = {"checkpoint_dir": tmp_path, "checkpoint_every": 1}
    score = partial(EpochScoring, "accuracy", lower_is_better=False)
    first = fit(score(), **kept)
    second = fit(score(), **kept, resume=True)
    assert first.history_[:, "accuracy"] == second.history_[:, "accuracy"]
