"""What is known of the encoder `cnn2d`."""

SIZES = [
    ({"n_channels": 200, "window_size": 15}, 2_745_152),
    ({"n_channels": 25, "window_size": 15}, 2_733_952),
    ({"n_channels": 200, "window_size": 3}, 1_434_432),
]
PIN = (0.0498228, 0.0358598, 0.0444439)


def n_parameters(n_channels, window_size):
    side = window_size
    for _ in range(3):
        side = side // 2 + 1
    return 64 * n_channels + 373_056 + 262_144 * side**2
