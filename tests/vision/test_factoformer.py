import pytest
import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision.factoformer import FactoFormer


def layer_by_hand(layer, tokens):
    """Return the output of an encoder layer of torch that has the weights of one of ours."""
    width, mlp_width = layer.mlp[0].in_features, layer.mlp[0].out_features
    twin = nn.TransformerEncoderLayer(
        width, 4, mlp_width, activation="gelu", batch_first=True, norm_first=True
    ).eval()
    attention = twin.self_attn
    attention.in_proj_weight, attention.in_proj_bias = layer.qkv.weight, layer.qkv.bias
    attention.out_proj = layer.out
    twin.norm1, twin.norm2 = layer.norm_attention, layer.norm_mlp
    twin.linear1, twin.linear2 = layer.mlp[0], layer.mlp[2]
    return twin(tokens)


def branch_by_hand(branch, tokens):
    tokens = nn.functional.linear(tokens, branch.embed.weight, branch.embed.bias)
    tokens = torch.cat([branch.class_token.expand(len(tokens), 1, -1), tokens], dim=1)
    tokens = tokens + branch.positions
    for layer in branch.blocks:
        tokens = layer_by_hand(layer, tokens)
    for norm in branch.norms:
        tokens = norm(tokens)
    return tokens[:, 0]


def test_features_are_those_of_two_transformers_of_torch():
    torch.manual_seed(0)
    encoder = FactoFormer(6, 3).eval()
    for branch in (encoder.over_pixels, encoder.over_bands):
        nn.init.normal_(branch.class_token)
        nn.init.normal_(branch.positions)
    windows = torch.randn(2, 3, 3, 6)
    pixels = branch_by_hand(encoder.over_pixels, windows.reshape(2, 9, 6))
    bands = windows.permute(0, 3, 1, 2).reshape(2, 6, 9)
    expected = encoder.linear(torch.cat([pixels, branch_by_hand(encoder.over_bands, bands)], dim=1))
    torch.testing.assert_close(encoder(windows), expected, rtol=1e-4, atol=1e-5)


def test_without_dropout_windows_are_independent():
    assert FactoFormer(6, 3, dropout=0.0).independent_windows
    assert not FactoFormer(6, 3).independent_windows


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_dropout_outside_of_its_range_is_refused(dropout):
    with pytest.raises(ParameterError, match="dropout="):
        FactoFormer(6, 3, dropout=dropout)
