"""Parts of batches in threads: the same results as one after the other."""

import threading

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier
from hsvlm._system import parallel as _parallel
from hsvlm._system.parallel import Threads, backward_in_parts, is_divisible, n_parts, threads_for


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_gradients_of_parts_add_up():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(867, 8), torch.nn.Tanh())
    module.register_parameter("unused", torch.nn.Parameter(torch.zeros(3)))
    module.append(torch.nn.Linear(8, 4))
    windows = torch.randn(1000, 17, 17, 3)
    assert n_parts(1000, 289_000) == 8

    def loss_of(outputs):  # of all pairs in the batch: parts must not see it each by itself
        return (outputs @ outputs.T).square().mean()

    loss_of(module(windows)).backward()
    expected = {name: one.grad for name, one in module.named_parameters()}
    outputs, loss = backward_in_parts(module, windows.tensor_split(8), loss_of, Threads())
    torch.testing.assert_close(outputs, module(windows).detach())
    torch.testing.assert_close(loss, loss_of(outputs))
    for name, one in module.named_parameters():
        if name == "unused":
            assert one.grad is None
        else:
            torch.testing.assert_close(one.grad, expected[name])


@pytest.mark.parametrize(
    ("n_windows", "n_pixels", "expected"),
    [
        (1, 10**6, 1),
        (31, 31 * 225, 1),
        (32, 32 * 225, 2),
        (32, 32 * 25, 2),
        (32, 32 * 9, 1),
        (64, 64 * 25, 2),
        (1000, 1000 * 25, 2),
        (128, 128 * 33 * 33, 4),
        (10**6, 10**6, 8),
    ],
)
def test_number_of_parts(n_windows, n_pixels, expected):
    assert n_parts(n_windows, n_pixels) == expected


def test_parts_run_side_by_side_on_one_thread_each(two_threads):
    meet = threading.Barrier(2, timeout=20)

    def call(number):
        meet.wait()  # passed by two at a time only
        return number, torch.get_num_threads()

    with threads_for(4, 0) as threads:
        assert threads.map(call, range(4)) == [(number, 1) for number in range(4)]
    assert torch.get_num_threads() == 2


def test_no_thread_divides_a_product_of_matrices(two_threads):
    torch.manual_seed(0)
    layer = torch.nn.Linear(16, 10, bias=False)
    windows, upstream = torch.randn(32, 16), torch.randn(32, 10)

    def gradient(outputs):
        return torch.autograd.grad(outputs, layer.weight, upstream)[0]

    with threads_for(1, 0):
        found = [gradient(layer(windows))]
    for _ in range(5):  # in threads, the first thing that they do
        outputs = [layer(windows) for _ in range(2)]
        meet = threading.Barrier(2, timeout=20)
        with threads_for(2, 0) as threads:
            found += threads.map(lambda one, meet=meet: (meet.wait(), gradient(one))[1], outputs)
    torch.set_num_threads(1)
    expected = gradient(layer(windows))
    assert [torch.equal(one, expected) for one in found] == [True] * 11


def test_a_limit_on_threads_is_kept():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threads_for(4, 0) as threads:
            found = threads.map(lambda _: threading.current_thread(), range(4))
        assert set(found) == {threading.current_thread()}
    finally:
        torch.set_num_threads(before)


def test_errors_in_a_part_are_raised(two_threads):
    with threads_for(2, 0) as threads, pytest.raises(ZeroDivisionError):
        threads.map(lambda one: 1 / one, [1, 0])


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["hard-semi-hard", "clip", "cross-entropy"])
def test_bits_do_not_depend_on_the_number_of_threads(
    cube, labels, settings, criterion, monkeypatch
):
    monkeypatch.setattr(_parallel, "_PIXELS_PER_PART", 2000)
    before, found = torch.get_num_threads(), []
    changes = {"batch_size": 224, "window_size": 9, "max_epochs": 3, "criterion": criterion}
    assert n_parts(224, 224 * 81) == 8
    for number in (1, 2, 3):
        torch.set_num_threads(number)
        try:
            clf = HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)
            found.append(clf.predict_proba(cube))
        finally:
            torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_networks_that_do_not_say_so_are_not_divided(cube, labels, settings):
    for changes, expected in (({}, True), ({"mask_ratio": 0.5}, False)):
        params = {**settings["vision_params"], **changes}
        clf = HSIPromptClassifier(**{**settings, "vision_params": params, "max_epochs": 1})
        assert is_divisible(clf.fit(cube, labels).net_.module_) is expected
