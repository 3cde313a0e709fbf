"""What is known of the encoder `factoformer`."""

SIZES = [
    ({"n_channels": 200, "window_size": 7}, 147_068),
    ({"n_channels": 25, "window_size": 7}, 130_268),
    ({"n_channels": 1, "window_size": 1}, 123_356),
]
PIN = (-0.214719, 0.000266543, -0.225308)


def n_parameters(n_channels, window_size):
    return 96 * n_channels + 96 * window_size**2 + 123_164
