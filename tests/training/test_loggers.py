"""A training can be watched: what skorch's loggers write, and where they are copied or resumed."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, MlflowLogger, PrintLog, TensorBoard, WandbLogger

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.exceptions import ParameterError

pytest.importorskip("tensorboard")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

KEYS = {"train_loss", "train_acc", "valid_loss", "valid_acc", "lr", "dur"}


def scalars(folder):
    """``{tag: [(step, value), ...]}`` of all event files of a run."""
    series = {}
    for file in sorted(folder.glob("events.*")):
        events = EventAccumulator(str(file)).Reload()
        for tag in events.Tags()["scalars"]:
            points = [(point.step, point.value) for point in events.Scalars(tag)]
            series.setdefault(tag, []).extend(points)
    return series


class Runs(Callback):
    """Opens a run of TensorBoard for each training."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_begin(self, net, **_):
        run = self.folder / f"run-{len(list(self.folder.iterdir()))}"
        self._logger = TensorBoard(SummaryWriter(run)).initialize()

    def on_epoch_end(self, net, **_):
        self._logger.on_epoch_end(net)

    def on_train_end(self, net, **_):
        self._logger.on_train_end(net)
        del self._logger


class Client:
    """Keeps what MLflow would be told."""

    def __init__(self):
        self.metrics, self.files, self.terminated = [], [], []

    def log_metric(self, run_id, key, value, step):
        self.metrics.append((run_id, key, value, step))

    def log_artifact(self, run_id, path):
        self.files.append(path.name)

    def set_terminated(self, run_id):
        self.terminated.append(run_id)


class WandbRun:
    """Keeps what Weights & Biases would be told."""

    def __init__(self, folder):
        self.dir, self.rows = folder, []

    def watch(self, module):
        pass

    def log(self, row):
        self.rows.append(row)


@pytest.fixture
def watched(settings):
    return _watched(settings)


def _watched(settings):
    # The read-out, so that labels are held out in trainings of their own.
    return {**settings, "max_epochs": 3, "validation_fraction": 0.2, "spatial": "random-walk"}


@pytest.fixture(scope="module")
def whole(cube, labels, settings):
    """Accuracies of every epoch of a training that nobody watches or interrupts."""
    return HSIPromptClassifier(**_watched(settings)).fit(cube, labels).history_[:, "train_acc"]


@pytest.mark.slow
def test_tensorboard_gets_every_epoch_of_the_training_only(cube, labels, watched, tmp_path):
    logger = TensorBoard(SummaryWriter(tmp_path), key_mapper=str)
    clf = HSIPromptClassifier(**watched, callbacks=[logger]).fit(cube, labels)
    series = scalars(tmp_path)
    assert set(series) == KEYS
    for key, points in series.items():
        assert [step for step, _ in points] == [1, 2, 3]
        np.testing.assert_allclose([value for _, value in points], clf.history_[:, key], rtol=1e-6)


@pytest.mark.slow
def test_tags_of_tensorboard_are_those_of_skorch(cube, labels, watched, tmp_path):
    HSIPromptClassifier(**watched, callbacks=[TensorBoard(SummaryWriter(tmp_path))]).fit(
        cube, labels
    )
    assert {"Loss/train_loss", "Loss/valid_loss", "lr"} <= set(scalars(tmp_path))


@pytest.mark.slow
def test_mlflow_gets_every_epoch_of_the_training_only(cube, labels, watched):
    client, run = Client(), SimpleNamespace(info=SimpleNamespace(run_id="7"))
    logger = MlflowLogger(run, client)
    clf = HSIPromptClassifier(**watched, callbacks=[logger]).fit(cube, labels)
    rows = {(key, step): value for _, key, value, step in client.metrics}
    assert len(rows) == len(client.metrics)
    assert set(rows) == {(key, step) for key in KEYS for step in (1, 2, 3)}
    assert rows["train_acc", 2] == clf.history_[1, "train_acc"]
    assert {run_id for run_id, *_ in client.metrics} == {"7"}
    assert client.terminated == ["7"]
    assert "history.json" in client.files


@pytest.mark.slow
def test_wandb_gets_every_epoch_of_the_training_only(cube, labels, watched, tmp_path):
    run = WandbRun(tmp_path)
    HSIPromptClassifier(**watched, callbacks=[WandbLogger(run)]).fit(cube, labels)
    assert len(run.rows) == 3
    assert all(set(row) == KEYS for row in run.rows)


@pytest.mark.slow
def test_accuracy_of_the_training_grows(cube, labels, settings):
    accuracies = HSIPromptClassifier(**settings).fit(cube, labels).history_[:, "train_acc"]
    assert accuracies[0] < accuracies[-1] <= 1
    assert accuracies[-1] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("logger", ["tensorboard", "mlflow", "wandb", "print"])
def test_a_logged_training_can_be_resumed(cube, labels, watched, whole, tmp_path, logger):
    def callback():
        if logger == "tensorboard":
            return TensorBoard(SummaryWriter(tmp_path / "run"), key_mapper=str)
        if logger == "mlflow":
            return MlflowLogger(SimpleNamespace(info=SimpleNamespace(run_id="7")), Client())
        return WandbLogger(WandbRun(tmp_path)) if logger == "wandb" else PrintLog()

    stop = _Stop()
    kept = {"checkpoint_dir": tmp_path / "kept", "checkpoint_every": 1}
    with pytest.raises(SystemError):
        HSIPromptClassifier(**watched, **kept, callbacks=[callback(), stop]).fit(cube, labels)
    _Stop.is_on = False
    resumed = callback()
    clf = HSIPromptClassifier(**watched, **kept, resume=True, callbacks=[resumed, stop])
    clf.fit(cube, labels)
    assert clf.history_[:, "train_acc"] == whole
    if logger == "tensorboard":
        assert sorted({step for step, _ in scalars(tmp_path / "run")["lr"]}) == [1, 2, 3]
    if logger == "mlflow":
        assert {step for *_, step in resumed.client.metrics} == {2, 3}
    if logger == "wandb":
        assert len(resumed.wandb_run.rows) == 2


class _Stop(Callback):
    is_on = True

    def on_epoch_end(self, net, **_):
        if _Stop.is_on and len(net.history) == 2:
            raise SystemError


@pytest.fixture(autouse=True)
def _stopping():
    _Stop.is_on = True


@pytest.mark.slow
def test_a_logged_classifier_is_saved(cube, labels, watched, tmp_path):
    logger = TensorBoard(SummaryWriter(tmp_path / "run"))
    clf = HSIPromptClassifier(**watched, callbacks=[logger]).fit(cube, labels)
    clf.save(tmp_path / "model")
    loaded = HSIPromptClassifier.load(tmp_path / "model")
    assert loaded.history_[:, "train_acc"] == clf.history_[:, "train_acc"]
    assert loaded.callbacks is None


def test_an_open_writer_cannot_be_copied(watched, tmp_path):
    logger = TensorBoard(SummaryWriter(tmp_path))
    clf = HSIPromptClassifier(**watched, callbacks=[("watch", logger)])
    with pytest.raises(ParameterError) as caught:
        clone(clf)
    assert str(caught.value) == (
        "callbacks contains TensorBoard, which cannot be copied (cannot pickle '_thread.lock' "
        "object), but searches and cross-validation copy the classifier for each fit. Pass a "
        "callback that opens its file or connection in on_train_begin."
    )


def test_other_reasons_not_to_be_copied_stay(watched):
    class Refuses:
        def __deepcopy__(self, memo):
            message = "not copied"
            raise TypeError(message)

    with pytest.raises(TypeError, match="not copied"):
        clone(HSIPromptClassifier(**{**watched, "vision_params": Refuses()}))


@pytest.mark.slow
def test_each_training_of_a_search_has_its_own_run(cube, labels, settings, tmp_path):
    X, y = pixel_samples(cube, labels)
    few = {**settings, "max_epochs": 2}
    search = GridSearchCV(
        HSIPromptClassifier(**few, callbacks=[Runs(tmp_path)]), {"lr": [1e-3, 5e-3]}, cv=2
    )
    search.fit(X, y)
    runs = [scalars(run)["lr"] for run in tmp_path.iterdir()]
    assert len(runs) == 2 * 2 + 1
    assert all([step for step, _ in run] == [1, 2] for run in runs)
