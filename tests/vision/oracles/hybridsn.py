"""What is known of the encoder `hybridsn`."""

SIZES = [
    ({"n_channels": 30, "window_size": 25}, 5_120_112),
    ({"n_channels": 25, "window_size": 15}, 1_095_792),
    ({"n_channels": 200, "window_size": 15}, 4_321_392),
]
PIN = (0.0438381, 0.0, 0.0, 0.0300436, 0.0188578, 0.0659526, 0.0343574)
# It has no normalization, and needs more and smaller steps than other encoders.
TRAINING = {"max_epochs": 10, "lr": 1e-3, "batch_size": 32}
WINDOW_NEEDS = "whose four unpadded 3x3 convolutions need"
CHANNELS_NEED = "whose three unpadded 3-D convolutions need"


def n_parameters(n_channels, window_size):
    return 18_432 * (n_channels - 12) + 16_384 * (window_size - 8) ** 2 + 53_360
