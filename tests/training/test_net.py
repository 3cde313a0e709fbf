"""What a training asks of the device."""

import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch.utils._python_dispatch import TorchDispatchMode

from hsvlm import HSIPromptClassifier


class _CountsReads(TorchDispatchMode):
    """Counts numbers that are read out of tensors: on a GPU the host waits for each of them."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["hard-semi-hard", "clip", "cross-entropy"])
def test_steps_read_nothing_from_the_device(cube, labels, settings, criterion):
    changes = {"criterion": criterion, "validation_fraction": 0.3, "max_epochs": 2}
    before, found = torch.get_num_threads(), []
    torch.set_num_threads(1)  # the count is that of this thread
    try:
        for batch_size in (8, 32):
            clf = HSIPromptClassifier(**{**settings, **changes, "batch_size": batch_size})
            with _CountsReads() as reads:
                clf.fit(cube, labels)
            found.append((reads.count, clf.history_[-1, "train_batch_count"]))
    finally:
        torch.set_num_threads(before)
    (few_reads, many_steps), (same_reads, few_steps) = found
    assert many_steps > 2 * few_steps
    assert few_reads == same_reads
    assert few_reads > 0


@pytest.mark.slow
def test_figures_of_batches_are_numbers(cube, labels, settings):
    clf = HSIPromptClassifier(**settings, validation_fraction=0.3).fit(cube, labels)
    for row in clf.history_[-1, "batches"]:
        assert {"train_loss", "valid_loss"} & set(row)
        assert all(isinstance(one, float | int) for one in row.values())


class _Compiled(Callback):
    def on_train_begin(self, net, **kwargs):
        net.module_.encoder.compile(backend="aot_eager")


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [8, 64], ids=["whole batches", "parts in threads"])
def test_encoders_may_be_compiled_by_a_callback(tmp_path, cube, labels, settings, batch_size):
    fixed = {**settings, "max_epochs": 1, "batch_size": batch_size}
    plain = HSIPromptClassifier(**fixed).fit(cube, labels)
    compiled = HSIPromptClassifier(**fixed, callbacks=[_Compiled()]).fit(cube, labels)
    assert compiled.net_.module_.encoder._compiled_call_impl is not None
    expected = plain.predict_proba(cube)
    np.testing.assert_allclose(compiled.predict_proba(cube), expected, atol=1e-5)
    compiled.save(tmp_path / "model")
    loaded = HSIPromptClassifier.load(tmp_path / "model", device="cpu")
    for one in (loaded, pickle.loads(pickle.dumps(compiled))):
        np.testing.assert_allclose(one.predict_proba(cube), expected, atol=1e-5)
