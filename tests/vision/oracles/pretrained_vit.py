"""What is known of the encoder `pretrained-vit`."""

GALILEO_NANO = {"width": 128, "depth": 4, "n_heads": 8, "mlp_width": 512}
PRESTO = {"width": 128, "depth": 2, "n_heads": 8, "mlp_width": 512}

SIZES = [
    ({"n_channels": 200, "window_size": 5, "patch_size": 3, **GALILEO_NANO}, 820_224),
    ({"n_channels": 200, "window_size": 5, "patch_size": 3, **PRESTO}, 423_680),
    ({"n_channels": 12, "window_size": 1, "patch_size": 1, "qkv_bias": False}, 793_600),
]
PARAMS = {"width": 24, "depth": 2, "n_heads": 2, "mlp_width": 48}
PIN = (0.0200323, -1.3361, 0.199689)


def n_parameters(
    n_channels,
    window_size,
    patch_size,
    width=128,
    depth=4,
    n_heads=8,
    mlp_width=512,
    qkv_bias=True,
):
    embedding = (n_channels + 1) * width
    positions = (window_size - patch_size + 1) ** 2 * width
    attention = 4 * width**2 + (4 if qkv_bias else 1) * width
    layer = attention + 2 * width * mlp_width + mlp_width + width + 4 * width
    return embedding + positions + depth * layer + 2 * width
