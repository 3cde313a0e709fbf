import pytest
import torch

from hsvlm.exceptions import ParameterError
from hsvlm.vision.transplant import PretrainedViT

SMALL = {"width": 16, "depth": 2, "n_heads": 2, "mlp_width": 24}


def test_tokens_are_maps_of_mean_spectra_at_their_positions():
    torch.manual_seed(0)
    encoder = PretrainedViT(n_channels=3, window_size=5, patch_size=3, **SMALL)
    windows = torch.randn(2, 5, 5, 3)
    tokens = encoder.to_tokens(windows)
    assert tokens.shape == (2, 9, 16)
    for number in range(9):
        row, col = divmod(number, 3)
        mean = windows[:, row : row + 3, col : col + 3].mean(dim=(1, 2))
        expected = encoder.embedding(mean) + encoder.positions[0, number]
        torch.testing.assert_close(tokens[:, number], expected)


def test_features_are_means_of_normalized_tokens():
    torch.manual_seed(0)
    encoder = PretrainedViT(n_channels=3, window_size=3, patch_size=1, **SMALL)
    windows = torch.randn(2, 3, 3, 3)
    tokens = encoder.run_tokens(encoder.to_tokens(windows))
    torch.testing.assert_close(tokens.mean(dim=2), torch.zeros(2, 9), atol=1e-5, rtol=0)
    torch.testing.assert_close(encoder(windows), tokens.mean(dim=1))


def test_any_subset_of_tokens_can_be_run():
    torch.manual_seed(0)
    encoder = PretrainedViT(n_channels=3, window_size=3, patch_size=1, **SMALL)
    tokens = encoder.to_tokens(torch.randn(2, 3, 3, 3))
    order = torch.tensor([4, 1, 7])
    shuffled = encoder.run_tokens(tokens[:, order])
    torch.testing.assert_close(encoder.run_tokens(tokens[:, order.flip(0)]), shuffled.flip(1))


def test_names_of_weights_are_those_of_timm():
    encoder = PretrainedViT(3, 3, 1, qkv_bias=False, **{**SMALL, "depth": 1})
    assert set(encoder.state_dict()) == {
        "embedding.weight",
        "embedding.bias",
        "positions",
        *(f"blocks.0.norm{number}.{kind}" for number in "12" for kind in ("weight", "bias")),
        *(f"blocks.0.attn.{part}.weight" for part in "qkv"),
        *(f"blocks.0.attn.proj.{kind}" for kind in ("weight", "bias")),
        *(f"blocks.0.mlp.fc{number}.{kind}" for number in "12" for kind in ("weight", "bias")),
        "norm.weight",
        "norm.bias",
    }


def test_the_eps_of_norms_is_set_everywhere():
    encoder = PretrainedViT(3, 3, 1, norm_eps=1e-3, **SMALL)
    norms = [each for each in encoder.modules() if isinstance(each, torch.nn.LayerNorm)]
    assert [norm.eps for norm in norms] == [1e-3] * 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"patch_size": 5},
            "patch_size=5 is larger than window_size=3. Choose a patch that fits into the window.",
        ),
        ({"n_heads": 7}, "n_heads=7 does not divide width=16. Use a divisor of it."),
        ({"depth": 0}, "depth=0 is too small. Use 1 or more."),
        ({"norm_eps": 0.0}, "norm_eps=0.0 is not positive. Use 1e-6 or 1e-5."),
        ({"norm_eps": float("nan")}, "norm_eps=nan is not positive. Use 1e-6 or 1e-5."),
    ],
)
def test_errors(change, message):
    with pytest.raises(ParameterError) as error:
        PretrainedViT(**{"n_channels": 3, "window_size": 3, "patch_size": 1, **SMALL, **change})
    assert str(error.value) == message
