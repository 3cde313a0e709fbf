import math

import pytest
import torch

from hsvlm.vision._scan import SelectiveScan, selective_scan


def draw(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def inputs():
    """Values, steps, rates, B and C of two windows with three scans of five steps."""
    return [
        draw(2, 3, 5, 4, seed=0),
        draw(2, 3, 5, 4, seed=1).abs(),
        -draw(3, 4, 6, seed=2).abs(),
        draw(2, 3, 5, 6, seed=3),
        draw(2, 3, 5, 6, seed=4),
    ]


def scan_number_by_number(values, steps, rates, write, read):
    """Return what a scan gives, from one state at a time."""
    n_windows, n_scans, length, width = values.shape
    result = {}
    for window in range(n_windows):
        for scan in range(n_scans):
            for channel in range(width):
                states = [torch.zeros((), dtype=values.dtype)] * rates.shape[-1]
                for time in range(length):
                    x, step = (
                        values[window, scan, time, channel],
                        steps[window, scan, time, channel],
                    )
                    b, c = write[window, scan, time], read[window, scan, time]
                    states = [
                        (step * rate).exp() * state + step * b[n] * x
                        for n, (state, rate) in enumerate(
                            zip(states, rates[scan, channel], strict=True)
                        )
                    ]
                    total = sum(c[n] * state for n, state in enumerate(states))
                    result[window, scan, time, channel] = total
    return torch.stack(list(result.values())).view(n_windows, n_scans, width, length).mT


@pytest.mark.slow
def test_a_scan_is_that_of_its_formula_and_so_are_its_gradients(inputs):
    exact = [tensor.requires_grad_() for tensor in inputs]
    expected = scan_number_by_number(*exact)
    weights = draw(*expected.shape, seed=5)
    gradients = torch.autograd.grad((weights * expected).sum(), exact)
    single = [tensor.detach().float().requires_grad_() for tensor in inputs]
    scanned = selective_scan(*single)
    torch.testing.assert_close(scanned.double(), expected, rtol=1e-5, atol=1e-5)
    ours = torch.autograd.grad((weights.float() * scanned).sum(), single)
    for gradient, known in zip(ours, gradients, strict=True):
        torch.testing.assert_close(gradient.double(), known, rtol=1e-4, atol=1e-5)


def test_a_scan_is_computed_in_float32_under_bfloat16(inputs):
    rounded = [tensor.bfloat16() for tensor in inputs]
    expected = selective_scan(*(tensor.float() for tensor in rounded))
    with torch.autocast("cpu", torch.bfloat16):
        scanned = selective_scan(*rounded)
    assert scanned.dtype == torch.float32
    assert torch.equal(scanned, expected)


def test_only_projections_are_rounded_under_bfloat16():
    torch.manual_seed(0)
    scans, sequences = SelectiveScan(8, 2, n_scans=2), torch.randn(3, 2, 20, 8)
    expected = scans(sequences)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = scans(sequences)
    assert reduced.dtype == torch.float32
    torch.testing.assert_close(reduced, expected, rtol=0.02, atol=0.02)
    assert not torch.equal(reduced, expected)


def test_coefficients_follow_from_the_sequence():
    torch.manual_seed(0)
    scans, sequences = SelectiveScan(4, 2, n_scans=3, n_states=6), torch.randn(2, 3, 5, 4)
    projected = torch.stack([sequences[:, k] @ scans.project[k].T for k in range(3)], dim=1)
    raw = torch.stack([projected[:, k, :, :2] @ scans.step_weight[k].T for k in range(3)], dim=1)
    steps = (1 + (raw + scans.step_bias[None, :, None]).exp()).log()
    coefficients = steps, -scans.log_rates.exp(), projected[..., 2:8], projected[..., 8:]
    expected = selective_scan(sequences, *coefficients) + scans.skip[None, :, None] * sequences
    torch.testing.assert_close(scans(sequences), expected)


def test_initial_steps_and_rates():
    torch.manual_seed(0)
    scans = SelectiveScan(1000, 4, n_scans=2)
    steps = torch.nn.functional.softplus(scans.step_bias.detach()).log()
    assert steps.min().item() == pytest.approx(math.log(1e-3), abs=0.05)
    assert steps.max().item() == pytest.approx(math.log(0.1), abs=0.05)
    assert steps.mean().item() == pytest.approx(math.log(0.01), abs=0.1)
    rates = scans.log_rates.detach().exp()[1, 7]
    assert rates.tolist() == pytest.approx(list(range(1, 17)), rel=1e-5)
    assert scans.step_weight.abs().max().item() == pytest.approx(0.5, abs=0.01)
    assert scans.project.abs().max().item() == pytest.approx(1000**-0.5, rel=0.01)


def test_a_step_does_not_see_later_ones():
    torch.manual_seed(0)
    scans, sequences = SelectiveScan(4, 2), torch.randn(1, 1, 9, 4)
    before = scans(sequences)
    sequences[:, :, 5:] += 1
    after = scans(sequences)
    assert torch.equal(after[:, :, :5], before[:, :, :5])
    assert not torch.isclose(after[:, :, 5:], before[:, :, 5:]).any()
