import pytest
import torch

from hsvlm.exceptions import ParameterError
from hsvlm.vision.vit import MaskedViT


def test_patches_are_squares_of_the_window():
    encoder = MaskedViT(n_channels=2, window_size=9, patch_size=3)
    windows = torch.arange(2 * 81 * 2.0).view(2, 9, 9, 2)
    patches = encoder.token_values(windows)
    assert patches.shape == (2, 9, 18)
    for number in range(9):
        row, col = 3 * (number // 3), 3 * (number % 3)
        square = windows[:, row : row + 3, col : col + 3]
        assert torch.equal(patches[:, number], square.reshape(2, 18))


def test_masking_drops_tokens_in_training_only():
    torch.manual_seed(0)
    encoder = MaskedViT(n_channels=3, window_size=9, patch_size=3, mask_ratio=0.5)
    windows = torch.randn(2, 9, 9, 3)
    lengths = []
    first = encoder.blocks[0]
    first.register_forward_pre_hook(lambda _, inputs: lengths.append(inputs[0].shape[1]))
    assert not torch.equal(encoder.train()(windows), encoder(windows))
    assert torch.equal(encoder.eval()(windows), encoder(windows))
    assert lengths == [5, 5, 10, 10]


def test_masked_tokens_keep_their_positions():
    torch.manual_seed(0)
    encoder = MaskedViT(
        n_channels=1, window_size=3, patch_size=1, width=4, n_heads=1, mask_ratio=0.6
    )
    windows, seen = torch.randn(5, 3, 3, 1), []
    encoder.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][:, 1:]))
    encoder.train()(windows)
    (kept,) = seen
    assert kept.shape == (5, 4, 4)
    tokens = encoder.embed(windows.reshape(5, 9, 1)) + encoder.positions[:, 1:]
    for sample in range(5):
        rows = {tuple(row.tolist()) for row in tokens[sample]}
        assert len({tuple(row.tolist()) for row in kept[sample]} & rows) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"window_size": 15, "patch_size": 4},
            "window_size=15 is not a multiple of patch_size=4. Choose them so that whole patches "
            "fill the window.",
        ),
        ({"n_heads": 7}, "n_heads=7 does not divide width=64. Use a divisor of it."),
        ({"width": 0}, "width=0 is too small. Use 1 or more."),
        ({"depth": 0}, "depth=0 is too small. Use 1 or more."),
        ({"n_heads": -4}, "n_heads=-4 is too small. Use 1 or more."),
        ({"mlp_width": 0}, "mlp_width=0 is too small. Use 1 or more."),
        ({"mask_ratio": 1.0}, "mask_ratio=1.0 is not in [0, 1). Use 0 to keep every patch."),
    ],
)
def test_errors(change, message):
    with pytest.raises(ParameterError) as error:
        MaskedViT(**{"n_channels": 3, "window_size": 9, "patch_size": 3, **change})
    assert str(error.value) == message
