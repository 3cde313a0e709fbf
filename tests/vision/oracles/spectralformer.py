"""What is known of the encoder `spectralformer`."""

SIZES = [
    ({"n_channels": 200, "window_size": 7}, 354_537),
    ({"n_channels": 200, "window_size": 1}, 345_321),
    ({"n_channels": 103, "window_size": 7, "n_neighbors": 7}, 183_072),
]
PIN = (-0.0498224, 0.60404, -1.40791)


def n_parameters(n_channels, window_size, n_neighbors=3):
    n_tokens = n_channels + 1
    return 89_256 + 64 * n_neighbors * window_size**2 + 67 * n_tokens + 6 * n_tokens**2
