"""Trainings that end before they are done: Ctrl-C, a lack of memory, values that are not finite."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm._training.callbacks import BestWeights
from hsvlm.exceptions import (
    DeviceMemoryError,
    HSVLMError,
    HSVLMWarning,
    TrainingDivergedError,
)

OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB."


class Breaking(torch.nn.Module):
    """An encoder that raises in the given step of its training, or on too large batches."""

    def __init__(self, n_channels, window_size, patch_size, step=0, error=None, largest=10**6):
        super().__init__()
        self.n_features = n_channels
        self.layer = torch.nn.Linear(n_channels, n_channels)
        self.left, self.error, self.largest = step, error, largest
        self.sizes = []

    def forward(self, windows):
        self.sizes.append(len(windows))
        self.left -= self.training
        if self.training and self.left == 0:
            raise self.error
        if len(windows) > self.largest:
            raise torch.OutOfMemoryError(OUT_OF_MEMORY)
        return self.layer(windows.mean(dim=(1, 2)))


class Weights(Callback):
    """Keeps the weights of every epoch."""

    def on_train_begin(self, net, **_):
        self.kept_ = []

    def on_epoch_end(self, net, **_):
        weights = net.module_.state_dict()
        self.kept_.append({name: value.clone() for name, value in weights.items()})


@pytest.fixture
def breaking(settings):
    # 224 samples are 4 steps an epoch.
    changes = {"vision_encoder": Breaking, "batch_size": 64, "lr_schedule": "constant"}

    def make(vision_params, **parameters):
        given = {**settings, **changes, "vision_params": vision_params, **parameters}
        return HSIPromptClassifier(**given)

    return make


def test_ctrl_c_keeps_the_weights_of_the_best_epoch(breaking, cube, labels):
    weights = Weights()
    clf = breaking({"step": 22, "error": KeyboardInterrupt()}, callbacks=[weights])
    with pytest.warns(HSVLMWarning) as warned:
        clf.fit(cube, labels)
    losses = clf.history_[:, "train_loss"]
    best = int(np.argmin(losses))
    assert str(warned[0].message) == (
        f"Training was interrupted in epoch 6 of 8. The classifier keeps the weights of the best "
        f"epoch, {best + 1} (loss {losses[best]:.4g}), and can be used; warm_start=True continues "
        "from them."
    )
    assert clf.interrupted_
    assert [one["epoch"] for one in clf.history_] == [1, 2, 3, 4, 5]
    kept = weights.kept_[best]
    for name, value in clf.net_.module_.state_dict().items():
        assert torch.equal(value, kept[name])
    assert clf.score(cube, labels) > 0.6


def test_the_best_epoch_need_not_be_the_last_one(breaking, cube, labels, monkeypatch):
    weights, losses = Weights(), iter([3.0, 1.0, 2.0, 2.5, 4.0])
    clf = breaking({"step": 22, "error": KeyboardInterrupt()}, callbacks=[weights])
    watch = BestWeights.on_epoch_end

    def on_epoch_end(self, net, **arguments):
        net.history[-1]["valid_loss"] = next(losses)
        watch(self, net, **arguments)

    monkeypatch.setattr(BestWeights, "on_epoch_end", on_epoch_end)
    with pytest.warns(HSVLMWarning, match=r"the best epoch, 2 \(loss 1\), and can be used"):
        clf.fit(cube, labels)
    kept = weights.kept_[1]
    for name, value in clf.net_.module_.state_dict().items():
        assert torch.equal(value, kept[name])


@pytest.mark.slow
def test_ctrl_c_before_the_first_epoch_is_over_leaves_the_previous_fit(breaking, cube, labels):
    clf = breaking({}).fit(cube, labels)
    assert not clf.interrupted_
    before = clf.predict_proba(cube)
    clf.set_params(vision_params={"step": 3, "error": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        clf.fit(cube, labels)
    np.testing.assert_array_equal(clf.predict_proba(cube), before)


@pytest.mark.slow
def test_ctrl_c_keeps_the_read_out_that_was_weighed_before(breaking, cube, labels):
    params = {"step": 22, "error": KeyboardInterrupt()}
    clf = breaking(params, spatial="random-walk")
    with pytest.warns(HSVLMWarning, match="Training was interrupted in epoch 6 of 8"):
        clf.fit(cube, labels)
    assert clf.interrupted_
    assert clf.readout_.weights != (0.5, 0.5)
    np.testing.assert_array_equal(clf.predict(cube)[labels > 0], labels[labels > 0])


@pytest.mark.slow
def test_ctrl_c_while_the_read_out_is_weighed_ends_the_fit(breaking, cube, labels):
    clf = breaking({}, spatial="random-walk").fit(cube, labels)
    before = clf.predict_proba(cube)
    # Short trainings have two epochs of three steps.
    clf.set_params(vision_params={"step": 5, "error": KeyboardInterrupt()}, max_epochs=16)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(cube, labels)
    np.testing.assert_array_equal(clf.predict_proba(cube), before)


def test_early_stopping_is_no_interruption(breaking, cube, labels):
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=1e9, threshold_mode="abs")
    clf = breaking({}, callbacks=[stop]).fit(cube, labels)
    assert len(clf.history_) < clf.max_epochs
    assert not clf.interrupted_


def test_training_that_does_not_fit_into_memory_says_what_to_lower(breaking, cube, labels):
    with pytest.raises(DeviceMemoryError) as caught:
        breaking({"largest": 10}).fit(cube, labels)
    assert isinstance(caught.value, (HSVLMError, MemoryError))
    assert str(caught.value) == (
        "There is not enough memory on cpu for this training. Lower batch_size (64) first; then "
        "window_size (5), n_components or the width and depth in vision_params, or raise "
        "patch_size; or take another device."
    )


@pytest.mark.slow
def test_memory_that_is_lacking_while_the_read_out_is_weighed(breaking, cube, labels):
    with pytest.raises(DeviceMemoryError, match="There is not enough memory on cpu"):
        breaking({"largest": 10}, spatial="random-walk").fit(cube, labels)


def test_other_errors_of_torch_are_not_taken_for_a_lack_of_memory(breaking, cube, labels):
    with pytest.raises(RuntimeError, match=r"^shapes differ$"):
        breaking({"step": 1, "error": RuntimeError("shapes differ")}).fit(cube, labels)


@pytest.mark.slow
def test_prediction_halves_the_batch_until_it_fits(breaking, cube, labels):
    clf = breaking({}).fit(cube, labels)
    expected = clf.predict_proba(cube)
    encoder = clf.net_.module_.encoder
    encoder.largest, encoder.sizes = 100, []
    np.testing.assert_allclose(clf.predict_proba(cube), expected, rtol=1e-5)
    assert encoder.sizes == [360, 180, 90, 90, 180, 90, 90]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(OUT_OF_MEMORY),
        RuntimeError("MPS backend out of memory (MPS allocated: 1.00 GB)"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
    ids=["cuda", "mps", "cpu"],
)
def test_prediction_of_a_single_window_that_does_not_fit(breaking, cube, labels, error):
    clf = breaking({}).fit(cube, labels)
    X, _ = pixel_samples(cube, labels)

    def refuse(windows):
        raise error

    clf.net_.module_.encoder.forward = refuse
    with pytest.raises(DeviceMemoryError) as caught:
        clf.predict(X[:3])
    assert str(caught.value) == (
        "There is not enough memory on cpu for the prediction of a single window of 5 x 5 pixels. "
        'Free memory, or predict on another device: clf.set_params(device="cpu").'
    )


def test_other_errors_in_prediction_are_not_hidden(breaking, cube, labels):
    clf = breaking({}).fit(cube, labels)
    clf.net_.module_.encoder.layer = torch.nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        clf.predict(cube)


def test_weights_that_the_last_step_ruins(settings, cube, labels):
    changes = {"lr": 1e30, "lr_schedule": "constant", "max_epochs": 1, "batch_size": 1000}
    with pytest.raises(TrainingDivergedError) as caught:
        HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)
    assert str(caught.value) == (
        "After training with lr=1e+30 and batch_size=1000, outputs of the network are not finite. "
        "Lower lr, raise batch_size, or look for extreme values in the data."
    )


@pytest.mark.slow
def test_weights_that_the_first_step_ruins_end_the_fit_with_a_read_out_too(settings, cube, labels):
    changes = {"lr": 1e30, "lr_schedule": "constant", "max_epochs": 1, "spatial": "random-walk"}
    with (
        pytest.warns(HSVLMWarning, match=r"\(TrainingDivergedError\): walks and windows count"),
        pytest.raises(TrainingDivergedError),
    ):
        HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)


@pytest.mark.slow
def test_outputs_that_are_not_finite_are_no_map(settings, cube, labels):
    clf = HSIPromptClassifier(**settings).fit(cube, labels)
    with torch.no_grad():
        clf.net_.module_.encoder.norm.weight.fill_(float("nan"))
    with pytest.raises(TrainingDivergedError) as caught:
        clf.predict(cube)
    assert str(caught.value) == (
        "The network gives 360 of 360 samples outputs that are not finite: the training has "
        "diverged, or these spectra are far from those of the training. Compare their units and "
        "ranges, or fit again with a lower lr."
    )
