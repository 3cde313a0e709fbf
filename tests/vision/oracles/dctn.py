"""What is known of the encoder `dctn`."""

SIZES = [
    ({"n_channels": 200, "window_size": 15}, 45_310_234),
    ({"n_channels": 103, "window_size": 15}, 39_097_754),
    ({"n_channels": 25, "window_size": 15}, 39_092_634),
]
PIN = (0.311495, -0.0499666, 0.540625)
WINDOW_NEEDS = "which halves the side twice, once without padding, and needs"
CHANNELS_NEED = "whose two unpadded 3-D convolutions need"
PARAMS = {"n_groups": 4, "group_width": 6, "depths": (1, 2), "width": 32}


def n_parameters(n_channels, window_size):
    n_groups, group_width = (11, 40) if n_channels >= 150 else (5, 64)
    width, side = n_groups * group_width, (window_size - 1) // 2

    def block(width, side):
        return 13 * width**2 + 34 * width + 2 * side * width + 20

    stem = -(-n_channels // n_groups) * width + 34 * group_width * width + 10 * width**2
    blocks = 4 * block(width, side) + 8 * block(512, side // 2)
    return stem + blocks + 5_261 * width + 2_873_898


# Little reaches them at first; test_dctn.py checks their gradients where weights are larger.
WITHOUT_GRADIENT = {
    "pyramid.*.gates.*_to_channels.*": "two sigmoids follow",
    "pyramid.*.gates.*_gate.0.*": "two sigmoids follow",
}
