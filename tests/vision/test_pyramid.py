import pytest
import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._pyramid import MixBlock, Pyramid  # parts of three encoders


def make_block(width, side, rate):
    return MixBlock(width, nn.Identity(), rate)


def test_the_second_stage_has_half_the_side():
    seen = []
    pyramid = Pyramid(
        lambda *sizes: seen.append(sizes) or make_block(*sizes), 5, (3, 8), (2, 3), 0.1
    )
    expected = [(3, 5, 0.0), (3, 5, 0.025), (8, 2, 0.05), (8, 2, 0.075), (8, 2, 0.1)]
    for sizes, (width, side, rate) in zip(seen, expected, strict=True):
        assert sizes == (width, side, pytest.approx(rate))
    assert pyramid(torch.randn(4, 3, 5, 5)).shape == (4, 8, 2, 2)


def test_a_block_mixes_pixels_and_then_channels():
    torch.manual_seed(0)
    block, maps = MixBlock(6, nn.Linear(6, 6), 0.0), torch.randn(2, 6, 3, 3)
    pixels = maps.permute(0, 2, 3, 1)
    pixels = pixels + block.mixer(nn.functional.layer_norm(pixels, (6,)))
    pixels = pixels + block.mlp(nn.functional.layer_norm(pixels, (6,)))
    torch.testing.assert_close(block(maps), pixels.permute(0, 3, 1, 2))
    assert block.mlp[0].out_features == 18


def test_blocks_are_skipped_in_training_only():
    torch.manual_seed(0)
    block, maps = MixBlock(6, nn.Identity(), 0.5), torch.randn(200, 6, 3, 3)
    is_skipped = (block.train()(maps) == maps).flatten(1).all(dim=1)
    assert is_skipped.float().mean() == pytest.approx(0.25, abs=0.1)  # both branches
    assert not (block.eval()(maps) == maps).flatten(1).all(dim=1).any()


@pytest.mark.parametrize(
    ("width", "depths", "drop_path", "message"),
    [
        (
            8,
            [2],
            0.1,
            "depths=(2,) are not two numbers of blocks. Use 1 or more for each stage, such as "
            "(2, 4).",
        ),
        (
            8,
            (2, 0),
            0.1,
            "depths=(2, 0) are not two numbers of blocks. Use 1 or more for each stage, such as "
            "(2, 4).",
        ),
        (
            12,
            (1, 1),
            0.1,
            "width=12 is not a positive multiple of 8. Use 512 as published, or 64 for a small "
            "network.",
        ),
        (
            0,
            (1, 1),
            0.1,
            "width=0 is not a positive multiple of 8. Use 512 as published, or 64 for a small "
            "network.",
        ),
        (8, (1, 1), 1.0, "drop_path=1.0 is not in [0, 1). Use 0 to switch it off."),
    ],
)
def test_errors(width, depths, drop_path, message):
    with pytest.raises(ParameterError) as error:
        Pyramid(make_block, 4, (8, width), depths, drop_path)
    assert str(error.value) == message
