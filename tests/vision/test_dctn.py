import pytest
import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision.dctn import DCTN

SMALL = {"n_groups": 4, "group_width": 6, "depths": (1, 1), "width": 16}


def make(n_channels=23, window_size=9, **changes):
    torch.manual_seed(0)
    return DCTN(n_channels, window_size, **{**SMALL, **changes}).eval()


@pytest.mark.parametrize("n_channels", [19, 21, 23, 60])  # 1, 3, 5 and 42 channels for 3 means
def test_channels_are_averaged_as_by_adaptive_pooling(n_channels):
    layer = make(n_channels).volumes
    volumes = torch.randn(2, 1, n_channels, 9, 9)
    means = nn.functional.adaptive_avg_pool3d(layer.convolutions(volumes), (3, 9, 9))
    torch.testing.assert_close(layer(volumes), layer.norm(means).reshape(2, 24, 9, 9))


@pytest.mark.parametrize("side", [4, 7])
def test_gates_see_means_of_those_before_them(side):
    torch.manual_seed(0)
    layer = make(window_size=2 * side + 1).pyramid[0].gates
    for weight in layer.parameters():
        nn.init.normal_(weight, std=0.5)
    maps = torch.randn(2, 24, side, side)
    first, second, third = (nn.functional.gelu(mix(maps)) for mix in layer.mixtures)
    rows = torch.stack([first[:, :, i].mean(dim=(1, 2)) for i in range(side)], dim=1)
    columns = torch.stack([second[..., i].mean(dim=(1, 2)) for i in range(side)], dim=1)
    channels = torch.stack([third[:, i].mean(dim=(1, 2)) for i in range(24)], dim=1)
    inputs = [rows], [rows, columns]
    inputs += ([layer.rows_to_channels(rows), layer.columns_to_channels(columns), channels],)
    gates = []
    for gate, sequences in zip(
        (layer.row_gate, layer.column_gate, layer.channel_gate), inputs, strict=True
    ):
        mixed, _, smooth, _ = gate
        total = sum(mixed.weight[0, i, 0] * part for i, part in enumerate(sequences)).sigmoid()
        padded = nn.functional.pad(total, (1, 1))
        length = total.shape[1]
        near = sum(smooth.weight[0, 0, i] * padded[:, i : i + length] for i in range(3))
        gates.append((near + smooth.bias).sigmoid())
    gated = torch.cat(
        [
            first * gates[0].view(2, 1, side, 1),
            second * gates[1].view(2, 1, 1, side),
            third * gates[2].view(2, 24, 1, 1),
        ],
        dim=1,
    )
    joined = layer.linear(layer.join(gated).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    expected = layer.weights[0] * joined + layer.weights[1] * maps
    torch.testing.assert_close(layer(maps), expected)
    layer(maps).square().sum().backward()
    assert min(weight.grad.abs().max() for weight in layer.parameters()) > 1e-4


def test_the_residual_of_a_block_is_normalized():
    block, maps = make().pyramid[0], torch.randn(2, 24, 4, 4)
    nn.init.zeros_(block.gates.weights)
    nn.init.zeros_(block.mlp[4].weight)
    normalized = nn.functional.group_norm(nn.functional.group_norm(maps, 8), 8)
    torch.testing.assert_close(block(maps), normalized)
    assert make(group_width=4).pyramid[0].norm_mlp.num_groups == 16


def test_the_three_branches_read_the_same_maps():
    encoder = make()
    windows = torch.randn(2, 9, 9, 23)
    with torch.no_grad():
        encoder.weights[:] = torch.tensor([0.5, 2.0])
    volumes = encoder.volumes(windows.permute(0, 3, 1, 2)[:, None])
    maps = encoder.reduce(0.5 * volumes + 2 * encoder.groups(windows))
    assert maps.shape == (2, 24, 4, 4)
    branches = [encoder.convolutions(maps), encoder.pyramid(maps), encoder.shortcut(maps)]
    pixels = encoder.join(torch.cat(branches, dim=1)).flatten(2).transpose(1, 2)
    expected = nn.functional.layer_norm(pixels, (16,)).mean(dim=1)
    torch.testing.assert_close(encoder(windows), expected)


@pytest.mark.slow
@pytest.mark.parametrize(("n_channels", "sizes"), [(149, (5, 64)), (150, (11, 40))])
def test_groups_are_those_of_the_publication(n_channels, sizes):
    with torch.device("meta"):
        encoder = DCTN(n_channels, 5)
    assert encoder.groups.n_groups == sizes[0]
    assert encoder.reduce.out_channels == sizes[0] * sizes[1]


@pytest.mark.parametrize(("n_groups", "group_width"), [(3, 5), (0, 8), (-2, -4)])
def test_errors(n_groups, group_width):
    with pytest.raises(ParameterError) as error:
        make(n_groups=n_groups, group_width=group_width)
    assert str(error.value) == (
        f"n_groups={n_groups} and group_width={group_width} give {n_groups * group_width} maps, "
        "which have to be a positive multiple of 8. Use None for both, or another pair."
    )
