"""What is known of the encoder `ssftt`."""

SIZES = [
    ({"n_channels": 30, "window_size": 13}, 152_184),
    ({"n_channels": 25, "window_size": 15}, 129_144),
    ({"n_channels": 3, "window_size": 5}, 27_768),
]
PIN = (0.113422, 0.317117, 0.303697)
WINDOW_NEEDS = "whose two unpadded 3x3 convolutions need"
CHANNELS_NEED = "whose unpadded 3-D convolution needs"


def n_parameters(n_channels, window_size):
    return 4_608 * (n_channels - 2) + 23_160
