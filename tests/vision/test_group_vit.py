"""What is particular to the encoder `group-vit`."""

import pytest
import torch

from hsvlm.exceptions import ParameterError
from hsvlm.vision.group_vit import GroupViT

SMALL = {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8}


def test_tokens_are_groups_of_bands_of_the_mean_spectrum():
    encoder = GroupViT(n_channels=7, window_size=5, patch_size=3, group_bands=3, **SMALL)
    windows = torch.randn(2, 5, 5, 7, generator=torch.Generator().manual_seed(0))
    mean = windows[:, 1:4, 1:4].mean(dim=(1, 2))
    values = encoder.token_values(windows)
    assert values.shape == (2, 3, 3)
    torch.testing.assert_close(values.flatten(1)[:, :7], mean)
    assert not values[:, 2, 1:].any()  # the last group has one band
    tokens = encoder.to_tokens(windows)
    for group in range(3):
        expected = values[:, group] @ encoder.maps[group] + encoder.positions[0, group]
        torch.testing.assert_close(tokens[:, group], expected)


@pytest.mark.parametrize(("n_channels", "shape"), [(1, (1, 1)), (4, (2, 2)), (5, (2, 3))])
def test_few_bands_make_two_groups(n_channels, shape):
    encoder = GroupViT(n_channels, window_size=1, patch_size=1)
    assert encoder.maps.shape == (*shape, 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": 5}, "patch_size=5 is larger than window_size=3. Choose a patch"),
        ({"n_heads": 3}, "n_heads=3 does not divide width=8. Use a divisor of it."),
        ({"group_bands": 0}, "group_bands=0 is too small. Use 1 or more."),
        ({"depth": 0}, "depth=0 is too small. Use 1 or more."),
    ],
)
def test_sizes_that_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        GroupViT(**{"n_channels": 7, "window_size": 3, "patch_size": 3, **SMALL, **change})
