"""What is known of the encoder `gaf-nau`."""

from itertools import pairwise

SIZES = [
    ({"n_channels": 200, "window_size": 1, "patch_size": 1}, 497_299),
    ({"n_channels": 25, "window_size": 5, "patch_size": 3}, 497_299),
    ({"n_channels": 8, "window_size": 3, "patch_size": 3}, 497_299),
]
PIN = (0.000593938, 0.00110435, 0.00181721)
SEES_CENTER_ONLY = True
# Running statistics of batch normalization need more steps than weights do.
TRAINING = {"max_epochs": 12, "lr": 1e-3}


def n_parameters(n_channels, window_size, patch_size):
    widths = (2, 16, 32, 64, 128)
    total = 0
    for finer, width in pairwise(widths):  # two convolutions with batch normalization
        total += 9 * width * (finer + width) + 4 * width
    for width, coarser in pairwise(widths[1:]):  # on the way back
        total += 9 * width * (width + coarser + width) + 4 * width
    for finer, width, coarser in ((0, 16, 32), (16, 32, 64), (32, 64, 128)):  # gates
        total += width // 2 * (finer + width + coarser + 2) + 1
    return total
