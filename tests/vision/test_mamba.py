import math

import pytest
import torch

from hsvlm.vision._mamba import MambaLayer


@pytest.mark.parametrize(("width", "size"), [(64, 32_640), (16, 3_360), (40, 14_480)])
def test_number_of_parameters(width, size):
    inner, rank = 2 * width, math.ceil(width / 16)
    projections = width * 2 * inner + inner * (rank + 2 * 16) + inner * width
    others = 4 * inner + inner + rank * inner + inner + 16 * inner + inner
    assert projections + others == size
    assert sum(parameter.numel() for parameter in MambaLayer(width).parameters()) == size


@torch.no_grad()
def test_it_is_the_recurrence_step_by_step():
    torch.manual_seed(0)
    layer, sequence = MambaLayer(4).double(), torch.randn(5, 4).double()
    scan = layer.scan
    values, gates = (layer.split.weight @ sequence.T).T.chunk(2, dim=1)
    padded = torch.cat([torch.zeros(3, 8).double(), values])
    state, results = torch.zeros(8, 16).double(), []
    for time, gate in enumerate(gates):
        seen = layer.convolution.weight[:, 0] * padded[time : time + 4].T
        value = seen.sum(dim=1) + layer.convolution.bias
        value = value / (1 + (-value).exp())
        low, write, read = (scan.project[0] @ value).split([1, 16, 16])
        step = (1 + (scan.step_weight[0] @ low + scan.step_bias[0]).exp()).log()
        decay = (-step[:, None] * scan.log_rates[0].exp()).exp()
        state = decay * state + (step * value)[:, None] * write
        scanned = state @ read + scan.skip[0] * value
        results.append(layer.merge.weight @ (scanned * gate / (1 + (-gate).exp())))
    # Scans are computed in float32.
    layer, expected = layer.float(), torch.stack(results).float()
    torch.testing.assert_close(layer(sequence[None].float())[0], expected, rtol=1e-4, atol=1e-5)


def test_a_step_sees_itself_and_earlier_ones():
    torch.manual_seed(0)
    layer, sequences = MambaLayer(16), torch.randn(2, 9, 16)
    before = layer(sequences)
    sequences[:, 5:] += 1
    is_changed = (layer(sequences) != before).any(dim=2)
    assert is_changed.tolist() == [[False] * 5 + [True] * 4] * 2


def test_every_weight_gets_a_gradient():
    torch.manual_seed(0)
    layer = MambaLayer(16)
    (layer(3 * torch.randn(4, 6, 16)) * torch.randn(4, 6, 16)).sum().backward()
    for name, weight in layer.named_parameters():
        assert weight.grad.abs().max() > 1e-4, name


@torch.no_grad()
def test_sequences_do_not_see_each_other():
    torch.manual_seed(0)
    layer, sequences = MambaLayer(16), torch.randn(6, 5, 16)
    alone = torch.cat([layer(sequence[None]) for sequence in sequences])
    torch.testing.assert_close(alone, layer(sequences), rtol=1e-5, atol=1e-6)
