"""What is known of the encoder `ss-tmnet`."""

SIZES = [
    ({"n_channels": 200, "window_size": 15}, 83_317_846),
    ({"n_channels": 103, "window_size": 15}, 61_380_310),
    ({"n_channels": 25, "window_size": 15}, 54_888_998),
]
PIN = (1.19807, 0.0837206, 0.794772)
WINDOW_NEEDS = "which halves the side twice and needs"
CHANNELS_NEED = "whose two long 3-D convolutions need"
PARAMS = {"depths": (1, 2), "width": 16}


def n_parameters(n_channels, window_size):
    width = 8 * (((n_channels - 9) // 2 - 6) // 2 + 1)
    side = -(-window_size // 2)
    first = 16 * width**2 + 26 * width + side**4 + side**2 + 3
    second = 4_207_619 + (side // 2) ** 4 + (side // 2) ** 2
    return 13 * (first + second) + 4_096 * width + 8_104


# They get gradients once the weights of attention have left zero, which test_ss_tmnet.py checks.
WITHOUT_GRADIENT = {
    f"pyramid.*.mixer.{part}.*": "the weight of this attention starts at zero"
    for part in ("rows", "columns", "channels")
}
