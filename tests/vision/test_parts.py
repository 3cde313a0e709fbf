import pytest
import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._attention import attention
from hsvlm.vision._blocks import TransformerBlock
from hsvlm.vision._parts import (
    BandDropout,
    DropPath,
    Tokenizer,
    averaging_matrix,
    center_spectra,
    complete_groups,
    init_narrow,
    to_planes,
)
from hsvlm.vision.pixel import PixelMLP


def test_planes_put_channels_before_rows_and_columns():
    windows = torch.arange(2 * 3 * 3 * 4.0).view(2, 3, 3, 4)
    volumes = to_planes(windows)
    assert volumes.shape == (2, 1, 4, 3, 3)
    assert volumes[1, 0, 2, 0, 1] == windows[1, 0, 1, 2]


@pytest.mark.parametrize(
    ("side", "size", "first", "last"),
    [(5, 1, 2, 2), (5, 3, 1, 3), (4, 1, 1, 1), (4, 2, 1, 2), (3, 5, 0, 2), (1, 3, 0, 0)],
)
def test_center_spectra_are_means_of_the_middle(side, size, first, last):
    windows = torch.randn(2, side, side, 3, generator=torch.Generator().manual_seed(0))
    middle = windows[:, first : last + 1, first : last + 1].reshape(2, -1, 3)
    torch.testing.assert_close(center_spectra(windows, size), middle.mean(dim=1))


@pytest.mark.parametrize(("n_groups", "n_channels"), [(1, 5), (2, 6), (4, 8), (5, 5), (7, 7)])
def test_the_last_channel_is_repeated_until_groups_are_complete(n_groups, n_channels):
    windows = torch.randn(2, 3, 3, 5)
    completed = complete_groups(windows, n_groups)
    order = [min(channel, 4) for channel in range(n_channels)]
    assert torch.equal(completed, windows[..., order])


@pytest.mark.parametrize(("n_inputs", "n_cells"), [(7, 3), (81, 4), (5, 5), (3, 8), (1, 4), (4, 1)])
def test_averages_over_cells_are_those_of_adaptive_pooling(n_inputs, n_cells):
    values = torch.randn(2, n_inputs, generator=torch.Generator().manual_seed(0))
    expected = nn.functional.adaptive_avg_pool1d(values, n_cells)
    torch.testing.assert_close(values @ averaging_matrix(n_inputs, n_cells).T, expected)


@pytest.mark.parametrize("shape", [(500, 3, 3, 40), (500, 40)])
def test_band_dropout_drops_bands_of_whole_windows_in_training_only(shape):
    torch.manual_seed(0)
    layer, windows = BandDropout(0.1), torch.rand(shape) + 1
    dropped = layer.train()(windows)
    is_kept = (dropped != 0).view(500, -1, 40)
    assert torch.equal(is_kept, is_kept[:, :1].expand_as(is_kept))
    # Each window loses bands of its own; the others keep their values.
    assert is_kept[:, 0].float().mean() == pytest.approx(0.9, abs=0.01)
    assert len(is_kept[:, 0].unique(dim=0)) > 400
    assert torch.equal(dropped, windows * (dropped != 0))
    assert torch.equal(layer.eval()(windows), windows)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_band_dropout_takes_shares(rate):
    with pytest.raises(ParameterError) as error:
        BandDropout(rate)
    assert str(error.value) == f"band_dropout={rate} is not in [0, 1). Use 0 to switch it off."


def test_drop_path_drops_whole_windows_in_training_only():
    torch.manual_seed(0)
    layer, branch = DropPath(0.25), torch.ones(4000, 2, 3)
    dropped = layer.train()(branch)
    assert torch.equal(dropped[:, :1, :1].expand_as(dropped), dropped)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert dropped.mean() == pytest.approx(1, abs=0.03)
    assert torch.equal(layer.eval()(branch), branch)


def test_tokens_are_means_weighted_over_pixels():
    torch.manual_seed(0)
    tokenizer, pixels = Tokenizer(3, 2, 5), torch.randn(4, 6, 3)
    tokens = tokenizer(pixels)
    assert tokens.shape == (4, 2, 5)
    scores = pixels[1] @ tokenizer.weighting[0, 1]
    weights = scores.exp() / scores.exp().sum()
    expected = sum(weights[i] * (pixels[1, i] @ tokenizer.values[0]) for i in range(6))
    torch.testing.assert_close(tokens[1, 1], expected)


def test_linear_layers_start_narrow():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(200, 100), nn.Sequential(nn.Linear(100, 50, bias=False)))
    init_narrow(network)
    assert network[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert network[1][0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not network[0].bias.any()


@pytest.mark.parametrize("width", [4, 16])  # narrow heads have a form of their own on a CPU
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_attention_takes_a_scale(width, scale):
    qkv = torch.randn(2, 7, 3 * 2 * width, generator=torch.Generator().manual_seed(0))
    query, key, value = qkv.double().view(2, 7, 3, 2, width).permute(2, 0, 3, 1, 4)
    expected = (scale * query @ key.transpose(-1, -2)).softmax(-1) @ value
    torch.testing.assert_close(
        attention(qkv, 2, scale=scale).double(),
        expected.transpose(1, 2).flatten(2),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.slow
def test_weights_of_attention_are_dropped():
    torch.manual_seed(0)
    qkv = torch.cat([torch.zeros(1, 4000, 16), torch.ones(1, 4000, 8)], dim=2)
    mixed = attention(qkv, 1, dropout=0.5)
    assert mixed.mean() == pytest.approx(1, abs=0.01)
    assert mixed.std() == pytest.approx(4000**-0.5, rel=0.1)


def test_a_transformer_layer_has_heads_of_any_width():
    block = TransformerBlock(12, 3, 8, head_width=5, qkv_bias=False)
    count = 3 * 12 * 15 + (15 + 1) * 12 + 4 * 12 + (12 + 1) * 8 + (8 + 1) * 12
    assert sum(parameter.numel() for parameter in block.parameters()) == count
    assert block(torch.randn(2, 7, 12)).shape == (2, 7, 12)


@pytest.mark.parametrize("rates", [{"dropout": 0.5}, {"attention_dropout": 0.5}])
def test_a_transformer_layer_drops_in_training_only(rates):
    torch.manual_seed(0)
    block, tokens = TransformerBlock(8, 2, 8, **rates), torch.randn(2, 5, 8)
    assert not torch.equal(block.train()(tokens), block(tokens))
    assert torch.equal(block.eval()(tokens), block(tokens))
    plain = TransformerBlock(8, 2, 8)
    plain.load_state_dict(block.state_dict())
    torch.testing.assert_close(block(tokens), plain(tokens))


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_shares_outside_of_their_range_are_refused(dropout):
    with pytest.raises(ParameterError) as error:
        PixelMLP(3, 1, 1, dropout=dropout)
    assert str(error.value) == f"dropout={dropout} is not in [0, 1). Use 0 to switch it off."


def test_without_dropout_windows_are_independent():
    assert PixelMLP(3, 1, 1, dropout=0.0).independent_windows
