"""What a training asks of the device."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hsvlm import HSIPromptClassifier


class _CountsReads(TorchDispatchMode):
    """Counts numbers that are read out of tensors: on a GPU the host waits for each of them."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("criterion", ["hard-semi-hard", "clip", "cross-entropy"])
def test_steps_read_nothing_from_the_device(cube, labels, settings, criterion):
    changes = {"criterion": criterion, "validation_fraction": 0.3, "spatial": None}
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


def test_figures_of_batches_are_numbers(cube, labels, settings):
    clf = HSIPromptClassifier(**settings, validation_fraction=0.3).fit(cube, labels)
    for row in clf.history_[-1, "batches"]:
        assert {"train_loss", "valid_loss"} & set(row)
        assert all(isinstance(one, float | int) for one in row.values())
