"""What is known of the encoder `cnn1d`."""

from math import ceil

SIZES = [
    ({"n_channels": 200, "window_size": 1, "patch_size": 1}, 70_580),
    ({"n_channels": 103, "window_size": 5, "patch_size": 3}, 60_360),
    ({"n_channels": 9, "window_size": 3, "patch_size": 3}, 18_140),
]
PIN = (0.0031725, -0.0077142, 0.00496676)
SEES_CENTER_ONLY = True


def n_parameters(n_channels, window_size, patch_size):
    kernel_size = ceil(n_channels / 9)
    length = (n_channels - kernel_size + 1) // ceil(kernel_size / 5)
    return 20 * (kernel_size + 1) + 2_000 * length + 100
