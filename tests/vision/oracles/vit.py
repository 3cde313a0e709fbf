"""What is known of the encoder `vit`."""

SIZES = [
    ({"n_channels": 25, "window_size": 33, "patch_size": 3}, 173_760),
    ({"n_channels": 200, "window_size": 15, "patch_size": 5}, 472_192),
    ({"n_channels": 6, "window_size": 1, "patch_size": 1}, 152_064),
]
PIN = (-0.832948, 0.525605, 1.36488)


def n_parameters(n_channels, window_size, patch_size):
    width, depth = 64, 6
    embedding = (n_channels * patch_size**2 + 1) * width
    positions = ((window_size // patch_size) ** 2 + 2) * width
    layer = 4 * (width**2 + width) + 2 * (width**2 + width) + 4 * width
    return embedding + positions + depth * layer + 2 * width
