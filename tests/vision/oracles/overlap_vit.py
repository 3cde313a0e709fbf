"""What is known of the encoder `overlap-vit`."""

SIZES = [
    ({"n_channels": 200, "window_size": 5, "patch_size": 3}, 292_352),
    ({"n_channels": 200, "window_size": 7, "patch_size": 3}, 294_400),
    ({"n_channels": 200, "window_size": 1, "patch_size": 1}, 291_328),
]
PIN = (0.593177, 0.68684, -1.42381)


def n_parameters(n_channels, window_size, patch_size):
    width, depth, hidden = 128, 2, 256
    embedding = (n_channels + 1) * width
    positions = ((window_size - patch_size + 1) ** 2 + 2) * width
    layer = 4 * (width**2 + width) + 2 * width * hidden + hidden + width + 4 * width
    return embedding + positions + depth * layer + 2 * width
