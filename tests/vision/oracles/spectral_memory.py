"""What is known of the encoder `spectral-memory`."""

SIZES = [
    ({"n_channels": 200, "window_size": 1, "patch_size": 1}, 88_320),
    ({"n_channels": 25, "window_size": 5, "patch_size": 3, "add_query": False}, 76_992),
    ({"n_channels": 1, "window_size": 3, "patch_size": 3, "n_prototypes": 0}, 67_264),
    ({"n_channels": 103, "window_size": 1, "patch_size": 1}, 82_112),
]
PIN = (0.175209, -0.936765, 0.729129)
# Eight windows of six bands cannot be learned by heart while they lose bands.
PARAMS = {"n_prototypes": 16, "band_dropout": 0.0}
TRAINING = {"max_epochs": 15}
SEES_CENTER_ONLY = True


def n_parameters(n_channels, window_size, patch_size, n_prototypes=128, add_query=True):
    return 67_200 + 64 * (n_channels + n_prototypes) + 128 * (add_query and n_prototypes > 0)
