"""What is known of the encoder `hit`."""

SIZES = [
    ({"n_channels": 200, "window_size": 15}, 51_223_097),
    ({"n_channels": 103, "window_size": 15}, 43_450_985),
    ({"n_channels": 25, "window_size": 15}, 40_592_207),
]
PIN = (-0.260732, 0.466621, -0.342753)
WINDOW_NEEDS = "which halves the side twice and needs"
PARAMS = {"depths": (1, 2), "width": 16}


def n_parameters(n_channels, window_size):
    width = 8 * -(-n_channels // 4)
    return 40_272_797 + 63 * width**2 + 8_703 * width // 4
