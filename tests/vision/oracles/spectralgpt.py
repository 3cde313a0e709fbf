"""What is known of the encoder `spectralgpt`."""

SIZES = [
    ({"n_channels": 12, "window_size": 9, "image_size": 96}, 85_317_888),
    ({"n_channels": 12, "window_size": 9}, 85_219_584),
    ({"n_channels": 12, "window_size": 9, "image_size": 64}, 85_256_448),
    ({"n_channels": 12, "window_size": 9, "image_size": 128}, 85_403_904),
    ({"n_channels": 3, "window_size": 9, "width": 24, "depth": 2, "n_heads": 2}, 19_536),
]
PARAMS = {"width": 24, "depth": 2, "n_heads": 2, "image_size": 16}
N_CHANNELS = 9  # a multiple of 3
TRAINING = {"max_epochs": 10, "lr": 1e-3, "batch_size": 32}
PIN = (0.552464, -0.919217, -0.414203)


def n_parameters(n_channels, window_size, width=768, depth=12, n_heads=12, image_size=32):
    embedding = (3 * 8 * 8 + 1) * width
    positions = ((image_size // 8) ** 2 + n_channels // 3) * width
    layer = 4 * (width**2 + width) + 8 * width**2 + 5 * width + 4 * width
    return embedding + positions + depth * layer + 2 * width
