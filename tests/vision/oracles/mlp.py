"""What is known of the encoder `mlp`."""

SIZES = [
    ({"n_channels": 200, "window_size": 1, "patch_size": 1}, 84_352),
    ({"n_channels": 25, "window_size": 5, "patch_size": 3}, 39_552),
    ({"n_channels": 1, "window_size": 3, "patch_size": 3}, 33_408),
]
PIN = (0.0637326, -0.0723633, -0.0340311)
SEES_CENTER_ONLY = True


def n_parameters(n_channels, window_size, patch_size):
    return 256 * n_channels + 33_152
