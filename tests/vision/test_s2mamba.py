import pytest
import torch

from hsvlm.exceptions import ParameterError
from hsvlm.vision._scan import SelectiveScan
from hsvlm.vision.s2mamba import S2Mamba

SIZE = 3
ROWS = [(row, column) for row in range(SIZE) for column in range(SIZE)]
COLUMNS = [(row, column) for column in range(SIZE) for row in range(SIZE)]


def scan_alone(scans, number, sequences):
    """Scan sequences (n, length, width) with the weights of one of several scans."""
    alone = SelectiveScan(scans.project.shape[2], 4)
    weights = {name: weight[number : number + 1] for name, weight in scans.state_dict().items()}
    alone.load_state_dict(weights)
    return alone(sequences[:, None])[:, 0]


def draw_pixels():
    return torch.randn(2, SIZE, SIZE, 128, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_pixels_are_scanned_in_four_orders():
    torch.manual_seed(0)
    unit, pixels = S2Mamba(4, SIZE).over_pixels.scan, draw_pixels()
    expected = torch.zeros_like(pixels)
    for number, order in enumerate((ROWS, COLUMNS, ROWS[::-1], COLUMNS[::-1])):
        rows, columns = zip(*order, strict=True)
        expected[:, rows, columns] += scan_alone(unit.scans, number, pixels[:, rows, columns])
    torch.testing.assert_close(unit(pixels), unit.norm(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("as_published", [False, True])
@torch.no_grad()
def test_maps_are_scanned_forward_and_backward(as_published):
    torch.manual_seed(0)
    unit, pixels = S2Mamba(4, SIZE, as_published=as_published).over_maps.scan, draw_pixels()
    maps = pixels.reshape(2, SIZE**2, 128).transpose(1, 2)
    there = scan_alone(unit.scans, 0, maps)
    second = maps if as_published else maps[:, range(127, -1, -1)]
    back = scan_alone(unit.scans, 1, second)[:, range(127, -1, -1)]
    expected = unit.norm(there + back).transpose(1, 2).reshape(pixels.shape)
    torch.testing.assert_close(unit(pixels), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_small_weights_count_as_zero():
    torch.manual_seed(0)
    encoder, windows = S2Mamba(4, SIZE).eval(), torch.randn(2, SIZE, SIZE, 4)
    last = encoder.weigh[3]
    last.weight.zero_()
    for second_weight in (0.2, 0.05):
        last.bias[:] = torch.tensor([1 - second_weight, second_weight]).log()
        before = encoder(windows)
        encoder.over_maps.merge.weight.neg_()
        assert torch.equal(encoder(windows), before) == (second_weight < 0.1)


def test_weights_of_scans_get_gradients_once_values_are_large():
    torch.manual_seed(0)
    encoder = S2Mamba(4, SIZE, width=12, dropout=0.0)
    for unit in (encoder.over_pixels, encoder.over_maps):
        torch.nn.init.normal_(unit.split.weight)
        torch.nn.init.normal_(unit.merge.weight)
    (encoder(torch.randn(4, SIZE, SIZE, 4)) @ torch.randn(12)).sum().backward()
    weights = {name: part for name, part in encoder.named_parameters() if ".scans." in name}
    assert len(weights) == 10
    for name, weight in weights.items():
        assert weight.grad.abs().max() > 1e-4, name


@pytest.mark.parametrize(("name", "value"), [("width", 0), ("dropout", -0.1), ("dropout", 1.0)])
def test_settings_outside_of_their_range_are_refused(name, value):
    with pytest.raises(ParameterError, match=f"{name}={value} "):
        S2Mamba(4, SIZE, **{name: value})


def test_without_dropout_windows_are_independent():
    assert S2Mamba(4, SIZE, dropout=0.0).independent_windows
    assert not S2Mamba(4, SIZE).independent_windows
