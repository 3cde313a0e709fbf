import pytest
import torch

from hsvlm.exceptions import ParameterError
from hsvlm.vision.overlap import OverlapViT


def test_tokens_are_means_of_overlapping_patches():
    encoder = OverlapViT(n_channels=2, window_size=5, patch_size=3)
    windows = torch.randn(4, 5, 5, 2, generator=torch.Generator().manual_seed(0))
    tokens = encoder.token_values(windows)
    assert tokens.shape == (4, 9, 2)
    for number in range(9):
        row, col = divmod(number, 3)
        patch = windows[:, row : row + 3, col : col + 3]
        torch.testing.assert_close(tokens[:, number], patch.mean(dim=(1, 2)))


def test_patches_of_one_pixel_are_the_pixels():
    encoder = OverlapViT(n_channels=2, window_size=3, patch_size=1)
    windows = torch.arange(36.0).view(2, 3, 3, 2)
    assert torch.equal(encoder.token_values(windows), windows.reshape(2, 9, 2))


@pytest.mark.parametrize(("window_size", "patch_size"), [(5, 3), (5, 2), (3, 3), (1, 1)])
def test_features(window_size, patch_size):
    encoder = OverlapViT(6, window_size, patch_size, width=16, n_heads=2, mlp_width=8)
    assert encoder.n_features == 16
    assert encoder.patch_size == patch_size
    features = encoder(torch.ones(3, window_size, window_size, 6))
    assert features.shape == (3, 16)
    assert features.dtype == torch.float32


def test_masking_drops_tokens_in_training_only():
    torch.manual_seed(0)
    encoder = OverlapViT(n_channels=3, window_size=5, patch_size=3, mask_ratio=0.5)
    assert not encoder.independent_windows
    windows = torch.randn(2, 5, 5, 3)
    lengths = []
    encoder.blocks[0].register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[1]))
    assert not torch.equal(encoder.train()(windows), encoder(windows))
    assert torch.equal(encoder.eval()(windows), encoder(windows))
    assert lengths == [5, 5, 10, 10]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"window_size": 3, "patch_size": 5},
            "patch_size=5 is larger than window_size=3. Choose a patch that fits into the window.",
        ),
        ({"n_heads": 7}, "n_heads=7 does not divide width=128. Use a divisor of it."),
        ({"mask_ratio": 1.0}, "mask_ratio=1.0 is not in [0, 1). Use 0 to keep every patch."),
    ],
)
def test_errors(change, message):
    with pytest.raises(ParameterError) as error:
        OverlapViT(**{"n_channels": 3, "window_size": 5, "patch_size": 3, **change})
    assert str(error.value) == message
