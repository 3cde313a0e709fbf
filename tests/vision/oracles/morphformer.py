"""What is known of the encoder `morphformer`."""

SIZES = [
    ({"n_channels": 200, "window_size": 11}, 276_512),
    ({"n_channels": 103, "window_size": 15}, 226_272),
    ({"n_channels": 25, "window_size": 3}, 141_408),
]
# As many tokens as in the publication take a minute for the small scene.
PARAMS = {"n_tokens": 4}
PIN = (-0.0504791, 1.00808, 0.0987469)
CHANNELS_NEED = "whose unpadded 3-D convolution needs"


def n_parameters(n_channels, window_size):
    n_maps = 8 * (n_channels - 8)
    return 122_912 + 64 * n_maps + 576 * n_maps // (16 if n_maps % 16 == 0 else 8)
